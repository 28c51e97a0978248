"""How does time grow with the bytes and the number of files of a lake table, and what does loading text cost?

Rows of TPC-H's lineitem: CSV of growing size loaded (SECONDARY_LOAD of a table with "placement": "loaded", which looks
at every value) against DuckDB's own reader on the same file with the same types; Parquet of growing size and number of
files read in place. Then the number of rows and the greatest key of one file of 20 GB, of which only the footer is
needed: its column is of zeros, which a sparse file does not keep.

    python -m bench.lake_growth --scale 1 --huge 20
"""

import argparse
import io
import json
import pathlib
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench import report
from bench.instance import Instance, running
from bench.lakehouse import bytes_of, make_files

_SCHEMA = "lake_growth"
_COLUMNS = (
    "l_orderkey BIGINT, l_partkey BIGINT, l_suppkey BIGINT, l_linenumber INT, l_quantity DECIMAL(15,2), "
    "l_extendedprice DECIMAL(15,2), l_discount DECIMAL(15,2), l_tax DECIMAL(15,2), l_returnflag VARCHAR(1), "
    "l_linestatus VARCHAR(1), l_shipdate DATE, l_commitdate DATE, l_receiptdate DATE, l_shipinstruct VARCHAR(25), "
    "l_shipmode VARCHAR(10), l_comment VARCHAR(44)"
)
_QUERY = "SELECT l_returnflag, COUNT(*), SUM(l_quantity), MAX(l_shipdate) FROM {} GROUP BY l_returnflag"

_PIECE = 8 << 10  # bytes that are looked at together


class Sparse(io.RawIOBase):
    """A file that keeps no page of zeros."""

    def __init__(self, path: pathlib.Path) -> None:
        self._file = open(path, "wb")  # noqa: SIM115
        self._at = 0

    def writable(self) -> bool:
        """It is written once."""
        return True

    def tell(self) -> int:
        """Where the next byte goes."""
        return self._at

    def write(self, data: Any) -> int:
        """Write, with holes for what is zero."""
        view = memoryview(data).cast("B")
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            if np.frombuffer(piece, np.uint8).any():
                self._file.seek(self._at + start)
                self._file.write(piece)
        self._at += len(view)
        return len(view)

    def close(self) -> None:
        """Give the file its length."""
        if not self.closed:
            self._file.truncate(self._at)
            self._file.close()
        super().close()


def make_huge(path: pathlib.Path, gigabytes: float) -> int:
    """Make a Parquet file of one column; gives its rows."""
    rows = 8 << 20
    groups = max(1, round(gigabytes * (1 << 30) / (8 * rows)))
    batch = pa.table({"id": pa.array(np.zeros(rows, np.int64))})
    options: dict[str, Any] = {"use_dictionary": False, "compression": "none", "data_page_size": 64 << 20}
    sink = Sparse(path)
    with pq.ParquetWriter(pa.PythonFile(sink, "w"), batch.schema, **options) as writer:
        for _ in range(groups):
            writer.write_table(batch, row_group_size=rows)
    sink.close()
    return rows * groups


def timed(action: Callable[[], object], times: int) -> float:
    """The median of some runs, in seconds."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def define(cursor: Any, name: str, columns: str, uri: str, dialect: dict[str, Any], **table: Any) -> None:
    """Make a lake table anew."""
    attribute = json.dumps({**table, "dialect": dialect, "file": [{"uri": uri}]}).replace("\\", "\\\\")
    cursor.execute(f"DROP TABLE IF EXISTS {_SCHEMA}.{name}")
    cursor.execute(f"CREATE TABLE {_SCHEMA}.{name} ({columns}) ENGINE=lakehouse ENGINE_ATTRIBUTE='{attribute}'")


def loads(cursor: Any, own: duckdb.DuckDBPyConnection, folder: pathlib.Path, rows: list[int], turns: int) -> None:
    """Load CSV here and there."""
    types = _COLUMNS.replace("DECIMAL(15,2)", "DECIMAL(15;2)").split(", ")
    given = ", ".join(f"'{one.split(' ')[0]}': '{one.split(' ')[1].replace(';', ',')}'" for one in types)
    out = []
    for count in rows:
        path = folder / f"lines{count}.csv"
        own.execute(f"COPY (FROM '{folder}/lineitem.parquet' LIMIT {count}) TO '{path}' (HEADER false)")
        reader = f"read_csv('{path}', auto_detect = false, header = false, delim = ',', columns = {{{given}}})"
        define(cursor, "csv", _COLUMNS, str(path), {"field_delimiter": ","}, placement="loaded")
        both: tuple[list[float], list[float]] = ([], [])
        for _ in range(turns):  # by turns, as other work on the machine slows both down
            both[0].append(timed(lambda: cursor.execute(f"ALTER TABLE {_SCHEMA}.csv SECONDARY_LOAD"), 1))
            both[1].append(timed(lambda r=reader: own.execute(f"CREATE OR REPLACE TABLE t AS FROM {r}"), 1))  # type: ignore[misc]
        here, there = map(statistics.median, both)
        size = path.stat().st_size
        out.append([count, size >> 20, here, there, there / here, size / here / (1 << 20)])
        path.unlink()
    report.table(["rows", "MiB", "SECONDARY_LOAD s", "DuckDB s", "speed to DuckDB's", "MiB/s"], out)


def growth(
    instance: Instance, cursor: Any, own: duckdb.DuckDBPyConnection, folder: pathlib.Path, rows: list[int]
) -> None:
    """Read Parquet in place, of more and more bytes and files."""
    out = []
    for count in rows:
        lines = own.execute(f"FROM '{folder}/lineitem.parquet' LIMIT {count}").to_arrow_table()
        for files in (1, 100, 1000):
            place = folder / f"grow{count}-{files}"
            place.mkdir()
            each = len(lines) // files
            for number in range(files):
                pq.write_table(lines.slice(number * each, each), place / f"{number}.parquet", row_group_size=122_880)
            define(cursor, "grow", _COLUMNS, f"{place}/", {"format": "parquet"})
            query = _QUERY.format(f"{_SCHEMA}.grow")
            first = timed(lambda q=query: (cursor.execute(q), cursor.fetchall()), 1)  # type: ignore[misc]
            again = timed(lambda q=query: (cursor.execute(q), cursor.fetchall()), 3)  # type: ignore[misc]
            scan = _QUERY.format(f"read_parquet('{place}/*.parquet')")
            there = timed(lambda q=scan: own.execute(q).fetchall(), 3)  # type: ignore[misc]
            size = sum(file.stat().st_size for file in place.iterdir())
            out.append([count, files, size >> 20, first, again, there, bytes_of(instance, query, _SCHEMA) / size])
            shutil.rmtree(place)
    report.table(["rows", "files", "MiB", "first s", "then s", "DuckDB s", "read of the bytes"], out)


def huge(instance: Instance, cursor: Any, folder: pathlib.Path, gigabytes: float) -> None:
    """Ask what a footer tells."""
    path = folder / "huge.parquet"
    rows = make_huge(path, gigabytes)
    define(cursor, "huge", "id BIGINT", str(path), {"format": "parquet"})
    out = []
    for query in (f"SELECT COUNT(*) FROM {_SCHEMA}.huge", f"SELECT MAX(id) FROM {_SCHEMA}.huge WHERE id > 7"):
        first = timed(lambda q=query: (cursor.execute(q), cursor.fetchall()), 1)  # type: ignore[misc]
        again = timed(lambda q=query: (cursor.execute(q), cursor.fetchall()), 3)  # type: ignore[misc]
        out.append(
            [
                query.replace(f"{_SCHEMA}.", ""),
                rows,
                path.stat().st_size >> 20,
                first,
                again,
                bytes_of(instance, query, _SCHEMA),
            ]
        )
    report.table(["one file", "rows", "MiB", "first s", "then s", "bytes read"], out)
    path.unlink()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1)
    parser.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000, 3_000_000])
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--huge", type=float, default=20, help="size in GB; 0 for none")
    parser.add_argument("--only", choices=("loads", "growth", "huge"))
    parser.add_argument("--folder", help="keep lineitem.parquet here for the next run")
    parser.add_argument("--backend", help="mysql://… ; default: the embedded one")
    arguments = parser.parse_args()
    report.head("Lake tables: growth with bytes and files, loads of text, one huge file")
    with tempfile.TemporaryDirectory(prefix="warmfront-lake-") as temporary:
        folder, kept = pathlib.Path(temporary).resolve(), pathlib.Path(arguments.folder or temporary).resolve()
        kept.mkdir(parents=True, exist_ok=True)
        make_files(kept, arguments.scale)
        if kept != folder:
            (folder / "lineitem.parquet").symlink_to(kept / "lineitem.parquet")
        same = {"preserve_insertion_order": False, "checkpoint_threshold": "1GB"}  # as the engine's store has it
        own = duckdb.connect(str(folder / "own.duckdb"), config=same)
        with running(backend=arguments.backend, options=["--lakehouse-paths", str(folder)]) as instance:
            connection = instance.connect()
            cursor = connection.cursor()
            cursor.execute(f"DROP SCHEMA IF EXISTS {_SCHEMA}")
            cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
            if arguments.only in (None, "loads"):
                loads(cursor, own, folder, arguments.rows, arguments.turns)
            if arguments.only in (None, "growth"):
                growth(instance, cursor, own, folder, arguments.rows)
            if arguments.only in (None, "huge") and arguments.huge:
                huge(instance, cursor, folder, arguments.huge)
            connection.close()


if __name__ == "__main__":
    main()
