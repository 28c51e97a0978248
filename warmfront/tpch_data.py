"""TPC-H data: made by tpchgen-cli in pieces, loaded through the proxy with LOAD DATA LOCAL."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from warmfront import demo_data
from warmfront.demo_data import DataError, Progress, run

# The table loaded last tells whether a schema is complete.
TABLES = ("nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem", "region")
_ROWS_AT_ONE = {"supplier": 10_000, "part": 200_000, "partsupp": 800_000, "customer": 150_000, "orders": 1_500_000}
_ROWS_AT_ONE["lineitem"] = 6_001_215
_ROWS_PER_PIECE = 300_000  # one transaction each


def schema_name(scale: float) -> str:
    """Schema that data of a scale goes to: tpch_sf0_01."""
    return demo_data.schema_name("tpch", scale)


def ensure(connection: Any, scale: float, progress: Progress) -> None:
    """Make schema and data of a scale, unless they are there already. Raises DataError."""
    schema = schema_name(scale)
    if demo_data.is_complete(connection, schema, TABLES[-1]):
        connection.select_db(schema)
        return
    demo_data.make_schema(connection, "tpch", schema)
    with tempfile.TemporaryDirectory(prefix="warmfront-tpch-") as folder:
        small = [table for table in TABLES if _pieces(table, scale) == 1]
        progress("making data", 0, 1)
        _make(small, scale, 1, Path(folder))
        for table in TABLES:
            _load_table(connection, table, scale, Path(folder), progress)
    for table in TABLES:
        run(connection, f"ANALYZE NO_WRITE_TO_BINLOG TABLE {table}")


def _pieces(table: str, scale: float) -> int:
    return max(1, round(_ROWS_AT_ONE.get(table, 0) * scale / _ROWS_PER_PIECE))


def _load_table(connection: Any, table: str, scale: float, folder: Path, progress: Progress) -> None:
    pieces = _pieces(table, scale)
    progress(f"loading {table}", 0, pieces)
    if pieces > 1:
        _make([table], scale, pieces, folder)
    for done, file in enumerate(_files(folder, table), 1):
        run(
            connection,
            f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE {table} FIELDS TERMINATED BY '|' LINES TERMINATED BY '|\\n'",
        )
        file.unlink()
        progress(f"loading {table}", done, pieces)


def _files(folder: Path, table: str) -> list[Path]:
    whole = folder / f"{table}.tbl"
    return [whole] if whole.exists() else sorted((folder / table).glob("*.tbl"))


def _make(tables: list[str], scale: float, pieces: int, folder: Path) -> None:
    """Write table.tbl files, or table/table.N.tbl when there are several pieces: tpchgen takes 1 s to begin."""
    argv = [_generator(), "tbl", "-s", str(scale), "--tables", ",".join(tables), "--output-dir", str(folder)]
    if pieces > 1:
        argv += ["--parts", str(pieces)]
    done = subprocess.run(argv, capture_output=True, text=True)
    if done.returncode != 0:
        raise DataError(f"tpchgen-cli ended with code {done.returncode}: {done.stderr.strip()[-300:]}")


def _generator() -> str:
    beside = Path(sys.executable).parent / "tpchgen-cli"
    found = str(beside) if os.access(beside, os.X_OK) else shutil.which("tpchgen-cli")
    if not found:
        raise DataError("tpchgen-cli is missing from this environment")
    return found
