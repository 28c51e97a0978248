"""What does a batch of random updates cost in the store, by the table's size?

Rows are made in the store itself, without a backend; batches go through the applier as replication's do, each key's
before and after image in it. Median of the batches, in milliseconds and in milliseconds of processor.

    python -m bench.batches --millions 1 6 60 --keys 1 100 1000
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from bench import report
from engine.catalog import Key
from engine.changes.batch import Batch
from engine.changes.changes import Changes
from engine.changes.position import Position
from engine.layout import arrow_schema
from engine.replicate.apply import Applier
from engine.store.copies import Copies
from engine.store.database import Store
from statements.schema import Column, Table

TABLE = Table(
    "bench",
    "t",
    (
        Column("id", 0, "int", "int", nullable=False),
        Column("k", 1, "int", "int", nullable=False),
        Column("c", 2, "char", "char(120)", nullable=False, charset="latin1"),
        Column("pad", 3, "char", "char(60)", nullable=False, charset="latin1"),
    ),
    ("id",),
)


class NoLoads:
    """Nothing is loaded here."""

    def reload(self, key: Key, reason: str) -> None:
        """A table that cannot be followed ends the benchmark."""
        raise SystemExit(f"{key}: {reason}")

    def created(self, key: Key, load_type: str = "SELF") -> None:
        """Nothing is created."""


def at(offset: int) -> Position:
    """A place in the log."""
    return Position("server", "log.000001", offset, f"00000000-0000-4000-8000-000000000001:1-{offset}")


def fill(store: Store, copies: Copies, rows: int) -> None:
    """Put a table of `rows` rows, in key order, into service."""
    with store.write() as transaction:
        transaction.set_position(at(0))
    copying = copies.begin(TABLE, "USER")
    cursor = store.cursor()
    cursor.execute(
        f"INSERT INTO {copying.entry.store_name} SELECT i, i * 7919 % 1000, left(repeat(sha256(i::VARCHAR), 2), 119), "
        f"left(sha256(i::VARCHAR), 59) FROM range(1, {rows} + 1) r(i)"
    )
    cursor.close()
    copies.finish(copying, store.position)
    store.checkpoint()


def update(keys: npt.NDArray[np.int64], turn: int) -> Changes:
    """Before and after images of these keys."""
    ids, count = np.repeat(keys, 2), len(keys)
    columns = [
        pa.array(ids.astype(np.int32)),
        pa.array(np.tile(np.array([turn, turn + 1], np.int32), count)),
        pa.array([f"{turn:0119d}"] * (2 * count)),
        pa.array([f"{turn:059d}"] * (2 * count)),
    ]
    rows = pa.RecordBatch.from_arrays(columns, schema=arrow_schema(TABLE))
    return Changes("bench", "t", np.tile(np.array([0, 1], np.int8), count), rows)


def measure(folder: Path, rows: int, sizes: list[int], turns: int) -> list[list[object]]:
    """One line per batch size."""
    store = Store(folder / f"{rows}.duckdb", 4 << 30)
    copies = Copies(store)
    fill(store, copies, rows)
    applier = Applier(store, copies, NoLoads())
    random = np.random.default_rng(7)
    lines: list[list[object]] = []
    offset = 0
    for size in sizes:
        taken, used = [], []
        for turn in range(turns):
            changes = update(np.unique(random.integers(1, rows + 1, size)), turn)
            offset += 1
            began, processor = time.perf_counter(), time.process_time()
            applier.apply(Batch(at(offset), [changes], transactions=1))
            taken.append(1000 * (time.perf_counter() - began))
            used.append(1000 * (time.process_time() - processor))
        lines.append([f"{rows / 1e6:g} million rows", size, statistics.median(taken), min(taken), min(used)])
    store.close()
    return lines


def main() -> None:
    """Parse arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--millions", type=float, nargs="+", default=[1, 6])
    parser.add_argument("--keys", type=int, nargs="+", default=[1, 100, 1000])
    parser.add_argument("--turns", type=int, default=15)
    options = parser.parse_args()
    report.head("Cost of a batch of random updates by table size")
    lines = []
    for millions in options.millions:
        with tempfile.TemporaryDirectory() as folder:
            lines += measure(Path(folder), int(millions * 1e6), options.keys, options.turns)
    report.table(["table", "keys in the batch", "ms (median)", "ms (least)", "processor ms (least)"], lines)


if __name__ == "__main__":
    main()
