"""Lake tables while the engine is stopped or starts again: nobody else answers, and nobody says that they are empty."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pymysql
import pytest

from tests.live.conftest import Instance
from tests.live.lake_kit import REFUSED, data, instance, lake
from tests.live.servers import Backend

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live

DISCARDED = 1814
ROWS = [("Ann", "Ely"), ("ann", "Rye")]


def asked(instance: Instance, text: str) -> list[tuple[object, ...]] | int:
    """Give a statement's rows on a connection of its own, or the number of its error."""
    try:
        return instance.run(text)
    except pymysql.err.Error as error:
        return int(error.args[0])


def test_a_view_of_files_waits_for_the_engine(
    instance: Instance, backend: Backend, data: Path, running: Callable[..., Instance]
):
    """Whoever asks amid a restart has the rows, or is told of the engine, and never the backend's 1814."""
    (data / "people.csv").write_text("1,Ann\n2,Bob\n3,ann\n")
    instance.run(f"CREATE TABLE lake.people {lake('id INT PRIMARY KEY, name VARCHAR(20)', data / 'people.csv')}")
    made = running(backend, "--lakehouse-paths", str(data), "--workers", "1")
    made.run("CREATE TABLE lake.towns (person INT PRIMARY KEY, town VARCHAR(10))")
    made.run("INSERT INTO lake.towns VALUES (1, 'Ely'), (3, 'Rye')")
    made.wait_until_loaded("lake", "people")
    made.wait_until_loaded("lake", "towns")
    made.run("CREATE VIEW lake.at AS SELECT p.name, t.town FROM lake.people p JOIN lake.towns t ON t.person = p.id")
    ask = "SELECT name, town FROM lake.at ORDER BY town"
    assert asked(made, ask) == ROWS
    engine = next(p for p in psutil.Process(made.process.pid).children() if "engine" in p.cmdline())
    os.kill(engine.pid, signal.SIGSTOP)
    try:
        assert asked(made, "SELECT COUNT(*) FROM lake.people") in (DISCARDED, REFUSED)
    finally:
        os.kill(engine.pid, signal.SIGCONT)
    engine.kill()
    new = f"CREATE TABLE lake.late {lake('id INT PRIMARY KEY, name VARCHAR(20)', data / 'people.csv')}"
    made.run(new)  # of which the engine hears when it is back
    count = "SELECT COUNT(*) FROM lake.late"
    deadline = time.monotonic() + 60
    while (seen := asked(made, count)) != [(3,)]:
        assert seen == REFUSED
        assert time.monotonic() < deadline
    while (seen := asked(made, ask)) != ROWS:
        assert seen == REFUSED
        assert time.monotonic() < deadline
