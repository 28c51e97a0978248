"""How much memory does one large transaction take in the engine, and how long until it is in the copy?

The copy is a process of its own here: its resident memory is what a transaction adds.

    python -m bench.transaction --millions 2 10 --mysqld PROGRAM
"""

import argparse
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from base.settings import Upstream
from bench import report
from bench.apply import ROW, SCHEMA, prepare
from bench.backend import Copy, connect, private_backend


def follow(upstream: Upstream, folder: Path, limit: int, line: Connection) -> None:
    """Load the table and follow; answer each word on the line when the copy is fresh."""
    copy = Copy(upstream, folder, engine_memory_limit=limit)
    copy.start()
    copy.load(SCHEMA, "t")
    line.send("loaded")
    while line.recv():
        copy.wait()
        with copy.replica.store.snapshot() as snapshot:
            line.send(snapshot.view.tables[SCHEMA, "t"].rows)
    copy.stop()


def watch(process: psutil.Process, line: Connection) -> tuple[int, float]:
    """Highest resident memory in bytes, and seconds, until the line has an answer."""
    began, highest = time.perf_counter(), 0
    line.send("fresh?")
    while not line.poll(0.02):
        highest = max(highest, process.memory_info().rss)
    return highest, time.perf_counter() - began


def measure(upstream: Upstream, folder: Path, options: argparse.Namespace) -> None:
    """Run transactions of each size and print."""
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("spawn").Process(target=follow, args=(upstream, folder, options.limit, theirs))
    child.start()
    ours.recv()
    process = psutil.Process(child.pid)
    lines: list[list[object]] = []
    top = 1
    with connect(upstream, database=SCHEMA) as connection, connection.cursor() as cursor:
        for millions in options.millions:
            rows = int(millions * 1e6)
            before = process.memory_info().rss
            cursor.execute("BEGIN")
            for start in range(top + 1, top + 1 + rows, 10_000):
                count = min(10_000, top + 1 + rows - start)
                cursor.execute(
                    f"INSERT INTO t SELECT {ROW} FROM (SELECT {start} + d n FROM digits WHERE d < {count}) s"
                )
            top += rows
            cursor.execute("COMMIT")
            highest, seconds = watch(process, ours)
            if ours.recv() != top:
                raise SystemExit("the copy has not as many rows as the table")
            lines.append([f"{millions:g} million rows", before / 2**20, highest / 2**20, seconds])
    ours.send("")
    child.join()
    report.table(["inserted in one transaction", "MiB before", "MiB at the highest", "s after the commit"], lines)
    report.console.print(f"memory limit of the column store {options.limit >> 20:,} MiB; {upstream.version}")


def main() -> None:
    """Parse arguments, start a backend, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="+", default=[0.5, 2])
    parser.add_argument("--limit", type=int, default=512 << 20, help="memory limit of the column store, bytes")
    parser.add_argument("--mysqld", help="server program")
    options = parser.parse_args()
    report.head("Memory of one large transaction")
    with private_backend(options.mysqld) as upstream, tempfile.TemporaryDirectory() as folder:
        prepare(upstream, 1)
        measure(upstream, Path(folder), options)


if __name__ == "__main__":
    main()
