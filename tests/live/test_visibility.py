"""What an operator sees: lag by the commit that is missing, rates, states, sizes, and the same as JSON."""

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pymysql
import pytest

from engine.replicate.lag import Lag
from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]


def wait_until(expected: Any, seen: Callable[[], Any], seconds: float = 60) -> None:
    """Look until something is as expected; fails with what was seen last."""
    deadline = time.monotonic() + seconds
    while (last := seen()) != expected:
        assert time.monotonic() < deadline, f"{last} is not {expected}"
        time.sleep(0.02)


def test_lag_counts_what_is_missing(backend: Any, tmp_path: Path) -> None:
    backend.run("CREATE DATABASE lag_seen")
    backend.run("CREATE TABLE lag_seen.t (id INT PRIMARY KEY)")
    copy = Copy(settings_for(backend.upstream, tmp_path))
    try:
        copy.load("lag_seen", "t")
        lag, progress = copy.replica.lag, copy.replica.follower.progress
        copy.wait()
        began = time.time()
        wait_until(Lag(), lag.measure)
        before = progress.total
        with copy.replica.store.lock:  # the applier cannot write
            for number in range(3):
                backend.run(f"INSERT INTO lag_seen.t VALUES ({number}), (10 + {number})")
            wait_until(3, lambda: lag.measure().transactions)
            wait_until(True, lambda: lag.measure().seconds > 1.5)
            assert lag.measure().seconds <= time.time() - began + 1.0  # MariaDB logs whole seconds
        copy.wait()
        wait_until(Lag(), lag.measure)
        wait_until(6, lambda: progress.total.images - before.images)
        assert progress.total.transactions - before.transactions == 3
        assert progress.total.log_bytes > before.log_bytes
        assert progress.per_second().images > 0
    finally:
        copy.stop()
        backend.run("DROP DATABASE lag_seen")


def test_a_backend_that_is_gone_does_not_look_level(private_backend: Any, tmp_path: Path) -> None:
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.wait()
        private_backend.server.stop()
        wait_until(True, lambda: copy.replica.lag.measure().seconds > 0.2)
    finally:
        copy.stop()


def status(instance: Any, *options: str) -> str:
    argv = [sys.executable, "-m", "warmfront", "status", "--data-dir", str(instance.data_dir), *options]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_tables_states_and_sizes_are_shown(warmfront_instance: Any) -> None:
    backend = warmfront_instance.backend
    backend.run("CREATE DATABASE seen")
    try:
        backend.run("CREATE TABLE seen.good (id INT PRIMARY KEY, v VARCHAR(20))")
        backend.run("INSERT INTO seen.good VALUES (1, 'a'), (2, 'b')")
        backend.run("CREATE TABLE seen.bad (id INT PRIMARY KEY) ENGINE = MyISAM")
        warmfront_instance.wait_until_loaded("seen", "good")
        size = "SELECT t.SIZE_BYTES FROM performance_schema.rpd_tables t JOIN performance_schema.rpd_table_id i "
        size += "ON t.ID = i.ID WHERE i.SCHEMA_NAME = 'seen' AND i.TABLE_NAME = 'good'"
        wait_until(True, lambda: int(warmfront_instance.run(size)[0][0]) > 0)
        level = [("warmfront_lag_seconds", "0.000"), ("warmfront_lag_transactions", "0")]
        wait_until(level, lambda: warmfront_instance.run("SHOW GLOBAL STATUS LIKE 'warmfront_lag%'"))
        found = json.loads(status(warmfront_instance, "--json"))
        (table,) = [t for t in found["tables"] if (t["schema"], t["table"]) == ("seen", "good")]
        assert (table["state"], table["rows"], table["reason"]) == ("AVAIL_RPDGSTABSTATE", 2, None)
        assert (found["engine"], int(found["status"]["warmfront_tables_available"]) > 0) == (None, True)
        shown = status(warmfront_instance)
        assert "seen.good" in shown
        log = (warmfront_instance.data_dir / "logs" / "engine.log").read_text()
        assert "table seen.good is AVAILABLE" in log
    finally:
        backend.run("DROP DATABASE seen")


def test_the_default_freshness_is_a_setting(private_backend: Any, running: Callable[..., Any]) -> None:
    instance = running(private_backend, "--freshness", "relaxed", "--workers", "1")
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT @@warmfront_freshness")
        assert cursor.fetchall() == (("relaxed",),)
        cursor.execute("SET warmfront_freshness = 'strict'")
        cursor.execute("SET warmfront_freshness = DEFAULT")
        cursor.execute("SHOW VARIABLES LIKE 'warmfront_freshness'")
        assert cursor.fetchall() == (("warmfront_freshness", "relaxed"),)
        with pytest.raises(pymysql.err.MySQLError):
            cursor.execute("SET warmfront_freshness = 'stale'")
        # While the engine is down the variable is there as well, as MySQL's own is.
        (engine,) = [p for p in psutil.Process(instance.process.pid).children() if "engine" in p.cmdline()]
        engine.kill()
        for _ in range(5):
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Secondary\\_engine\\_execution%'")
            assert [name for name, _ in cursor.fetchall()] == ["Secondary_engine_execution_count"]
