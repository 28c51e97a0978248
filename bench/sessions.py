"""Random sessions through warmfront and at the server itself: is every packet of every answer the same?

Two schemas of one server hold the same; both sessions take the same steps, each in its schema: queries, writes,
transactions, settings, prepared statements with cursors and long data, resets, and writes of others in between.

    python -m bench.sessions --sessions 50 --steps 120 --seed 1 [--mysqld PROGRAM]

What differs is printed with the steps before it; 1 is the exit code then.
"""

import argparse
import contextlib
import random
import re
import socket
import sys
from collections import deque
from typing import Any

from bench import report
from bench.instance import Instance, running
from bench.session_steps import TABLES, Elsewhere, Send, Steps
from wire.constants import Capability, Command, Status
from wire.framing import PacketReader, build_packets
from wire.handshake import Login, build_login, parse_greeting
from wire.integers import read_lenenc
from wire.phase import ANSWERS, IDLE, LOST, NOTHING, AnswerTracker

HERE, THERE = "wfa", "wfb"  # the schema of the session at the server, and of the one through warmfront
_USER = b"steps"
_ALWAYS = (
    Capability.LONG_PASSWORD
    | Capability.LONG_FLAG
    | Capability.CONNECT_WITH_DB
    | Capability.PROTOCOL_41
    | Capability.TRANSACTIONS
    | Capability.SECURE_CONNECTION
    | Capability.MULTI_RESULTS
    | Capability.PS_MULTI_RESULTS
    | Capability.PLUGIN_AUTH
)
_SOMETIMES = (
    *(Capability.MULTI_STATEMENTS, Capability.DEPRECATE_EOF, Capability.SESSION_TRACK, Capability.FOUND_ROWS),
    *(Capability.IGNORE_SPACE, Capability.CAN_HANDLE_EXPIRED_PASSWORDS),
)
_PLAN = int(Status.NO_GOOD_INDEX_USED | Status.NO_INDEX_USED | Status.QUERY_WAS_SLOW)
_NUMBERED = re.compile(rb".(?:The |Unknown prepared )(statement|statement handler) \(\d+\)|(last_gtid).{2}[\d-]+")
_SHOWN = 14
_WAIT = 40


class Line:
    """One connection, packets in and out."""

    def __init__(self, host: str, port: int, schema: str, flags: int) -> None:
        self.schema = schema.encode()
        self.socket = socket.create_connection((host, port), _WAIT)
        self._reader = PacketReader()
        greeting = parse_greeting(self._packet())
        self.flags = flags & greeting.capabilities
        login = Login(self.flags, 1 << 24, 45, _USER, b"", self.schema, greeting.plugin)
        self.socket.sendall(build_packets(build_login(login), 1))
        sequence = 3
        while (answer := self._packet())[0] != 0:
            if answer[0] == 0xFF:
                raise SystemExit(f"cannot log in: {answer!r}")
            self.socket.sendall(build_packets(b"", sequence))
            sequence += 2
        self.numbers: list[bytes] = []

    def _packet(self) -> bytes:
        while (payload := self._reader.next_payload()) is None:
            if not (data := self.socket.recv(1 << 16)):
                raise ConnectionError("closed")
            self._reader.feed(data)
        return payload

    def send(self, step: Send, body: bytes) -> list[bytes]:
        """Send a command and give the packets of its answer; an empty packet is the connection's end."""
        body = body.replace(b"{s}", self.schema)
        if step.statement is not None:
            if step.statement >= len(self.numbers):
                return []
            body = self.numbers[step.statement] + body[4:]
        try:
            self.socket.sendall(build_packets(bytes((step.command,)) + body, 0))
            if ANSWERS[step.command] == NOTHING:
                return []
            tracker = AnswerTracker(self.flags)
            tracker.begin(step.command)
            out = []
            while tracker.state != IDLE:
                packet = self._packet()
                tracker.feed(build_packets(packet, 1))
                out.append(packet)
                if tracker.state == LOST:
                    return [*out, b"cannot be followed"]
        except (ConnectionError, TimeoutError) as problem:
            return [b"", str(problem).encode()]
        if step.command == Command.STMT_PREPARE:
            ready = out[0][0] == 0
            self.numbers.append(out[0][1:5] if ready else (8888).to_bytes(4, "little"))
            if ready:
                out[0] = out[0][:1] + out[0][5:]
        return [self._normal(packet, len(out) == 1) for packet in out]

    def _normal(self, packet: bytes, alone: bool) -> bytes:
        """Leave out what may differ: the schema's name, a statement's number, and what a plan leaves in the status."""
        if packet[:1] == b"\xfe" and packet[1:3] == b"\0\0" and len(packet) >= 5:
            packet = packet[:3] + bytes((packet[3] & ~_PLAN & 0xFF, packet[4] & ~(_PLAN >> 8))) + packet[5:]
        elif alone and packet[:1] == b"\0":
            _, at = read_lenenc(packet, 1)
            _, at = read_lenenc(packet, at)
            status = int.from_bytes(packet[at : at + 2], "little") & ~_PLAN
            packet = packet[:at] + status.to_bytes(2, "little") + packet[at + 2 :]
        packet = _NUMBERED.sub(b"N", packet)
        return packet.replace(self.schema, b"{s}")


class Pair:
    """Both sessions."""

    def __init__(self, instance: Instance, flags: int) -> None:
        self.here = Line(instance.backend_host, instance.backend_port, HERE, flags)
        self.there = Line(instance.host, instance.port, THERE, flags)
        self.other = instance.connect(direct=True)

    def take(self, step: Send | Elsewhere) -> tuple[list[bytes], list[bytes]]:
        """Take a step on both sides."""
        if isinstance(step, Elsewhere):
            for schema in (HERE, THERE):
                self.other.select_db(schema)
                with contextlib.suppress(Exception), self.other.cursor() as cursor:
                    cursor.execute("SET innodb_lock_wait_timeout = 1, lock_wait_timeout = 1")
                    cursor.execute(step.text)
            return [], []
        here = self.here.send(step, step.body if step.direct is None else step.direct)
        return here, self.there.send(step, step.body)

    def close(self) -> None:
        """End both."""
        self.here.socket.close()
        self.there.socket.close()
        self.other.close()


def prepare(instance: Instance) -> None:
    """Make the account and both schemas, and wait for the copies."""
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        for host in ("%", "localhost"):
            cursor.execute(f"CREATE USER IF NOT EXISTS 'steps'@'{host}' IDENTIFIED BY ''")
            cursor.execute(f"GRANT ALL ON *.* TO 'steps'@'{host}'")
        cursor.execute("SET GLOBAL log_bin_trust_function_creators = 1")
        for schema in (HERE, THERE):
            cursor.execute(f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
            cursor.execute(f"USE {schema}")
            for statement in TABLES:
                cursor.execute(statement.format(s=schema))
    refill(instance)
    instance.wait_loaded(THERE, {"t", "w"})


def refill(instance: Instance) -> None:
    """Make what both schemas hold the same again."""
    rows = ",".join(
        f"({i},{i % 7},{i * 37 % 1000}.{i % 10},{i}/8,'n{i % 20}','2024-01-{1 + i % 28:02}',"
        f"'2024-02-{1 + i % 28:02} 10:11:{i % 60:02}.125','b{i}',{i * 1000003},{i % 2},"
        f"'2024-03-{1 + i % 28:02} 01:02:03')"
        for i in range(1, 41)
    )
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        for schema in (HERE, THERE):
            cursor.execute(f"DROP TABLE IF EXISTS {schema}.made")
            cursor.execute(f"DELETE FROM {schema}.t")
            cursor.execute(f"DELETE FROM {schema}.w")
            cursor.execute(f"ALTER TABLE {schema}.w AUTO_INCREMENT = 1")
            cursor.execute(f"INSERT INTO {schema}.t VALUES {rows}")
            cursor.execute(f"INSERT INTO {schema}.w (v, s) VALUES (1, 'a'), (2, 'b'), (3, NULL)")


def one_session(instance: Instance, seed: str, steps: int) -> str | None:
    """Run one session; gives what differed first."""
    chance = random.Random(seed)
    flags = int(_ALWAYS)
    for flag in _SOMETIMES:
        flags |= int(flag) if chance.random() < 0.5 else 0
    refill(instance)
    instance.wait_loaded(THERE, {"t", "w"})
    pair = Pair(instance, flags)
    made = Steps(chance, instance.kind == "mariadb")
    pair.take(Send(Command.QUERY, b"SELECT 1"))  # MariaDB's threads remember the FOUND_ROWS() of sessions before
    past: deque[str] = deque(maxlen=_SHOWN)
    try:
        for _ in range(steps):
            for step in made.make():
                here, there = pair.take(step)
                past.append(str(step))
                if here != there:
                    told = "\n".join(_difference(here, there))
                    return f"seed {seed}, {Capability(flags & ~int(_ALWAYS))!r}\n  " + "\n  ".join(past) + "\n" + told
                if here[:1] == [b""]:
                    return None  # the server itself has closed the connection
    finally:
        pair.close()
    return None


def _difference(here: list[bytes], there: list[bytes]) -> list[str]:
    out = [f"  packets: {len(here)}, then {len(there)}"]
    for at in range(max(len(here), len(there))):
        pair: list[Any] = [side[at] if at < len(side) else None for side in (here, there)]
        if pair[0] != pair[1]:
            out += [f"  {at}: {pair[0]!r}", f"  {at}: {pair[1]!r}"]
        if len(out) > 8:
            break
    return out


def main() -> None:
    """Parse arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--first", type=int, default=0, help="session to begin with")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    options = parser.parse_args()
    report.head("Random sessions")
    flags = ["--secondary-engine-cost-threshold", "0"] + (["--mysqld", options.mysqld] if options.mysqld else [])
    faults = 0
    with running(options.backend, options=flags) as instance:
        prepare(instance)
        for number in range(options.first, options.first + options.sessions):
            if found := one_session(instance, f"{options.seed}.{number}", options.steps):
                faults += 1
                print(found, flush=True)
        with instance.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'rapid_query_offload_count'")
            print(f"{instance.kind} {instance.version}: {faults} of {options.sessions} sessions differ,", end=" ")
            print(f"{cursor.fetchall()[0][1]} queries offloaded")
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
