"""Attacks on the front, one function each: what broken, lying, greedy and hostile clients do, as a table.

Each takes a `Target` and returns when it has done its worst once; `bench.fuzz` repeats it and watches everybody else.
"""

import contextlib
import os
import random
import socket
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pymysql
from pymysql._auth import scramble_caching_sha2, scramble_native_password

from bench.instance import Instance
from wire.constants import Capability
from wire.framing import build_packets
from wire.handshake import Login, build_login, parse_greeting

BIG = "big"  # rows of 200 bytes, more than any buffer on the way holds
SMALL = "small"
SCHEMA = "attacked"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST


@dataclass(slots=True)
class Target:
    """The instance under attack and the attacker's dice."""

    instance: Instance
    chance: random.Random
    held: list[Any] = field(default_factory=list)  # connections kept open until the attack is over

    def bare(self, seconds: float = 5.0) -> socket.socket:
        """A TCP connection that has sent nothing."""
        sock = socket.create_connection((self.instance.host, self.instance.port), seconds)
        sock.settimeout(seconds)
        return sock

    def session(self, **options: Any) -> Any:
        """A logged-in session."""
        return self.instance.connect(database=SCHEMA, **({"ssl_disabled": True, "read_timeout": 5} | options))

    def bytes(self, most: int) -> bytes:
        """Random bytes."""
        return self.chance.randbytes(self.chance.randrange(most + 1))


def read_packet(sock: socket.socket) -> bytes:
    """Read one packet; raises ConnectionError at the end."""
    head = _read(sock, 4)
    return _read(sock, int.from_bytes(head[:3], "little"))


def _read(sock: socket.socket, size: int) -> bytes:
    out = b""
    while len(out) < size:
        part = sock.recv(size - len(out))
        if not part:
            raise ConnectionError("closed")
        out += part
    return out


def _listen(sock: socket.socket, seconds: float = 0.2) -> None:
    """Read what comes for a moment."""
    sock.settimeout(seconds)
    with contextlib.suppress(OSError):
        while sock.recv(1 << 16):
            pass


def _mutated(target: Target, packet: bytes) -> bytes:
    out = bytearray(packet)
    for _ in range(target.chance.randrange(1, 8)):
        where = target.chance.randrange(len(out))
        match target.chance.randrange(3):
            case 0:
                out[where] = target.chance.randrange(256)
            case 1:
                del out[where : where + target.chance.randrange(1, 9)]
                out = out or bytearray(b"\0")
            case _:
                out[where:where] = target.bytes(8)
    return bytes(out)


_FLAGS = (
    Capability.LONG_PASSWORD
    | Capability.PROTOCOL_41
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.CONNECT_WITH_DB
)


def _login(greeting: bytes, user: bytes = b"nobody") -> bytes:
    known = parse_greeting(greeting)
    flags = int(_FLAGS) & known.capabilities | Capability.CONNECT_WITH_DB
    return build_packets(build_login(Login(flags, 1 << 24, 45, user, b"x" * 20)), 1)


def garbage_logins(target: Target) -> None:
    """Mutated first packets, random ones, and lies about TLS."""
    for turn in range(40):
        with target.bare() as sock, contextlib.suppress(OSError):
            packet = _login(read_packet(sock))
            sock.sendall(_mutated(target, packet) if turn % 3 else target.bytes(300))
            if turn % 5 == 0:
                sock.sendall(build_packets(struct.pack("<IIB23x", 0x8A00, 1 << 24, 45), 1) + target.bytes(500))
            sock.shutdown(socket.SHUT_WR)
            _listen(sock)


def wrong_passwords(target: Target) -> None:
    """Logins in masses with a wrong password or an unknown user."""
    for turn in range(60):
        with contextlib.suppress(pymysql.err.Error, OSError):
            user = target.instance.user if turn % 2 else f"nobody{turn}"
            plain = bool(turn % 3)
            where = {"host": target.instance.host, "port": target.instance.port}
            pymysql.connect(**where, user=user, password="wrong", ssl_disabled=plain).close()


def slow_logins(target: Target) -> None:
    """Connections that say a byte of their login now and then, or nothing."""
    for turn in range(80):
        sock = target.bare()
        target.held.append(sock)
        with contextlib.suppress(OSError):
            sock.sendall(_login(read_packet(sock))[: turn % 40])
    for _ in range(4):
        time.sleep(0.1)
        for sock in target.held:
            with contextlib.suppress(OSError):
                sock.sendall(b"x")


def storm(target: Target) -> None:
    """Connects and disconnects at every state as fast as one process can."""
    for turn in range(500):
        with contextlib.suppress(OSError):
            sock = target.bare()
            if turn % 4 == 1:
                read_packet(sock)
            elif turn % 4 == 2:
                sock.sendall(_login(read_packet(sock)))
            elif turn % 4 == 3:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()


def mutated_commands(target: Target) -> None:
    """Random commands, and good ones with bytes changed, on a session each."""
    seeds = [
        b"\x03SELECT g, COUNT(*) FROM small GROUP BY g",
        b"\x16SELECT g, COUNT(*) FROM small WHERE id < ? AND s <> ? GROUP BY g",
        b"\x17\1\0\0\0\0\1\0\0\0\0\1\x08\0\xfd\0" + bytes(8) + b"\3abc",
        b"\x18\1\0\0\0\0\0abc",
        b"\x1c\1\0\0\0\1\0\0\0",
        b"\x11root\0\x14" + b"x" * 20 + b"attacked\0\x2d\0caching_sha2_password\0",
        b"\x04small\0%",
        b"\x1b\0\0",
        b"\x1f",
        b"\x0e",
        b"\x02attacked",
    ]
    for _ in range(25):
        with contextlib.suppress(pymysql.err.Error, OSError):
            session = target.session()
            for _ in range(4):
                payload = (
                    _mutated(target, target.chance.choice(seeds)) if target.chance.random() < 0.8 else target.bytes(90)
                )
                packet = bytearray(build_packets(payload, 0))
                if target.chance.random() < 0.2:  # a length that lies
                    packet[target.chance.randrange(3)] = target.chance.randrange(256)
                session._sock.sendall(packet)
                _listen(session._sock, 0.05)
            session._force_close()


def bad_executions(target: Target) -> None:
    """Prepared statements with parameter bytes that are nonsense, cut short, or of unknown types."""
    session = target.session()
    session._execute_command(0x16, "SELECT g, COUNT(*) FROM small WHERE id < ? AND s <> ? GROUP BY g ORDER BY g")
    number = session._read_packet().get_all_data()[1:5]
    _listen(session._sock, 0.1)
    for _ in range(60):
        kinds = bytes(target.chance.randrange(256) for _ in range(4))
        flags = bytes((target.chance.choice((0, 1, 2, 4, 8, 255)),))
        payload = b"\x17" + number + flags + b"\1\0\0\0" + target.bytes(2) + b"\1" + kinds + target.bytes(40)
        with contextlib.suppress(OSError):
            session._sock.sendall(build_packets(payload, 0))
            _listen(session._sock, 0.02)
    session._force_close()


def huge_packets(target: Target) -> None:
    """Statements around and over the 16 MiB of one packet, half of one, and a promise of one."""
    for size in ((1 << 24) - 2, (1 << 24) + 5, 40_000_000):
        with contextlib.suppress(pymysql.err.Error, OSError):
            session = target.session(max_allowed_packet=1 << 26, read_timeout=20)
            with session.cursor() as cursor:
                cursor.execute("SELECT LENGTH('" + "x" * (size - 20) + "')")
            session._force_close()
    session = target.session()
    session._sock.sendall(b"\xff\xff\xff\0\x03SELECT '" + bytes(1 << 22))
    session._force_close()
    for _ in range(10):
        session = target.session()
        session._sock.sendall(b"\xff\xff\xff\0\x03")
        target.held.append(session)


def trickle(target: Target) -> None:
    """A long statement sent in small pieces: each must cost no more than itself."""
    session = target.session()
    packet = build_packets(b"\x03SELECT COUNT(*) FROM small WHERE s <> '" + b"x" * 900_000 + b"'", 0)
    session._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with contextlib.suppress(OSError):
        for at in range(0, len(packet), 200):
            session._sock.sendall(packet[at : at + 200])
    session._force_close()


def vanish(target: Target) -> None:
    """Clients that go in the middle of an answer, offloaded or relayed, by FIN or by RST."""
    for turn in range(12):
        with contextlib.suppress(pymysql.err.Error, OSError):
            session = target.session()
            with session.cursor() as cursor:
                cursor.execute(f"SET use_secondary_engine = {'FORCED' if turn % 2 else 'OFF'}")
            session._execute_command(3, f"SELECT * FROM {BIG}")
            session._sock.recv(target.chance.choice((1, 100, 100_000)))
            if turn % 3:
                session._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            session._force_close()


def no_readers(target: Target) -> None:
    """Clients that ask for large answers, offloaded and relayed, and never read."""
    for turn in range(40):
        session = target.session()
        with session.cursor() as cursor:
            cursor.execute(f"SET use_secondary_engine = {'FORCED' if turn % 2 else 'OFF'}")
        session._execute_command(3, f"SELECT * FROM {BIG}")
        target.held.append(session)
    time.sleep(3)


def flood(target: Target) -> None:
    """Commands pipelined in masses, and no answer read."""
    for payload in (b"\x0e", b"\x03SELECT * FROM small", b"\x03SELECT g, COUNT(*) FROM small GROUP BY g"):
        session = target.session()
        target.held.append(session)
        session._sock.settimeout(1)
        with contextlib.suppress(OSError):
            for _ in range(200):
                session._sock.sendall(build_packets(payload, 0) * 1000)


def local_files(target: Target) -> None:
    """LOAD DATA LOCAL: a file of garbage, one without an end, commands in its place, and a vanished client."""
    for turn in range(4):
        with contextlib.suppress(pymysql.err.Error, OSError):
            session = target.session()
            session._execute_command(3, "LOAD DATA LOCAL INFILE 'x' INTO TABLE scratch")
            read_packet(session._sock)
            match turn:
                case 0:
                    session._sock.sendall(build_packets(target.bytes(5000) or b"x", 2) + b"\0\0\0\3")
                case 1:
                    session._sock.sendall(build_packets(b"\x03SELECT 1", 0) * 50)
                case 2:
                    session._sock.sendall(b"\0\0\0\2" + build_packets(b"\x0e", 0) * 20)
                case _:
                    session._sock.sendall(b"\xff\xff\xff\2" + bytes(1 << 20))
            _listen(session._sock, 0.3)
            session._force_close()


def compressed(target: Target) -> None:
    """Compressed packets that lie about their length, or that are bombs: 16 KiB for 16 MiB of zeros."""
    bomb = zlib.compress(b"\xff\xff\xff\0\x03" + bytes((1 << 24) - 7))
    body = len(bomb).to_bytes(3, "little") + b"\0" + ((1 << 24) - 2).to_bytes(3, "little") + bomb
    liar = len(bomb).to_bytes(3, "little") + b"\0" + (100).to_bytes(3, "little") + bomb
    for data in (body * 40, liar, b"\xff\xff\xff\0\xff\xff\xff" + bytes(1 << 16), target.bytes(3000)):
        with contextlib.suppress(pymysql.err.Error, OSError), target.bare() as sock:
            greeting = parse_greeting(read_packet(sock))
            flags = (int(_FLAGS) & greeting.capabilities) | int(Capability.COMPRESS)
            target.instance.connect().close()  # the server remembers the password now
            user, response = target.instance.user.encode(), _scramble(target.instance.password.encode(), greeting)
            sock.sendall(
                build_packets(build_login(Login(flags, 1 << 24, 45, user, response, plugin=greeting.plugin)), 1)
            )
            while (answer := read_packet(sock))[:1] == b"\1":
                pass
            assert answer[:1] == b"\0", answer
            sock.sendall(data)
            _listen(sock, 1.0)


def _scramble(password: bytes, greeting: Any) -> bytes:
    if greeting.plugin == "caching_sha2_password":
        return bytes(scramble_caching_sha2(password, greeting.nonce[:20]))
    return bytes(scramble_native_password(password, greeting.nonce[:20]))


def change_users(target: Target) -> None:
    """COM_CHANGE_USER with nonsense, with a flood behind it, and with no answer to what the server asks."""
    for turn in range(6):
        with contextlib.suppress(pymysql.err.Error, OSError):
            session = target.session()
            packet = build_packets(b"\x11root\0\x14" + b"x" * 20 + b"\0\x2d\0caching_sha2_password\0", 0)
            behind = (b"", b"\xff\xff\xff\1" + bytes(1 << 20), build_packets(b"\x0e", 0) * 5000)[turn % 3]
            session._sock.sendall(packet + behind)
            _listen(session._sock, 0.3)
            if turn < 2:
                target.held.append(session)
            else:
                session._force_close()


def _deep(head: str, middle: str, tail: str, count: int, end: str) -> str:
    return head * count + middle + tail * count + end


def _doubling(count: int) -> str:
    """Common table expressions that each read the one before twice."""
    named = [SMALL, *(f"c{i}" for i in range(count))]
    bodies = [f"{name} AS (SELECT a.id FROM {of} a JOIN {of} b USING (id))" for of, name in pairwise(named)]
    return f"WITH {', '.join(bodies)} SELECT COUNT(*) FROM {named[-1]}"


BOMBS: dict[str, str] = {
    "IN of 10,000": f"SELECT COUNT(*) FROM small WHERE id IN ({','.join(map(str, range(10_000)))})",
    "IN of 10,000 texts": "SELECT COUNT(*) FROM small WHERE s IN (" + ",".join(f"'{i}'" for i in range(8000)) + ")",
    "1 MB": "SELECT COUNT(*) FROM small WHERE s <> '" + "x" * 1_000_000 + "'",
    "4,000 columns": "SELECT " + ",".join(f"id AS c{i}" for i in range(4000)) + " FROM small LIMIT 1",
    "4,000 sums": "SELECT " + ",".join(f"SUM(id + {i})" for i in range(3000)) + " FROM small",
    "brackets": "SELECT COUNT(*) FROM small WHERE " + _deep("(", "id = 1", ")", 3000, ""),
    "brackets 90": "SELECT COUNT(*) FROM small WHERE " + _deep("(", "id = 1", ")", 90, ""),
    "additions": "SELECT SUM(" + "id+" * 400 + "1) FROM small",
    "many OR": "SELECT COUNT(*) FROM small WHERE " + " OR ".join(f"id = {i}" for i in range(400)),
    "CASE": "SELECT " + _deep("CASE WHEN id > 1 THEN ", "g", " ELSE 0 END", 60, "") + " FROM small",
    "IF": "SELECT SUM(" + _deep("IF(g > 1, g + ", "1", ", 2)", 30, "") + ") FROM small",
    "CONCAT doubling": "SELECT COUNT(*) FROM small WHERE " + _deep("CONCAT(s, ", "s", ")", 60, "") + " <> 'x'",
    "sub-queries": "SELECT COUNT(*) FROM " + _deep("(SELECT * FROM ", SMALL, ") x", 40, ""),
    "UNION": " UNION ALL ".join(["SELECT g, COUNT(*) FROM small GROUP BY g"] * 150),
    "CTE doubling": _doubling(14),
    "WITH RECURSIVE": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 1000000000) "
    "SELECT COUNT(*) FROM r, small",
    "cross joins": "SELECT /*+ MAX_EXECUTION_TIME(1500) */ COUNT(*) FROM small a, small b, small c, small d, small e "
    "WHERE a.g + b.g + c.g + d.g + e.g = 3",
    "61 tables": "SELECT COUNT(*) FROM small" + "".join(f" JOIN small t{i} ON t{i}.id = small.id" for i in range(60)),
    "REPEAT": "SELECT MAX(LENGTH(REPEAT(s, 100000000))) FROM small",
    "GROUP_CONCAT": "SELECT GROUP_CONCAT(a.s, b.s, c.s) FROM small a, small b, small c",
    "REGEXP": "SELECT COUNT(*) FROM small WHERE '" + "a" * 40 + "' REGEXP '(a+)+b'",
    "LIKE": "SELECT COUNT(*) FROM big WHERE s LIKE '" + "%a" * 60 + "%'",
    "comments": "SELECT /* " + "*/ /* " * 2000 + "*/ COUNT(*) FROM small",
    "comments before own tables": "/**/" * 28 + "(/**/(SELECT COUNT(*) FROM performance_schema.rpd_tables))",
    "endless own tables": "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r) "
    "SELECT COUNT(*) FROM r, performance_schema.rpd_tables",
    "windows": "SELECT "
    + ",".join(f"SUM(g) OVER (ORDER BY id ROWS {i + 1} PRECEDING)" for i in range(100))
    + " FROM small",
}  # fmt: skip


def _bombs(target: Target, names: list[str], uses: tuple[str, ...] = ("FORCED", "ON")) -> None:
    for name in names:
        for use in uses:
            with contextlib.suppress(pymysql.err.Error, OSError):
                session = target.session(read_timeout=6, max_allowed_packet=1 << 26)
                with session.cursor() as cursor:
                    cursor.execute(f"SET use_secondary_engine = {use}")
                    cursor.execute("SET max_execution_time = 4000")
                    cursor.execute(BOMBS[name])
                    cursor.fetchall()
                session._force_close()


def long_texts(target: Target) -> None:
    """Long statements that differ each time: nothing may be kept of them, and nobody may wait while one is read."""
    session = target.session(max_allowed_packet=1 << 26)
    with session.cursor() as cursor:
        for _ in range(6):
            mark = target.chance.randrange(1 << 30)
            for text in (
                f"SELECT COUNT(*) FROM small WHERE id IN ({','.join(map(str, range(mark, mark + 5500)))})",
                f"SELECT COUNT(*) FROM small WHERE s <> '{mark}" + "y" * 900_000 + "'",
            ):
                with contextlib.suppress(pymysql.err.Error):
                    cursor.execute(text)
    session.close()


def many_prepared(target: Target) -> None:
    """Prepared statements with long texts, never closed."""
    session = target.session(max_allowed_packet=1 << 26)
    for turn in range(150):
        session._execute_command(0x16, f"SELECT COUNT(*) AS c{turn} FROM small WHERE s <> '{'z' * 200_000}'")
        for _ in range(3):
            session._read_packet()
    target.held.append(session)


def attacks() -> Iterator[tuple[str, Callable[[Target], None]]]:
    """Every attack by name; the bombs are one each."""
    for act in (
        garbage_logins, wrong_passwords, slow_logins, storm, mutated_commands, bad_executions, huge_packets, trickle,
        vanish, no_readers, flood, local_files, compressed, change_users, long_texts, many_prepared,
    ):  # fmt: skip
        yield act.__name__.replace("_", " "), act
    for name in BOMBS:
        yield f"SQL: {name}", lambda target, name=name: _bombs(target, [name])


def release(target: Target) -> None:
    """Let go of what an attack held."""
    for each in target.held:
        with contextlib.suppress(OSError, pymysql.err.Error):
            each._force_close() if isinstance(each, pymysql.connections.Connection) else each.close()
    target.held.clear()


def open_files(process: int) -> int:
    """How many files a process has open."""
    return len(os.listdir(f"/proc/{process}/fd"))
