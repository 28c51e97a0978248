"""What the demos' data have in common: a schema made from a file, loaded through the proxy, waited for."""

import time
from collections.abc import Callable, Sequence
from importlib import resources
from typing import Any

import pymysql

from base.errors import WarmfrontError
from warmfront import copies
from warmfront.copies import quoted

_COPY_TIMEOUT = 1800.0  # seconds

Progress = Callable[[str, int, int], None]
"""Called with what is being done, and how far: (text, done, of)."""


class DataError(WarmfrontError):
    """The data could not be made or loaded; the text says why."""


def sql_text(folder: str, name: str) -> str:
    """Text of a file of warmfront/tpch or warmfront/tpcds."""
    return resources.files("warmfront").joinpath(folder, name).read_text()


def schema_name(folder: str, scale: float) -> str:
    """Schema that data of a scale goes to: tpch_sf0_01."""
    return f"{folder}_sf{scale:g}".replace(".", "_")


def run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement on the backend. Raises DataError."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
    except pymysql.err.MySQLError as error:
        raise DataError(f"{error.args[-1]} (in: {' '.join(statement.split())[:80]})") from error


def is_complete(connection: Any, schema: str, last: str) -> bool:
    """Tell whether the table that is loaded last has rows."""
    try:
        return int(run(connection, f"SELECT COUNT(*) FROM {schema}.{last}")[0][0]) > 0
    except DataError:
        return False


def make_schema(connection: Any, folder: str, schema: str) -> None:
    """Make the schema anew from its schema.sql, and use it."""
    run(connection, f"DROP DATABASE IF EXISTS {schema}")
    run(connection, f"CREATE DATABASE {schema} CHARACTER SET utf8mb4")
    connection.select_db(schema)
    for statement in sql_text(folder, "schema.sql").split(";"):
        if statement.strip():
            run(connection, statement)


def wait_for_copies(connection: Any, schema: str, tables: Sequence[str], autoload: bool, progress: Progress) -> None:
    """Wait until every table has its copy, and it has caught up. Raises DataError after half an hour."""
    deadline = time.monotonic() + _COPY_TIMEOUT
    if not autoload:
        for table in tables:
            copies.load(connection, f"{quoted(schema)}.{quoted(table)}")
    for done, table in enumerate(tables):
        progress("waiting for the copy", done, len(tables))
        while (reason := _why_not_copied(connection, f"{schema}.{table}")) is not None:
            if time.monotonic() > deadline:
                raise DataError(f"{schema}.{table} has no complete copy: {reason}")
            time.sleep(0.2)
    progress("waiting for the copy", len(tables), len(tables))


def _why_not_copied(connection: Any, table: str) -> str | None:
    """None when the copy answers a query, and so is complete and fresh."""
    try:
        if not any(copy.name == table and copy.state == copies.LOADED for copy in copies.listed(connection)):
            return "it is not loaded"
        run(connection, f"SELECT /*+ SET_VAR(use_secondary_engine=FORCED) */ COUNT(*) FROM {table}")
    except WarmfrontError as error:
        return str(error)
    return None
