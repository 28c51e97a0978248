"""Killed before and after every durable step, the next start goes on from what is there, and the copy is exact."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from base import faults
from tests.chaos.nursery import Nursery
from tests.live.copying import Copy, settings_for
from tests.live.servers import Backend

pytestmark = pytest.mark.live

SCHEMA = "faulty"
TABLES = ("t", "heap", "more")
IN_FILES = {"file", "claim"}  # of the supervisor: tests/warmfront/test_first_files.py
GROUPS: tuple[tuple[faults.Step, ...], ...] = (
    ("apply", "position", "spill", "state", "repair"),
    ("load begin", "load rows", "load finish", "checkpoint"),
    ("rewrite begin", "rewrite rows", "rewrite finish", "create", "start over"),
)
# What depends on the kind of server; the others are the store's own business.
ON_BOTH = {"apply", "load finish", "start over"}
DEADLINE = 60.0  # seconds
NUMBERS = "SELECT 1 UNION ALL SELECT v + 1 FROM n WHERE v < 900"
LARGE = 30  # times so many rows are more than a batch may hold


class Bench:
    """A backend with a few tables, a folder, and processes that copy the ones into the other."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend = backend
        self.folder = folder
        self.nursery = Nursery("tests.chaos.victim")
        self.number = 1000
        backend.run(f"CREATE DATABASE {SCHEMA}")
        for table in ("t", "more"):
            backend.run(f"CREATE TABLE {SCHEMA}.{table} (id INT PRIMARY KEY, v VARCHAR(30))")
        backend.run(f"CREATE TABLE {SCHEMA}.heap (v INT)")
        backend.run(f"INSERT INTO {SCHEMA}.heap VALUES (1), (1), (2)")
        self.compare()  # there is a copy to go on from

    def provoke(self, step: faults.Step) -> None:
        """Do what makes the engine take a step; all of it is in the log, or happens at the next start."""
        run, self.number = self.backend.run, self.number + 1000
        rows = ", ".join(f"({n}, 'row {n}')" for n in range(self.number, self.number + 400))
        run(f"INSERT INTO {SCHEMA}.t VALUES {rows}")
        run(f"INSERT INTO {SCHEMA}.heap VALUES (1), ({self.number})")
        run(f"DELETE FROM {SCHEMA}.heap WHERE v = 1 LIMIT 1")
        if step.startswith("load"):
            run(f"DROP TABLE {SCHEMA}.more")
            run(f"CREATE TABLE {SCHEMA}.more (id INT PRIMARY KEY, v VARCHAR(30))")
            run(f"INSERT INTO {SCHEMA}.more VALUES {rows}")
        elif step.startswith("rewrite"):
            many = ", ".join(f"({n}, 'a longer row {n}')" for n in range(1_000_000, 1_006_000))
            for statement in (
                f"DELETE FROM {SCHEMA}.t WHERE id >= 1000000",
                f"INSERT INTO {SCHEMA}.t VALUES {many}",
                f"UPDATE {SCHEMA}.t SET v = CONCAT(v, '.')",
                f"DELETE FROM {SCHEMA}.t WHERE id % 3 <> 0",
            ):
                run(statement)
                # DDL ends a batch: of one batch only the last image of a row is applied.
                run(f"ALTER TABLE {SCHEMA}.more COMMENT = 'after {self.number}'")
        elif step == "state":
            run(f"DROP TABLE IF EXISTS {SCHEMA}.unfit")
            run(f"CREATE TABLE {SCHEMA}.unfit (id INT PRIMARY KEY) ENGINE = MyISAM")
        elif step == "start over":
            run("RESET MASTER" if self.backend.is_mariadb else "RESET BINARY LOGS AND GTIDS")
        elif step == "spill":
            with self.backend.connect(autocommit=False) as connection, connection.cursor() as cursor:
                for _ in range(LARGE):
                    cursor.execute(f"INSERT INTO {SCHEMA}.heap WITH RECURSIVE n (v) AS ({NUMBERS}) SELECT v FROM n")
                connection.commit()
        elif step == "create":
            for file in self.folder.glob("store/store.duckdb*"):
                file.unlink()

    def prepare(self) -> tuple[str, str]:
        """Prepare two XA transactions, one of which is more than a batch may hold, in sessions that then end."""
        self.number += 1000
        names = f"a{self.number}", f"b{self.number}"
        for place, name in enumerate(names, self.number):
            with self.backend.connect() as connection, connection.cursor() as cursor:
                cursor.execute(f"XA START '{name}'")
                cursor.execute(f"INSERT INTO {SCHEMA}.t VALUES ({place}, '{name}')")
                cursor.execute(f"UPDATE {SCHEMA}.t SET v = CONCAT(v, '{name}') WHERE id = {place}")
                for _ in range(LARGE if name == names[0] else 1):
                    cursor.execute(f"INSERT INTO {SCHEMA}.heap WITH RECURSIVE n (v) AS ({NUMBERS}) SELECT v FROM n")
                cursor.execute(f"XA END '{name}'")
                cursor.execute(f"XA PREPARE '{name}'")
        return names

    def crash(self, point: str, step: faults.Step) -> None:
        """Run a copy that dies at a point, and wait until it has."""
        settings = settings_for(self.backend.upstream, self.folder, autoload=True, batch_bytes=1 << 16)
        file = self.folder / "settings.json"
        file.write_text(settings.to_json())
        damaged = [f"{SCHEMA}.t"] if step == "repair" else []
        log = self.folder / "victim.log"
        child = self.nursery.start("tests.chaos.victim", str(file), *damaged, log=log, fault=f"{point}:crash")
        deadline = time.monotonic() + DEADLINE
        while child.alive:
            if time.monotonic() > deadline:
                child.kill()
                pytest.fail(f"nothing passed {point!r}\n{log.read_text()[-3000:]}")
            if step == "position":
                self.backend.run("FLUSH BINARY LOGS")  # a place in the log with nothing for the copy before it
            time.sleep(0.05)
        assert f"crash at {point}" in log.read_text()
        log.unlink()

    def compare(self, repair: bool = False) -> None:
        """Start again and wait until every table is there and equal; with `repair`, after the damage is looked for."""
        copy = Copy(settings_for(self.backend.upstream, self.folder, autoload=True))
        try:
            if repair:
                copy.wait()
                copy.replica.verifier.verify_now(SCHEMA, "t", True, lambda: False)
            with self.backend.connect() as connection:
                for table in TABLES:
                    copy.wait_until_equal(connection, SCHEMA, table, DEADLINE)
        finally:
            copy.stop()


@pytest.fixture
def bench(private_backend: Backend, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(private_backend, tmp_path)
    yield made
    made.nursery.close()


@pytest.mark.parametrize("steps", GROUPS, ids=lambda steps: steps[0])
def test_killed_at_every_step(bench: Bench, steps: tuple[faults.Step, ...]) -> None:
    for step in steps:
        if bench.backend.is_mariadb and step not in ON_BOTH:
            continue
        for side in ("before", "after"):
            bench.provoke(step)
            bench.crash(f"{side} {step}", step)
        bench.compare(repair=step == "repair")


@pytest.mark.parametrize("moment", ["prepared", "decided"])
def test_killed_while_transactions_are_prepared(bench: Bench, moment: str) -> None:
    for side in ("before", "after"):
        names = bench.prepare()
        if moment == "prepared":
            bench.crash(f"{side} apply", "apply")
        bench.compare()
        bench.backend.run(f"XA {'COMMIT' if side == 'before' else 'ROLLBACK'} '{names[0]}'")
        bench.backend.run(f"XA {'ROLLBACK' if side == 'before' else 'COMMIT'} '{names[1]}'")
        if moment == "decided":
            bench.crash(f"{side} apply", "apply")
        bench.compare()


def test_no_step_is_forgotten() -> None:
    tested = [step for group in GROUPS for step in group]
    assert {*tested, *IN_FILES} == set(faults.STEPS)


def test_steps_that_fail_are_taken_again(bench: Bench) -> None:
    for step in ("apply", "load begin", "load rows", "load finish", "checkpoint"):
        faults.arm(f"before {step}:error")
        try:
            bench.provoke(step)
            bench.compare()
        finally:
            faults.disarm()
