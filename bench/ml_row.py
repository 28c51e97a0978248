"""What one ML_PREDICT_ROW costs over a SELECT 1 on the same connection, and in which process its time goes.

Every row has other values, as an application's have. In turns with SELECT 1, so that both see the same machine; wall
time at the client, and the processor time of each process for a call, which other work on the machine changes less.

With --ahead the processes that are measured run at real-time priority meanwhile (a few seconds; root may): before all
other work, as on a machine that has none.

    python -m bench.ml_row --runs 2000 --ahead
    python -m bench.ml_row --mysqld PROGRAM
"""

import argparse
import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence

import psutil
import pymysql

from bench import report
from bench.freshness import quantiles
from bench.instance import Instance, running
from bench.ml_serving import MODELS, TARGETS, fill

_ROWS = 20_000
_CITIES = ("Rome", "Oslo", "Paris", "Bonn")


def statement(number: int) -> str:
    """Give a call whose values are those of no call before it."""
    city, income = _CITIES[number % 4], 1000 + number * 7 % 8000 + 0.25
    row = f"'age', {18 + number % 63}, 'visits', {number % 100}, 'income', {income}, 'city', '{city}', 'churn', 'no'"
    return f"SELECT sys.ML_PREDICT_ROW(JSON_OBJECT({row}), @m, NULL)"


def parts(instance: Instance) -> dict[str, list[psutil.Process]]:
    """Give the processes that take part in a call, by what they are."""
    children = instance.process.children(recursive=True)
    named = {name: [each for each in children if {"-m", name} <= set(each.cmdline())] for name in ("proxy", "engine")}
    servers = [each for each in children if each.name() in ("mysqld", "mariadbd")]
    return {**named, "backend": servers}


def spent(processes: Sequence[psutil.Process]) -> float:
    """Seconds of processor time that processes have used."""
    return sum(sum(process.cpu_times()[:2]) for process in processes)


def each_of(
    cursor: pymysql.cursors.Cursor, runs: int, asked: Callable[[int], str], among: dict[str, list[psutil.Process]]
) -> list[float]:
    """Run one kind of statement alone; give the milliseconds of processor time that each part took for one."""
    before = [spent(processes) for processes in among.values()]
    for number in range(runs):
        cursor.execute(asked(number))
        cursor.fetchall()
    after = [spent(processes) for processes in among.values()]
    return [(end - start) * 1000 / runs for start, end in zip(before, after, strict=True)]


def in_turns(cursor: pymysql.cursors.Cursor, runs: int, numbers: "itertools.count[int]") -> list[list[float]]:
    """Give the seconds at the client of SELECT 1 and of calls, one of each after the other."""
    taken: list[list[float]] = [[], []]
    for _ in range(runs):
        for found, text in zip(taken, ("SELECT 1", statement(next(numbers))), strict=True):
            began = time.perf_counter()
            cursor.execute(text)
            cursor.fetchall()
            found.append(time.perf_counter() - began)
    return taken


@contextlib.contextmanager
def ahead(instance: Instance, wanted: bool) -> Iterator[None]:
    """Let the threads of an instance and of this process run before all others."""
    processes = [psutil.Process(), instance.process, *instance.process.children(recursive=True)] if wanted else []

    def run_as(policy: int, priority: int) -> None:
        for thread in (thread.id for process in processes for thread in process.threads()):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setscheduler(thread, policy, os.sched_param(priority))

    run_as(os.SCHED_RR, 1)
    try:
        yield
    finally:
        run_as(os.SCHED_OTHER, 0)


def measure(instance: Instance, runs: int, first: bool) -> None:
    """Train both models, use them, print what it took."""
    connection = instance.connect(charset="utf8mb4")
    with connection.cursor() as cursor:
        fill(cursor, _ROWS)
        instance.wait_loaded("serving", {"people"})
        among, lines, numbers = parts(instance), [], itertools.count()
        for name, options in MODELS.items():
            cursor.execute("SET @m = NULL")
            cursor.execute(f"CALL sys.ML_TRAIN('serving.people', '{TARGETS[name]}', {options}, @m)")
            with ahead(instance, first):
                in_turns(cursor, 50, numbers)
                alone, asked = in_turns(cursor, runs, numbers)
                rest = each_of(cursor, runs, lambda _: "SELECT 1", among)
                work = each_of(cursor, runs, lambda _: statement(next(numbers)), among)
            waits = [quantiles(each)[:2] for each in (alone, asked)]
            added = [mine - other for mine, other in zip(work, rest, strict=True)]
            walls = (waits[0][0], waits[1][0], waits[1][0] - waits[0][0], waits[1][1])
            lines.append([name, *(f"{value:.3f}" for value in (*walls, *added))])
        walls_of = ("SELECT 1 p50 ms", "row p50 ms", "added p50 ms", "row p99 ms")
        report.table(("model", *walls_of, *(f"{part}: processor ms added" for part in among)), lines)
    connection.close()
    report.console.print(f"{'MariaDB' if instance.kind == 'mariadb' else 'MySQL'} {instance.version}")


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--ahead", action="store_true", help="measure at real-time priority")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    report.head("Machine learning in SQL: one row")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(arguments.backend, options=options) as instance:
        measure(instance, arguments.runs, arguments.ahead)


if __name__ == "__main__":
    main()
