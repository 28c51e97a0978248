"""A training of ten million rows of twenty columns through SQL: its time against its budget, and its memory.

The table is made in the backend (outside the binary log, for it is loaded afterwards anyway), loaded, and trained on by
`CALL sys.ML_TRAIN` with `max_seconds`. Beside the time at the client stand the most memory that the training's process
and the engine's had, looked at ten times a second, and what the model's metadata says.

    python -m bench.ml_large --rows 10000000 --seconds 60
"""

import argparse
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from bench import report
from bench.instance import Instance, running

NUMBERS = [f"x{place}" for place in range(18)]
COLUMNS = [*NUMBERS, "calls", "city"]
_FIRST = 1000  # rows that are made of nothing; the others are made of them, with noise
_STEP = 2_000_000  # rows of one statement
_PARTS = {"training": "engine.ml.worker", "engine": "engine"}  # what stands in a process's command line
_TOLD = ("algorithm_name", "n_rows", "n_selected_rows", "training_time", "training_score", "ended_by_clock")


def make(instance: Instance, rows: int) -> None:
    """Make and load the table: a class that follows from five of the columns, with noise."""
    listed = ", ".join(COLUMNS)
    kinds = ", ".join([*(f"{name} FLOAT" for name in NUMBERS), "calls TINYINT", "city VARCHAR(8)", "y TINYINT"])
    shaken = ", ".join(f"{name} + RAND() * 0.5" if place % 3 == 0 else name for place, name in enumerate(NUMBERS))
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("CREATE DATABASE large")
        cursor.execute(f"CREATE TABLE large.t (id INT AUTO_INCREMENT PRIMARY KEY, {kinds})")
        cursor.execute(
            f"INSERT INTO large.t ({listed}, y)"
            f" WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {_FIRST})"
            f" SELECT {', '.join(['RAND() * 10'] * len(NUMBERS))}, RAND() * 50,"
            " ELT(1 + FLOOR(RAND() * 4), 'Rome', 'Oslo', 'Paris', 'Bonn'), 0 FROM n"
        )
        there = _FIRST
        while there < rows:
            taken = min(there, rows - there, _STEP)
            cursor.execute(
                f"INSERT INTO large.t ({listed}, y) SELECT {shaken}, calls, city,"
                " x0 * x1 + x2 * 3 + IF(city = 'Oslo', 8, 0) + calls / 10 + RAND() * 10 > 45"
                f" FROM large.t LIMIT {taken}"
            )
            there += taken
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("ALTER TABLE large.t SECONDARY_LOAD")
    instance.wait_loaded("large", {"t"})


@contextmanager
def watched(instance: Instance) -> Iterator[dict[str, int]]:
    """Give the most resident bytes of each part's processes so far."""
    most, done = dict.fromkeys(_PARTS, 0), threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            for process in instance.process.children(recursive=True):
                try:
                    words, size = process.cmdline(), process.memory_info().rss
                except psutil.Error:  # it has ended
                    continue
                part = next((part for part, word in _PARTS.items() if word in words), None)
                if part:
                    most[part] = max(most[part], size)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield most
    finally:
        done.set()
        thread.join()


def measure(instance: Instance, rows: int, seconds: float) -> None:
    """Make the table, train, print."""
    began = time.perf_counter()
    make(instance, rows)
    lines: list[list[object]] = [["made and loaded, s", f"{time.perf_counter() - began:.0f}"]]
    with instance.connect(charset="utf8mb4") as connection, connection.cursor() as cursor, watched(instance) as most:
        cursor.execute("SET @m = NULL")
        began = time.perf_counter()
        cursor.execute(f"CALL sys.ML_TRAIN('large.t', 'y', JSON_OBJECT('max_seconds', {seconds}), @m)")
        lines.append([f"training, s of {seconds:g}", f"{time.perf_counter() - began:.1f}"])
        lines += [[f"memory of the {part}, MB", f"{size / 1e6:,.0f}"] for part, size in most.items()]
        cursor.execute(f"SELECT model_metadata FROM ML_SCHEMA_{instance.user}.MODEL_CATALOG")
        metadata = json.loads(cursor.fetchall()[0][0])
    lines += [[name, metadata[name]] for name in _TOLD]
    report.table(("what", f"{rows:,} rows, {'MariaDB' if instance.kind == 'mariadb' else 'MySQL'}"), lines)


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    report.head("Machine learning in SQL: a training of many rows")
    # Loaded by itself it would be loaded before it is whole, and the rest is in no log.
    options = ["--autoload", "false", *(["--mysqld", arguments.mysqld] if arguments.mysqld else [])]
    with running(None, options=options) as instance:
        measure(instance, arguments.rows, arguments.seconds)


if __name__ == "__main__":
    main()
