"""How fast are query results written to files? Against DuckDB's own COPY of the same query over the same Parquet files.

TPC-H's lineitem as Parquet is a lake table; all of its columns are exported to a local folder in each format. Best of
the rounds, in rows and bytes of files per second; and the engine's memory at its highest.

    python -m bench.export --scale 0.3
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import duckdb

from bench import report
from bench.instance import Instance, running

COLUMNS = (
    "l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INT, l_quantity DECIMAL(15,2), "
    "l_extendedprice DECIMAL(15,2), l_discount DECIMAL(15,2), l_tax DECIMAL(15,2), l_returnflag CHAR(1), "
    "l_linestatus CHAR(1), l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct CHAR(25), "
    "l_shipmode CHAR(10), l_comment VARCHAR(44)"
)
FORMATS = {
    "csv": "FORMAT csv",
    "csv gzip": "FORMAT csv, COMPRESSION gzip",
    "json": "FORMAT json",
    "parquet": "FORMAT parquet, COMPRESSION snappy",
    "parquet zstd": "FORMAT parquet, COMPRESSION zstd",
}


def size_of(folder: pathlib.Path) -> int:
    """Bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def through_warmfront(instance: Instance, place: pathlib.Path, name: str) -> tuple[float, int]:
    """Export once; gives seconds and rows."""
    kind, _, compression = name.partition(" ")
    target = f"INTO OUTFILE URI '{place}/' FORMAT {kind}" + (f" COMPRESSION '{compression}'" if compression else "")
    with instance.connect(database="bench") as connection, connection.cursor() as cursor:
        begun = time.perf_counter()
        rows = cursor.execute(f"SELECT * {target} FROM lineitem")
        return time.perf_counter() - begun, int(rows)


def by_duckdb(source: pathlib.Path, place: pathlib.Path, name: str) -> float:
    """COPY once; gives seconds."""
    place.mkdir()
    with duckdb.connect() as connection:
        begun = time.perf_counter()
        connection.execute(f"COPY (SELECT * FROM '{source}/*.parquet') TO '{place}/out' ({FORMATS[name]})")
        return time.perf_counter() - begun


def make_data(folder: pathlib.Path, scale: float) -> None:
    """Write lineitem as Parquet."""
    program = pathlib.Path(sys.executable).with_name("tpchgen-cli")
    command = [program, "parquet", "-s", str(scale), "--tables", "lineitem", "--output-dir", folder]
    subprocess.run([str(word) for word in command], check=True, capture_output=True)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=0.3)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    report.head(f"Export of TPC-H lineitem, scale {given.scale:g}")
    with tempfile.TemporaryDirectory(prefix="warmfront-export-") as name:
        base = pathlib.Path(name).resolve()
        source = base / "lineitem"
        make_data(source, given.scale)
        options = ["--lakehouse-paths", str(base), "--lakehouse-exporters", "root,warmfront", "--workers", "1"]
        with running(options=options) as instance:
            measure(instance, base, source, given.rounds)


def measure(instance: Instance, base: pathlib.Path, source: pathlib.Path, rounds: int) -> None:
    """Run every format, alternating."""
    attribute = json.dumps({"dialect": {"format": "parquet"}, "file": [{"uri": f"{source}/"}]})
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE bench CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")
        cursor.execute(
            f"CREATE TABLE bench.lineitem ({COLUMNS}) ENGINE=lakehouse SECONDARY_ENGINE=rapid "
            f"ENGINE_ATTRIBUTE='{attribute}'"
        )
        cursor.execute("SELECT COUNT(*), SUM(l_quantity), MAX(l_shipdate) FROM bench.lineitem")
    rows: list[list[object]] = []
    for name in FORMATS:
        ours, theirs, count, size, most = [], [], 0, 0, 0
        for _ in range(rounds):
            place = base / "out"
            peak = Peak(instance)
            seconds, count = through_warmfront(instance, place, name)
            most = max(most, peak.stop())
            ours.append(seconds)
            size = size_of(place)
            shutil.rmtree(place)
            theirs.append(by_duckdb(source, place, name))
            shutil.rmtree(place)
        best, other = min(ours), min(theirs)
        rows.append([name, best, other, best / other, count / best / 1e6, size / best / 2**20, most / 2**20])
    heads = ("format", "warmfront s", "DuckDB s", "ratio", "M rows/s", "MiB/s", "engine MiB")
    report.table(heads, rows)


class Peak:
    """The engine's highest memory from now on."""

    def __init__(self, instance: Instance) -> None:
        self._engine = instance.engine()
        self._most = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(0.05):
            self._most = max(self._most, self._engine.memory_info().rss)

    def stop(self) -> int:
        """Give the bytes."""
        self._over.set()
        self._thread.join()
        return self._most


if __name__ == "__main__":
    main()
