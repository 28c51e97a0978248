"""Give a table of the store other columns, inside a write transaction, without loading it again."""

from dataclasses import dataclass, replace
from decimal import Decimal

import duckdb
import pyarrow as pa

from engine.catalog import Key, LoadedTable
from engine.layout import (
    arrow_type,
    carried_columns,
    create_statement,
    left_out,
    local_name,
    quote,
    store_type,
    twin_name,
)
from engine.store.presence import byte_presence
from statements.schema import Column, Table

Constant = int | float | str | Decimal | None


@dataclass(frozen=True, slots=True)
class Source:
    """Where the values of a column come from: a column of the old copy, or one constant for all rows."""

    column: Column
    old: Column | None = None
    constant: Constant = None


@dataclass(frozen=True, slots=True)
class Reshape:
    """How to make the copy of `old` one of `new`. `not_null` names old columns that must hold no NULL for it."""

    old: Table
    new: Table
    sources: tuple[Source, ...]
    not_null: tuple[str, ...] = ()


def has_nulls(connection: duckdb.DuckDBPyConnection, entry: LoadedTable, columns: tuple[str, ...]) -> bool:
    """Tell whether any of these columns has a NULL. Raises duckdb.Error."""
    if not columns:
        return False
    found = " OR ".join(f"{quote(name)} IS NULL" for name in columns)
    return bool(connection.execute(f"SELECT 1 FROM {entry.store_name} WHERE {found} LIMIT 1").fetchall())


def reshape_table(connection: duckdb.DuckDBPyConnection, entry: LoadedTable, plan: Reshape) -> None:
    """Change the columns of an entry's data; they stay in the definition's order. Raises duckdb.Error."""
    if _only_appends(plan):
        for statement in _alterations(entry.store_name, plan):
            connection.execute(statement)
        return
    twin = twin_name(entry.id)
    connection.execute(create_statement(plan.new, twin))
    connection.execute(f"INSERT INTO {twin} SELECT {', '.join(map(_value, plan.sources))} FROM {entry.store_name}")
    connection.execute(f"DROP TABLE {entry.store_name}")
    connection.execute(f"ALTER TABLE {twin} RENAME TO {local_name(entry.id)}")


def reshaped(entry: LoadedTable, plan: Reshape, key: Key) -> LoadedTable:
    """The entry of a table whose columns have been changed; it still has the name `key`."""
    presence = {}
    for source in plan.sources:
        if pa.types.is_string(arrow_type(source.column)):
            if source.old is None:
                presence[source.column.name] = byte_presence(pa.array([source.constant], pa.string()))
            elif source.old.name in entry.presence:
                presence[source.column.name] = entry.presence[source.old.name]
    table = replace(plan.new, schema=key[0], name=key[1])
    return replace(entry, table=table, left_out=left_out(table), presence=presence)


def _only_appends(plan: Reshape) -> bool:
    """Whether the columns that stay do so in their order, before all new ones."""
    olds = [source.old for source in plan.sources]
    kept = [old.ordinal for old in olds if old is not None]
    return bool(kept) and kept == sorted(kept) and all(old is not None for old in olds[: len(kept)])


def _alterations(name: str, plan: Reshape) -> list[str]:
    kept = [(s.old, s.column) for s in plan.sources if s.old is not None]
    stay = {old.name for old, _ in kept}
    renamed = [(old.name, new.name, f"_warmfront_{i}") for i, (old, new) in enumerate(kept) if old.name != new.name]
    clauses = [f"DROP COLUMN {quote(c.name)}" for c in carried_columns(plan.old) if c.name not in stay]
    # Names may be exchanged: none is given before the one that had it has given it up.
    clauses += [f"RENAME COLUMN {quote(before)} TO {away}" for before, _, away in renamed]
    clauses += [f"RENAME COLUMN {away} TO {quote(after)}" for _, after, away in renamed]
    for old, new in kept:
        if store_type(old) != store_type(new):
            clauses.append(f"ALTER COLUMN {quote(new.name)} TYPE {store_type(new)}")
    for source in plan.sources[len(kept) :]:
        column = quote(source.column.name)
        clauses.append(f"ADD COLUMN {column} {store_type(source.column)} DEFAULT {_literal(source.constant)}")
        clauses.append(f"ALTER COLUMN {column} DROP DEFAULT")
    return [f"ALTER TABLE {name} {clause}" for clause in clauses]


def _value(source: Source) -> str:
    value = quote(source.old.name) if source.old is not None else _literal(source.constant)
    return f"CAST({value} AS {store_type(source.column)})"


def _literal(value: Constant) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return f"'{value}'" if isinstance(value, Decimal) else repr(value)
