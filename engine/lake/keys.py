"""Primary and unique keys of lake tables: nobody enforces them, so they are checked once for each set of files."""

from collections.abc import Collection, Mapping, Sequence

import duckdb

from base.errors import LakeError
from engine.lake.definitions import LakeTable
from engine.lake.layout import Layout
from engine.lake.readings import Reading
from engine.layout import quote
from statements.schema import STRING_TYPES

Key = tuple[str, ...]


def keys_of(known: LakeTable, partitions: Collection[str]) -> list[Key]:
    """The keys whose values have to be checked, the primary one first; `partitions` are folded names.

    Keys with a column from folders' names are not checked.
    """
    if not known.definition.dialect.check_constraints:
        return []
    keys = [known.table.primary_key, *known.unique]
    return [key for key in keys if key and not any(name.casefold() in partitions for name in key)]


def unchecked(known: LakeTable, layout: Layout, files: frozenset[str]) -> Key:
    """The columns of keys whose values have to be read to know that none comes twice in some files."""
    if known.checked is not None and files <= known.checked:
        return ()
    return tuple(dict.fromkeys(name for key in keys_of(known, layout.partitions) for name in key))


def is_certain(known: LakeTable, layout: Layout, readings: Mapping[str, Reading]) -> bool:
    """Tell whether a primary key that was checked has no value twice by the server's rules; texts are compared by
    bytes."""
    key = known.table.primary_key
    if key and key not in keys_of(known, layout.partitions):
        return False
    texts = {column.name for column in known.table.columns if column.type in STRING_TYPES}
    return not set(key) & texts and set(key) <= readings.keys()


def require_unique(
    connection: duckdb.DuckDBPyConnection,
    known: LakeTable,
    layout: Layout,
    files: frozenset[str],
    rows: str,
    read: Sequence[str],
) -> None:
    """Raise LakeError when `rows`, the values of the columns `read` of some files, have one of a key twice.

    Keys of which not all columns can be read are passed over.
    """
    for key in keys_of(known, layout.partitions):
        if set(key) <= set(read) and is_twice(connection, rows, key):
            raise LakeError(f"a value of the key ({', '.join(key)}) is there twice; check_constraints is on")
    known.checked, known.learned = files, True


def is_twice(connection: duckdb.DuckDBPyConnection, rows: str, key: Sequence[str]) -> bool:
    """Tell whether a value of some columns is in a relation twice; NULLs are not equal. Raises duckdb.Error."""
    columns = ", ".join(map(quote, key))
    there = " AND ".join(f"{quote(name)} IS NOT NULL" for name in key)
    twice = f"SELECT 1 FROM {rows} WHERE {there} GROUP BY {columns} HAVING count(*) > 1 LIMIT 1"
    return bool(connection.execute(twice).fetchall())
