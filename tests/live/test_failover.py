"""The log is gone, was begun again, or is another server's: the copy goes on where it can, and else begins anew."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.errors import SecondaryEngineError
from tests.live.address import MovingAddress
from tests.live.conftest import ENGINE_GONE
from tests.live.copying import Copy, settings_for
from tests.live.servers import Backend, start_backend

pytestmark = pytest.mark.live

PATIENCE = 60.0  # seconds
NOT_OFFLOADED = 3889


@pytest.fixture
def second(private_backend: Backend, live_folder: Path) -> Iterator[Callable[[], Backend]]:
    """Make one more server of the same kind, as a replica of the private one from its beginning."""
    made: list[Backend] = []

    def make() -> Backend:
        base = Path(tempfile.mkdtemp(prefix="r-", dir=live_folder))
        updates = ("--log-slave-updates=ON",) if private_backend.is_mariadb else ()
        server = start_backend(private_backend.program, base, updates, 2, private_backend.password)
        made.append(server)
        replicate(server, private_backend)
        return server

    yield make
    for server in made:
        server.kill()
        shutil.rmtree(server.server.folders.base, ignore_errors=True)


def replicate(replica: Backend, source: Backend) -> None:
    """Empty a server's log and let it follow another that has no tables yet."""
    login = (source.port, source.password)
    if replica.is_mariadb:
        replica.run("RESET MASTER")
        ((accounts_made,),) = source.run("SELECT @@gtid_binlog_pos")
        replica.run("SET GLOBAL gtid_slave_pos = %s", accounts_made)
        where = "MASTER_HOST='127.0.0.1', MASTER_PORT=%s, MASTER_USER='root', MASTER_PASSWORD=%s"
        replica.run(f"CHANGE MASTER TO {where}, MASTER_USE_GTID=slave_pos", *login)
        replica.run("START SLAVE")
    else:
        replica.run("RESET BINARY LOGS AND GTIDS")
        where = "SOURCE_HOST='127.0.0.1', SOURCE_PORT=%s, SOURCE_USER='root', SOURCE_PASSWORD=%s"
        replica.run(f"CHANGE REPLICATION SOURCE TO {where}, SOURCE_AUTO_POSITION=1, GET_SOURCE_PUBLIC_KEY=1", *login)
        replica.run("START REPLICA")


def promote(replica: Backend, source: Backend) -> None:
    """Let a replica that has everything be a server of its own."""
    if replica.is_mariadb:
        ((have,),) = source.run("SELECT @@gtid_binlog_pos")
        assert replica.run("SELECT MASTER_GTID_WAIT(%s, 60)", have) == [(0,)]
    else:
        ((have,),) = source.run("SELECT @@gtid_executed")
        assert replica.run("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, 60)", have) == [(0,)]
    replica.run("STOP SLAVE" if replica.is_mariadb else "STOP REPLICA")


def wait_until_equal(copy: Copy, backend: Backend, *tables: str) -> None:
    """Wait for the copy of each table to be in service and equal, whatever the fence says meanwhile."""
    deadline = time.monotonic() + PATIENCE
    with backend.connect() as connection:
        for table in tables:
            while True:
                try:
                    found = copy.difference(connection, "s", table)
                except SecondaryEngineError as error:
                    found = str(error)
                if not found:
                    break
                assert time.monotonic() < deadline, found
                time.sleep(0.05)


def make_tables(backend: Backend) -> None:
    backend.run("CREATE DATABASE s")
    backend.run("CREATE TABLE s.t (id INT PRIMARY KEY, v INT)")
    backend.run("CREATE TABLE s.heap (v INT)")
    backend.run("INSERT INTO s.t VALUES (1, 1), (2, 2)")
    backend.run("INSERT INTO s.heap VALUES (1), (1)")


def loaded_at(copy: Copy, name: str) -> float:
    """When the copy of a table was last loaded, as a reader sees it: it tells whether it was loaded again."""
    with copy.replica.store.snapshot() as snapshot:
        found = snapshot.view.table("s", name)
    assert not isinstance(found, str), found
    return found.load_ended


def test_another_server_that_has_everything_is_followed_without_a_load(
    private_backend: Backend, second: Callable[[], Backend], tmp_path: Path
) -> None:
    replica = second()
    make_tables(private_backend)
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.load("s", "t")
        copy.load("s", "heap")
        loaded = loaded_at(copy, "t"), loaded_at(copy, "heap")
    finally:
        copy.stop()
    private_backend.run("INSERT INTO s.t VALUES (3, 3)")  # what the replica has and the copy has not seen
    private_backend.run("INSERT INTO s.heap VALUES (1)")
    promote(replica, private_backend)
    replica.run("UPDATE s.t SET v = v + 10")
    replica.run("DELETE FROM s.heap LIMIT 1")
    copy = Copy(settings_for(replica.upstream, tmp_path))
    try:
        wait_until_equal(copy, replica, "t", "heap")
        assert (loaded_at(copy, "t"), loaded_at(copy, "heap")) == loaded
        replica.run("INSERT INTO s.t VALUES (9, 9)")
        assert copy.difference(replica.connect(), "s", "t") == ""
    finally:
        copy.stop()


def test_a_server_that_lacks_what_the_copy_has_means_loading_again(
    private_backend: Backend, second: Callable[[], Backend], tmp_path: Path
) -> None:
    replica = second()
    make_tables(private_backend)
    promote(replica, private_backend)
    private_backend.run("INSERT INTO s.t VALUES (3, 3)")  # lost with the first server
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.load("s", "t")
        first = loaded_at(copy, "t")
    finally:
        copy.stop()
    replica.run("INSERT INTO s.t VALUES (4, 4)")
    copy = Copy(settings_for(replica.upstream, tmp_path))
    try:
        wait_until_equal(copy, replica, "t")
        assert loaded_at(copy, "t") > first
    finally:
        copy.stop()


def test_a_server_that_takes_the_address_of_the_first_is_noticed(
    private_backend: Backend, second: Callable[[], Backend], tmp_path: Path
) -> None:
    replica = second()
    make_tables(private_backend)
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.load("s", "t")
        loaded = loaded_at(copy, "t")
        promote(replica, private_backend)
        private_backend.kill()
        replica.kill()
        replica.server.port = private_backend.port
        socket = Path(private_backend.socket)
        socket.unlink(missing_ok=True)
        replica.server.start()
        socket.symlink_to(replica.socket)
        replica.run("INSERT INTO s.t VALUES (5, 5)")
        wait_until_equal(copy, replica, "t")
        assert loaded_at(copy, "t") == loaded
    finally:
        copy.stop()


def test_an_address_that_moves_while_the_first_server_lives(
    private_backend: Backend, second: Callable[[], Backend], running: Callable[..., Any]
) -> None:
    """Sessions are on the new server at once, the engine's connections on the old: no answer lacks a commit."""
    replica = second()
    make_tables(private_backend)
    promote(replica, private_backend)
    address = MovingAddress(private_backend.port)
    try:
        instance = running(replace(private_backend, port=address.port), "--secondary-engine-cost-threshold", "0")
        instance.wait_until_loaded("s", "t")
        address.target = replica.port
        with instance.connect() as connection, connection.cursor() as cursor:
            answered, deadline = 0, time.monotonic() + PATIENCE
            while answered < 20:
                assert time.monotonic() < deadline
                cursor.execute("SET use_secondary_engine = OFF")
                cursor.execute("UPDATE s.t SET v = v + 1 WHERE id = 1")
                cursor.execute("SELECT SUM(v) FROM s.t")
                expected = cursor.fetchall()
                cursor.execute("SET use_secondary_engine = FORCED")
                try:
                    cursor.execute("SELECT SUM(v) FROM s.t")
                except pymysql.err.Error as error:
                    if error.args[0] not in (NOT_OFFLOADED, ENGINE_GONE):
                        raise
                    time.sleep(0.05)
                    continue
                assert cursor.fetchall() == expected
                answered += 1
    finally:
        address.close()


def test_a_log_that_is_reset_under_the_engine_means_loading_again(private_backend: Backend, tmp_path: Path) -> None:
    make_tables(private_backend)
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.load("s", "t")
        first = loaded_at(copy, "t")
        reset(private_backend)
        private_backend.run("INSERT INTO s.t VALUES (3, 3)")
        with pytest.raises(SecondaryEngineError):  # never an answer without the new row
            copy.wait(0.5)
        wait_until_equal(copy, private_backend, "t")
        assert loaded_at(copy, "t") > first
    finally:
        copy.stop()


def test_a_log_that_was_reset_and_has_grown_past_the_copy_is_another(private_backend: Backend, tmp_path: Path) -> None:
    make_tables(private_backend)
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.load("s", "t")
        first = loaded_at(copy, "t")
        position = copy.replica.store.position
    finally:
        copy.stop()
    time.sleep(max(0.0, position.born + 1 - time.time()))  # files' births have seconds
    reset(private_backend)
    private_backend.run("DELETE FROM s.t WHERE id = 1")
    last, sequence = position.key[1], 0
    while end_of_log(private_backend) <= last or sequence < 40:  # more bytes and more transactions than before
        sequence += 1
        private_backend.run(f"REPLACE INTO s.t VALUES ({sequence + 1}, {sequence})")
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        wait_until_equal(copy, private_backend, "t")
        assert loaded_at(copy, "t") > first
    finally:
        copy.stop()


def test_a_server_restored_from_a_backup_means_loading_again(private_backend: Backend, tmp_path: Path) -> None:
    make_tables(private_backend)
    data = private_backend.server.folders.data
    private_backend.server.stop()
    shutil.copytree(data, tmp_path / "saved", symlinks=True)
    private_backend.server.start()
    copy = Copy(settings_for(private_backend.upstream, tmp_path))
    try:
        copy.load("s", "t")
        private_backend.run("INSERT INTO s.t VALUES (3, 3)")
        assert copy.difference(private_backend.connect(), "s", "t") == ""
        first = loaded_at(copy, "t")
        private_backend.kill()
        time.sleep(max(0.0, copy.replica.store.position.born + 1 - time.time()))  # files' births have seconds
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "saved", data, symlinks=True)
        private_backend.server.start()
        for number in range(4, 40):  # the same numbers again, for other transactions
            private_backend.run(f"INSERT INTO s.t VALUES ({number}, 1)")
        wait_until_equal(copy, private_backend, "t")
        assert loaded_at(copy, "t") > first
    finally:
        copy.stop()


def reset(backend: Backend) -> None:
    """Begin the log anew, all numbers with it."""
    backend.run("RESET MASTER" if backend.is_mariadb else "RESET BINARY LOGS AND GTIDS")


def end_of_log(backend: Backend) -> int:
    (row,) = backend.run("SHOW MASTER STATUS" if backend.is_mariadb else "SHOW BINARY LOG STATUS")
    end: Any = row[1]
    return int(end)
