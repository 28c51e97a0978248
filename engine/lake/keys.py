"""Primary and unique keys of lake tables: nobody enforces them, so they are checked once for each set of files."""

from collections.abc import Sequence

import duckdb

from base.errors import LakeError
from engine.lake.definitions import LakeTable
from engine.lake.layout import Layout
from lakehouse.places import Found
from statements.schema import STRING_TYPES


def require_unique(
    connection: duckdb.DuckDBPyConnection,
    known: LakeTable,
    layout: Layout,
    files: frozenset[str],
    paths: Sequence[str],
    found: Sequence[Found],
) -> bool:
    """Raise LakeError when a key has a value twice; tells whether it is certain that none has.

    Keys with a column from folders' names are not checked, and strings are compared byte by byte.
    """
    key = known.table.primary_key
    texts = {column.name for column in known.table.columns if column.type in STRING_TYPES}
    is_certain = not set(key) & texts
    if not key or not found or (known.checked is not None and files <= known.checked):
        return is_certain
    sources = [layout.relation.kinds.get(name.casefold()) for name in key]
    if None in sources or any(name.casefold() in layout.partitions for name in key):
        return False
    columns = ", ".join(source[0] for source in sources if source)
    row = connection.execute(
        f"SELECT count(*) FROM (SELECT 1 FROM {layout.relation.over(paths)} "
        f"GROUP BY {columns} HAVING count(*) > 1 LIMIT 1)"
    ).fetchone()
    if row and row[0]:
        raise LakeError(f"a value of the key ({', '.join(key)}) is there twice; check_constraints is on")
    known.checked, known.learned = files, True
    return is_certain
