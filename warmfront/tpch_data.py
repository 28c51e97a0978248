"""TPC-H data: made by tpchgen-cli in pieces, loaded through the proxy with LOAD DATA LOCAL."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pymysql

from base.errors import WarmfrontError
from warmfront import copies
from warmfront.copies import quoted

# The table loaded last tells whether a schema is complete.
TABLES = ("nation", "supplier", "part", "partsupp", "customer", "orders", "lineitem", "region")
_ROWS_AT_ONE = {"supplier": 10_000, "part": 200_000, "partsupp": 800_000, "customer": 150_000, "orders": 1_500_000}
_ROWS_AT_ONE["lineitem"] = 6_001_215
_ROWS_PER_PIECE = 300_000  # one transaction each
_COPY_TIMEOUT = 1800.0  # seconds

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how far: (text, done, of)."""


class DataError(WarmfrontError):
    """The data could not be made or loaded; the text says why."""


def schema_name(scale: float) -> str:
    """Schema that data of a scale goes to: tpch_sf0_01."""
    return f"tpch_sf{scale:g}".replace(".", "_")


def sql_text(name: str) -> str:
    """Text of a file in warmfront/tpch."""
    return resources.files("warmfront").joinpath("tpch", name).read_text()


def ensure(connection: Any, scale: float, progress: Progress) -> None:
    """Make schema and data of a scale, unless they are there already. Raises DataError."""
    schema = schema_name(scale)
    if _is_complete(connection, schema):
        connection.select_db(schema)
        return
    _run(connection, f"DROP DATABASE IF EXISTS {schema}")
    _run(connection, f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
    connection.select_db(schema)
    for statement in sql_text("schema.sql").split(";"):
        if statement.strip():
            _run(connection, statement)
    with tempfile.TemporaryDirectory(prefix="warmfront-tpch-") as folder:
        small = [table for table in TABLES if _pieces(table, scale) == 1]
        progress("making data", 0, 1)
        _make(small, scale, 1, Path(folder))
        for table in TABLES:
            _load_table(connection, table, scale, Path(folder), progress)
    for table in TABLES:
        _run(connection, f"ANALYZE NO_WRITE_TO_BINLOG TABLE {table}")


def _is_complete(connection: Any, schema: str) -> bool:
    try:
        return int(_run(connection, f"SELECT COUNT(*) FROM {schema}.{TABLES[-1]}")[0][0]) > 0
    except DataError:
        return False


def _run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
    except pymysql.err.MySQLError as error:
        raise DataError(f"{error.args[-1]} (in: {' '.join(statement.split())[:80]})") from error


def _pieces(table: str, scale: float) -> int:
    return max(1, round(_ROWS_AT_ONE.get(table, 0) * scale / _ROWS_PER_PIECE))


def _load_table(connection: Any, table: str, scale: float, folder: Path, progress: Progress) -> None:
    pieces = _pieces(table, scale)
    progress(f"loading {table}", 0, pieces)
    if pieces > 1:
        _make([table], scale, pieces, folder)
    for done, file in enumerate(_files(folder, table), 1):
        _run(
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


def wait_for_copies(connection: Any, scale: float, autoload: bool, progress: Progress) -> None:
    """Wait until every table has its copy, and it has caught up. Raises DataError after half an hour."""
    schema = schema_name(scale)
    deadline = time.monotonic() + _COPY_TIMEOUT
    if not autoload:
        for table in TABLES:
            copies.load(connection, f"{quoted(schema)}.{quoted(table)}")
    for done, table in enumerate(TABLES):
        progress("waiting for the copy", done, len(TABLES))
        while (reason := _why_not_copied(connection, f"{schema}.{table}")) is not None:
            if time.monotonic() > deadline:
                raise DataError(f"{schema}.{table} has no complete copy: {reason}")
            time.sleep(0.2)
    progress("waiting for the copy", len(TABLES), len(TABLES))


def _why_not_copied(connection: Any, table: str) -> str | None:
    """None when the copy answers a query, and so is complete and fresh."""
    try:
        if not any(copy.name == table and copy.state == copies.LOADED for copy in copies.listed(connection)):
            return "it is not loaded"
        _run(connection, f"SELECT /*+ SET_VAR(use_secondary_engine=FORCED) */ COUNT(*) FROM {table}")
    except WarmfrontError as error:
        return str(error)
    return None
