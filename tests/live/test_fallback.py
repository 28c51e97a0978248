"""The engine dies or hangs while clients read and write: nobody sees an error, and offload comes back by itself."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pymysql
import pytest

pytestmark = pytest.mark.live

SUM = "SELECT COUNT(*), SUM(v), MAX(id + 0) FROM fallback.t"
HUNG = 10.0  # seconds a statement may take while the engine hangs; on an idle machine it is 3


class Traffic:
    """Clients that write and read until told to stop; keeps what went wrong."""

    def __init__(self, instance: Any) -> None:
        self.problems: list[str] = []
        self.answers = 0
        self.slowest = 0.0
        self.written = 0
        self._instance = instance
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._write, self._read, self._read)]

    def __enter__(self) -> "Traffic":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in self._threads)

    def _write(self) -> None:
        with self._instance.connect() as connection, connection.cursor() as cursor:
            while not self._stop.wait(0.01):
                try:
                    cursor.execute("INSERT INTO fallback.t (v) VALUES (1)")
                    self.written += 1
                except pymysql.err.MySQLError as error:
                    self.problems.append(f"write: {error}")
                    return

    def _read(self) -> None:
        with self._instance.connect() as connection, connection.cursor() as cursor:
            while not self._stop.wait(0.01):
                least, began = self.written, time.monotonic()
                try:
                    cursor.execute(SUM)
                    count, total, last = cursor.fetchone()
                except pymysql.err.MySQLError as error:
                    self.problems.append(f"read: {error}")
                    return
                self.slowest = max(self.slowest, time.monotonic() - began)
                self.answers += 1
                if count < least or total != count or last < count:
                    self.problems.append(f"stale: {count} rows of {least}")


def wait_for(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.05)


def engine_of(instance: Any) -> psutil.Process | None:
    for process in psutil.Process(instance.process.pid).children():
        with contextlib.suppress(psutil.Error):
            if process.cmdline()[1:3] == ["-m", "engine"]:
                return process
    return None


def offloads(instance: Any) -> bool:
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute(SUM)
        cursor.fetchall()
        cursor.execute("SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")
        found = cursor.fetchone()  # MariaDB has no such variable while the engine is down
        return found is not None and int(found[1]) == 1


def assert_same(instance: Any, backend: Any) -> None:
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET use_secondary_engine = FORCED")
        cursor.execute(SUM)
        assert list(cursor.fetchall()) == backend.run(SUM)


@pytest.fixture
def table(backend: Any, warmfront_instance: Any) -> Iterator[None]:
    """A table that is loaded and offloaded."""
    backend.run("CREATE DATABASE fallback")
    backend.run("CREATE TABLE fallback.t (id BIGINT PRIMARY KEY AUTO_INCREMENT, v INT NOT NULL)")
    backend.run("INSERT INTO fallback.t (v) VALUES (1), (1)")  # the optimizer answers for an empty table at no cost
    warmfront_instance.wait_until_loaded("fallback", "t")
    wait_for(lambda: offloads(warmfront_instance))
    yield
    backend.run("DROP DATABASE fallback")


@pytest.mark.usefixtures("table")
def test_engine_killed(warmfront_instance: Any, backend: Any) -> None:
    with Traffic(warmfront_instance) as traffic:
        wait_for(lambda: traffic.answers > 20)
        victim = engine_of(warmfront_instance)
        assert victim
        victim.kill()
        before = traffic.answers
        wait_for(lambda: traffic.answers > before + 20)
        wait_for(lambda: offloads(warmfront_instance))
        before = traffic.answers
        wait_for(lambda: traffic.answers > before + 20)
    assert traffic.problems == []
    back = engine_of(warmfront_instance)
    assert back is not None
    assert back.pid != victim.pid
    assert_same(warmfront_instance, backend)


@pytest.mark.usefixtures("table")
def test_engine_hung(warmfront_instance: Any, backend: Any) -> None:
    hung = engine_of(warmfront_instance)
    assert hung
    with Traffic(warmfront_instance) as traffic:
        wait_for(lambda: traffic.answers > 20)
        os.kill(hung.pid, signal.SIGSTOP)
        try:
            before, written = traffic.answers, traffic.written
            wait_for(lambda: traffic.answers > before + 20 and traffic.written > written + 20)
            assert not offloads(warmfront_instance)
        finally:
            os.kill(hung.pid, signal.SIGCONT)
        wait_for(lambda: offloads(warmfront_instance))
    assert traffic.problems == []
    assert traffic.slowest < HUNG
    assert_same(warmfront_instance, backend)
