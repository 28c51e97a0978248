"""What does the router's look at a statement cost, in processor time of one worker?

A session of the real proxy, its two lines two pairs of sockets with nobody at the other end: what is timed is what
happens between a command's bytes and their way to the backend, and reading a statement of a new shape.

    python -m bench.routing
"""

import asyncio
import itertools
import socket
import time
from collections.abc import Callable
from typing import cast

import uvloop

from base.settings import Settings, Upstream
from bench import report
from proxy.decisions import decision_key
from proxy.dispatch import Dispatch
from proxy.login import LoggedIn
from proxy.pipe import PacketPipe
from proxy.router import Router
from proxy.rules import LoadedTables
from proxy.session import Session
from proxy.worker import Worker
from statements.facts import statement_facts
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.handshake import Greeting, Login
from wire.responses import Ok, build_ok

TIMES = 20_000
COST = 1.0  # of what is known, by the backend's optimizer
BY_NUMBER = "SELECT c FROM sbtest1 WHERE id=%d"
BY_RANGE = "SELECT c FROM sbtest1 WHERE id BETWEEN %d AND 900000 ORDER BY c"
BY_NAME = "SELECT id, name, created FROM users WHERE email = 'someone%d@example.com' AND state = 'active' LIMIT 1"
UPDATE = "UPDATE sbtest1 SET k=k+1 WHERE id=%d"
NEW = (
    "SELECT c.name, SUM(o.total) AS total{0} FROM orders o JOIN customers c ON c.id = o.customer "
    "WHERE o.sold >= '2026-01-01' AND o.state IN ('paid', 'sent') GROUP BY c.name HAVING SUM(o.total) > {0} "
    "ORDER BY total{0} DESC LIMIT 10"
)


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


async def measure() -> list[tuple[str, float]]:
    """Look at statements of each sort; gives what each costs in microseconds."""
    session = await open_session()
    handler = session.handlers[Command.QUERY]
    assert handler
    rows = []
    for name, text in (("by number", BY_NUMBER), ("a range", BY_RANGE), ("by a string", BY_NAME), ("UPDATE", UPDATE)):
        session.worker.stays.remember_cheap(decision_key((text % 1).encode()), COST, 100_000.0)
        whole = [build_packets(b"\x03" + (text % number).encode(), 0) for number in range(1000)]
        assert not handler(whole[0]), "it was taken over"
        again = itertools.repeat(whole[0])
        others = itertools.cycle(whole)
        rows.append((f"{name}, the same again", timed(lambda again=again: handler(next(again)))))
        rows.append((f"{name}, other literals", timed(lambda others=others: handler(next(others)))))
    shapes = itertools.count()
    rows.append(("facts of a new shape", timed(lambda: statement_facts(NEW.format(next(shapes))), 300)))
    return rows


def main() -> None:
    """Measure and print."""
    report.head("The router's look at a statement, microseconds of processor time")
    rows = uvloop.run(measure())
    report.table(["statement", "µs"], cast(list[tuple[object, ...]], rows))


if __name__ == "__main__":
    main()
