"""How soon does an engine that was killed answer again, and what does its start take?

Seconds since the new process began, until its endpoint listens and until the first statement is offloaded, and the
processor time it had taken by then. With --beside another tree's engine is started in turns with this one's.

    python -m bench.engine_start --rounds 5 --beside /path/of/another/clone
"""

import argparse
import contextlib
import socket
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil
import pymysql

from bench import report
from bench.instance import Instance, running

_QUERY = (
    "SELECT s, COUNT(*), SUM(d), AVG(i), MAX(t), MAX(f) FROM bench_start.t WHERE i < 900 GROUP BY s ORDER BY s LIMIT 10"
)
_TABLE = "CREATE TABLE t (i INT PRIMARY KEY, d DECIMAL(12,2), s VARCHAR(20), t DATETIME, f DOUBLE)"
_PATIENCE = 120.0
T = TypeVar("T")
_Taken = tuple[float, float, float, float]


def prepare(instance: Instance) -> None:
    """Make and load a table of 1,000 rows of several types."""
    rows = ", ".join(f"({i}, {i}.25, 'name {i % 7}', '2024-01-01', {i} / 3)" for i in range(1000))
    connection = instance.connect()
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE bench_start")
        cursor.execute("USE bench_start")
        cursor.execute(_TABLE)
        cursor.execute(f"INSERT INTO t VALUES {rows}")
        cursor.execute("ALTER TABLE t SECONDARY_LOAD")
    connection.close()


def restart(instance: Instance) -> _Taken:
    """Kill the engine. Gives seconds to the endpoint, processor seconds then, and both at the first answer.

    Raises TimeoutError.
    """
    before = instance.engine()
    before.kill()
    path = instance.data_dir / "run" / "engine.sock"
    deadline = time.monotonic() + _PATIENCE
    process = _wait_for(deadline, lambda: _another(instance, before.pid))
    _wait_for(deadline, lambda: _listens(path) or None)
    listening, used = time.time() - process.create_time(), _processor(process)
    connection = instance.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION use_secondary_engine = FORCED")
        _wait_for(deadline, lambda: _answered(cursor) or None)
    connection.close()
    return listening, used, time.time() - process.create_time(), _processor(process)


def _wait_for(deadline: float, found: Callable[[], T | None]) -> T:
    while (value := found()) is None:
        if time.monotonic() > deadline:
            raise TimeoutError("the engine did not come back")
        time.sleep(0.02)
    return value


def _another(instance: Instance, pid: int) -> psutil.Process | None:
    with contextlib.suppress(ProcessLookupError):
        found = instance.engine()
        return found if found.pid != pid else None
    return None


def _listens(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.connect(str(path))
        return True
    return False


def _answered(cursor: "pymysql.cursors.Cursor") -> bool:
    try:
        return cursor.execute(_QUERY) == 7
    except pymysql.Error as error:
        if "bench_start.t" in str(error) or "engine" in str(error):  # not yet there
            return False
        raise


def _processor(process: psutil.Process) -> float:
    taken = process.cpu_times()
    return float(taken.user + taken.system)


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beside", metavar="TREE", help="another clone, with its kernels compiled")
    options = parser.parse_args()
    trees = {"this tree": None, **({options.beside: options.beside} if options.beside else {})}
    taken: dict[str, list[_Taken]] = {name: [] for name in trees}
    with contextlib.ExitStack() as stack:
        instances = {name: stack.enter_context(running(tree=tree)) for name, tree in trees.items()}
        for instance in instances.values():
            prepare(instance)
        for number in range(options.rounds + 1):  # the first fills the system's caches
            for name, instance in instances.items():
                figures = restart(instance)
                if number:
                    taken[name].append(figures)
    report.head(f"An engine's start, medians of {options.rounds}")
    columns = ("", "listens, s", "of processor", "answers, s", "of processor")
    report.table(
        columns, [(name, *map(statistics.median, zip(*rounds, strict=True))) for name, rounds in taken.items()]
    )


if __name__ == "__main__":
    main()
