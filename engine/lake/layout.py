"""How the files of a table lie: which hold the values of which partition, and one relation over each such group."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb

from base.errors import LakeError
from engine.lake.evolved import iceberg_relation
from engine.lake.inexact import CHANGED, inexact_columns
from engine.lake.mapped import mapped_relation
from engine.lake.reach import extension, quoted
from engine.lake.relations import (
    Relation,
    avro_relation,
    csv_relation,
    delimiter_of,
    json_relation,
    parquet_relation,
)
from engine.lake.unlike import together
from engine.lake.warned import Warned
from engine.layout import quote
from lakehouse.descriptions.definition import Definition
from lakehouse.formats.avro import require_alike_avro, require_whole_avro
from lakehouse.formats.listing import Listing, folder_values
from lakehouse.stores.places import Found, Places
from lakehouse.text.heads import LONGEST_LINE, Head, head_of, require_alike, require_closed
from statements.schema import Column, Table

# DuckDB 1.5.5 counts levels of Parquet in a byte, up to three for each list or map; one more ends all of its work.
_DEEPEST = 80
_QUOTED = re.compile(r'"(?:[^"]|"")*"')
_STRUCTURE = re.compile(r"[(),]|\[\d*\]")


@dataclass(frozen=True, slots=True)
class Group:
    """Files, by their place in the list, that have the same values in their partition columns."""

    values: tuple[tuple[str, str | None], ...]
    files: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """The files of one moment. `missing` has, by folded name, the columns that some file has not, and its name.

    `ragged` are the records of another width than the table's, as far as they were counted.
    """

    relation: Relation
    groups: tuple[Group, ...]
    partitions: tuple[str, ...]  # folded names
    missing: dict[str, str]
    width: int  # columns of a record of text
    order: tuple[str, ...]  # the files' addresses
    header_lines: int  # lines before the first record
    ragged: tuple[Warned, ...] = ()


def groups_of(table: Table, definition: Definition, listing: Listing) -> tuple[tuple[Group, ...], tuple[str, ...]]:
    """Group files by the values of their partition columns: those that the table's log gives, or their folders' names.

    Raises LakeError when some lie in folders of other columns.
    """
    found = listing.found
    if listing.iceberg is not None:
        return (Group((), tuple(range(len(found)))),), ()
    if listing.values is not None:
        known: dict[tuple[tuple[str, str | None], ...], list[int]] = {}
        for place, given in enumerate(listing.values):
            known.setdefault(tuple((name, given.get(name)) for name in listing.partitions), []).append(place)
        return tuple(Group(values, tuple(files)) for values, files in known.items()), listing.partitions
    if not definition.partitions:
        return (Group((), tuple(range(len(found)))),), ()
    names = {column.name.casefold() for column in table.columns}
    groups: dict[tuple[tuple[str, str | None], ...], list[int]] = {}
    first: tuple[str, ...] | None = None
    for place, file in enumerate(found):
        values = tuple(pair for pair in folder_values(file) if pair[0] in names)
        keys = tuple(key for key, _ in values)
        if first is None:
            first = keys
        if keys != first:
            raise LakeError(
                f"{file.shown} lies in folders of other columns ({', '.join(keys) or 'none'}) "
                f"than {found[0].shown} ({', '.join(first) or 'none'})"
            )
        groups.setdefault(values, []).append(place)
    return tuple(Group(values, tuple(files)) for values, files in groups.items()), first or ()


def lay_out(
    table: Table,
    definition: Definition,
    listing: Listing,
    paths: Sequence[str],
    connection: duckdb.DuckDBPyConnection,
    places: Places,
    lenient: bool,
    longest: int = LONGEST_LINE,
) -> Layout:
    """Look at the files' own descriptions; `longest` are the bytes that a line of CSV may have.

    Raises LakeError and duckdb.Error.
    """
    found, dialect = listing.found, definition.dialect
    groups, partitions = groups_of(table, definition, listing)
    own = [column for column in table.columns if column.name.casefold() not in partitions]
    missing: dict[str, str] = {}
    match dialect.format:
        case "csv" | "json":
            head = head_of(places, found[0], dialect) if found else Head("", "none")
            require_alike(found, head)
            compression = head.remaining
            if dialect.format == "csv":
                delimiter = delimiter_of(head.text, len(own), dialect)
                if lenient and dialect.closes_records:
                    raise LakeError(
                        'a record of another width is an error, as "record_delimiter" begins with the field delimiter'
                    )
                relation = csv_relation(own, dialect, delimiter, lenient, compression, longest)
            else:
                require_closed(places, found, head)
                relation = json_relation(own, head.text, compression)
        case "avro":
            connection.execute(f"LOAD {quoted(str(extension('avro')))}")
            whole = [require_whole_avro(places, file) for file in found]
            require_alike_avro(found, [schema for schema, _ in whole])
            kinds = _described(connection, f"read_avro([{', '.join(map(quoted, paths))}])") if found else {}
            _require_records(connection, found, paths, [records for _, records in whole])
            relation = avro_relation(kinds)
            missing = {c.name.casefold(): found[0].shown for c in own if found and c.name.casefold() not in kinds}
        case "iceberg":
            assert listing.iceberg is not None
            relation = iceberg_relation(listing.iceberg)
        case "delta" if listing.mapped:
            relation = mapped_relation(listing.mapped)
        case _:
            relation, missing = _parquet(own, found, paths, connection)
    if listing.columns is not None:
        missing = {name: file for name, file in missing.items() if name not in listing.columns}
    lines = dialect.skip_rows + dialect.has_header
    return Layout(relation, groups, partitions, missing, len(own), tuple(file.uri for file in found), lines)


def _parquet(
    own: Sequence[Column], found: Sequence[Found], paths: Sequence[str], connection: duckdb.DuckDBPyConnection
) -> tuple[Relation, dict[str, str]]:
    """Parquet says what it holds; files that hold something else than the first are brought together by name."""
    if not found:
        return parquet_relation({}, False), {}
    listed = ", ".join(map(quoted, paths))
    shapes = connection.execute(
        "SELECT shape, min(place), bool_or(changed) FROM (SELECT file_name, min(place) AS place, "
        f"string_agg(concat_ws(' ', lower(name), duckdb_type, {CHANGED}, column_id), ',' ORDER BY column_id) AS shape, "
        f"bool_or({CHANGED} IS NOT NULL) AS changed "
        f"FROM parquet_schema([{listed}]) JOIN "
        f"(SELECT unnest([{listed}]) AS file_name, unnest(range({len(paths)})) AS place) USING (file_name) "
        "WHERE column_id > 0 GROUP BY file_name) GROUP BY shape ORDER BY 2"
    ).fetchall()
    inexact: dict[str, str] = {}
    for _, place, changed in shapes:
        if changed:
            inexact |= inexact_columns(connection, paths[place])
    if len(shapes) < 2:
        relation = parquet_relation({}, False)
        kinds = _described(connection, relation.over(paths))
        kinds |= {name: (kinds[name][0], kind) for name, kind in inexact.items()}
        missing = {c.name.casefold(): found[0].shown for c in own if c.name.casefold() not in kinds}
        return replace(relation, kinds=kinds), missing
    bare = parquet_relation({}, True)
    kinds, missing = _described(connection, bare.over(paths)), {}
    here = [(place, _described(connection, bare.over([paths[place]]))) for _, place, _ in shapes]
    read = dict(kinds)
    for column in own:
        name = column.name.casefold()
        if name in kinds:
            given = [there[name][1] for _, there in here if name in there]
            read[name] = kinds[name][0], inexact.get(name) or together(given, kinds[name][1], column.type)
        lacking = [place for place, there in here if name not in there]
        if lacking:
            missing[name] = found[lacking[0]].shown
    return replace(parquet_relation(kinds, True), kinds=read), missing


def _require_records(
    connection: duckdb.DuckDBPyConnection, found: Sequence[Found], paths: Sequence[str], records: Sequence[int]
) -> None:
    """Raise LakeError unless all records of Avro files are read: at a damaged one DuckDB takes a file for read."""

    def read(some: Sequence[str]) -> int:
        listed = ", ".join(map(quoted, some))
        return int(connection.execute(f"SELECT count(*) FROM read_avro([{listed}])").fetchall()[0][0])

    if found and read(paths) != sum(records):
        wrong = (file for file, path, said in zip(found, paths, records, strict=True) if read([path]) != said)
        raise LakeError(f"{next(wrong, found[0]).shown} is damaged: not all of its records can be read")


def nesting(kind: str) -> int:
    """How deep lists, maps and structs lie in one another in a type, by DuckDB's name of it."""
    deepest = depth = lists = 0
    above: list[int] = []
    for part in reversed(_STRUCTURE.findall(_QUOTED.sub("", kind))):  # a list's brackets stand behind what is in it
        if part == ")":
            above.append(depth)
            depth, lists = depth + lists + 1, 0
        elif part == "(":
            depth, lists = above.pop(), 0
        else:
            lists = 0 if part == "," else lists + 1
        deepest = max(deepest, depth + lists)
    return deepest


def _described(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, tuple[str, str]]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
    kinds: dict[str, tuple[str, str]] = {}
    for name, kind, *_ in rows:
        if name.casefold() in kinds:
            raise LakeError(f"a file has two columns {name} whose names differ in case only")
        if nesting(kind) > _DEEPEST:
            raise LakeError(f"a file's column {name} is nested more than {_DEEPEST} deep")
        kinds[name.casefold()] = quote(name), kind
    return kinds
