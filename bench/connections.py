"""What does an idle connection cost, and do thousands of them work?

Opens connections through warmfront, measures the proxies' memory for each, asks each a point query, lets every tenth
ask an offloaded one, and closes them all. Exits non-zero when one was refused, lost, or answered wrong.

    python -m bench.connections --counts 1000 5000 [--mysqld PROGRAM]
"""

import argparse
import resource
import sys
import time
from typing import Any

import psutil

from bench import report
from bench.instance import Instance, running

SCHEMA = "crowd"
POINT = ("SELECT g FROM items WHERE id = 7", ((2,),))
OFFLOADED = ("SELECT g, COUNT(*) FROM items GROUP BY g ORDER BY g", tuple((g, 100) for g in range(5)))


def prepare(instance: Instance, most: int) -> None:
    """Make the table, and room for the connections."""
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"SET GLOBAL max_connections = {most + 100}")
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
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(options=options) as instance:
        prepare(instance, max(arguments.counts))
        measure(instance, 100)  # what a process needs once
        for count in arguments.counts:
            row, failed = measure(instance, count)
            rows.append(row)
            failures += failed
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
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
