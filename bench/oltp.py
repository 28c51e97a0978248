"""What do fresh reads cost beside OLTP writes, and what do the writes lose?

sysbench's oltp_write_only runs through warmfront: first with the engine at work and nobody reading, then with the
engine stopped (SIGSTOP), then with a client that commits a row and counts it by FORCED offload again and again. The
first two give the share of the throughput that is left; the third the fence's wait, as rpd_query_stats records it.

    python -m bench.oltp --seconds 60 --threads 8 --size 100000 --mysqld PROGRAM
"""

import argparse
import contextlib
import re
import signal
import statistics
import subprocess
import threading
import time

import pymysql

from bench import report
from bench.freshness import TABLE, fence_waits, quantiles
from bench.instance import Instance, running

SCHEMA = "sbtest"


def sysbench(instance: Instance, options: argparse.Namespace, action: str) -> str:
    """Run one action of oltp_write_only through warmfront and give its output."""
    command = [
        "sysbench", "oltp_write_only", "--db-driver=mysql", "--mysql-host=127.0.0.1", f"--mysql-port={instance.port}",
        "--mysql-user=sbtest", "--mysql-password=sbtest", f"--mysql-db={SCHEMA}", "--mysql-ssl=off",
        "--tables=1", f"--table-size={options.size}", f"--threads={options.threads}", f"--time={options.seconds}",
        "--db-ps-mode=disable", "--report-interval=0", "--mysql-ignore-errors=1213,1062,1020,1205", action,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"sysbench failed:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def throughput(instance: Instance, options: argparse.Namespace) -> float:
    """Transactions per second of one run."""
    found = re.search(r"transactions:\s+\d+\s+\(([\d.]+) per", sysbench(instance, options, "run"))
    assert found
    return float(found[1])


def wait_fresh(instance: Instance) -> None:
    """Wait until the copy has what was written while the engine was stopped: the waits of one that catches up are
    another figure (`bench.apply`)."""
    instance.wait_loaded(SCHEMA, {"sbtest1", "probe"})
    cursor = instance.connect(database=SCHEMA).cursor()
    cursor.execute("SET use_secondary_engine = FORCED")
    for _ in range(100):
        with contextlib.suppress(pymysql.err.MySQLError):
            cursor.execute("SELECT COUNT(*) FROM sbtest1")
            return
    raise SystemExit("the copy does not become fresh again")


def read_steadily(instance: Instance, pause: float, stop: threading.Event, answers: list[bool]) -> None:
    """Commit a row on one connection and count it on another, until told to stop."""
    put, get = instance.connect(database=SCHEMA).cursor(), instance.connect(database=SCHEMA).cursor()
    get.execute("SET use_secondary_engine = FORCED")
    number = 0
    while not stop.wait(pause):
        number += 1
        put.execute("INSERT INTO probe (who, filler) VALUES (%s, '')", (number,))
        get.execute("SELECT COUNT(*), MAX(who) FROM probe")
        answers.append(get.fetchone() == (number, number))


def measure(instance: Instance, options: argparse.Namespace) -> None:
    """Run the rounds and print."""
    instance.sysbench_user("sbtest", SCHEMA)
    sysbench(instance, options, "prepare")
    cursor = instance.connect(database=SCHEMA).cursor()
    cursor.execute(TABLE.format(name="probe"))
    instance.wait_loaded(SCHEMA, {"sbtest1", "probe"})
    engine = instance.engine()
    at_work, stopped, busy = [], [], []
    for _ in range(options.rounds):
        used, began = sum(engine.cpu_times()[:2]), time.perf_counter()
        at_work.append(throughput(instance, options))
        busy.append((sum(engine.cpu_times()[:2]) - used) / (time.perf_counter() - began))
        engine.send_signal(signal.SIGSTOP)
        try:
            stopped.append(throughput(instance, options))
        finally:
            engine.send_signal(signal.SIGCONT)
        wait_fresh(instance)
    stop, answers = threading.Event(), list[bool]()
    reader = threading.Thread(target=read_steadily, args=(instance, options.pause, stop, answers))
    reader.start()
    beside_reads = throughput(instance, options)
    stop.set()
    reader.join()
    waits = fence_waits(cursor)
    with_engine, without = statistics.median(at_work), statistics.median(stopped)
    report.table(
        ["oltp_write_only", "transactions/s", "to the engine stopped"],
        [
            ["engine stopped", without, 1.0],
            ["engine at work", with_engine, with_engine / without],
            ["engine at work, and a reader", beside_reads, beside_reads / without],
        ],
    )
    report.table(["", "n", "p50 ms", "p99 ms", "max ms"], [["wait of the fence", len(waits), *quantiles(waits)]])
    report.console.print(
        f"{options.threads} threads, {options.seconds} s a run, {options.size:,} rows, {options.rounds} rounds; "
        f"engine's processor without reads {statistics.median(busy):.2f} of a core; "
        f"stale answers {answers.count(False)} of {len(answers)}; {instance.kind} {instance.version}"
    )


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--size", type=int, default=100_000, help="rows of sysbench's table")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between two reads")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    parser.add_argument("--engine-nice", type=int, default=0, help="as the setting of that name")
    options = parser.parse_args()
    report.head(f"Fresh reads beside sysbench oltp_write_only, engine_nice {options.engine_nice}")
    settings = ["--engine-hang-seconds", "0"]  # a stopped engine is what the others are compared with
    settings += ["--engine-nice", str(options.engine_nice), *(["--mysqld", options.mysqld] if options.mysqld else [])]
    with running(options.backend, options=settings) as instance:
        measure(instance, options)


if __name__ == "__main__":
    main()
