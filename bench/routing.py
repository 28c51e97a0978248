"""What does the router's look at a statement and its answer cost, in processor time of one worker?

A session of the real proxy whose two lines take what is written and send it nowhere: what is timed is what happens
between a command's bytes and their way to the backend, and its answer's and their way to the client; and reading a
statement of a new shape.

    python -m bench.routing
"""

import asyncio
import itertools
import socket
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import cast

import uvloop

from base.settings import Settings, Upstream
from bench import report
from proxy.decisions import decision_key
from proxy.dispatch import Dispatch
from proxy.engine.loaded import LoadedTables
from proxy.line.login import LoggedIn
from proxy.line.pipe import PacketPipe
from proxy.routing.router import Router
from proxy.sessions.session import Session
from proxy.sessions.worker import Worker
from statements.facts import statement_facts
from wire.constants import Capability, Status
from wire.framing import build_packets
from wire.handshake import Greeting, Login
from wire.phase import IDLE
from wire.responses import (
    ColumnDefinition,
    Ok,
    build_column_definition,
    build_end_of_rows,
    build_ok,
    build_text_row,
)

TIMES = 20_000
COLUMN = build_column_definition(ColumnDefinition("c", 254))
SUM = build_column_definition(ColumnDefinition("SUM(k)", 246))
COST = 1.0  # of what is known, by the backend's optimizer
BY_NUMBER = "SELECT c FROM sbtest1 WHERE id=%d"
BY_RANGE = "SELECT c FROM sbtest1 WHERE id BETWEEN %d AND 900000 ORDER BY c"
BY_NAME = "SELECT id, name, created FROM users WHERE email = 'someone%d@example.com' AND state = 'active' LIMIT 1"
UPDATE = "UPDATE sbtest1 SET k=k+1 WHERE id=%d"
INSERT = "INSERT INTO sbtest1 (id, k, c, pad) VALUES (%d, 49929, '{}', '{}')".format(
    "68487932199-" * 10, "22195207048-" * 5
)
COMMIT = "COMMIT"
ANSWERED = (
    ("by number", BY_NUMBER, True),
    ("a range", BY_RANGE, True),
    ("by a string", BY_NAME, True),
    ("UPDATE", UPDATE, False),
    ("INSERT", INSERT, False),
    ("COMMIT", COMMIT, False),
)
# A transaction of sysbench's oltp_read_write: how often it has each statement, and the rows of its answer.
_RANGE = "FROM sbtest1 WHERE id BETWEEN %d AND 900000"
TRANSACTION = (
    ("BEGIN", "BEGIN", 1, None),
    ("by number", BY_NUMBER, 10, 1),
    ("a range", f"SELECT c {_RANGE}", 1, 100),
    ("SUM of a range", f"SELECT SUM(k) {_RANGE}", 1, 1),
    ("a range in order", f"SELECT c {_RANGE} ORDER BY c", 1, 100),
    ("DISTINCT of a range", f"SELECT DISTINCT c {_RANGE} ORDER BY c", 1, 100),
    ("UPDATE of a key", UPDATE, 1, None),
    ("UPDATE", "UPDATE sbtest1 SET c='{}' WHERE id=%d".format("68487932199-" * 10), 1, None),
    ("DELETE", "DELETE FROM sbtest1 WHERE id=%d", 1, None),
    ("INSERT", INSERT, 1, None),
    ("COMMIT", COMMIT, 1, None),
)
NEW = (
    "SELECT c.name, SUM(o.total) AS total{0} FROM orders o JOIN customers c ON c.id = o.customer "
    "WHERE o.sold >= '2026-01-01' AND o.state IN ('paid', 'sent') GROUP BY c.name HAVING SUM(o.total) > {0} "
    "ORDER BY total{0} DESC LIMIT 10"
)


class Nowhere(asyncio.Transport):
    """Takes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.write = deque[object](maxlen=1).append  # type: ignore[method-assign]

    def is_closing(self) -> bool:
        """It never ends."""
        return False


def packets(*payloads: bytes) -> bytes:
    """An answer."""
    return b"".join(build_packets(payload, number) for number, payload in enumerate(payloads, 1))


async def open_session() -> Session:
    """A session that is logged in, with nobody at either end."""
    loop = asyncio.get_running_loop()
    upstream = Upstream("mysql", "127.0.0.1", 1, None, "nobody", "", "9.7.0")
    worker = Worker(Settings(tls="disabled", backend_tls="disabled", upstream=upstream))
    worker.engine.loaded = LoadedTables.of(frozenset({("shop", "orders")}))
    capabilities = int(Capability.PROTOCOL_41 | Capability.DEPRECATE_EOF)
    pipes = []
    for _ in range(2):
        ours, far = socket.socketpair()
        ours.setblocking(False)
        loop.call_later(3600, far.close)  # holds it
        pipe = PacketPipe(0, asyncio.Event())
        await loop.create_connection(lambda pipe=pipe: pipe, sock=ours)
        pipes.append(pipe)
    greeting = Greeting("9.7.0", 7, bytes(20), capabilities, 45, 2, "caching_sha2_password")
    login = Login(capabilities, 1 << 24, 45, b"nobody", b"")
    logged_in = LoggedIn(*pipes, greeting, login, capabilities, build_ok(Ok()), False, False)
    session = Session(worker, logged_in, lambda session: None)
    Dispatch(Router(session))
    session.start()
    return session


def timed(act: Callable[[], object], times: int = TIMES) -> float:
    """Microseconds of processor time of each, the least of three runs."""
    best = float("inf")
    for _ in range(3):
        began = time.process_time()
        for _ in range(times):
            act()
        best = min(best, time.process_time() - began)
    return best / times * 1e6


def answer_of(session: Session, rows: int | None, status: Status, column: bytes = COLUMN) -> bytes:
    """An OK, or rows of 100 bytes."""
    if rows is None:
        return packets(build_ok(Ok(status=status)))
    row = build_text_row([b"1" * 100])
    return packets(b"\1", column, *[row] * rows, build_end_of_rows(status, 0, session.capabilities))


async def measure_transaction() -> list[tuple[str, float, int]]:
    """Run the transaction again and again; gives for each statement its median in microseconds, and how often it is."""
    session = await open_session()
    session.client = session.backend = session.flow.source = Nowhere()
    session.worker.stays.remember_cheap(decision_key((BY_NUMBER % 1).encode()), COST, 100_000.0)
    # Each command with its answers, which tell that a transaction is open until it ends.
    answers = [
        answer_of(
            session,
            rows,
            Status.AUTOCOMMIT if text == COMMIT else Status.AUTOCOMMIT | Status.IN_TRANS,
            SUM if "SUM" in text else COLUMN,
        )
        for _, text, _, rows in TRANSACTION
    ]
    taken: list[list[float]] = [[] for _ in TRANSACTION]
    for number in range(10_000, 10_000 + TIMES // 10):
        for seen, answer, (_, text, often, _) in zip(taken, answers, TRANSACTION, strict=True):
            for time_of_it in range(often):
                command = build_packets(b"\x03" + (text % (number + time_of_it) if "%d" in text else text).encode(), 0)
                began = time.perf_counter_ns()
                session.from_client(command)
                session.from_backend(answer)
                seen.append((time.perf_counter_ns() - began) / 1e3)
                assert session.tracker.state == IDLE, "it was taken over"
    return [
        (name, statistics.median(seen), often) for (name, _, often, _), seen in zip(TRANSACTION, taken, strict=True)
    ]


async def measure() -> list[tuple[str, float]]:
    """Look at statements of each sort; gives what each costs in microseconds."""
    session = await open_session()
    session.client = session.backend = session.flow.source = Nowhere()
    rows = []
    for name, text, is_query in ANSWERED:
        wanted = [text % number if "%d" in text else text for number in range(10_000, 11_000)]
        session.worker.stays.remember_cheap(decision_key(wanted[0].encode()), COST, 100_000.0)
        whole = [build_packets(b"\x03" + one.encode(), 0) for one in wanted]
        answer = answer_of(session, 1 if is_query else None, Status.AUTOCOMMIT)
        again = itertools.repeat(whole[0])
        others = itertools.cycle(whole)
        for label, commands in (("the same again", again), ("other literals", others)):

            def cycle(commands: Iterator[bytes] = commands, answer: bytes = answer) -> None:
                session.from_client(next(commands))
                session.from_backend(answer)

            rows.append((f"{name}, {label}", timed(cycle)))
            assert session.tracker.state == IDLE, "it was taken over"
    shapes = itertools.count()
    rows.append(("facts of a new shape", timed(lambda: statement_facts(NEW.format(next(shapes))), 300)))
    return rows


def main() -> None:
    """Measure and print."""
    report.head("The router's look at a statement, microseconds of processor time")
    rows = uvloop.run(measure())
    report.table(["statement", "µs"], cast(list[tuple[object, ...]], rows))
    parts = uvloop.run(measure_transaction())
    report.table(
        ["statement of a transaction of oltp_read_write", "µs", "times"], cast(list[tuple[object, ...]], parts)
    )
    report.console.print(f"the transaction: {sum(each * often for _, each, often in parts):.0f} µs")


if __name__ == "__main__":
    main()
