"""The rows of a lake table as one sub-query over its files, each column in the store's type of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import duckdb

from base.errors import LakeError
from engine.lake.facts import ColumnFacts, bad_row
from engine.lake.layout import Group, Layout
from engine.lake.reach import quoted
from engine.lake.readings import Reading, Unreadable, implicit_default, typed
from engine.lake.texts import from_text
from engine.layout import quote, store_type
from lakehouse.descriptions.definition import ColumnOptions, Definition, Dialect
from statements.schema import INTEGER_TYPES, STRING_TYPES, Column

TAG = "\x01file"  # no column of a user's is called so


def sub_query(
    columns: Sequence[Column],
    layout: Layout,
    readings: Mapping[str, Reading],
    facts: Mapping[str, ColumnFacts],
    paths: Sequence[str],
    tagged: bool = False,
) -> str:
    """The table's rows, one branch for each group of files: a condition on a partition leaves out whole branches.

    `tagged` adds a column TAG with the path of each row's file. Raises LakeError.
    """
    branches = []
    more, tags = (f", filename = {quoted(TAG)}", [quote(TAG)]) if tagged else ("", [])
    for group in layout.groups:
        if not group.files:
            continue
        shown = [_shown(column, group, layout, readings, facts) for column in columns] or ["1 AS _"]
        relation = layout.relation.over([paths[place] for place in group.files], more)
        branches.append(f"SELECT {', '.join([*shown, *tags])} FROM {relation}")
    if not branches:
        nothing = [f"CAST(NULL AS {store_type(column)}) AS {quote(column.name)}" for column in columns] or ["1 AS _"]
        tags = [f"CAST(NULL AS VARCHAR) AS {tag}" for tag in tags]
        branches = [f"SELECT {', '.join([*nothing, *tags])} WHERE false"]
    return f"({' UNION ALL '.join(branches)})"


def _shown(
    column: Column,
    group: Group,
    layout: Layout,
    readings: Mapping[str, Reading],
    facts: Mapping[str, ColumnFacts],
) -> str:
    name, target = quote(column.name), store_type(column)
    values = dict(group.values)
    if column.name.casefold() in values:
        return f"{partition_value(column, values[column.name.casefold()])} AS {name}"
    reading = readings.get(column.name)
    if reading is None:
        return f"CAST({implicit_default(column) or 'NULL'} AS {target}) AS {name}"
    known = facts[column.name]
    if known.bad:
        bad = bad_row(reading, not column.nullable)
        lenient = reading.lenient if reading.lenient != "NULL" or column.nullable else implicit_default(column)
        if not lenient:
            raise LakeError(
                f"column {column.name} is NOT NULL, has values that cannot be read, and no default for them"
            )
        return f"CAST(CASE WHEN {bad} THEN {lenient} ELSE TRY({reading.value}) END AS {target}) AS {name}"
    if reading.plain and known.plain:
        return f"{reading.plain} AS {name}"
    return f"{reading.value} AS {name}"


# As Spark, Hive and Delta name partitions of booleans, and Delta those of moments.
_TRUTH = {"true": "1", "false": "0"}
_IN_UTC = re.compile(r"(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)Z")


def partition_value(column: Column, value: str | None) -> str:
    """A value in a folder's name. Raises LakeError when it is none of the column's."""
    target = store_type(column)
    if value is None:
        if not column.nullable:
            raise LakeError(f"a folder has no value of column {column.name}, which is NOT NULL")
        return f"CAST(NULL AS {target})"
    given = _TRUTH.get(value, value) if column.type in INTEGER_TYPES else value
    if column.type in ("datetime", "timestamp"):
        given = _IN_UTC.sub(r"\1 \2", given)
    reading = from_text(quoted(given), column, Dialect(), ColumnOptions())
    if isinstance(reading, Unreadable):
        raise LakeError(f"column {column.name} of type {column.column_type} cannot be read from a folder's name")
    return _checked_constant(column, value, reading)


def _checked_constant(column: Column, value: str, reading: Reading) -> str:
    with duckdb.connect(":memory:") as scratch:
        row = scratch.execute(
            f"SELECT coalesce({reading.ok or 'true'}, false), CAST(TRY({reading.value}) AS VARCHAR)"
        ).fetchone()
    if not row or not row[0]:
        raise LakeError(f"a folder's name gives column {column.name} the value {value[:40]!r}, which it cannot hold")
    return f"CAST({quoted(row[1])} AS {store_type(column)})"


def reading_of(
    column: Column, layout: Layout, definition: Definition, strict: bool = True
) -> Reading | Unreadable | None:
    """How a column is read; None when some file has no such column, or all have it in their folders' names.

    A column that some files have is read from these, and NULL in the others: when not `strict` even if it is NOT NULL.
    """
    folded = column.name.casefold()
    if folded in layout.partitions:
        return Reading("NULL")
    if folded in layout.missing and folded not in layout.relation.kinds:
        return None
    if folded not in layout.relation.kinds:  # no file has it, as the table's log allows, or there is no file
        return Reading("NULL") if column.nullable or not layout.relation.kinds else None
    source, kind = layout.relation.kinds[folded]
    if layout.relation.is_text:
        options = next((o for n, o in definition.columns.items() if n.casefold() == folded), ColumnOptions())
        return _of(source, from_text(source, column, definition.dialect, options))
    if kind == "VARCHAR" and column.type not in STRING_TYPES:
        return _of(source, from_text(source, column, definition.dialect, ColumnOptions()))
    reading = _of(source, typed(source, kind, column))
    is_lacking = folded in layout.missing and not column.nullable and strict
    return None if is_lacking and isinstance(reading, Reading) else reading


def _of(source: str, reading: Reading | Unreadable) -> Reading | Unreadable:
    return replace(reading, given=source) if isinstance(reading, Reading) else reading
