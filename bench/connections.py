"""What does an idle connection cost, and do thousands of them work?

Opens connections through warmfront, measures the proxies' memory for each, asks each a point query, lets every tenth
ask an offloaded one, and closes them all. Then as many come at the same moment, log in and stay, and are asked once
more when all are there; a login may take a minute, for this client and the servers share the processors. Exits
non-zero when one was refused, lost, or answered wrong.

    python -m bench.connections --counts 1000 5000 [--mysqld PROGRAM]
"""

import argparse
import asyncio
import resource
import sys
import time
from collections import Counter
from typing import Any

import psutil

from bench import report
from bench.instance import Instance, running
from wire.auth import native_scramble, sha2_scramble
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.handshake import Login, build_login, parse_greeting

SCHEMA = "crowd"
PATIENCE = 60  # seconds that a login may take; both servers' and our own default is 10
POINT = ("SELECT g FROM items WHERE id = 7", ((2,),))
OFFLOADED = ("SELECT g, COUNT(*) FROM items GROUP BY g ORDER BY g", tuple((g, 100) for g in range(5)))

_WANTED = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH | Capability.DEPRECATE_EOF
_SCRAMBLES = {"mysql_native_password": native_scramble, "caching_sha2_password": sha2_scramble}
_KNOWN = b"\x01\x03"  # caching_sha2_password: the server has the password in its cache


def prepare(instance: Instance, most: int) -> None:
    """Make the table, and room for the connections."""
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_connections = {most + 100}, GLOBAL connect_timeout = {PATIENCE}")
        cursor.execute("SELECT @@max_connections")
        (room,) = cursor.fetchone() or (0,)
        if room < most:
            raise SystemExit(f"the backend takes {room} connections only")
        cursor.execute(f"CREATE DATABASE {SCHEMA}")
        cursor.execute(f"CREATE TABLE {SCHEMA}.items (id INT PRIMARY KEY, g INT)")
        cursor.execute(f"INSERT INTO {SCHEMA}.items VALUES " + ",".join(f"({i},{i % 5})" for i in range(500)))
    instance.wait_loaded(SCHEMA, {"items"})


def proxies(instance: Instance) -> list[psutil.Process]:
    """The proxy processes."""
    found = instance.process.children(recursive=True)
    return [child for child in found if {"-m", "proxy"} <= set(child.cmdline())]


def measure(instance: Instance, count: int) -> tuple[list[object], int]:
    """Open, ask and close; gives the row to show, and how many failed."""
    crowd: list[Any] = []
    failed = 0

    def ask(question: tuple[str, object], members: list[Any]) -> float:
        nonlocal failed
        began = time.perf_counter()
        for connection in members:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(question[0])
                    failed += cursor.fetchall() != question[1]
            except Exception as problem:
                report.console.print(problem)
                failed += 1
        return time.perf_counter() - began

    before = sum(process.memory_info().rss for process in proxies(instance))
    files = sum(process.num_fds() for process in proxies(instance))
    began = time.perf_counter()
    for _ in range(count):
        try:
            crowd.append(instance.connect(database=SCHEMA, ssl_disabled=True))
        except Exception as problem:
            report.console.print(problem)
            failed += 1
    opened = time.perf_counter() - began
    idle = (sum(process.memory_info().rss for process in proxies(instance)) - before) / count / 1000
    asked = ask(POINT, crowd)
    for connection in crowd[::10]:
        with connection.cursor() as cursor:
            cursor.execute("SET use_secondary_engine = FORCED")
    offloaded = ask(OFFLOADED, crowd[::10])
    used = (sum(process.memory_info().rss for process in proxies(instance)) - before) / count / 1000
    for connection in crowd:
        connection.close()
    deadline = time.monotonic() + 20
    while (left := sum(process.num_fds() for process in proxies(instance)) - files) > 4 and time.monotonic() < deadline:
        time.sleep(0.1)
    return [count, failed, opened, idle, asked, offloaded, used, left], failed + (left > 4)


async def come_at_once(instance: Instance, count: int) -> tuple[float, Counter[str]]:
    """Log in on so many connections at the same moment; gives the seconds that it took, and how they fared."""
    fared: Counter[str] = Counter()
    held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def come() -> None:
        try:
            reader, writer = await asyncio.open_connection(instance.host, instance.port)
            greeting = parse_greeting(await payload_of(reader))
            flags = int(_WANTED) & greeting.capabilities
            plugin = greeting.plugin if greeting.plugin in _SCRAMBLES else "mysql_native_password"
            answer = _SCRAMBLES[plugin](instance.password.encode(), greeting.nonce)
            login = Login(flags, 1 << 24, 45, instance.user.encode(), answer, plugin=plugin)
            writer.write(build_packets(build_login(login), 1))
            if (ended := await payload_of(reader)) == _KNOWN:
                ended = await payload_of(reader)
            fared["logged in" if ended[:1] == b"\0" else f"refused: {ended[3:60]!r}"] += 1
            held.append((reader, writer))
        except (OSError, EOFError) as problem:
            fared[f"lost: {problem!r}"] += 1

    async def ping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(build_packets(bytes((Command.PING,)), 0))
        try:
            fared["answered" if (await payload_of(reader))[:1] == b"\0" else "answered wrong"] += 1
        except (OSError, EOFError) as problem:
            fared[f"lost later: {problem!r}"] += 1

    began = time.perf_counter()
    await asyncio.gather(*(come() for _ in range(count)))
    seconds = time.perf_counter() - began
    await asyncio.gather(*(ping(*line) for line in held))
    for _, writer in held:
        writer.close()
    return seconds, fared


async def payload_of(reader: asyncio.StreamReader) -> bytes:
    """Read one packet."""
    head = await reader.readexactly(4)
    return await reader.readexactly(int.from_bytes(head[:3], "little"))


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--mysqld")
    arguments = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    report.head("Connections")
    rows, failures = [], 0
    options = ["--connect-timeout", str(PATIENCE)] + (["--mysqld", arguments.mysqld] if arguments.mysqld else [])
    with running(options=options) as instance:
        prepare(instance, max(arguments.counts))
        measure(instance, 100)  # what a process needs once
        for count in arguments.counts:
            row, failed = measure(instance, count)
            rows.append(row)
            failures += failed
        together = []
        for count in arguments.counts:
            instance.connect(ssl_disabled=False).close()  # so that the server has the password in its cache
            seconds, fared = asyncio.run(come_at_once(instance, count))
            together.append([count, seconds, ", ".join(f"{number:,} {how}" for how, number in fared.items())])
            failures += fared["logged in"] != count or fared["answered"] != count
    report.table(
        [
            "connections",
            "failed",
            "opened s",
            "idle kB each",
            "asked s",
            "a tenth offloaded s",
            "kB each then",
            "files left",
        ],
        rows,
    )
    report.table(["at the same moment", "all there s", "how they fared"], together)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
