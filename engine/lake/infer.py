"""The columns of a lake table that is not defined yet, found out from its files.

When the files are small enough all of their rows are looked at; else the first rows of some of them, and then no column
is NOT NULL and texts have room to grow, for nobody has seen the rest.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import duckdb

from base.errors import LakeError
from engine.lake import mapped
from engine.lake.evolved import iceberg_relation, named, without_deleted
from engine.lake.expanding import expand, rewritten
from engine.lake.guesses import (
    Guess,
    described_column,
    guess_text,
    guess_typed,
    is_typed_but_for_empty,
    pattern_aggregates,
    text_aggregates,
    typed_aggregates,
)
from engine.lake.reach import Reach, explained, extension, quoted
from engine.lake.relations import Relation, avro_relation, csv_relation, json_relation, parquet_relation
from engine.layout import quote
from lakehouse.descriptions.definition import TEXTS, Definition, Dialect, read_definition
from lakehouse.formats.delta import DeltaTable
from lakehouse.formats.iceberg import IcebergTable
from lakehouse.formats.listing import Listing, list_files
from lakehouse.stores.places import Found, Places
from lakehouse.text.escapes import Escapes, begun
from lakehouse.text.heads import ENCODED, Head, head_of, watch_of
from lakehouse.text.sniff import names_of, sniff
from statements.schema import Column

_WHOLE = 64 << 20  # bytes that are read to the end
_FILES = 32  # that a sample is taken from
_ROWS = 20_000  # of each
_MOST_COLUMNS = 4096  # MySQL's limit


@dataclass(frozen=True, slots=True)
class Inferred:
    """What was found: columns, the table's attribute with what had to be found out in it, and how much there is."""

    columns: tuple[Guess, ...]
    attribute: dict[str, Any]
    files: int
    size: int
    rows: int
    complete: bool

    def to_json(self) -> str:
        """Write it down for the proxy."""
        columns = [
            {"name": c.name, "type": c.type, "nullable": c.nullable, "options": dict(c.options), "comment": c.comment}
            for c in self.columns
        ]
        return json.dumps(
            {
                **{"columns": columns, "attribute": self.attribute, "files": self.files},
                **{"size": self.size, "rows": self.rows, "complete": self.complete},
            }
        )


def infer(
    attribute: Mapping[str, Any], places: Places, reach: Reach, root: duckdb.DuckDBPyConnection, scratch: Path
) -> Inferred:
    """Infer a table's columns from its `attribute`; "sampling" true looks at a part even of small files.

    Files that are expanded lie in `scratch` meanwhile. Raises LakeError.
    """
    given = dict(attribute)
    sampling = given.pop("sampling", False)
    if not isinstance(sampling, bool):
        raise LakeError('"sampling" is not true or false')
    definition = read_definition(given)
    listing = list_files(places, definition)
    found, iceberg, described = listing.found, listing.iceberg, listing.delta
    filled = [file for file in found if file.size]
    if not filled:
        raise LakeError("there is no row to infer the columns from")
    size = sum(file.size for file in filled)
    complete = size <= _WHOLE and not sampling
    chosen = filled if complete else _spread(filled)
    changes: dict[str, Any] = {}
    connection = root.cursor()
    try:
        opened = [*chosen, *(file for _, file in iceberg.deletes)] if iceberg else chosen
        reach.prepare(connection, opened)
        with ExitStack() as stack:
            paths: Sequence[str] = stack.enter_context(reach.files(root.cursor(), opened))
            if definition.dialect.format in TEXTS:
                head = head_of(places, chosen[0], definition.dialect)
                if head.is_foreign and not complete:
                    raise LakeError(
                        f"{chosen[0].shown} is {'in' if head.compression in ENCODED else 'compressed with'} "
                        f"{head.compression}, of which no sample is taken: use gzip or zstd, or name fewer files"
                    )
                if head.is_foreign:
                    paths = [
                        expand(stack, places, f, head.compression, scratch, watch_of(f, head, definition.dialect))
                        for f in chosen
                    ]
            try:
                if iceberg:
                    columns = _iceberg(connection, iceberg, chosen, paths, complete)
                elif described:
                    among = set(chosen)
                    part = listing.only([place for place, file in enumerate(found) if file in among])
                    columns = _delta(connection, part, paths, mapped.write_rows(stack, places, part, scratch), complete)
                else:
                    if definition.dialect.format == "csv" and complete and not head.is_foreign:
                        paths = _rewritten(stack, places, definition.dialect, head, chosen, paths, scratch)
                    columns, changes = _look(connection, places, definition, given, chosen, paths, complete)
            except duckdb.Error as error:
                raise LakeError(explained(error, opened, paths)) from None
    finally:
        connection.close()
    guesses, rows = columns
    if iceberg:
        pass  # its schema has all
    elif described:
        guesses = _as_described(described, {guess.name.casefold(): guess for guess in guesses})
    else:
        guesses += _partitions(found, definition, {guess.name.casefold() for guess in guesses})
    _require_few(len(guesses))
    given["dialect"] = {**given.get("dialect", {}), **changes}
    if not complete:
        rows = int(rows * size / max(1, sum(file.size for file in chosen)))
    return Inferred(tuple(guesses), given, len(found), size, rows, complete)


def _rewritten(
    stack: ExitStack,
    places: Places,
    dialect: Dialect,
    head: Head,
    chosen: Sequence[Found],
    paths: Sequence[str],
    scratch: Path,
) -> Sequence[str]:
    """The paths of CSV without the escapes that would be in the way of its reader."""
    delimiter = sniff(begun(head.text, dialect), dialect, dialect.has_header, head.goes_on(chosen[0])).delimiter
    escapes = Escapes.of(dialect, delimiter, head)
    return rewritten(stack, places, chosen, paths, escapes, {}, scratch) if escapes else paths


def _require_few(columns: int) -> None:
    """Refuse what no table can have, before each column is looked at."""
    if not 0 < columns <= _MOST_COLUMNS:
        raise LakeError(f"the files have {columns} columns; a table may have {_MOST_COLUMNS}")


def _spread(files: Sequence[Found]) -> list[Found]:
    """Some files from all over the list, the first among them."""
    step = max(1, -(-len(files) // _FILES))
    return list(files[::step])


Looked = tuple[tuple[list[Guess], int], dict[str, Any]]


def _look(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    definition: Definition,
    given: Mapping[str, Any],
    found: Sequence[Found],
    paths: Sequence[str],
    complete: bool,
) -> Looked:
    match definition.dialect.format:
        case "csv":
            return _csv(connection, places, definition, given, found, paths, complete)
        case "json":
            return _json(connection, places, definition, found, paths, complete)
        case "avro":
            connection.execute(f"LOAD {quoted(str(extension('avro')))}")
            return _typed(connection, avro_relation({}), paths, complete)
    return _typed(connection, parquet_relation({}, together=True), paths, complete)


def _csv(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    definition: Definition,
    given: Mapping[str, Any],
    found: Sequence[Found],
    paths: Sequence[str],
    complete: bool,
) -> Looked:
    said = given.get("dialect", {})
    head = head_of(places, found[0], definition.dialect)
    text = begun(head.text, definition.dialect)
    seen = sniff(text, definition.dialect, "has_header" in said, head.goes_on(found[0]))
    if seen.is_cut:
        raise LakeError(
            f"{found[0].shown}: its first record does not end within 64 kB, or a quote in it does not: the columns "
            "cannot be found out; name them in CREATE TABLE"
        )
    _require_few(len(seen.names))
    changes: dict[str, Any] = {"field_delimiter": seen.delimiter, "has_header": seen.has_header}
    dialect = replace(definition.dialect, field_delimiter=seen.delimiter, has_header=seen.has_header)
    columns = [_text_column(name, place) for place, name in enumerate(seen.names)]
    relation = csv_relation(columns, dialect, seen.delimiter, lenient=False, compression=head.remaining)
    guesses, rows, empty_is_null = _texts(
        connection,
        relation,
        seen.names,
        _source(relation, paths, complete),
        complete,
        may_be_empty="null_value" not in said,
    )
    if empty_is_null:
        changes["null_value"] = ""
    return (guesses, rows), changes


def _json(
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    definition: Definition,
    found: Sequence[Found],
    paths: Sequence[str],
    complete: bool,
) -> Looked:
    head = head_of(places, found[0], definition.dialect)
    kind = "array" if head.is_array else "newline_delimited"
    listed = ", ".join(map(quoted, paths))
    limit = "" if complete else f" LIMIT {_ROWS * len(paths)}"
    more = "" if head.remaining == "none" else f", compression = '{head.remaining}'"
    names = [
        name
        for (name,) in connection.execute(
            "SELECT key FROM (SELECT unnest(json_keys(json)) AS key, unnest(range(len(json_keys(json)))) AS place, row "
            f"FROM (SELECT json, row_number() OVER () AS row FROM read_json_objects([{listed}], format = '{kind}'"
            f"{more}){limit})) GROUP BY key ORDER BY min((row, place))"
        ).fetchall()
    ]
    _require_few(len(names))
    if names_of(names, len(names)) != tuple(names):
        raise LakeError("the objects have members whose names are too long, or differ in case only")
    columns = [_text_column(name, place) for place, name in enumerate(names)]
    relation = json_relation(columns, head.text, head.remaining)
    source = _source(relation, paths, complete)
    guesses, rows, _ = _texts(connection, relation, names, source, complete, may_be_empty=False)
    return (guesses, rows), {}


def _iceberg(
    connection: duckdb.DuckDBPyConnection,
    table: IcebergTable,
    chosen: Sequence[Found],
    paths: Sequence[str],
    complete: bool,
) -> tuple[list[Guess], int]:
    """An Iceberg table's columns: what is in its files now, and NULL where its schema allows that."""
    among = set(chosen)
    part = replace(table, data=tuple(pair for pair in table.data if pair[1] in among))
    count = len(chosen)
    relation = without_deleted(iceberg_relation(table), part, paths[:count], paths[count:])
    (guesses, rows), _ = _typed(connection, named(relation, table), paths[:count], complete)
    required = {field.name for field in table.fields if field.required}
    return [replace(guess, nullable=guess.name not in required) for guess in guesses], rows


def _delta(
    connection: duckdb.DuckDBPyConnection, listing: Listing, paths: Sequence[str], rows: str, complete: bool
) -> tuple[list[Guess], int]:
    """A Delta table's columns in its files as they are now; `rows` is a file with the numbers of those deleted."""
    relation = mapped.mapped_relation(listing.mapped) if listing.mapped else parquet_relation({}, together=True)
    relation = mapped.without_deleted(relation, listing, paths, rows)
    return _typed(connection, mapped.named(relation) if listing.mapped else relation, paths, complete)[0]


def _text_column(name: str, place: int) -> Column:
    return Column(name, place, "longtext", "longtext", charset="utf8mb4")


def _texts(
    connection: duckdb.DuckDBPyConnection,
    relation: Relation,
    names: Sequence[str],
    source: str,
    complete: bool,
    may_be_empty: bool,
) -> tuple[list[Guess], int, bool]:
    """Look at columns of text; tells as well whether empty fields stand for NULL."""
    given = {name: f"v{place}" for place, name in enumerate(names)}
    values = ", ".join(f"{relation.kinds[name.casefold()][0]} AS {given[name]}" for name in names)
    source = f"(SELECT {values} FROM {source})"
    seen, rows = _looked_at(connection, source, given, empty_is_null=False)
    if may_be_empty and any(found["empty"] for found in seen.values()):
        other, _ = _looked_at(connection, source, given, empty_is_null=True)
        if any(is_typed_but_for_empty(found) for found in other.values()):
            return [guess_text(name, other[name], rows, complete) for name in names], rows, True
    return [guess_text(name, seen[name], rows, complete) for name in names], rows, False


def _looked_at(
    connection: duckdb.DuckDBPyConnection, source: str, given: Mapping[str, str], empty_is_null: bool
) -> tuple[dict[str, dict[str, Any]], int]:
    values = {name: f"nullif({x}, '')" if empty_is_null else x for name, x in given.items()}
    wanted = {name: text_aggregates(values[name], x) for name, x in given.items()}
    seen, rows = _aggregated(connection, source, wanted)
    more = {name: found for name in given if (found := pattern_aggregates(values[name], seen[name]))}
    if more:
        for name, found in _aggregated(connection, source, more)[0].items():
            seen[name] |= found
    return seen, rows


def _typed(connection: duckdb.DuckDBPyConnection, relation: Relation, paths: Sequence[str], complete: bool) -> Looked:
    described = connection.execute(f"DESCRIBE SELECT * FROM {relation.over(paths)}").fetchall()
    kinds = {name: kind for name, kind, *_ in described}
    _require_few(len(kinds))
    if names_of(list(kinds), len(kinds)) != tuple(kinds):
        raise LakeError("the files have columns whose names are too long, or differ in case only")
    wanted = {name: typed_aggregates(quote(name), kind) for name, kind in kinds.items()}
    seen, rows = _aggregated(connection, _source(relation, paths, complete), wanted)
    return ([guess_typed(name, kind, seen[name], rows, complete) for name, kind in kinds.items()], rows), {}


def _source(relation: Relation, paths: Sequence[str], complete: bool) -> str:
    """What is looked at: all rows, or the first of each file."""
    if complete:
        return relation.over(paths)
    parts = [f"(SELECT * FROM {relation.over([path])} LIMIT {_ROWS})" for path in paths]
    return f"({' UNION ALL BY NAME '.join(parts)})"


def _aggregated(
    connection: duckdb.DuckDBPyConnection, source: str, wanted: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, dict[str, Any]], int]:
    """Compute aggregates of every column in one pass; gives the number of rows as well."""
    listed = [(name, what, sql) for name, aggregates in wanted.items() for what, sql in aggregates.items()]
    row = connection.execute(f"SELECT count(*), {', '.join(sql for *_, sql in listed)} FROM {source}").fetchone()
    assert row
    seen: dict[str, dict[str, Any]] = {}
    for (name, what, _), value in zip(listed, row[1:], strict=True):
        seen.setdefault(name, {})[what] = value
    return seen, row[0]


def _as_described(table: DeltaTable, seen: Mapping[str, Guess]) -> list[Guess]:
    """A Delta table's columns in the order of its log; what its files do not have is of the types of the log."""
    partitions = {name.casefold() for name in table.partitions}
    guesses = []
    for column in table.columns:
        name = str(column["name"])
        guess = seen.get(name.casefold())
        if guess is None or name.casefold() in partitions:
            guess = described_column(name, column["type"])
        guesses.append(replace(guess, name=name))
    return guesses


def _partitions(found: Sequence[Found], definition: Definition, taken: set[str]) -> list[Guess]:
    """Columns whose values are in the names of folders: sales/year=2024/…"""
    if not definition.partitions:
        return []
    values: dict[str, list[str]] = {}
    for file in found:
        for part in file.parts:
            key, mark, value = part.partition("=")
            if mark and key:
                values.setdefault(unquote(key), []).append(unquote(value))
    guesses = []
    for name, texts in values.items():
        if name.casefold() in taken:
            continue
        nullable = len(texts) < len(found) or "__HIVE_DEFAULT_PARTITION__" in texts
        whole = [int(text) for text in texts if text.isascii() and text.isdigit() and str(int(text)) == text]
        if len(whole) == len(texts):
            guesses.append(Guess(name, "int" if max(whole) < 1 << 31 else "bigint", nullable))
        else:
            guesses.append(Guess(name, f"varchar({max(64, 2 * max(map(len, texts)))})", nullable))
    return guesses
