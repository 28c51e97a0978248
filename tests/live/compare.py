"""Compare a copied table with its source, value by value, by a way that shares no code with the load."""

import datetime
from collections import Counter
from typing import Any

from engine.layout import carried_columns
from engine.store.database import Snapshot
from statements.schema import NUMBERED_TYPES, Column, Table


def source_rows(connection: Any, table: Table) -> "Counter[tuple[Any, ...]]":
    """All rows of the backend's table, through PyMySQL's text protocol, in the store's forms."""
    columns = carried_columns(table)
    # The text protocol prints a FLOAT with six digits; as DOUBLE it is exact.
    listed = ", ".join(selected(c) for c in columns)
    with connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00', names utf8mb4")
        cursor.execute(f"SELECT {listed} FROM `{table.schema}`.`{table.name}`")
        return Counter(tuple(as_stored(c, v) for c, v in zip(columns, row, strict=True)) for row in cursor.fetchall())


def selected(column: Column) -> str:
    """Write how to select a column so that PyMySQL gives its value in the store's form, or nearly."""
    name = f"`{column.name}`"
    if column.type == "float":
        return f"{name} + 0e0"
    if column.type in NUMBERED_TYPES:
        return f"CAST({name} AS UNSIGNED)"
    if column.type == "vector":
        return f"CAST({name} AS BINARY)"
    return f"CAST({name} AS CHAR)" if column.type == "decimal" and (column.precision or 0) > 38 else name


def packed(value: Any) -> Any:
    """A date, datetime or the text that PyMySQL gives of what is neither, as the integer that MySQL makes of it."""
    if value is None:
        return None
    day, _, clock = str(value).partition(" ")
    hours, _, micros = (clock or "00:00:00").partition(".")
    year, month, date = (int(part) for part in day.split("-"))
    hour, minute, second = (int(part) for part in hours.split(":"))
    joined = ((year * 13 + month) << 5 | date) << 17 | hour << 12 | minute << 6 | second
    return joined << 24 | int(micros.ljust(6, "0"))


def as_stored(column: Column, value: Any) -> Any:
    """Give what PyMySQL read of a selected column in the store's form."""
    if column.packed:
        return packed(value)
    if isinstance(value, datetime.timedelta):
        return value // datetime.timedelta(microseconds=1)
    return value


def store_rows(snapshot: Snapshot, table: Table) -> "Counter[tuple[Any, ...]]":
    """All rows of the copy."""
    found = snapshot.view.table(table.schema, table.name)
    assert not isinstance(found, str), found
    return Counter(snapshot.connection.execute(f"SELECT * FROM {found.store_name}").fetchall())


def difference(connection: Any, snapshot: Snapshot, schema: str, name: str) -> str:
    """Say how copy and source differ; empty when they are equal. Nobody may write to the source meanwhile."""
    found = snapshot.view.table(schema, name)
    if isinstance(found, str):
        return found
    source, copy = source_rows(connection, found.table), store_rows(snapshot, found.table)
    missing, extra = list((source - copy).elements()), list((copy - source).elements())
    if not missing and not extra:
        return ""
    return f"{len(missing)} rows missing, such as {missing[:3]}; {len(extra)} rows too many, such as {extra[:3]}"
