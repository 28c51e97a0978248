"""The copy follows: definitions that change, a killed process, a store that fell behind."""

import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]


@pytest.fixture
def schema(backend: Any, request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"rep_{abs(hash(request.node.name)) % 10**8}"
    backend.run(f"CREATE DATABASE {name} DEFAULT CHARACTER SET utf8mb4")
    backend.run(f"CREATE TABLE {name}.t (id INT PRIMARY KEY, v VARCHAR(20))")
    backend.run(f"INSERT INTO {name}.t VALUES (1, 'a'), (2, 'b')")
    yield name
    backend.run(f"DROP DATABASE {name}")


@pytest.fixture
def copy(backend: Any, tmp_path: Path) -> Iterator[Copy]:
    made = Copy(settings_for(backend.upstream, tmp_path))
    yield made
    made.stop()


def test_definitions_change_under_a_loaded_table(backend: Any, copy: Copy, schema: str) -> None:
    copy.load(schema, "t")
    with backend.connect() as connection, connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {schema}.t ADD COLUMN n INT DEFAULT 5")
        cursor.execute(f"INSERT INTO {schema}.t VALUES (3, 'c', 6)")
        copy.wait_until_equal(connection, schema, "t")
        cursor.execute(f"TRUNCATE {schema}.t")
        cursor.execute(f"INSERT INTO {schema}.t VALUES (4, 'd', 7)")
        copy.wait_until_equal(connection, schema, "t")
        cursor.execute(f"RENAME TABLE {schema}.t TO {schema}.u")
        copy.wait_until_equal(connection, schema, "u")
        assert "not loaded" in copy.answer(schema, "t")
        cursor.execute(f"ALTER TABLE {schema}.u DROP PRIMARY KEY")
        cursor.execute(f"INSERT INTO {schema}.u VALUES (4, 'd', 7)")
        copy.wait_until_equal(connection, schema, "u")
        cursor.execute(f"DROP TABLE {schema}.u")
        copy.wait()
        assert "not loaded" in copy.answer(schema, "u")


def test_a_transaction_is_seen_whole_or_not_at_all(backend: Any, copy: Copy, schema: str) -> None:
    backend.run(f"CREATE TABLE {schema}.w (id INT PRIMARY KEY, v INT)")
    backend.run(f"UPDATE {schema}.t SET v = '0'")
    backend.run(f"INSERT INTO {schema}.w VALUES (1, 0)")
    copy.load(schema, "t")
    copy.load(schema, "w")
    with backend.connect(autocommit=False) as connection, connection.cursor() as cursor:
        for number in range(1, 40):
            cursor.execute(f"UPDATE {schema}.t SET v = '{number}'")
            cursor.execute(f"UPDATE {schema}.w SET v = {number}")
            connection.commit()
            if number % 4 == 0:
                copy.wait()
            with copy.replica.store.snapshot() as snapshot:
                t, w = (snapshot.view.tables[schema, name].store_name for name in ("t", "w"))
                sql = f"SELECT DISTINCT t.v::INT - w.v, w.v FROM {t} t, {w} w"
                ((distance, seen),) = snapshot.connection.execute(sql).fetchall()
            assert distance == 0
            assert number % 4 or seen == number


def test_a_transaction_larger_than_the_memory_for_it(backend: Any, tmp_path: Path, schema: str) -> None:
    copy = Copy(settings_for(backend.upstream, tmp_path, batch_bytes=1 << 16))
    try:
        backend.run(f"CREATE TABLE {schema}.w (id INT PRIMARY KEY, v VARCHAR(200))")
        copy.load(schema, "t")
        copy.load(schema, "w")
        with backend.connect(autocommit=False) as connection, connection.cursor() as cursor:
            rows = ", ".join(f"({n}, '{n:0150}')" for n in range(2000))
            for statement in (
                f"INSERT INTO {schema}.w VALUES {rows}",
                f"UPDATE {schema}.w SET v = CONCAT('x', v) WHERE id % 3 = 0",
                f"UPDATE {schema}.t SET v = 'seen'",
                f"DELETE FROM {schema}.w WHERE id % 5 = 0",
                f"UPDATE {schema}.w SET id = id + 10000 WHERE id < 1000",
            ):
                cursor.execute(statement)
            connection.commit()
            for name in ("t", "w"):
                assert copy.difference(connection, schema, name) == ""
                connection.commit()
    finally:
        copy.stop()


def test_killed_at_any_time_it_goes_on_where_it_was(backend: Any, tmp_path: Path, schema: str) -> None:
    settings = settings_for(backend.upstream, tmp_path)
    copy = Copy(settings)
    copy.load(schema, "t")
    copy.stop()
    file = tmp_path / "settings.json"
    file.write_text(settings.to_json())
    rng = random.Random(7)
    with backend.connect() as connection, connection.cursor() as cursor:
        for _ in range(2):
            argv = [sys.executable, "-m", "tests.live.copying", str(file)]
            with subprocess.Popen(argv, stdout=subprocess.PIPE, cwd=ROOT) as process:
                assert process.stdout is not None
                process.stdout.readline()
                until = time.monotonic() + rng.uniform(0.2, 1.0)
                while time.monotonic() < until:
                    n = rng.randrange(50)
                    cursor.execute(f"REPLACE INTO {schema}.t VALUES ({n}, '{rng.randrange(10**9)}')")
                    cursor.execute(f"UPDATE {schema}.t SET id = id + 1000 WHERE id = {n} + 1")
                    cursor.execute(f"DELETE FROM {schema}.t WHERE id = 1000 + {n}")
                process.send_signal(signal.SIGKILL)
        copy = Copy(settings)
        try:
            assert copy.answer(schema, "t") == "AVAILABLE"  # it was not loaded again
            assert copy.difference(connection, schema, "t") == ""
        finally:
            copy.stop()


def test_what_happened_while_it_was_away(backend: Any, tmp_path: Path, schema: str) -> None:
    settings = settings_for(backend.upstream, tmp_path)
    backend.run(f"CREATE TABLE {schema}.gone (id INT PRIMARY KEY)")
    copy = Copy(settings)
    copy.load(schema, "t")
    copy.load(schema, "gone")
    copy.stop()
    backend.run(f"DROP TABLE {schema}.gone")
    backend.run(f"ALTER TABLE {schema}.t ADD COLUMN x INT")
    backend.run(f"INSERT INTO {schema}.t VALUES (9, 'z', 1)")
    copy = Copy(settings)
    try:
        with backend.connect() as connection:
            copy.wait_until_equal(connection, schema, "t")
        assert "not loaded" in copy.answer(schema, "gone")
    finally:
        copy.stop()


def test_a_log_with_an_event_that_the_server_does_not_read_is_followed_from_its_end(
    private_backend: Any, tmp_path: Path
) -> None:
    """MariaDB gives no GTIDs of a place behind such an event, and none mean the beginning of the log."""
    run = private_backend.run
    run("CREATE DATABASE late")
    run("CREATE TABLE late.t (id INT PRIMARY KEY, v VARCHAR(20))")
    run("INSERT INTO late.t VALUES (1, 'a'), (2, 'b')")
    run("CREATE TABLE late.large (a LONGBLOB, b LONGBLOB)")
    run("INSERT INTO late.large VALUES (REPEAT('a', 10000000), REPEAT('b', 10000000))")
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    copy.load("late", "t")
    loaded = copy.replica.store.entries["late", "t"].id
    try:
        for number in (3, 4):
            copy.stop()
            copy = Copy(settings_for(private_backend.upstream, tmp_path))
            run(f"INSERT INTO late.t VALUES ({number}, 'c')")
            with private_backend.connect() as connection:
                copy.wait_until_equal(connection, "late", "t")
            assert copy.replica.store.entries["late", "t"].id == loaded, "it was loaded again"
    finally:
        copy.stop()


def test_a_log_that_is_gone_means_loading_again(private_backend: Any, tmp_path: Path) -> None:
    backend = private_backend
    backend.run("CREATE DATABASE s")
    backend.run("CREATE TABLE s.t (id INT PRIMARY KEY)")
    settings = settings_for(backend.upstream, tmp_path)
    copy = Copy(settings)
    copy.load("s", "t")
    copy.stop()
    backend.run("INSERT INTO s.t VALUES (1)")
    backend.run("FLUSH BINARY LOGS")
    backend.run("INSERT INTO s.t VALUES (2)")
    ((last, *_),) = [row for row in backend.run("SHOW BINARY LOGS")][-1:]
    backend.run(f"PURGE BINARY LOGS TO '{last}'")
    copy = Copy(settings)
    try:
        with backend.connect() as connection:
            copy.wait_until_equal(connection, "s", "t")
    finally:
        copy.stop()
