"""Records of another width than the table's, so many that DuckDB had better not list them."""

from collections.abc import Sequence

import duckdb

from base.errors import LakeError
from engine.lake.layout import Layout
from engine.lake.reach import explained, quoted
from engine.lake.relations import bare, null_texts
from lakehouse.descriptions.definition import Dialect
from lakehouse.stores.places import Found

MOST_MORE = 1000  # columns of a record beyond the table's, up to which all such records are looked for
_FEW_MORE = 16  # the same of a first count, which is quicker with few columns
# DuckDB 1.5.5 keeps a record, and some 900 bytes, for each of its columns that is missing or too many, outside of its
# limit of memory, and cannot be interrupted meanwhile.
_MOST_KEPT = 1_000_000_000
_EACH = 900
_NO_TEXT = "\x01\x02\x01"  # stands for NULL, which then is a column that is missing


def require_few(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dialect: Dialect,
    found: Sequence[Found],
    paths: Sequence[str],
) -> None:
    """Refuse files of CSV with too many records of another width, or with one that is far too wide.

    Raises LakeError.
    """
    width = layout.width
    shown = found[0].shown if len(found) == 1 else f"one of {len(found)} files, as {found[0].shown}"
    try:
        wide, kept, values = _counted(connection, layout, dialect, paths, _FEW_MORE)
        if wide:
            wide, kept, values = _counted(connection, layout, dialect, paths, MOST_MORE)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise LakeError(explained(error, found, paths)) from None
    if wide:
        raise LakeError(
            f"{shown}: a record has {width + MOST_MORE} columns or more, and the table has {width}; "
            "is its record_delimiter right?"
        )
    if kept > _MOST_KEPT:
        raise LakeError(
            f"{shown}: {values} values are missing, or too many for the table's {width} columns; "
            "is its field_delimiter right?"
        )


def _counted(
    connection: duckdb.DuckDBPyConnection, layout: Layout, dialect: Dialect, paths: Sequence[str], most: int
) -> tuple[int, int, int]:
    """The records with `most` columns too many or more, and of all up to there the bytes that DuckDB would keep, and
    the values that are missing or too many."""
    own = [bare(at) for at in range(layout.width)]
    more = [bare(at) for at in range(layout.width, layout.width + most)]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in own + more)
    ahead, _, behind = layout.relation.after.rpartition(", columns = {")
    after = f"{ahead}, columns = {{{columns}}}{behind.partition('}')[2]}"
    nulls = f"nullstr = [{', '.join(map(quoted, null_texts(dialect)))}]"
    after = after.replace(nulls, f"nullstr = [{quoted(_NO_TEXT)}]", 1)
    listed = ", ".join(map(quoted, paths))
    wrong = f"({layout.width} - list_count([{', '.join(own)}]) + list_count([{', '.join(more)}]))"
    size = f"(strlen(concat({', '.join(own + more)})) + {_EACH})"
    sql = (
        f"SELECT count({more[-1]}), coalesce(sum({wrong} * {size}::BIGINT), 0), coalesce(sum({wrong}), 0) FROM "
        f"{layout.relation.before}[{listed}]{after}, null_padding = true, strict_mode = false, parallel = false) "
        f"WHERE {own[-1]} IS NULL OR {more[0]} IS NOT NULL"
    )
    wide, kept, values = connection.execute(sql).fetchall()[0]
    return int(wide), int(kept), int(values)
