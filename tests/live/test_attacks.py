"""Greedy clients: what one of them does must cost the others neither time nor memory."""

import contextlib
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import psutil
import pymysql
import pytest
from pymysql._auth import scramble_caching_sha2, scramble_native_password

from tests.live.test_bad_input import read_packet
from wire.constants import Capability
from wire.framing import build_packets
from wire.handshake import Login, build_login, parse_greeting

pytestmark = pytest.mark.live

ENDLESS = "SELECT a.s, b.s, c.s FROM items a, items b, items c"


@pytest.fixture(scope="module")
def greedy(backend: Any, warmfront_instance: Any) -> Iterator[Any]:
    """The shared instance with a loaded table."""
    backend.run("DROP DATABASE IF EXISTS greedy")
    backend.run("CREATE DATABASE greedy")
    backend.run("CREATE TABLE greedy.items (id INT PRIMARY KEY, g INT, s VARCHAR(40))")
    backend.run("INSERT INTO greedy.items VALUES " + ",".join(f"({i},{i % 5},'s{i}')" for i in range(500)))
    warmfront_instance.wait_until_loaded("greedy", "items")
    yield warmfront_instance
    backend.run("DROP DATABASE greedy")


def session(instance: Any, use: str = "ON") -> Any:
    connection = instance.connect(database="greedy", ssl_disabled=True, max_allowed_packet=1 << 26)
    connection.cursor().execute(f"SET use_secondary_engine = {use}")
    return connection


def processes(instance: Any, part: str) -> list[psutil.Process]:
    children = psutil.Process(instance.process.pid).children(recursive=True)
    return [child for child in children if part in child.cmdline()]


def memory(instance: Any, part: str) -> float:
    """MiB."""
    return sum(each.memory_info().rss for each in processes(instance, part)) / 2**20


def processor(instance: Any, part: str) -> float:
    """Seconds spent."""
    return sum(sum(each.cpu_times()[:2]) for each in processes(instance, part))


def files(instance: Any) -> int:
    """How many files the proxies have open: two for each session, and one for its line to the engine.

    A worker has two more from its first long statement on, to the process that reads those.
    """
    return sum(each.num_fds() for each in processes(instance, "proxy"))


def settle(instance: Any, before: int, seconds: float) -> None:
    """Wait until no more files are open than before, but for a question of a proxy's own to the engine."""
    deadline = time.monotonic() + seconds
    while files(instance) > before + 1:
        open_ones = [each.net_connections("all") for each in processes(instance, "proxy")]
        assert time.monotonic() < deadline, f"{files(instance)} files are open, {before} were: {open_ones}"
        time.sleep(0.1)


def test_a_statement_in_small_pieces_costs_what_it_costs_whole(greedy: Any) -> None:
    packet = build_packets(b"\x03SELECT COUNT(*) FROM items WHERE s <> '" + b"x" * 900_000 + b"'", 0)
    with session(greedy) as connection:
        connection._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        before = processor(greedy, "proxy")
        for at in range(0, len(packet), 200):
            connection._sock.sendall(packet[at : at + 200])
        connection._sock.settimeout(10)
        assert connection._sock.recv(1) == b"\1"
        assert processor(greedy, "proxy") - before < 1.5


def test_nothing_is_kept_of_statements_that_are_too_long(greedy: Any) -> None:
    def ask(numbers: range) -> None:
        for number in numbers:
            cursor.execute(f"SELECT COUNT(*) FROM items WHERE s <> '{number}" + "y" * 900_000 + "'")
            assert cursor.fetchone() == (500,)

    with session(greedy) as connection, connection.cursor() as cursor:
        ask(range(10))
        before = memory(greedy, "proxy")
        ask(range(10, 60))
        assert memory(greedy, "proxy") - before < 20


def test_little_is_kept_of_prepared_statements(greedy: Any) -> None:
    with session(greedy) as connection:
        before = memory(greedy, "proxy")
        for number in range(1000):
            text = f"SELECT COUNT(*) AS c{number} FROM items WHERE s <> '{'z' * 60_000}'"
            connection._execute_command(0x16, text)
            for _ in range(3):
                connection._read_packet()
        assert memory(greedy, "proxy") - before < 25


def _compressed(instance: Any) -> socket.socket:
    """Log in with compression."""
    instance.connect().close()  # the server remembers the password now
    sock = socket.create_connection((instance.host, instance.port), 10)
    greeting = parse_greeting(read_packet(sock))
    flags = (
        Capability.LONG_PASSWORD
        | Capability.PROTOCOL_41
        | Capability.SECURE_CONNECTION
        | Capability.PLUGIN_AUTH
        | Capability.COMPRESS
    )
    scramble = scramble_caching_sha2 if "sha2" in greeting.plugin else scramble_native_password
    response = bytes(scramble(instance.backend.password.encode(), greeting.nonce[:20]))
    login = Login(int(flags), 1 << 24, 45, instance.backend.user.encode(), response, plugin=greeting.plugin)
    sock.sendall(build_packets(build_login(login), 1))
    while (answer := read_packet(sock))[:1] == b"\1":
        pass
    assert answer[:1] == b"\0"
    return sock


def test_compressed_bombs_leave_time_and_memory_to_others(greedy: Any) -> None:
    size = (1 << 24) - 2
    bomb = zlib.compress(b"\xff\xff\xff\0\x03" + bytes(size - 5))
    packet = len(bomb).to_bytes(3, "little") + b"\0" + size.to_bytes(3, "little") + bomb
    before, most = memory(greedy, "proxy"), 0.0
    waits = []

    def attack() -> None:
        for _ in range(2):
            with _compressed(greedy) as sock, contextlib.suppress(OSError):
                sock.sendall(packet * 40)
                sock.settimeout(5)
                while sock.recv(65536):
                    pass

    attacker = threading.Thread(target=attack)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(session(greedy)) for _ in range(8)]  # on both workers
        attacker.start()
        while attacker.is_alive():
            for connection in connections:
                started = time.monotonic()
                with connection.cursor() as cursor:
                    cursor.execute("SELECT 1")
                waits.append(time.monotonic() - started)
            most = max(most, memory(greedy, "proxy") - before)
            time.sleep(0.02)
    assert max(waits) < 2
    assert most < 200


def test_clients_that_do_not_read_let_others_run(greedy: Any) -> None:
    before = files(greedy)
    with contextlib.ExitStack() as stack:
        for _ in range(16):  # more than run at once
            connection = session(greedy, "FORCED")
            stack.callback(connection._force_close)
            connection._execute_command(3, ENDLESS)
        time.sleep(1)
        started = time.monotonic()
        with session(greedy, "FORCED") as connection, connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM items")
            assert cursor.fetchone() == (500,)
        assert time.monotonic() - started < 10
    settle(greedy, before, 15)


def test_what_does_not_read_is_killed_at_once(greedy: Any) -> None:
    with session(greedy, "FORCED") as connection, greedy.connect() as other, other.cursor() as cursor:
        connection._execute_command(3, ENDLESS)
        time.sleep(1)
        before = files(greedy)
        cursor.execute(f"KILL {connection.thread_id()}")
        connection._sock.settimeout(20)
        with contextlib.suppress(ConnectionError):
            while connection._sock.recv(1 << 20):
                pass
        deadline = time.monotonic() + 10
        while files(greedy) >= before and time.monotonic() < deadline:
            time.sleep(0.1)
        assert files(greedy) < before


def test_a_flood_whose_answers_nobody_reads_leaves_nothing(greedy: Any) -> None:
    before = files(greedy)
    for _ in range(3):
        connection = session(greedy, "OFF")
        connection._sock.settimeout(1)
        with contextlib.suppress(OSError):
            for _ in range(100):
                connection._sock.sendall(build_packets(b"\x03SELECT * FROM items", 0) * 1000)
        connection._force_close()
    settle(greedy, before, 20)


def test_statements_over_the_engines_own_tables_are_bounded(greedy: Any) -> None:
    recursive = "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) SELECT COUNT(*) FROM r, "
    before = memory(greedy, "engine")
    with session(greedy) as connection, connection.cursor() as cursor:
        started = time.monotonic()
        with pytest.raises(pymysql.err.Error):
            cursor.execute(recursive + "performance_schema.rpd_tables")
        assert time.monotonic() - started < 20
        assert memory(greedy, "engine") - before < 500
        started = time.monotonic()
        with contextlib.suppress(pymysql.err.Error):
            cursor.execute("/**/" * 40 + "(/**/(SELECT COUNT(*) FROM performance_schema.rpd_tables))")
        assert time.monotonic() - started < 5


def test_a_client_that_vanishes_stops_what_it_asked_the_engine_about_itself(greedy: Any) -> None:
    before = files(greedy)
    connection = session(greedy)
    connection._execute_command(
        3,
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n FROM r) SELECT COUNT(*) FROM r, "
        "performance_schema.rpd_tables",
    )
    time.sleep(0.5)
    connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection._force_close()
    settle(greedy, before, 5)


def test_clients_that_vanish_before_the_engine_was_reached_leave_nothing(greedy: Any) -> None:
    before = files(greedy)
    sizes = [0, 300, 900, 1800]  # of what is read first: the end comes at another moment of the way to the engine
    for turn in range(80):
        connection = session(greedy, "FORCED")
        filled = ",".join(["1111"] * (sizes[turn % 4] // 5 + 1))
        connection._execute_command(3, f"SELECT COUNT(*) FROM items a, items b WHERE a.id NOT IN ({filled})")
        connection._force_close()
    settle(greedy, before, 15)


@pytest.mark.parametrize("use", ["FORCED", "OFF"])
def test_clients_that_vanish_amid_long_answers_leave_nothing(greedy: Any, use: str) -> None:
    before = files(greedy)
    for turn in range(8):
        connection = session(greedy, use)
        connection._execute_command(3, ENDLESS)
        connection._sock.recv((1, 1000, 100_000)[turn % 3])
        if turn % 2:
            connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection._force_close()
    settle(greedy, before, 15)


def test_open_cursors_go_with_their_session(greedy: Any) -> None:
    before = files(greedy)
    connection = session(greedy, "FORCED")
    for _ in range(20):
        connection._execute_command(0x16, "SELECT a.s, b.s, a.id, b.id FROM items a, items b")
        number = bytes(connection._read_packet()._data)[1:5]
        for _ in range(5):
            connection._read_packet()
        connection._execute_command(0x17, number + b"\1\1\0\0\0")
        for _ in range(6):
            connection._read_packet()
    assert files(greedy) > before + 20  # rows of more than what is kept in memory
    connection._force_close()
    settle(greedy, before, 3)
