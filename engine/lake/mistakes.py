"""Where a file is wrong: the file, the line and the column of the first value or record that cannot be taken."""

from collections.abc import Sequence

import duckdb

from base.errors import LakeError
from engine.lake.facts import bad_row
from engine.lake.layout import Layout
from engine.lake.reach import explained
from engine.lake.readings import Reading
from engine.lake.relations import escapes_in_records
from lakehouse.definition import Dialect
from lakehouse.places import Found
from statements.schema import Column

_SHOWN = 40  # characters of a value in a message
# What a row may be without strictness: its missing values are NULL, and those that are too many are left.
_FORGIVEN = frozenset({"MISSING COLUMNS", "TOO MANY COLUMNS"})
_REJECTED = "wf_rejected"


def require_structure(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dialect: Dialect,
    found: Sequence[Found],
    paths: Sequence[str],
    strict: bool,
) -> bool:
    """Read the records of text files once; False when some are of another width, which is forgiven when not strict.

    Raises LakeError with the file and the line.
    """
    cut = escapes_in_records(layout.width, dialect) if layout.relation.by_place else ""
    sql = f"SELECT {f'bool_or({cut})' if cut else 'count(*)'} FROM {layout.relation.over(paths)}"
    try:
        row = connection.execute(sql).fetchone()
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        if not layout.relation.by_place:
            raise LakeError(explained(error, found, paths)) from None
        _judge(connection, layout, found, paths, strict, error)
        return False
    if cut and row and row[0]:
        raise LakeError(
            f"a value in {found[0].shown if len(found) == 1 else 'one of the files'} ends with the escape character "
            f"{dialect.escape_character}: delimiters and quotes behind it are not supported; "
            'set "escape_character" to "" when it is none'
        )
    return True


def _judge(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    found: Sequence[Found],
    paths: Sequence[str],
    strict: bool,
    error: duckdb.Error,
) -> None:
    """Say what is wrong with records that cannot be cut; nothing when it may be forgiven."""
    kept = f"rejects_table = '{_REJECTED}', rejects_scan = '{_REJECTED}_scan', rejects_limit = 1000"
    more = f", store_rejects = true, {kept}"
    try:
        connection.execute(f"SELECT count(*) FROM {layout.relation.over(paths, more)}").fetchall()
        wrong = connection.execute(
            f"SELECT file_path, line, column_name, error_type, error_message FROM {_REJECTED} JOIN {_REJECTED}_scan "
            "USING (scan_id, file_id) "
            "ORDER BY error_type IN ('MISSING COLUMNS', 'TOO MANY COLUMNS'), file_id, line LIMIT 1"
        ).fetchone()
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        raise LakeError(explained(error, found, paths)) from None
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {_REJECTED}")
        connection.execute(f"DROP TABLE IF EXISTS {_REJECTED}_scan")
    if wrong is None:
        raise LakeError(explained(error, found, paths)) from None
    path, line, _, kind, message = wrong
    if strict or kind not in _FORGIVEN:
        shown = next((file.shown for file, own in zip(found, paths, strict=True) if own == path), "a file")
        text = str(message).partition("\n")[0].rstrip(". ")
        raise LakeError(f"{shown}, line {line}: {text}") from None


def locate(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    column: Column,
    reading: Reading,
    found: Sequence[Found],
    paths: Sequence[str],
) -> LakeError:
    """The error for the first value of a column that is not ok, in the order of the files."""
    bad = bad_row(reading, not column.nullable)
    source, _ = layout.relation.kinds[column.name.casefold()]
    for file, path in zip(found, paths, strict=True):
        try:
            row = _first(connection, layout, source, bad, path)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            return LakeError(explained(error, found, paths))
        if row is not None:
            line, value = row
            what = "NULL" if value is None else repr(value[:_SHOWN])
            where = f"line {line}" if layout.relation.is_text else f"row {line}"
            return LakeError(
                f"{file.shown}, {where}, column {column.name}: {what} is not a value of {_type_of(column)}"
            )
    return LakeError(f"column {column.name} has a value that is not one of {_type_of(column)}")


def _first(
    connection: duckdb.DuckDBPyConnection, layout: Layout, source: str, bad: str, path: str
) -> tuple[int, str | None] | None:
    """The line, or the row of a file without lines, and the value."""
    if not layout.relation.is_text:
        counted = "file_row_number" if "read_parquet" in layout.relation.before else "row_number() OVER () - 1"
        more = ", file_row_number = true" if "read_parquet" in layout.relation.before else ""
        sql = f"SELECT {counted} + 1, CAST({source} AS VARCHAR), {bad} AS bad FROM {layout.relation.over([path], more)}"
        found = connection.execute(f"SELECT * FROM ({sql}) AS r(place, value, bad) WHERE bad ORDER BY place LIMIT 1")
    elif layout.relation.by_place:
        lines = " + ".join(
            f"coalesce(length(c{at}) - length(replace(c{at}, chr(10), '')), 0)" for at in range(layout.width)
        )
        before = layout.header_lines
        sql = (
            f"SELECT {before} + sum(1 + {lines}) OVER (ROWS UNBOUNDED PRECEDING) - ({lines}), "
            f"{source}, {bad} FROM {layout.relation.over([path], ', parallel = false')}"
        )
        found = connection.execute(f"SELECT * FROM ({sql}) AS r(place, value, bad) WHERE bad ORDER BY place LIMIT 1")
    else:
        sql = f"SELECT row_number() OVER (), {source}, {bad} FROM {layout.relation.over([path])}"
        found = connection.execute(f"SELECT * FROM ({sql}) AS r(place, value, bad) WHERE bad ORDER BY place LIMIT 1")
    row = found.fetchone()
    return None if row is None else (int(row[0]), row[1])


def _type_of(column: Column) -> str:
    return column.column_type.upper() + ("" if column.nullable else " NOT NULL")
