"""A table in pieces that both sides can name: by the first column of its key, or as a whole."""

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from engine.backend.connection import Connection
from engine.layout import quote
from engine.load.select import mysql_name, mysql_quote
from statements.schema import BINARY_TYPES, INTEGER_TYPES, STRING_TYPES, Column, Table

MOST_KEYS = 500  # rows that are read again one by one
_NUMBERED = INTEGER_TYPES | {"year", "bit", "enum", "set"}  # integers in the store, compared as numbers by the server
_TEMPORAL = {"date": datetime.date, "datetime": datetime.datetime, "timestamp": datetime.datetime}


@dataclass(frozen=True, slots=True)
class Range:
    """The rows whose first key column is in (low, high]; None is open. `whole` tables have one without a column."""

    column: str = ""
    low: int | None = None
    high: int | None = None

    def for_source(self) -> str:
        """The condition in the backend's SQL; empty for all rows."""
        return self._condition(mysql_quote(self.column))

    def for_store(self) -> str:
        """The condition in the store's SQL; empty for all rows."""
        return self._condition(quote(self.column))

    def _condition(self, name: str) -> str:
        parts = [] if self.low is None else [f"{name} > {self.low}"]
        return " AND ".join(parts if self.high is None else [*parts, f"{name} <= {self.high}"])


def cut_column(table: Table) -> str:
    """The column that pieces are cut by; empty for a table that is compared as a whole."""
    first = table.column(table.primary_key[0]) if table.primary_key else None
    return first.name if first is not None and first.type in INTEGER_TYPES else ""


def next_range(connection: Connection, table: Table, low: int | None, rows: int) -> Range:
    """The piece of about `rows` rows above `low`, open above when it is the last. Raises BackendError."""
    column = cut_column(table)
    if not column:
        return Range()
    name = mysql_quote(column)
    above = "" if low is None else f"WHERE {name} > {low} "
    found = connection.query(f"SELECT {name} FROM {mysql_name(table)} {above}ORDER BY {name} LIMIT 1 OFFSET {rows - 1}")
    return Range(column, low, int(found[0][0]) if found else None)


def keys_condition(table: Table, keys: Sequence[tuple[Any, ...]]) -> str | None:
    """The condition in the backend's SQL that finds rows by their keys; None when it cannot be written."""
    columns = [table.column(name) for name in table.primary_key]
    if not columns or len(keys) > MOST_KEYS:
        return None
    parts = []
    for key in keys:
        literals = [literal(column, value) for column, value in zip(columns, key, strict=True) if column is not None]
        if len(literals) < len(columns) or None in literals:
            return None
        named = zip(table.primary_key, literals, strict=True)
        parts.append("(" + " AND ".join(f"{mysql_quote(name)} = {text}" for name, text in named) + ")")
    return " OR ".join(parts)


def literal(column: Column, value: Any) -> str | None:
    """A stored value as a literal of the backend's SQL, exact for comparison; None when there is none known."""
    if isinstance(value, bool):
        return None
    if column.type in _NUMBERED and isinstance(value, int):
        return str(value)
    if column.type == "decimal" and isinstance(value, Decimal):
        return f"{value:f}"
    if column.type in STRING_TYPES and isinstance(value, str):
        return f"_utf8mb4 X'{value.encode().hex()}'"
    if column.type in BINARY_TYPES and isinstance(value, bytes):
        return f"X'{value.hex()}'"
    if column.type in _TEMPORAL and isinstance(value, _TEMPORAL[column.type]):
        return f"'{value}'"
    return None


def shown(names: Sequence[str], key: Sequence[Any]) -> Iterator[str]:
    """The parts of a row's name, `column=value`, for people."""
    for name, value in zip(names, key, strict=True):
        text = value.hex() if isinstance(value, bytes) else str(value)
        yield f"{name}={text if len(text) <= 64 else text[:61] + '...'}"
