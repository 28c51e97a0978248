"""Where a file is wrong: the file, the line and the column of the first value or record that cannot be taken."""

import itertools
import re
from collections.abc import Iterator, Sequence

import duckdb

from base.errors import LakeError
from engine.lake.facts import bad_row
from engine.lake.layout import Layout
from engine.lake.reach import explained
from engine.lake.readings import Reading
from engine.lake.relations import escapes_in_records
from engine.lake.uneven import MOST_MORE, require_few
from engine.lake.warned import CUT, MOST, NO_VALUE, NOT_A_VALUE, TOO_FEW, TOO_MANY, Warned
from lakehouse.descriptions.definition import Dialect
from lakehouse.stores.places import Found
from statements.schema import Column

_SHOWN = 40  # characters of a value in a message
# What a row may be without strictness: its missing values are NULL, and those that are too many are left.
_FORGIVEN = {"MISSING COLUMNS": TOO_FEW, "TOO MANY COLUMNS": TOO_MANY}
_REJECTED = "wf_rejected"
_RECORD = re.compile(
    r"CSV Error on Line: (?P<line>\d+)\nOriginal Line: (?P<record>.*)\nExpected Number of Columns: .*\n"
    r"  delimiter = (?P<delimiter>.+?) \(",
    re.DOTALL,
)
_LINE = re.compile(r"CSV Error on Line: (\d+)\n")
_OTHER_WIDTH = re.compile(r"Expected Number of Columns: \d+ Found: \d+")
# What DuckDB says of a record, in words that tell what to do.
_WORDS = {
    "Value with unterminated quote found": "a value in quotes does not end before a delimiter or the record's end; "
    "a quote in quotes is written twice, or behind the escape character "
    '("escape_character": "" says that there is none)',
}


def require_structure(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    dialect: Dialect,
    found: Sequence[Found],
    paths: Sequence[str],
    strict: bool,
) -> tuple[Warned, ...] | None:
    """Read the records of text files once; gives those of another width, which are forgiven when not strict, and None
    when there is none.

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
        _require_near(layout.width, found, paths, str(error))
        if strict:
            raise _first_wrong(connection, layout, found, paths, error) from None
        require_few(connection, layout, dialect, found, paths)
        return _judge(connection, layout, found, paths)
    if cut and row and row[0]:
        raise LakeError(
            f"a value in {found[0].shown if len(found) == 1 else 'one of the files'} ends with the escape character "
            f"{dialect.escape_character}: delimiters and quotes behind it are not supported; "
            'set "escape_character" to "" when it is none'
        )
    return None


def _first_wrong(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    found: Sequence[Found],
    paths: Sequence[str],
    error: duckdb.Error,
) -> LakeError:
    """The error for the first record that cannot be cut, in the order of the files; `error` is of any of them.

    DuckDB is asked for the first alone: to list them it keeps each as often as columns are missing or too many, and
    cannot be interrupted then (1.5.5). A wrong delimiter in a file of 1 MB took a minute and 2 GB.
    """
    before = list(paths)
    while before:
        try:
            connection.execute(f"SELECT count(*) FROM {layout.relation.over(before, ', parallel = false')}").fetchall()
        except duckdb.InterruptException:
            raise
        except duckdb.Error as other:
            error = other
            place = next((at for at, path in enumerate(before) if f"file = {path}\n" in str(error)), 0)
            before = before[:place]
        else:
            break
    text = str(error)
    shown = next((file.shown for file, path in zip(found, paths, strict=True) if f"file = {path}\n" in text), "")
    told = text.rpartition("\nPossible fixes:")[0].rstrip().rpartition("\n")[2].rstrip(". ")
    line = _LINE.search(text)
    if not (shown and line and (_OTHER_WIDTH.fullmatch(told) or told in _WORDS)):
        return LakeError(explained(error, found, paths))
    return LakeError(f"{shown}, line {line[1]}: {_WORDS.get(told, told)}")


def _judge(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    found: Sequence[Found],
    paths: Sequence[str],
) -> tuple[Warned, ...]:
    """Say what is wrong with records that cannot be cut; what may be forgiven is given."""
    kept = f"rejects_table = '{_REJECTED}', rejects_scan = '{_REJECTED}_scan', rejects_limit = {MOST}"
    more = f", store_rejects = true, {kept}"
    try:
        connection.execute(f"SELECT count(*) FROM {layout.relation.over(paths, more)}").fetchall()
        wrong = connection.execute(
            f"SELECT file_path, line, error_type, error_message FROM {_REJECTED} JOIN {_REJECTED}_scan "
            "USING (scan_id, file_id) "
            "ORDER BY error_type IN ('MISSING COLUMNS', 'TOO MANY COLUMNS'), file_id, line, column_idx"
        ).fetchall()
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        raise LakeError(explained(error, found, paths)) from None
    finally:
        connection.execute(f"DROP TABLE IF EXISTS {_REJECTED}")
        connection.execute(f"DROP TABLE IF EXISTS {_REJECTED}_scan")
    if not wrong:
        raise LakeError("records cannot be cut, and DuckDB does not say which")
    names = {path: file.shown for file, path in zip(found, paths, strict=True)}
    told: dict[tuple[str, int], Warned] = {}  # a record is told of once for each column that it has not
    for path, line, kind, message in wrong:
        text = str(message).partition("\n")[0].rstrip(". ")
        shown = f"{names.get(path, 'a file')}, line {line}: {_WORDS.get(text, text)}"
        if kind not in _FORGIVEN:
            raise LakeError(shown) from None
        told.setdefault((path, line), Warned(_FORGIVEN[kind], shown))
    return tuple(told.values())


def _require_near(width: int, found: Sequence[Found], paths: Sequence[str], told: str) -> None:
    """Refuse a record of very many columns: DuckDB writes the whole of it down once for each that is too many.

    50,000 columns in 100 kB took it half a minute, in which it cannot be interrupted (1.5.5). It shows 10,000
    characters of a record.
    """
    record = _RECORD.search(told)
    if record and record["record"].count(record["delimiter"]) > width + MOST_MORE:
        shown = next((file.shown for file, path in zip(found, paths, strict=True) if path in told), found[0].shown)
        raise LakeError(
            f"{shown}, line {record['line']}: more than {width + MOST_MORE} columns, and the table has {width}; "
            "is its record_delimiter right?"
        )


def locate(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    column: Column,
    reading: Reading,
    found: Sequence[Found],
    paths: Sequence[str],
) -> LakeError:
    """The error for the first value of a column that is not ok, in the order of the files."""
    try:
        first = next(_wrong(connection, layout, column, reading, found, paths, 1), None)
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        return LakeError(explained(error, found, paths))
    return LakeError(
        first.message if first else f"column {column.name} has a value that is not one of {_type_of(column)}"
    )


def locate_all(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    column: Column,
    reading: Reading,
    found: Sequence[Found],
    paths: Sequence[str],
) -> tuple[Warned, ...]:
    """The values of a column that are not ok, as many as anybody is shown. Raises duckdb.Error."""
    return tuple(itertools.islice(_wrong(connection, layout, column, reading, found, paths, MOST), MOST))


def _wrong(
    connection: duckdb.DuckDBPyConnection,
    layout: Layout,
    column: Column,
    reading: Reading,
    found: Sequence[Found],
    paths: Sequence[str],
    most: int,
) -> Iterator[Warned]:
    bad = bad_row(reading, not column.nullable)
    source, _ = layout.relation.kinds[column.name.casefold()]
    where = "line" if layout.relation.is_text else "row"
    for file, path in zip(found, paths, strict=True):
        for place, value in _places(connection, layout, source, bad, path, most):
            what = "NULL" if value is None else repr(value[:_SHOWN])
            code = NO_VALUE if value is None else CUT if column.type in ("char", "varchar") else NOT_A_VALUE
            text = f"{file.shown}, {where} {place}, column {column.name}: {what} is not a value of {_type_of(column)}"
            yield Warned(code, text)


def _places(
    connection: duckdb.DuckDBPyConnection, layout: Layout, source: str, bad: str, path: str, most: int
) -> list[tuple[int, str | None]]:
    """Lines, or rows of a file without lines, with their values."""
    if not layout.relation.is_text:
        counted = "file_row_number" if "read_parquet" in layout.relation.before else "row_number() OVER () - 1"
        more = ", file_row_number = true" if "read_parquet" in layout.relation.before else ""
        sql = f"SELECT {counted} + 1, CAST({source} AS VARCHAR), {bad} AS bad FROM {layout.relation.over([path], more)}"
    elif layout.relation.by_place:
        lines = " + ".join(
            f"coalesce(length(c{at}) - length(replace(c{at}, chr(10), '')), 0)" for at in range(layout.width)
        )
        before = layout.header_lines
        sql = (
            f"SELECT {before} + sum(1 + {lines}) OVER (ROWS UNBOUNDED PRECEDING) - ({lines}), "
            f"{source}, {bad} FROM {layout.relation.over([path], ', parallel = false')}"
        )
    else:
        sql = f"SELECT row_number() OVER (), {source}, {bad} FROM {layout.relation.over([path])}"
    asked = f"SELECT place, value FROM ({sql}) AS r(place, value, bad) WHERE bad ORDER BY place LIMIT {most}"
    return [(int(place), value) for place, value in connection.execute(asked).fetchall()]


def _type_of(column: Column) -> str:
    return column.column_type.upper() + ("" if column.nullable else " NOT NULL")
