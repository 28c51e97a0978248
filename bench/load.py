"""How fast is a table loaded into the store, and in how much memory?

lineitem at the given scale: SECONDARY_UNLOAD, then SECONDARY_LOAD through warmfront, with the engine's peak memory,
beside `SELECT *` drained by the mysql client and (where installed) read by connectorx from the same server.

    python -m bench.load --scale 1
"""

import argparse
import os
import shutil
import subprocess
import threading
import time
from dataclasses import dataclass

import psutil

from bench import report
from bench.instance import Instance, running
from bench.tpch import prepare
from warmfront.tpch_data import schema_name


def peak_memory(process: psutil.Process, stop: threading.Event, peak: list[int]) -> None:
    """Watch a process's resident memory every 20 ms; the maximum in bytes goes into `peak`."""
    highest = 0
    while not stop.wait(0.02):
        highest = max(highest, process.memory_info().rss)
    peak.append(highest)


@dataclass(frozen=True, slots=True)
class Load:
    """One load: seconds, the engine's seconds of processor, and its memory before and at the highest, in bytes."""

    seconds: float
    processor: float
    before: int
    peak: int


def load(instance: Instance, schema: str) -> Load:
    """Unload and load lineitem."""
    connection = instance.connect(database=schema)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE lineitem SECONDARY_UNLOAD")
        engine, stop, peak = instance.engine(), threading.Event(), []  # type: ignore[var-annotated]
        before, used = engine.memory_info().rss, engine.cpu_times()
        watcher = threading.Thread(target=peak_memory, args=(engine, stop, peak))
        watcher.start()
        begun = time.perf_counter()
        cursor.execute("ALTER TABLE lineitem SECONDARY_LOAD")
        seconds = time.perf_counter() - begun
        now = engine.cpu_times()
        stop.set()
        watcher.join()
    connection.close()
    return Load(seconds, now.user + now.system - used.user - used.system, before, peak[0])


def mysql_client(instance: Instance, schema: str) -> float | None:
    """Seconds the mysql command line takes to drain the same rows; None where there is no such program."""
    program = shutil.which("mysql") or shutil.which("mariadb")
    if program is None:
        return None
    command = [program, "--protocol=tcp", f"-h{instance.backend_host}", f"-P{instance.backend_port}"]
    command += [f"-u{instance.user}", "--quick", "-N", "-B", "-e", "SELECT * FROM lineitem", schema]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "MYSQL_PWD": instance.password})
    return time.perf_counter() - begun


def connectorx(instance: Instance, schema: str) -> float | None:
    """Seconds connectorx takes to read the same rows into Arrow on one connection; None where not installed."""
    try:
        import connectorx as cx
    except ImportError:
        return None
    url = f"mysql://{instance.user}:{instance.password}@{instance.backend_host}:{instance.backend_port}/{schema}"
    begun = time.perf_counter()
    cx.read_sql(url, "SELECT * FROM lineitem", return_type="arrow")
    return time.perf_counter() - begun


def measure(instance: Instance, arguments: argparse.Namespace) -> None:
    """Alternate the ways and print the fastest of each."""
    schema = schema_name(arguments.scale)
    connection = instance.connect(direct=True, database=schema)
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM lineitem")
        (count,) = cursor.fetchone() or (0,)
    connection.close()
    times: dict[str, list[float]] = {}
    loads: list[Load] = []
    for _ in range(arguments.rounds):
        loads.append(load(instance, schema))
        times.setdefault("load into the store", []).append(loads[-1].seconds)
        for name, way in (("mysql client, SELECT * drained", mysql_client), ("connectorx, to Arrow", connectorx)):
            taken = way(instance, schema)
            if taken is not None:
                times.setdefault(name, []).append(taken)
    fastest = {name: min(values) for name, values in times.items()}
    first = fastest["load into the store"]
    report.table(
        ["", "s", "rows/s", "load to this"],
        [[name, seconds, f"{count / seconds:,.0f}", first / seconds] for name, seconds in fastest.items()],
    )
    for name in ("mysql client, SELECT * drained", "connectorx, to Arrow"):
        if name not in fastest:
            report.console.print(f"{name}: not installed, left out")
    report.console.print(
        f"{count:,} rows; engine's processor {min(one.processor for one in loads):,.1f} s, memory before "
        f"{loads[0].before / 2**20:,.0f} MiB, peak {max(one.peak for one in loads) / 2**20:,.0f} MiB; "
        f"load average {os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data-dir", help="keep the instance and its data here for the next run")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    arguments = parser.parse_args()
    report.head(f"Load: lineitem at scale {arguments.scale:g} into the store")
    with running(backend=arguments.backend, data_dir=arguments.data_dir) as instance:
        prepare(instance, arguments.scale)
        measure(instance, arguments)


if __name__ == "__main__":
    main()
