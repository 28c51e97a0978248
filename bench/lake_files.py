"""What do many small files cost: 10,000 of Parquet in 100 partitions, and the columns of 1,000 of CSV found out?

Times are a client's, of the first statement of each kind after the start and of the one behind it.

    python -m bench.lake_files --files 10000
"""

import argparse
import json
import pathlib
import tempfile
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench import report
from bench.instance import running

_PARTITIONS = 100
_ROWS = 10  # of a Parquet file
_STATEMENTS = {
    "one partition of 100": "SELECT COUNT(*), SUM(v) FROM bench_files.t WHERE p = 7",
    "all files": "SELECT COUNT(*), SUM(v) FROM bench_files.t",
}


def make_files(folder: pathlib.Path, files: int) -> None:
    """Make the files; a CSV file has 100 rows."""
    for number in range(files):
        path = folder / "many" / f"p={number % _PARTITIONS}" / f"{number}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        ids = pa.array(range(number * _ROWS, number * _ROWS + _ROWS), pa.int32())
        pq.write_table(pa.table({"id": ids, "v": pa.array([number] * _ROWS, pa.int32())}), path)
    (folder / "csv").mkdir()
    lines = "".join(f"{row},n{row},2024-01-{row % 28 + 1:02}\n" for row in range(100))
    for number in range(1000):
        (folder / "csv" / f"{number}.csv").write_text(f"id,name,day\n{lines}")


def timed(cursor: Any, text: str) -> float:
    """Seconds that a statement takes, with all of its results."""
    began = time.monotonic()
    cursor.execute(text)
    cursor.fetchall()
    while cursor.nextset():
        cursor.fetchall()
    return time.monotonic() - began


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        make_files(folder, arguments.files)
        report.head(f"{arguments.files:,} files of Parquet, and 1,000 of CSV")
        with running(backend=arguments.backend, options=["--lakehouse-paths", str(folder)]) as instance:
            connection = instance.connect()
            cursor = connection.cursor()
            attribute = {"dialect": {"format": "parquet"}, "file": [{"uri": f"{folder}/many/"}]}
            cursor.execute("DROP SCHEMA IF EXISTS bench_files")
            cursor.execute("CREATE SCHEMA bench_files")
            cursor.execute(
                "CREATE TABLE bench_files.t (id INT, v INT, p INT) ENGINE=lakehouse "
                f"ENGINE_ATTRIBUTE='{json.dumps(attribute)}'"
            )
            rows: list[tuple[object, ...]] = []
            for what, text in _STATEMENTS.items():
                rows.append((what, *(f"{timed(cursor, text):.2f}" for _ in range(2))))
            csv = {"dialect": {"format": "csv"}, "file": [{"uri": f"{folder}/csv/"}]}
            tables = [{"table_name": "guessed", "engine_attribute": csv}]
            cursor.execute("SET @list = %s", (json.dumps([{"db_name": "bench_files", "tables": tables}]),))
            cursor.execute("SELECT VERSION()")
            given = "@list" if "MariaDB" in cursor.fetchone()[0] else "CAST(@list AS JSON)"
            rows.append(
                (
                    "heatwave_load of the CSV files",
                    f"{timed(cursor, f'CALL sys.heatwave_load({given}, NULL)'):.2f}",
                    "-",
                )
            )
            report.table(("", "first s", "second s"), rows)
            connection.close()


if __name__ == "__main__":
    main()
