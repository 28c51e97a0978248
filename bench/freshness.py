"""Is every offloaded answer fresh, and what does waiting for it cost?

One connection commits a row, another counts by FORCED offload at once: an answer without that row is stale. Meanwhile
other connections write at a steady rate. The added wait is the fence's own time, as rpd_query_stats records it.

    python -m bench.freshness --checks 2000 --writes 1000
"""

import argparse
import json
import statistics
import threading
import time

import pymysql

from bench import report
from bench.instance import Instance, running

TABLE = "CREATE TABLE {name} (id BIGINT PRIMARY KEY AUTO_INCREMENT, who INT NOT NULL, filler VARCHAR(64) NOT NULL)"


def write_steadily(instance: Instance, per_second: int, stop: threading.Event, written: list[int]) -> None:
    """Insert and update rows at a steady rate, one transaction each, until told to stop."""
    connection = instance.connect(database="fresh")
    begun = time.perf_counter()
    count = 0
    with connection.cursor() as cursor:
        while not stop.is_set():
            ahead = count / per_second - (time.perf_counter() - begun)
            if ahead > 0:
                time.sleep(ahead)
            if count % 2:
                cursor.execute("UPDATE noise SET who = who + 1 WHERE id = %s", (count // 2 + 1,))
            else:
                cursor.execute("INSERT INTO noise (who, filler) VALUES (%s, REPEAT('x', 40))", (count,))
            count += 1
    written.append(count)
    connection.close()


def measure(instance: Instance, checks: int, writes: int) -> None:
    """Commit and count `checks` times while `writes` rows/s are written; print what was found."""
    admin = instance.connect()
    cursor = admin.cursor()
    cursor.execute("DROP DATABASE IF EXISTS fresh")
    cursor.execute("CREATE DATABASE fresh")
    cursor.execute("USE fresh")
    for name in ("probe", "noise"):
        cursor.execute(TABLE.format(name=name))
    instance.wait_loaded("fresh", {"probe", "noise"})
    stop, written = threading.Event(), []
    writers = [threading.Thread(target=write_steadily, args=(instance, writes // 4, stop, written)) for _ in range(4)]
    begun = time.perf_counter()
    for writer in writers:
        writer.start()
    committer, reader = instance.connect(database="fresh"), instance.connect(database="fresh")
    stale, latency = 0, []
    try:
        with committer.cursor() as put, reader.cursor() as get:
            get.execute("SET use_secondary_engine = FORCED")
            for n in range(1, checks + 1):
                put.execute("INSERT INTO probe (who, filler) VALUES (%s, '')", (n,))
                sent = time.perf_counter()
                get.execute("SELECT COUNT(*), MAX(who) FROM probe")
                row = get.fetchone()
                latency.append(time.perf_counter() - sent)
                stale += row != (n, n)
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    seconds = time.perf_counter() - begun
    waits = fence_waits(cursor)
    report.table(
        ["", "n", "p50 ms", "p99 ms", "max ms"],
        [
            ["added wait (fence)", len(waits), *quantiles(waits)],
            ["whole statement at the client", len(latency), *quantiles(latency)],
        ],
    )
    report.console.print(
        f"stale answers: {stale} of {checks}; writes beside it: {sum(written) / seconds:,.0f}/s "
        f"({'MariaDB' if instance.kind == 'mariadb' else 'MySQL'} {instance.version})"
    )


def fence_waits(cursor: pymysql.cursors.Cursor) -> list[float]:
    """Seconds each of the recorded offloads waited for the copy to catch up (the last 1,000 are kept)."""
    cursor.execute("SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT LIKE '%MAX(who)%probe%'")
    return [json.loads(text)["waitTime"] / 1000 for (text,) in cursor.fetchall() if text]


def quantiles(seconds: list[float]) -> list[float]:
    """p50, p99 and maximum in milliseconds."""
    if not seconds:
        return [float("nan")] * 3
    cuts = statistics.quantiles(seconds, n=100) if len(seconds) > 1 else seconds * 99
    return [1000 * cuts[49], 1000 * cuts[98], 1000 * max(seconds)]


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checks", type=int, default=2000)
    parser.add_argument("--writes", type=int, default=1000, help="writes per second beside the checks")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    report.head("Freshness: commit on one connection, count on another")
    options = ["--mysqld", arguments.mysqld] if arguments.mysqld else []
    with running(arguments.backend, options=options) as instance:
        measure(instance, arguments.checks, arguments.writes)


if __name__ == "__main__":
    main()
