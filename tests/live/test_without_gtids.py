"""Logs in which GTIDs do not name every transaction: followed by file and offset, as exactly."""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from engine.replicate.lag import Lag
from tests.live.copying import Copy, settings_for
from tests.live.servers import Backend, start_backend

pytestmark = pytest.mark.live

MODES = ("ON_PERMISSIVE", "OFF_PERMISSIVE", "OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", "ON")
TABLES = ("t", "heap")


class Site:
    """Tables of a server, statements that change them, and copies of them that come and go."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend, self._folder = backend, folder
        self.connection: Any = backend.connect()
        self.number = 10
        self.run("CREATE DATABASE s")
        self.run("USE s")
        self.run("CREATE TABLE t (id INT PRIMARY KEY, v INT)")
        self.run("CREATE TABLE heap (v INT)")
        self.run("INSERT INTO t VALUES (1, 1), (2, 2)")
        self.run("INSERT INTO heap VALUES (1), (1)")
        self.copy = self._begin()
        for name in TABLES:
            self.copy.load("s", name)

    def run(self, statement: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statement)

    def work(self) -> None:
        """Change both tables in several transactions."""
        for _ in range(4):
            self.number += 1
            self.run(f"INSERT INTO t (id, v) VALUES ({self.number}, 0)")
            self.run(f"INSERT INTO heap VALUES (1), ({self.number})")
            self.run("UPDATE t SET v = v + 1")
            self.run("DELETE FROM heap WHERE v = 1 LIMIT 1")

    def loaded(self) -> list[int]:
        """Numbers of the copies: others when they were loaded again."""
        return [self.copy.replica.store.entries["s", name].id for name in TABLES]

    def compare(self) -> None:
        for name in TABLES:
            assert self.copy.difference(self.connection, "s", name) == ""

    def restart(self, meanwhile: Callable[[], object] = lambda: None) -> None:
        """End the copy, and begin another where it stopped."""
        self.copy.stop()
        meanwhile()
        self.copy = self._begin()

    def _begin(self) -> Copy:
        return Copy(settings_for(self.backend.upstream, self._folder))

    def cut(self) -> None:
        """End the connection that the log is read on."""
        for (thread,) in self.backend.run(
            "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%%'"
        ):
            with contextlib.suppress(pymysql.err.OperationalError):  # one that was ending has gone by itself
                self.run(f"KILL {thread}")

    def wait_until_equal(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                for name in TABLES:
                    self.copy.wait_until_equal(self.connection, "s", name)
                return
            except Exception:  # the fence says why it cannot wait
                assert time.monotonic() < deadline
                time.sleep(0.1)


@pytest.fixture
def site(private_backend: Backend, tmp_path: Path) -> Iterator[Site]:
    made = Site(private_backend, tmp_path)
    yield made
    made.copy.stop()


@pytest.fixture
def site_off(backend: Backend, live_folder: Path, tmp_path: Path) -> Iterator[Site]:
    """As `site`, on a MySQL that never had GTIDs."""
    if backend.is_mariadb:
        pytest.skip("all transactions of MariaDB have GTIDs")
    off = ("--gtid-mode=OFF", "--enforce-gtid-consistency=OFF")
    server = start_backend(backend.program, live_folder / "no-gtids", off)
    made = Site(server, tmp_path)
    yield made
    made.copy.stop()
    server.kill()


def test_a_server_without_gtids_is_followed(site_off: Site) -> None:
    site = site_off
    first = site.loaded()
    for disturb in (site.cut, lambda: site.run("FLUSH BINARY LOGS"), lambda: site.restart(site.work)):
        site.work()
        site.compare()
        disturb()
        site.work()
        site.compare()
        assert site.loaded() == first
    site.run("ALTER TABLE t ADD COLUMN w INT DEFAULT 5")
    site.work()
    site.wait_until_equal()
    assert site.loaded() == first
    site.run("ALTER TABLE t MODIFY v VARCHAR(9)")
    site.work()
    site.wait_until_equal()
    assert site.loaded() != first
    assert site.copy.replica.store.position.nameless
    lag = site.copy.replica.lag
    with site.copy.replica.store.lock:  # the applier cannot write
        site.work()
        deadline = time.monotonic() + 20
        while lag.measure().seconds < 0.3:
            assert time.monotonic() < deadline
    site.compare()
    assert lag.measure() == Lag()


def test_modes_that_change_while_the_log_is_read(site: Site) -> None:
    if site.backend.is_mariadb:
        pytest.skip("MariaDB has no gtid_mode")
    first = site.loaded()
    for mode in MODES:
        site.run(f"SET GLOBAL gtid_mode = {mode}")
        site.work()
        site.compare()
        site.cut()
        site.work()
        site.restart(site.work)
        site.compare()
        assert site.loaded() == first, mode
    site.copy.replica.loader.reload(("s", "t"), "to see a load")
    site.work()
    site.wait_until_equal()


def test_what_was_logged_without_gtids_meanwhile_is_not_passed_over(site: Site) -> None:
    """MySQL does not send what it has without a GTID when it is ON again: everything is loaded again."""
    if site.backend.is_mariadb:
        pytest.skip("MariaDB has no gtid_mode")

    def off_and_on() -> None:
        for mode in MODES:
            site.run(f"SET GLOBAL gtid_mode = {mode}")
            site.number += 1
            site.run(f"INSERT INTO t (id, v) VALUES ({site.number}, 0)")

    site.work()
    site.compare()
    site.restart(off_and_on)
    site.wait_until_equal()
    site.work()
    site.compare()


def test_a_log_whose_file_was_purged_is_not_trusted(site: Site) -> None:
    site.work()
    site.compare()

    def purge() -> None:
        site.run("FLUSH BINARY LOGS")
        site.run("FLUSH BINARY LOGS")
        last = site.backend.run("SHOW BINARY LOGS")[-1][0]
        site.run(f"PURGE BINARY LOGS TO '{last}'")

    site.restart(purge)
    site.work()
    site.wait_until_equal()


def test_numbers_that_come_twice_in_mariadb(site: Site) -> None:
    if not site.backend.is_mariadb:
        pytest.skip("MySQL's numbers cannot go back")
    first = site.loaded()
    deadline = time.monotonic() + 30
    while not site.copy.replica.follower.connected:  # numbers that go back before the log is read are a lost log
        assert time.monotonic() < deadline
        time.sleep(0.01)
    for number in (3, 5, 5):
        site.work()
        site.run(f"SET SESSION gtid_seq_no = {number}")
        site.run("INSERT INTO heap VALUES (7)")
        site.compare()
        assert site.copy.replica.store.position.named == f"0-1-{number}"
        site.restart()
        site.compare()
        site.cut()
        site.work()
        site.compare()
    assert site.loaded() == first
    assert site.copy.replica.store.position.nameless
