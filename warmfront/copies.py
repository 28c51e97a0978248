"""The columnar copies of an instance, seen and steered through its own SQL surface."""

from dataclasses import dataclass
from typing import Any

import pymysql

from base.errors import WarmfrontError

LOADED = "AVAIL_RPDGSTABSTATE"


class CopyError(WarmfrontError):
    """A copy could not be made or dropped; the text is the server's."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One table in the column store."""

    name: str
    state: str
    rows: int


def ask(connection: Any, statement: str, arguments: tuple[Any, ...] | None = None) -> list[tuple[Any, ...]]:
    """Run a statement and give its rows. Raises CopyError with the server's text."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement, arguments)
            return list(cursor.fetchall())
    except pymysql.err.MySQLError as error:
        raise CopyError(str(error.args[-1])) from error


def listed(connection: Any) -> list[Copy]:
    """Every copy with its state. Raises CopyError when the engine is not there."""
    names = {
        number: f"{schema}.{table}"
        for number, schema, table in ask(
            connection, "SELECT ID, SCHEMA_NAME, TABLE_NAME FROM performance_schema.rpd_table_id"
        )
    }
    found = ask(connection, "SELECT ID, LOAD_STATUS, NROWS FROM performance_schema.rpd_tables")
    return sorted(
        (Copy(names.get(number, f"#{number}"), str(state), int(rows or 0)) for number, state, rows in found),
        key=lambda copy: copy.name,
    )


def matching(connection: Any, what: str) -> list[str]:
    """The InnoDB tables that SCHEMA or SCHEMA.TABLE names, quoted. Raises CopyError when there is none."""
    schema, _, table = what.partition(".")
    found = ask(
        connection,
        "SELECT table_schema, table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' "
        "AND engine = 'InnoDB' AND table_schema = %s AND (%s = '' OR table_name = %s) ORDER BY 2",
        (schema, table, table),
    )
    if not found:
        raise CopyError(f"there is no InnoDB table {what}")
    return [f"{quoted(str(row[0]))}.{quoted(str(row[1]))}" for row in found]


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return "`" + name.replace("`", "``") + "`"


def load(connection: Any, name: str) -> None:
    """Make the copy of a table, whose name is quoted; returns when it is complete. Raises CopyError."""
    (_, created) = ask(connection, f"SHOW CREATE TABLE {name}")[0]
    if "SECONDARY_ENGINE" not in str(created):
        ask(connection, f"ALTER TABLE {name} SECONDARY_ENGINE=RAPID")
    ask(connection, f"ALTER TABLE {name} SECONDARY_LOAD")


def unload(connection: Any, name: str) -> None:
    """Drop the copy of a table, whose name is quoted. Raises CopyError."""
    ask(connection, f"ALTER TABLE {name} SECONDARY_UNLOAD")
