"""Does anybody else notice an attack?

Runs the attacks of `bench.attacks` one after the other, each for some seconds, against a whole instance. Meanwhile two
bystanders ask a point query and an offloaded one ten times a second; afterwards everything must be as it was before:
memory, open files, the backend's connections, the processes. Exits non-zero when a bystander's session broke or was
answered wrong, or when a process died.

    python -m bench.fuzz --seconds 5 --seed 1 [--only NAME ...] [--mysqld PROGRAM]
"""

import argparse
import contextlib
import multiprocessing
import random
import statistics
import sys
import time
from multiprocessing.connection import Connection
from typing import Any

import psutil
import pymysql

from bench import report
from bench.attacks import BIG, SCHEMA, SMALL, Target, attacks, open_files, release
from bench.instance import Instance, running

ROWS = 200_000  # of 200 bytes
QUESTION = f"SELECT g, COUNT(*) FROM {SMALL} GROUP BY g ORDER BY g"
ANSWER = tuple((g, 100) for g in range(5))
SETTLED = 8.0  # seconds that what is left of an attack may take to go


def prepare(instance: Instance) -> None:
    """Make the tables and wait for their copies."""
    instance.sysbench_user("sbtest", "sbtest")
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {SCHEMA}")
        cursor.execute(f"CREATE DATABASE {SCHEMA}")
        cursor.execute(f"USE {SCHEMA}")
        cursor.execute("SET GLOBAL local_infile = ON")
        cursor.execute("SET GLOBAL max_connections = 1000")
        cursor.execute(f"CREATE TABLE {SMALL} (id INT PRIMARY KEY, g INT, s VARCHAR(40))")
        cursor.execute("CREATE TABLE scratch (a TEXT) ENGINE = MyISAM")
        cursor.execute(f"INSERT INTO {SMALL} VALUES " + ",".join(f"({i},{i % 5},'s{i}')" for i in range(500)))
        cursor.execute(f"CREATE TABLE {BIG} (id INT PRIMARY KEY, s VARCHAR(300))")
        for start in range(0, ROWS, 20_000):
            rows = ",".join(f"({i},'{'a' * 190}{i}')" for i in range(start, start + 20_000))
            cursor.execute(f"INSERT INTO {BIG} VALUES {rows}")
    instance.wait_loaded(SCHEMA, {SMALL, BIG})


def bystander(instance: Instance, use: str, pipe: Connection) -> None:
    """Ask the same ten times a second on one session; report latencies and what went wrong when asked to."""
    times: list[float] = []
    wrong: list[str] = []
    connection: Any = None
    query, expected = (QUESTION, ANSWER) if use == "FORCED" else (f"SELECT s FROM {SMALL} WHERE id = 7", (("s7",),))
    while True:
        if pipe.poll(0.1):
            if pipe.recv() == "end":
                return
            pipe.send((times, wrong))
            times, wrong = [], []
        began = time.perf_counter()
        try:
            if connection is None:
                connection = instance.connect(database=SCHEMA, read_timeout=20)
                with connection.cursor() as cursor:
                    cursor.execute(f"SET use_secondary_engine = {use}")
                began = time.perf_counter()
            with connection.cursor() as cursor:
                cursor.execute(query)
                if (got := cursor.fetchall()) != expected:
                    wrong.append(f"answered {got!r}")
        except pymysql.err.Error as problem:
            wrong.append(str(problem)[:100])
            with contextlib.suppress(Exception):
                connection.close()
            connection = None
        times.append(time.perf_counter() - began)


class Watch:
    """What the instance uses."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._control = instance.connect(direct=True)
        self.processes = {name: self._find(name) for name in ("proxy", "engine")}

    def _find(self, part: str) -> list[psutil.Process]:
        found = self._instance.process.children(recursive=True)
        return [child for child in found if {"-m", part} <= set(child.cmdline())]

    def alive(self) -> bool:
        """Tell whether the processes of the beginning still run."""
        return all(each.is_running() for group in self.processes.values() for each in group)

    def memory(self, part: str) -> float:
        """MiB of the processes of a part."""
        return sum(each.memory_info().rss for each in self.processes[part]) / 2**20

    def files(self) -> int:
        """Open files of all processes."""
        return sum(open_files(each.pid) for group in self.processes.values() for each in group)

    def threads(self) -> int:
        """Connections of the backend."""
        self._control.ping()
        with self._control.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Threads_connected'")
            return int(cursor.fetchone()[1])


def run(instance: Instance, arguments: argparse.Namespace) -> int:
    """Run the attacks; gives how many of them were noticed."""
    watch = Watch(instance)
    forking = multiprocessing.get_context("fork")
    people = []
    for use in ("OFF", "FORCED"):
        ours, theirs = forking.Pipe()
        process = forking.Process(target=bystander, args=(instance, use, theirs), daemon=True)
        process.start()
        people.append((ours, process))
    time.sleep(2)
    noticed = 0
    rows = []

    def asked() -> list[tuple[list[float], list[str]]]:
        for pipe, _ in people:
            pipe.send("report")
        return [pipe.recv() for pipe, _ in people]

    def note(name: str, peak: list[float], growth: list[str]) -> None:
        nonlocal noticed
        answers = asked()
        wrong = [text for _, texts in answers for text in texts]
        spread = [f"{statistics.median(t) * 1000:.1f} / {max(t) * 1000:.0f}" if t else "-" for t, _ in answers]
        died = "" if watch.alive() else "a process died "
        rows.append([name, *spread, *(f"{p:.0f}" for p in peak), *growth, died + "; ".join(sorted(set(wrong)))])
        report.console.print(*rows[-1], sep=" | ")
        noticed += bool(wrong or died)

    asked()
    time.sleep(3)
    note("nothing", [0, 0], ["0", "0"])
    for name, attack in attacks():
        if arguments.only and name not in arguments.only:
            continue
        target = Target(instance, random.Random(f"{arguments.seed} {name}"))
        memory = [watch.memory(part) for part in watch.processes]
        files, threads = watch.files(), watch.threads()
        most = list(memory)
        deadline = time.monotonic() + arguments.seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(pymysql.err.Error, OSError):
                attack(target)
            most = [max(m, watch.memory(part)) for m, part in zip(most, watch.processes, strict=True)]
        release(target)
        deadline = time.monotonic() + SETTLED
        while (watch.files() > files or watch.threads() > threads) and time.monotonic() < deadline:
            time.sleep(0.1)
        left = [f"{watch.files() - files:+d}", f"{watch.threads() - threads:+d}"]
        peak = [m - b for m, b in zip(most, memory, strict=True)]
        note(name, peak, left)
    report.table(
        [
            "attack",
            "point ms p50 / max",
            "offloaded ms p50 / max",
            "proxy +MiB",
            "engine +MiB",
            "files",
            "threads",
            "noticed",
        ],
        rows,
    )
    report.console.print("memory now, MiB:", {part: round(watch.memory(part)) for part in watch.processes})
    for pipe, process in people:
        pipe.send("end")
        process.join(5)
    return noticed


def main() -> None:
    """Parse arguments, start an instance, attack it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--mysqld")
    arguments = parser.parse_args()
    report.head("Attacks, and what everybody else notices")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(options=options) as instance:
        prepare(instance)
        noticed = run(instance, arguments)
    sys.exit(1 if noticed else 0)


if __name__ == "__main__":
    main()
