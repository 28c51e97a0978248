"""How fast the answers of a linear model get from a table of the engine into files that a lake table reads.

`SELECT id, sys.ML_PREDICT_ROW(JSON_OBJECT(…), …) … INTO OUTFILE URI … FORMAT PARQUET` through SQL: the prediction as a
number, as JSON, and the whole answer; beside them the same statement without a model, with one of the columns. Five
columns of numbers and twenty. Rows by the clock, and by the processor time that the engine took, which other work on
the machine does not change much; medians of rounds in turns.

    python -m bench.ml_export --rows 1000000
"""

import argparse
import os
import pathlib
import shutil
import statistics
import tempfile
import time

from bench import report
from bench.instance import Instance, running

_WIDTHS = (5, 20)
_NAMES = [f"x{place}" for place in range(max(_WIDTHS))]
_FIRST = 1000  # rows that are made of nothing; the others are made of them, with noise
_CORES = os.cpu_count() or 1
_OPTIONS = "JSON_OBJECT('task', 'regression', 'model_list', JSON_ARRAY('LinearRegression'), 'max_seconds', 5)"
_SHOWN = {
    "the prediction as a number": "JSON_EXTRACT({}, '$.Prediction') + 0",
    "the prediction as JSON": "JSON_EXTRACT({}, '$.Prediction')",
    "the whole answer": "{}",
    "no model: one of the columns": "x1",
}


def make(instance: Instance, rows: int) -> None:
    """Make and load a table, and train a model of so many of its columns for each width."""
    listed = ", ".join(_NAMES)
    with instance.connect(direct=True) as connection, connection.cursor() as cursor:
        cursor.execute("SET sql_log_bin = 0")
        cursor.execute("CREATE DATABASE exported")
        kinds = ", ".join(f"{name} DOUBLE" for name in [*_NAMES, "y"])
        cursor.execute(f"CREATE TABLE exported.t (id INT AUTO_INCREMENT PRIMARY KEY, {kinds})")
        cursor.execute(
            f"INSERT INTO exported.t ({listed}, y)"
            f" WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < {_FIRST})"
            f" SELECT {', '.join(['RAND() * 10'] * len(_NAMES))}, RAND() FROM n"
        )
        there = _FIRST
        while there < rows:
            taken = min(there, rows - there)
            shaken = ", ".join(f"{name} + RAND() * 0.5" for name in _NAMES)
            cursor.execute(
                f"INSERT INTO exported.t ({listed}, y)"
                f" SELECT {shaken}, x0 * 2 + x3 + RAND() FROM exported.t LIMIT {taken}"
            )
            there += taken
        for width in _WIDTHS:
            learned = ", ".join([*_NAMES[:width], "y"])
            cursor.execute(f"CREATE TABLE exported.t{width} SELECT {learned} FROM exported.t LIMIT 5000")
    with instance.connect() as connection, connection.cursor() as cursor:
        tables = {"t", *(f"t{width}" for width in _WIDTHS)}
        for table in sorted(tables):
            cursor.execute(f"ALTER TABLE exported.{table} SECONDARY_LOAD")
        instance.wait_loaded("exported", tables)
        for width in _WIDTHS:
            cursor.execute(f"SET @h = 'w{width}'")
            cursor.execute(f"CALL sys.ML_TRAIN('exported.t{width}', 'y', {_OPTIONS}, @h)")


def measure(instance: Instance, place: pathlib.Path, rows: int, rounds: int) -> None:
    """Export everything in turns, print."""
    engine = instance.engine()
    taken: dict[tuple[str, int], list[tuple[float, float]]] = {}
    with instance.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        for _ in range(rounds + 1):
            for width in _WIDTHS:
                row = ", ".join(f"'{name}', {name}" for name in _NAMES[:width])
                asked = f"sys.ML_PREDICT_ROW(JSON_OBJECT({row}), 'w{width}', NULL)"
                for what, shown in _SHOWN.items():
                    before, began = engine.cpu_times(), time.perf_counter()
                    count = cursor.execute(
                        f"SELECT id, {shown.format(asked)} AS p FROM exported.t"
                        f" INTO OUTFILE URI '{place}/' FORMAT PARQUET"
                    )
                    seconds, after = time.perf_counter() - began, engine.cpu_times()
                    assert count == rows
                    worked = after.user + after.system - before.user - before.system
                    taken.setdefault((what, width), []).append((seconds, worked))
                    shutil.rmtree(place)
    lines = []
    for (what, width), found in taken.items():
        seconds, worked = (statistics.median(each) for each in zip(*found[1:], strict=True))  # the first warms up
        lines.append((what, width, f"{rows / seconds:,.0f}", f"{rows / worked * _CORES:,.0f}"))
    report.table(("what", "columns", "rows/s", f"rows per second of {_CORES} processors' time"), lines)


def main() -> None:
    """Parse arguments, start an instance, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mysqld", help="server program of the embedded backend")
    arguments = parser.parse_args()
    report.head("Machine learning in SQL: answers into files")
    with tempfile.TemporaryDirectory(prefix="warmfront-ml-export-") as name:
        base = pathlib.Path(name).resolve()
        options = ["--lakehouse-paths", str(base), "--lakehouse-exporters", "root,warmfront", "--autoload", "false"]
        options += ["--mysqld", arguments.mysqld] if arguments.mysqld else []
        with running(None, options=options) as instance:
            make(instance, arguments.rows)
            measure(instance, base / "out", arguments.rows, arguments.rounds)


if __name__ == "__main__":
    main()
