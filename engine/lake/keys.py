"""Primary and unique keys of lake tables: nobody enforces them, so they are checked once for each set of files."""

from collections.abc import Mapping

import duckdb

from base.errors import LakeError
from engine.lake.definitions import LakeTable
from engine.lake.layout import Layout
from engine.lake.readings import Reading
from engine.layout import quote
from statements.schema import STRING_TYPES


def unchecked(known: LakeTable, layout: Layout, files: frozenset[str]) -> tuple[str, ...]:
    """The columns of the key whose values have to be read to know that none comes twice in some files.

    Keys with a column from folders' names are not checked.
    """
    key = known.table.primary_key
    is_known = known.checked is not None and files <= known.checked
    if not known.definition.dialect.check_constraints or is_known or _is_partition(known, layout):
        return ()
    return key


def is_certain(known: LakeTable, layout: Layout, readings: Mapping[str, Reading]) -> bool:
    """Tell whether a key that was checked has no value twice by the server's rules; texts are compared by bytes."""
    key = known.table.primary_key
    if not known.definition.dialect.check_constraints or _is_partition(known, layout):
        return False
    texts = {column.name for column in known.table.columns if column.type in STRING_TYPES}
    return not set(key) & texts and set(key) <= readings.keys()


def _is_partition(known: LakeTable, layout: Layout) -> bool:
    return any(name.casefold() in layout.partitions for name in known.table.primary_key)


def require_unique(connection: duckdb.DuckDBPyConnection, known: LakeTable, files: frozenset[str], rows: str) -> None:
    """Raise LakeError when `rows`, the key's values of some files as they are read, have one twice."""
    key = known.table.primary_key
    columns = ", ".join(map(quote, key))
    twice = f"SELECT 1 FROM {rows} GROUP BY {columns} HAVING count(*) > 1 LIMIT 1"
    if connection.execute(twice).fetchall():
        raise LakeError(f"a value of the key ({', '.join(key)}) is there twice; check_constraints is on")
    known.checked, known.learned = files, True
