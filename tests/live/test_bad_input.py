"""Broken, lying and hostile clients, of the proxy and of the engine's endpoint: an error or a closed line, no more."""

import contextlib
import json
import os
import random
import re
import secrets
import socket
import struct
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pymysql
import pytest

from wire.auth import native_scramble
from wire.constants import Capability
from wire.framing import build_packets
from wire.handshake import Login, build_login, parse_greeting
from wire.integers import build_lenenc_bytes
from wire.responses import build_query_attributes

pytestmark = pytest.mark.live

PASSWORD = "correct-horse-8361"
LITERAL = "battery-staple-9274"
QUESTION = "SELECT g, COUNT(*) FROM items GROUP BY g ORDER BY g"
ANSWER = [(g, 100) for g in range(5)]


@pytest.fixture(scope="module")
def attacked(backend: Any, warmfront_instance: Any) -> Iterator[Any]:
    """The shared instance with a loaded table, and a bystander's session that must stay undisturbed."""
    backend.run("DROP DATABASE IF EXISTS attacked")
    backend.run("CREATE DATABASE attacked")
    backend.run("CREATE TABLE attacked.items (id INT PRIMARY KEY, g INT, s VARCHAR(40))")
    backend.run("INSERT INTO attacked.items VALUES " + ",".join(f"({i},{i % 5},'s{i}')" for i in range(500)))
    warmfront_instance.wait_until_loaded("attacked", "items")
    yield warmfront_instance
    backend.run("DROP DATABASE attacked")


@pytest.fixture(autouse=True)
def bystander(attacked: Any) -> Iterator[None]:
    """A session from before the attack answers after it, on both sides, and so does a new one."""
    with attacked.connect(database="attacked") as before:
        yield
        for connection in (before, attacked.connect(database="attacked")):
            with connection.cursor() as cursor:
                for use in ("FORCED", "OFF"):
                    cursor.execute(f"SET use_secondary_engine = {use}")
                    cursor.execute(QUESTION)
                    assert list(cursor.fetchall()) == ANSWER
    assert "Traceback" not in logs(attacked), logs(attacked)[-3000:]


def logs(instance: Any) -> str:
    return "".join((instance.data_dir / "logs" / f"{name}.log").read_text() for name in ("proxy", "engine"))


def processes(instance: Any, part: str) -> list[psutil.Process]:
    children = psutil.Process(instance.process.pid).children(recursive=True)
    return [child for child in children if part in child.cmdline()]


def memory(instance: Any) -> int:
    return sum(p.memory_info().rss for part in ("proxy", "engine") for p in processes(instance, part))


def bare(instance: Any) -> socket.socket:
    sock = socket.create_connection((instance.host, instance.port), 10)
    sock.settimeout(10)
    return sock


def read_packet(sock: socket.socket) -> bytes:
    head = read_exactly(sock, 4)
    return read_exactly(sock, int.from_bytes(head[:3], "little"))


def read_exactly(sock: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise ConnectionError("closed")
        out += part
    return out


def end(sock: socket.socket) -> None:
    """Say that nothing more will come, to a server that may have closed already."""
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_WR)


def drained(sock: socket.socket) -> bytes:
    """Everything up to the end of the connection, which must come in time."""
    out = b""
    with contextlib.suppress(ConnectionError):
        while part := sock.recv(65536):
            out += part
    return out


def login_of(greeting_packet: bytes, user: bytes = b"nobody", response: bytes = b"x" * 20) -> bytes:
    greeting = parse_greeting(greeting_packet)
    wanted = (
        Capability.LONG_PASSWORD
        | Capability.PROTOCOL_41
        | Capability.SECURE_CONNECTION
        | Capability.PLUGIN_AUTH
        | Capability.CONNECT_WITH_DB
    )
    login = Login(int(wanted) & greeting.capabilities | Capability.CONNECT_WITH_DB, 1 << 24, 45, user, response)
    return build_packets(build_login(login), 1)


FIRST_PACKETS = {
    "empty": b"\0\0\0\1",
    "one byte": b"\1\0\0\1\xff",
    "short login": build_packets(b"\x00\x82\0\0", 1),
    "before 4.1": build_packets(b"\x01\x02" + bytes(30), 1),
    "user without an end": build_packets(struct.pack("<IIB23x", 0x8200, 1 << 24, 45) + b"u" * 500, 1),
    "lying response length": build_packets(struct.pack("<IIB23x", 0x8200, 1 << 24, 45) + b"u\0\xff", 1),
    "huge length": b"\xff\xff\xff\1" + b"A" * 100,
    "lying attributes": build_packets(
        struct.pack("<IIB23x", 0x18A208, 1 << 24, 45) + b"u\0\0d\0p\0\xfe" + b"\xff" * 8, 1
    ),
    "command": build_packets(b"\x03SELECT 1", 1),
    "HTTP": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS without request": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60),
    "zeros": bytes(4096),
    "ones": b"\xff" * 4096,
}


@pytest.mark.parametrize("data", FIRST_PACKETS.values(), ids=FIRST_PACKETS)
def test_a_broken_login_is_answered_or_closed(attacked: Any, data: bytes) -> None:
    with bare(attacked) as sock:
        read_packet(sock)
        sock.sendall(data)
        end(sock)
        answer = drained(sock)
    assert answer == b"" or b"\xff" in answer[:5] or b"\xfe" in answer[:5]


def test_random_logins(attacked: Any) -> None:
    chance = random.Random(7)
    for _ in range(60):
        with bare(attacked) as sock:
            packet = bytearray(login_of(read_packet(sock)))
            for _ in range(chance.randrange(1, 6)):
                packet[chance.randrange(len(packet))] = chance.randrange(256)
            sock.sendall(packet)
            end(sock)
            drained(sock)


def test_a_client_may_vanish_at_any_byte_of_its_login(attacked: Any) -> None:
    with bare(attacked) as sock:
        whole = login_of(read_packet(sock))
    for cut in range(len(whole) + 1):
        with bare(attacked) as sock:
            read_packet(sock)
            sock.sendall(whole[:cut])
            if cut % 2:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_authentication_out_of_order(attacked: Any) -> None:
    for sequence in (0, 2, 3, 9, 255):
        with bare(attacked) as sock:
            packet = login_of(read_packet(sock))
            sock.sendall(packet + build_packets(b"y" * 20, sequence) + b"\xff\xff\xff\0" + bytes(1000))
            end(sock)
            assert b"\0\0\0\2\0\0" not in drained(sock)


def tls_request() -> bytes:
    flags = Capability.PROTOCOL_41 | Capability.SSL | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH
    return build_packets(struct.pack("<IIB23x", int(flags) & 0xFFFFFFFF, 1 << 24, 45), 1)


def test_garbage_and_plain_text_behind_a_tls_request(attacked: Any) -> None:
    for injected in (b"\0" * 100, os.urandom(300), None):
        with bare(attacked) as sock:
            greeting = read_packet(sock)
            # A login in the clear in the same segment must never be taken for one inside TLS.
            sock.sendall(tls_request() + (login_of(greeting) if injected is None else injected))
            end(sock)
            answer = drained(sock)
            assert b"Access denied" not in answer
            assert not answer.startswith(b"\x07\0\0")


def test_a_login_that_never_ends_is_given_up(backend: Any, running: Callable[..., Any]) -> None:
    instance = running(backend, "--workers", "1", "--connect-timeout", "1")
    silent = [bare(instance) for _ in range(8)]
    for number, sock in enumerate(silent):
        greeting = read_packet(sock)
        if number % 2:
            sock.sendall(login_of(greeting)[: 3 + number])
    for sock in silent:
        drained(sock)  # its end is waited for as long as the socket's time limit
        sock.close()
    assert instance.run("SELECT 1") == [(1,)]


@pytest.fixture
def session(attacked: Any) -> Iterator[Any]:
    """A logged-in connection to misuse; its socket is `_sock`."""
    connection = attacked.connect(database="attacked", ssl_disabled=True, read_timeout=10)
    yield connection
    with contextlib.suppress(Exception):
        connection._force_close()


COMMANDS = {
    "empty": b"",
    "unknown 0x7f": b"\x7f",
    "unknown 0xff": b"\xff" * 50,
    "unknown 0x20": b"\x20abc",
    "execute without an id": b"\x17",
    "execute of nothing": b"\x17" + struct.pack("<IBI", 999_999, 0, 1),
    "execute cut short": b"\x17\1\0",
    "long data of nothing": b"\x18\1\0\0\0\0\0abc",
    "close of nothing": b"\x19\1\0",
    "fetch of nothing": b"\x1c" + bytes(8),
    "reset of nothing": b"\x1a\1\0\0\0",
    "kill cut short": b"\x0c\1",
    "kill of nobody": b"\x0c\xff\xff\xff\x7f",
    "bad UTF-8": b"\x03SELECT COUNT(*) FROM items WHERE s = '\xff\xfe\xc3'",
    "bad UTF-8 name": b"\x03SELECT COUNT(*) FROM `it\xffems`",
    "bad UTF-8 prepared": b"\x16SELECT '\xff', g FROM items",
    "NUL bytes": b"\x03SELECT COUNT(*) FROM items\0WHERE \0",
    "only NUL": b"\x03\0\0\0\0",
    "open quotes": b"\x03SELECT " + b"'\\" * 20_000,
    "open comments": b"\x03SELECT " + b"/*" * 20_000,
    "joins": b"\x03SELECT * FROM items " + b"JOIN items " * 60,
    "brackets": b"\x03SELECT " + b"(" * 30_000 + b"1" + b")" * 30_000 + b" FROM items",
    "blanks behind KILL": b"\x03KILL 1" + b" " * 100_000 + b"x",
    "blanks behind SET": b"\x03SET use_secondary_engine = 1" + b" " * 100_000 + b"x y",
    "change user cut short": b"\x11root\0",
    "init db": b"\x02\xff\xfe",
    "field list": b"\x04items\0\xff",
    "set option": b"\x1b\xff\xff",
    "binlog dump of nothing": b"\x12",
}


@pytest.mark.parametrize("payload", COMMANDS.values(), ids=COMMANDS)
def test_a_broken_command_is_answered_or_closed(session: Any, payload: bytes) -> None:
    started = time.monotonic()
    session._sock.sendall(build_packets(payload, 0))
    if payload[:1] in (b"\x18", b"\x19"):
        return  # these have no answer
    session._sock.settimeout(8)
    with contextlib.suppress(TimeoutError, ConnectionError):
        session._sock.recv(65536)
    assert time.monotonic() - started < 9


def test_executions_made_of_garbage(session: Any) -> None:
    chance = random.Random(11)
    session._execute_command(0x16, "SELECT g, COUNT(*) FROM items WHERE id < ? AND s <> ? GROUP BY g ORDER BY g")
    head = session._read_packet().get_all_data()
    for _ in range(2 + 3 - 1 + 2):
        session._read_packet()
    for turn in range(150):
        tail = bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
        bound = (b"\0\0", b"\0\1", b"\3\1", b"")[turn % 4]
        with contextlib.suppress(pymysql.err.Error, OSError):
            session._sock.settimeout(0.2)
            session._sock.sendall(build_packets(b"\x17" + head[1:5] + b"\0\1\0\0\0" + bound + tail, 0))
            session._sock.recv(65536)


def test_packets_out_of_order_and_many_at_once(session: Any) -> None:
    one = build_packets(b"\x03SELECT 1", 0)
    session._sock.sendall(one * 50 + build_packets(b"\x0e", 0) * 50)
    got = b""
    while got.count(b"\xfe\0\0\2\0") + got.count(b"\xfe\0\0\x02\x00") < 1 or len(got) < 50 * 40:
        got += session._sock.recv(65536)
    session._sock.sendall(build_packets(b"\x03SELECT 1", 7))
    session._sock.settimeout(5)
    with contextlib.suppress(TimeoutError, ConnectionError):
        session._sock.recv(65536)


def test_a_command_out_of_order_is_refused_as_the_server_does(attacked: Any, backend: Any) -> None:
    told = []
    for side in (attacked, backend):
        with side.connect(database="attacked", read_timeout=10) as connection:
            connection._sock.sendall(build_packets(b"\x03" + QUESTION.encode(), 7))
            told.append(drained(connection._sock)[5:7])
            connection._force_close()
    assert told == [(1156).to_bytes(2, "little")] * 2


def test_declared_lengths_take_no_memory(attacked: Any) -> None:
    before = memory(attacked)
    held = []
    for _ in range(20):
        sock = bare(attacked)
        read_packet(sock)
        sock.sendall(b"\xff\xff\xff\1")
        held.append(sock)
    victims = [attacked.connect(database="attacked", ssl_disabled=True) for _ in range(20)]
    for victim in victims:
        victim._sock.sendall(b"\xff\xff\xff\0\x03SELECT")
    time.sleep(0.3)
    assert memory(attacked) - before < 64 << 20
    for sock in held:
        sock.close()
    for victim in victims:
        victim._force_close()


def test_a_client_may_vanish_amid_commands_and_answers(attacked: Any) -> None:
    command = build_packets(b"\x03" + QUESTION.encode(), 0)
    for cut in range(0, len(command) + 1, 5):
        connection = attacked.connect(database="attacked", ssl_disabled=True)
        connection._sock.sendall(command[:cut])
        connection._force_close()
    for amount in (0, 1, 4, 60, 1000):
        connection = attacked.connect(database="attacked", ssl_disabled=True)
        connection._execute_command(3, "SELECT a.* FROM items a, items b")
        if amount:
            connection._sock.recv(amount)
        connection._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection._force_close()


def open_files(instance: Any) -> int:
    return sum(len(os.listdir(f"/proc/{p.pid}/fd")) for part in ("proxy", "engine") for p in processes(instance, part))


def test_connects_and_disconnects_leave_nothing_behind(attacked: Any) -> None:
    def rounds(count: int) -> None:
        for turn in range(count):
            sock = bare(attacked)
            if turn % 3:
                packet = read_packet(sock)
                if turn % 3 == 2:
                    sock.sendall(login_of(packet))
            sock.close()
            if turn % 10 == 0:
                with attacked.connect(database="attacked") as connection, connection.cursor() as cursor:
                    cursor.execute("SET use_secondary_engine = FORCED")
                    cursor.execute(QUESTION)

    rounds(30)
    time.sleep(0.5)
    before = open_files(attacked)
    rounds(400)
    deadline = time.monotonic() + 10
    while open_files(attacked) > before + 8 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert open_files(attacked) <= before + 8


def test_too_many_connections_are_the_backends_error(attacked: Any, backend: Any) -> None:
    limit = int(backend.run("SELECT @@max_connections")[0][0])
    held = []
    try:
        backend.run("SET GLOBAL max_connections = 30")
        numbers = set()
        for _ in range(40):
            try:
                held.append(attacked.connect())
            except pymysql.err.OperationalError as problem:
                numbers.add(problem.args[0])
        assert numbers == {1040}
    finally:
        for connection in held:
            connection.close()
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            with contextlib.suppress(pymysql.err.OperationalError):
                backend.run(f"SET GLOBAL max_connections = {limit}")
                break
            time.sleep(0.1)


def test_logs_tell_no_secrets(attacked: Any, backend: Any) -> None:
    for user, password in ((backend.user, PASSWORD), ("nobody", PASSWORD)):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            attacked.connect(user=user, password=password)
        assert caught.value.args[0] == 1045
    with attacked.connect(database="attacked") as connection, connection.cursor() as cursor:
        for use in ("ON", "FORCED"):
            cursor.execute(f"SET use_secondary_engine = {use}")
            for statement in (f"SELECT COUNT(*) FROM items WHERE s = '{LITERAL}'", f"SELECT '{LITERAL}' FROM nowhere"):
                with contextlib.suppress(pymysql.err.Error):
                    cursor.execute(statement)
    text = logs(attacked)
    secret = (attacked.data_dir / "run" / "engine.secret").read_text().strip()
    for hidden in (PASSWORD, LITERAL, backend.password, secret):
        assert hidden not in text
    assert not re.search(r"[0-9a-f]{40}", text)


# --- the engine's own endpoint ---


def endpoint(instance: Any) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(10)
    sock.connect(str(instance.data_dir / "run" / "engine.sock"))
    return sock


def engine_login(instance: Any, sock: socket.socket, secret: bytes | None = None) -> bytes:
    greeting = parse_greeting(read_packet(sock))
    known = secret or (instance.data_dir / "run" / "engine.secret").read_text().strip().encode()
    flags = (
        Capability.PROTOCOL_41
        | Capability.SECURE_CONNECTION
        | Capability.PLUGIN_AUTH
        | Capability.LONG_PASSWORD
        | Capability.QUERY_ATTRIBUTES
        | Capability.DEPRECATE_EOF
    )
    response = native_scramble(known, greeting.nonce)
    login = Login(int(flags), 1 << 24, 45, b"warmfront", response, plugin="mysql_native_password")
    sock.sendall(build_packets(build_login(login), 1))
    return read_packet(sock)


def test_only_the_secret_opens_the_endpoint(attacked: Any) -> None:
    with endpoint(attacked) as sock:
        assert engine_login(attacked, sock, secrets.token_hex(32).encode())[:3] == b"\xff\x15\x04"
        assert drained(sock) == b""
    for name in ("engine.sock", "engine.secret", "settings.json"):
        assert (attacked.data_dir / "run" / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("data", FIRST_PACKETS.values(), ids=FIRST_PACKETS)
def test_a_broken_login_at_the_endpoint(attacked: Any, data: bytes) -> None:
    with endpoint(attacked) as sock:
        read_packet(sock)
        with contextlib.suppress(ConnectionError):
            sock.sendall(data)
            end(sock)
        drained(sock)


CONTEXT = json.dumps({"connection_id": 1, "schema": "attacked"}).encode()
COLUMN = build_lenenc_bytes(b"\x03def\0\0\0\x08COUNT(*)\0\x0c\x3f\0\x15\0\0\0\x08\x81\0\0\0\0")
BROKEN_ATTRIBUTES = {
    "no JSON": {"wf_context": b"{", "wf_columns": COLUMN},
    "JSON of another kind": {"wf_context": b"[1]", "wf_columns": COLUMN},
    "unknown key": {"wf_context": b'{"connection_id":1,"x":2}', "wf_columns": COLUMN},
    "no connection": {"wf_context": b"{}", "wf_columns": COLUMN},
    "wrong types": {"wf_context": b'{"connection_id":"x","schema":[1],"capabilities":"y"}', "wf_columns": COLUMN},
    "bad UTF-8": {"wf_context": b"\xff\xfe", "wf_columns": COLUMN},
    "no columns": {"wf_context": CONTEXT, "wf_columns": b""},
    "garbage columns": {"wf_context": CONTEXT, "wf_columns": b"\x05abcde"},
    "lying columns": {"wf_context": CONTEXT, "wf_columns": b"\xfe" + b"\xff" * 8 + b"x"},
    "too many columns": {"wf_context": CONTEXT, "wf_columns": COLUMN * 5000},
    "empty column": {"wf_context": CONTEXT, "wf_columns": b"\0"},
}


@pytest.mark.parametrize("attributes", BROKEN_ATTRIBUTES.values(), ids=BROKEN_ATTRIBUTES)
def test_broken_attributes_are_an_error_and_no_more(attacked: Any, attributes: dict[str, bytes]) -> None:
    with endpoint(attacked) as sock:
        assert engine_login(attacked, sock)[:1] == b"\0"
        query = b"\x03" + build_query_attributes(attributes) + b"SELECT COUNT(*) FROM attacked.items"
        sock.sendall(build_packets(query, 0))
        assert read_packet(sock)[:1] == b"\xff"
        sock.sendall(build_packets(b"\x0e", 0))
        assert read_packet(sock)[:1] == b"\0"


@pytest.mark.parametrize("payload", COMMANDS.values(), ids=COMMANDS)
def test_broken_commands_at_the_endpoint(attacked: Any, payload: bytes) -> None:
    with endpoint(attacked) as sock:
        assert engine_login(attacked, sock)[:1] == b"\0"
        sock.sendall(build_packets(payload, 0))
        with contextlib.suppress(ConnectionError):
            assert read_packet(sock)[:1] == b"\xff"


def test_a_flood_at_the_endpoint_is_cut_off(attacked: Any) -> None:
    with endpoint(attacked) as sock, contextlib.suppress(ConnectionError):
        engine_login(attacked, sock)
        for _ in range(50):
            sock.sendall(build_packets(b"\x0e", 0) * 1000)
