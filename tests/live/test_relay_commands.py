"""Whatever MySQL clients do passes through the proxy unharmed, on both backends."""

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pymysql
import pytest

from wire.constants import Capability
from wire.framing import PacketReader, build_packets
from wire.handshake import parse_greeting

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """A schema of this module's own."""
    backend.run("DROP DATABASE IF EXISTS relay")
    backend.run("CREATE DATABASE relay")
    yield "relay"
    backend.run("DROP DATABASE relay")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    """A connection through the proxy."""
    with warmfront_instance.connect(
        database=schema, client_flag=pymysql.constants.CLIENT.MULTI_STATEMENTS
    ) as connection:
        yield connection


def rows(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def test_thread_id_is_the_backends(client: Any) -> None:
    assert rows(client, "SELECT CONNECTION_ID()") == [(client.thread_id(),)]


def test_errors_are_the_backends(client: Any) -> None:
    with pytest.raises(pymysql.err.ProgrammingError) as caught:
        rows(client, "SELECT * FROM not_there")
    assert caught.value.args[0] == 1146


def test_wrong_password_is_the_backends_own_error(warmfront_instance: Any) -> None:
    with pytest.raises(pymysql.err.OperationalError) as caught:
        warmfront_instance.connect(password="not this one")
    assert caught.value.args[0] == 1045


def test_multi_statements_and_multi_results(client: Any) -> None:
    with client.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT 2, 3; DO 0; SELECT 'x' WHERE 1 = 0; SELECT 4")
        seen = [cursor.fetchall()]
        while cursor.nextset():
            seen.append(cursor.fetchall())
    assert [list(part) for part in seen] == [[(1,)], [(2, 3)], [], [], [(4,)]]
    with client.cursor() as cursor:
        cursor.execute("SELECT 1; SELECT * FROM not_there")
        with pytest.raises(pymysql.err.ProgrammingError):
            cursor.nextset()
    assert rows(client, "SELECT 5") == [(5,)]


def test_procedures_with_several_results(client: Any) -> None:
    rows(client, "DROP PROCEDURE IF EXISTS two")
    rows(client, "CREATE PROCEDURE two() BEGIN SELECT 1; SELECT 2; END")
    with client.cursor() as cursor:
        cursor.callproc("two")
        assert cursor.fetchall() == ((1,),)
        assert cursor.nextset()
        assert cursor.fetchall() == ((2,),)
    assert rows(client, "SELECT 3") == [(3,)]


def test_load_data_local(client: Any, tmp_path: Path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_text("".join(f"{i}\tname {i}\n" for i in range(200_000)))
    rows(client, "DROP TABLE IF EXISTS loaded")
    rows(client, "CREATE TABLE loaded (id INT PRIMARY KEY, name VARCHAR(20))")
    rows(client, f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE loaded")
    assert rows(client, "SELECT COUNT(*), SUM(id) FROM loaded") == [(200_000, 19999900000)]
    (tmp_path / "empty").touch()
    rows(client, f"LOAD DATA LOCAL INFILE '{tmp_path / 'empty'}' INTO TABLE loaded")
    with pytest.raises(pymysql.err.OperationalError):
        rows(client, f"LOAD DATA LOCAL INFILE '{tmp_path / 'missing'}' INTO TABLE loaded")
    assert rows(client, "SELECT 1") == [(1,)]


def test_packets_of_more_than_16_mib_both_ways(warmfront_instance: Any, backend: Any) -> None:
    size = 17 << 20
    limit = backend.run("SELECT @@global.max_allowed_packet")[0][0]
    backend.run("SET GLOBAL max_allowed_packet = 67108864")
    try:
        with warmfront_instance.connect(max_allowed_packet=64 << 20) as connection:
            value = rows(connection, f"SELECT '{'a' * size}'")[0][0]
            assert len(value) == size
            exact = 0xFFFFFF - len("SELECT LENGTH('')") - 1
            assert rows(connection, f"SELECT LENGTH('{'b' * exact}')") == [(exact,)]
            assert rows(connection, "SELECT 1") == [(1,)]
    finally:
        backend.run(f"SET GLOBAL max_allowed_packet = {limit}")


def test_change_user_and_reset(client: Any, backend: Any, warmfront_instance: Any) -> None:
    rows(client, "SET @x = 1, use_secondary_engine = FORCED")
    assert rows(client, "SELECT @x, @@use_secondary_engine") == [(1, "FORCED")]
    client._execute_command(0x1F, b"")  # COM_RESET_CONNECTION
    client._read_ok_packet()
    assert rows(client, "SELECT @x, @@use_secondary_engine") == [(None, "ON")]
    assert client.ping() is None


def test_a_client_that_reads_slowly_gets_everything(warmfront_instance: Any) -> None:
    with warmfront_instance.connect(cursorclass=pymysql.cursors.SSCursor) as connection, connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 1000) "
            "SELECT a.n, REPEAT('x', 200) FROM r a, r b LIMIT 300000"
        )
        time.sleep(1)
        assert sum(1 for _ in cursor) == 300_000


def test_kill_query_and_connection(warmfront_instance: Any) -> None:
    with warmfront_instance.connect() as victim, warmfront_instance.connect() as killer:
        caught: list[Exception] = []

        def sleep() -> None:
            try:
                rows(victim, "SELECT SLEEP(30) FROM (SELECT 1) AS x WHERE 1 = 1")
            except pymysql.err.Error as problem:
                caught.append(problem)

        thread = threading.Thread(target=sleep)
        started = time.monotonic()
        thread.start()
        time.sleep(0.5)
        rows(killer, f"KILL QUERY {victim.thread_id()}")
        thread.join()
        assert time.monotonic() - started < 10
        rows(killer, f"KILL {victim.thread_id()}")
        with pytest.raises(pymysql.err.Error):
            rows(victim, "SELECT 1")
        with pytest.raises(pymysql.err.Error):
            rows(killer, "KILL 4000000000")


def raw_greeting(instance: Any) -> tuple[socket.socket, bytes]:
    sock = socket.create_connection((instance.host, instance.port), 10)
    reader = PacketReader()
    payload = None
    while payload is None:
        reader.feed(sock.recv(4096))
        payload = reader.next_payload()
    return sock, payload


def test_a_client_that_vanishes_at_any_byte_leaves_nothing(warmfront_instance: Any, backend: Any) -> None:
    login = build_packets(
        (Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH).to_bytes(4, "little")
        + bytes(28)
        + b"root\0\x14"
        + bytes(20)
        + b"mysql_native_password\0",
        1,
    )
    before = backend.run("SELECT COUNT(*) FROM information_schema.PROCESSLIST")[0][0]
    for cut in range(0, len(login), 3):
        sock, _ = raw_greeting(warmfront_instance)
        sock.sendall(login[:cut])
        sock.close()
    deadline = time.monotonic() + 10
    while backend.run("SELECT COUNT(*) FROM information_schema.PROCESSLIST")[0][0] > before + 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert warmfront_instance.run("SELECT 1") == [(1,)]


@pytest.mark.parametrize(
    "junk",
    [
        b"\x00\x00\x00\x01",
        b"\xff\xff\xff\x01" + b"x" * 100,
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        build_packets(b"\x05\xae\x03\x00" + bytes(40), 1),
        build_packets(bytes(range(200)), 9),
    ],
)
def test_junk_instead_of_a_login_is_refused(warmfront_instance: Any, junk: bytes) -> None:
    sock, greeting = raw_greeting(warmfront_instance)
    assert parse_greeting(greeting).thread_id
    sock.settimeout(15)
    data = b""
    with contextlib.suppress(ConnectionError, OSError):  # closed with our bytes unread: a reset
        sock.sendall(junk)
        sock.shutdown(socket.SHUT_WR)
        while part := sock.recv(4096):
            data += part
    assert data == b"" or data[4:5] in (b"\xff", b"\xfe")
    sock.close()
    assert warmfront_instance.run("SELECT 1") == [(1,)]


def test_unknown_commands_get_the_backends_answer(warmfront_instance: Any) -> None:
    with warmfront_instance.connect() as connection:
        connection._execute_command(0x77, b"nonsense")
        with pytest.raises(pymysql.err.Error) as caught:
            connection._read_ok_packet()
        assert caught.value.args[0] in (1047, 1835, 2013)
    assert warmfront_instance.run("SELECT 1") == [(1,)]


def test_pipelined_commands_are_answered_in_order(warmfront_instance: Any, schema: str) -> None:
    with warmfront_instance.connect(database=schema) as connection:
        one = build_packets(b"\x03SELECT 'a'", 0)
        two = build_packets(b"\x0e", 0)
        three = build_packets(b"\x03SELECT 'c' UNION SELECT 'd'", 0)
        connection._sock.sendall(one + two + three[:7])
        time.sleep(0.1)
        connection._sock.sendall(three[7:])
        for expected in ([("a",)], None, [("c",), ("d",)]):
            connection._next_seq_id = 1
            if expected is None:
                connection._read_ok_packet()
                continue
            connection._read_query_result()
            assert list(connection._result.rows) == expected
        assert rows(connection, "SELECT 1") == [(1,)]


INSERTS = b"".join(build_packets(b"\x03INSERT INTO said VALUES (%d)" % number, 0) for number in range(50))
FILE = build_packets(b"\x03LOAD DATA LOCAL INFILE 'x' INTO TABLE said", 0)


@pytest.mark.parametrize(
    "sent",
    [INSERTS, INSERTS + INSERTS[:20], FILE + build_packets(b"7\n8\n", 2), FILE + b"\x09\0\0\2" + b"7\n8\n"],
    ids=["whole", "half a command", "a file without an end", "half a packet of a file"],
)
def test_a_client_that_only_listens_on_has_its_answers(
    backend: Any, warmfront_instance: Any, schema: str, sent: bytes
) -> None:
    def said(connect: Any) -> tuple[bytes, list[Any]]:
        backend.run(f"DROP TABLE IF EXISTS {schema}.said")
        backend.run(f"CREATE TABLE {schema}.said (a INT)")
        with connect(database=schema, ssl_disabled=True) as connection:
            connection._sock.sendall(sent)
            connection._sock.shutdown(socket.SHUT_WR)
            connection._sock.settimeout(20)
            heard = b"".join(iter(lambda: connection._sock.recv(1 << 16), b""))
            connection._force_close()
        return heard, list(backend.run(f"SELECT a FROM {schema}.said ORDER BY a"))

    direct = partial(backend.connect, host=backend.host, port=backend.port)
    (ours, our_rows), (theirs, their_rows) = said(warmfront_instance.connect), said(direct)
    assert our_rows == their_rows
    # MySQL says goodbye with an error; who is told of the end when all is answered goes without.
    answered = min(len(ours), len(theirs))
    assert answered >= 6
    assert ours[:answered] == theirs[:answered]


def test_half_of_a_large_command_holds_nobody(warmfront_instance: Any) -> None:
    with warmfront_instance.connect(ssl_disabled=True) as connection:
        connection._sock.sendall(b"\xff\xff\xff\0\x03SELECT")
        connection._sock.shutdown(socket.SHUT_WR)
        connection._sock.settimeout(30)
        assert len(b"".join(iter(lambda: connection._sock.recv(1 << 16), b""))) < 200  # an error at most, and the end
        connection._force_close()


def test_the_mysql_command_line(warmfront_instance: Any) -> None:
    with warmfront_instance.connect() as probe:
        assert probe.open
    done = subprocess.run(
        [
            "mysql",
            f"-h{warmfront_instance.host}",
            f"-P{warmfront_instance.port}",
            f"-u{warmfront_instance.backend.user}",
            f"-p{warmfront_instance.backend.password}",
            "-Ne",
            "SELECT 1; SHOW WARNINGS; SELECT 2",
        ],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.split() == ["1", "2"], done.stderr


def end_of(connection: Any) -> bytes:
    """What a server sends to a client that is idle for too long, and how it ends the connection."""
    rows(connection, "SET SESSION wait_timeout = 1")
    line: socket.socket = connection._sock
    said = b""
    while True:
        try:
            got = line.recv(4096)
        except ConnectionResetError:
            return said + b" and a reset"
        if not got:
            return said
        said += got


def test_who_is_idle_for_too_long_is_put_out_as_by_the_backend(backend: Any, warmfront_instance: Any) -> None:
    directly = end_of(backend.connect(host=backend.host, port=backend.port, ssl_disabled=True))
    assert directly == end_of(warmfront_instance.connect(ssl_disabled=True))
