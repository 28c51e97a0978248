"""Files of an Iceberg table as one relation: columns by field id, whatever each file calls them, without deleted rows.

DuckDB's own option `schema` of read_parquet finds columns by id and casts them; a column that a file has not is NULL.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b, sha256
from typing import Any

import duckdb

from base.errors import LakeError
from engine.lake.reach import quoted
from engine.lake.readings import NESTED
from engine.lake.relations import Relation
from engine.layout import quote
from lakehouse.formats.iceberg import BY_POSITION, Field, IcebergFile, IcebergTable
from lakehouse.formats.listing import Listing
from lakehouse.stores.places import Found

_TYPES = {
    "boolean": "BOOLEAN",
    "int": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "time": "TIME",
    "timestamp": "TIMESTAMP",
    "timestamptz": "TIMESTAMP WITH TIME ZONE",
    "string": "VARCHAR",
    "uuid": "UUID",
    "binary": "BLOB",
}
_CHANGED = f"{NESTED} whose fields have changed"
_SIZED = re.compile(r"(decimal\(\s*\d+\s*,\s*\d+\s*\))|fixed\[\d+\]")


def iceberg_relation(table: IcebergTable) -> Relation:
    """The rows of a snapshot's files, before deletes. Raises LakeError for a type that is not known."""
    kinds: dict[str, tuple[str, str]] = {}
    read: dict[int, str] = {}
    for field in table.fields:
        folded = field.name.casefold()
        if folded in kinds:
            raise LakeError(f"the table has two columns {field.name} whose names differ in case only")
        kinds[folded] = _name(field.id), _kind(field.type) if field.steady else _CHANGED
        if field.steady:
            read[field.id] = kinds[folded][1]
    for key in {key for file, _ in table.deletes for key in file.equality} - read.keys():
        read[key] = _kind(_known(table, key).type)
    return Relation("read_parquet(", f", {_schema(read)}", kinds)


def _deleting(
    table: IcebergTable, paths: Sequence[str], delete_paths: Sequence[str]
) -> Callable[[Callable[[Sequence[str]], str], Sequence[str]], str] | None:
    """What takes the deleted rows out of a relation over some of the files; None when no file says that any is."""
    if not table.deletes:
        return None
    data = {path: file for (file, _), path in zip(table.data, paths, strict=True)}
    deletes = [(file, path) for (file, _), path in zip(table.deletes, delete_paths, strict=True)]
    by_position = [pair for pair in deletes if pair[0].content == BY_POSITION]
    by_columns: dict[tuple[int, ...], list[tuple[IcebergFile, str]]] = {}
    for pair in deletes:
        if pair[0].content != BY_POSITION:
            by_columns.setdefault(tuple(sorted(pair[0].equality)), []).append(pair)
    kinds = {key: _kind(_known(table, key).type) for keys in by_columns for key in keys}
    reached = _Concerned([file for file, _ in deletes])

    def without(read: Callable[[Sequence[str]], str], some: Sequence[str]) -> str:
        concerned = [path for path in some if reached.has(data[path])]
        bare = [path for path in some if not reached.has(data[path])]
        if not concerned:
            return read(bare)
        left = f"SELECT d.* FROM {read(concerned)} AS d"
        if by_position:
            left += f" ANTI JOIN {_positions(by_position, {path: data[path] for path in concerned})} AS p"
            left += " ON d.filename = p.own AND d.file_row_number = p.pos"
        if by_columns:
            left += f" JOIN {_files(data, concerned)} AS f ON d.filename = f.own"
        for number, (keys, files) in enumerate(by_columns.items()):
            equal = " AND ".join(f"d.{_name(key)} IS NOT DISTINCT FROM e{number}.{_name(key)}" for key in keys)
            left += f" ANTI JOIN {_equals(keys, files, kinds)} AS e{number} ON {equal} AND f.seq < e{number}.seq"
            left += f" AND (e{number}.part IS NULL OR e{number}.part = f.part)"
        both = [f"SELECT * FROM {read(bare)}"] if bare else []
        return f"({' UNION ALL '.join([*both, left])})"

    return without


def without_deleted(
    relation: Relation, table: IcebergTable, paths: Sequence[str], delete_paths: Sequence[str]
) -> Relation:
    """The relation over files of these paths, of which rows are deleted by those of the others."""
    return replace(relation, without=_deleting(table, paths, delete_paths))


def named(relation: Relation, table: IcebergTable) -> Relation:
    """The relation with its columns under their own names. Raises LakeError for one whose values cannot be read."""
    if changed := next((field.name for field in table.fields if not field.steady), ""):
        raise LakeError(f"column {changed} has {_CHANGED}")
    columns = ", ".join(f"{_name(field.id)} AS {quote(field.name)}" for field in table.fields)
    inner = relation.without

    def chosen(read: Callable[[Sequence[str]], str], some: Sequence[str]) -> str:
        return f"(SELECT {columns} FROM {inner(read, some) if inner else read(some)})"

    return replace(relation, without=chosen)


def file_key(file: Found) -> str:
    """What tells one state of a file from others; it does not tell the address, which may hold a signature."""
    return _short(f"{file.uri}|{file.version}")


def file_keys(listing: Listing) -> list[str]:
    """What tells the rows of one file from those of another: its version, and the deletes that may concern it."""
    keys = [file_key(file) for file in listing.found]
    if listing.deleted is not None:
        given = zip(keys, listing.deleted, strict=True)
        return [_short(f"{key}|{one.vector.key}") if one else key for key, one in given]
    if listing.iceberg is None or not listing.deletes:
        return keys
    told = "".join(f"|{file.uri}|{file.version}" for file in listing.deletes)
    behind = sha256(told.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    reached = _Concerned([file for file, _ in listing.iceberg.deletes])
    return [
        _short(f"{key}|{behind}") if reached.has(file) else key
        for key, (file, _) in zip(keys, listing.iceberg.data, strict=True)
    ]


def _short(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=12).hexdigest()


def require_ids(
    connection: duckdb.DuckDBPyConnection,
    known: set[str],
    listing: Listing,
    paths: Sequence[str],
    delete_paths: Sequence[str],
) -> None:
    """Refuse files whose columns have no field ids, or lack those of partitions; `known` are those that were looked at.

    Raises LakeError and duckdb.Error.
    """
    needed = listing.iceberg.partition_ids if listing.iceberg else frozenset()
    _require_ids(connection, known, listing.found, paths, needed)
    if listing.iceberg is None:
        return
    by_columns = [
        (found, path)
        for (file, found), path in zip(listing.iceberg.deletes, delete_paths, strict=True)
        if file.content != BY_POSITION
    ]
    _require_ids(connection, known, [found for found, _ in by_columns], [path for _, path in by_columns], frozenset())


def _require_ids(
    connection: duckdb.DuckDBPyConnection,
    known: set[str],
    found: Sequence[Found],
    paths: Sequence[str],
    needed: frozenset[int],
) -> None:
    new = {path: file for file, path in zip(found, paths, strict=True) if file_key(file) not in known}
    if not new:
        return
    lacks = "".join(f" OR NOT coalesce(list_contains(list(field_id), {key}), false)" for key in sorted(needed))
    row = connection.execute(
        f"SELECT file_name FROM parquet_schema([{', '.join(map(quoted, new))}]) "
        f"GROUP BY file_name HAVING count(field_id) = 0{lacks} LIMIT 1"
    ).fetchone()
    if row:
        raise LakeError(
            f"{new[row[0]].shown} has columns without field ids, or lacks one of its partition, as a file that "
            "came from another format: rewrite it"
        )
    known |= {file_key(file) for file in new.values()}


class _Concerned:
    """Which data files some deletes may hold for."""

    def __init__(self, deletes: Sequence[IcebergFile]) -> None:
        self._named: set[str] = set()
        self._newest: dict[
            tuple[Any, ...] | None, int
        ] = {}  # the first sequence number that is out of reach, by partition
        for file in deletes:
            if file.names is not None:
                self._named.add(file.names)
            else:
                reach = file.sequence + (file.content == BY_POSITION)
                self._newest[file.partition] = max(reach, self._newest.get(file.partition, 0))

    def has(self, file: IcebergFile) -> bool:
        """Tell whether a file may have deleted rows."""
        if file.given in self._named:
            return True
        return any(file.sequence < self._newest.get(part, 0) for part in (None, file.partition))


def _positions(deletes: Sequence[tuple[IcebergFile, str]], data: Mapping[str, IcebergFile]) -> str:
    """The rows that are deleted by their number, with our own paths of their files."""
    names = ", ".join(f"({quoted(file.given)}, {quoted(path)}, {file.sequence})" for path, file in data.items())
    numbers = ", ".join(f"({quoted(path)}, {file.sequence})" for file, path in deletes)
    listed = ", ".join(quoted(path) for _, path in deletes)
    return (
        f"(SELECT n.own, x.pos FROM read_parquet([{listed}]) AS x "
        f"JOIN (VALUES {numbers}) AS s(path, seq) ON x.filename = s.path "
        f"JOIN (VALUES {names}) AS n(given, own, seq) ON x.file_path = n.given AND s.seq >= n.seq)"
    )


def _files(data: Mapping[str, IcebergFile], paths: Sequence[str]) -> str:
    rows = ", ".join(f"({quoted(path)}, {data[path].sequence}, {_part(data[path])})" for path in paths)
    return f"(SELECT * FROM (VALUES {rows}) AS v(own, seq, part))"


def _part(file: IcebergFile) -> str:
    return "NULL" if file.partition is None else quoted(repr(file.partition))


def _equals(keys: Sequence[int], deletes: Sequence[tuple[IcebergFile, str]], kinds: Mapping[int, str]) -> str:
    """The rows that are deleted by their values, with the numbers and partitions that they hold for."""
    rows = ", ".join(f"({quoted(path)}, {file.sequence}, {_part(file)})" for file, path in deletes)
    listed = ", ".join(quoted(path) for _, path in deletes)
    columns, schema = ", ".join(f"x.{_name(key)}" for key in keys), _schema({key: kinds[key] for key in keys})
    return (
        f"(SELECT {columns}, s.seq, s.part FROM read_parquet([{listed}], {schema}) AS x "
        f"JOIN (VALUES {rows}) AS s(path, seq, part) ON x.filename = s.path)"
    )


def _schema(read: Mapping[int, str]) -> str:
    fields = ", ".join(
        f"{key}: {{name: '{_bare(key)}', type: {quoted(kind)}, default_value: NULL}}"
        for key, kind in sorted(read.items())
    )
    return f"schema = MAP {{{fields}}}"


def _bare(key: int) -> str:
    return f"f{int(key)}"


def _name(key: int) -> str:
    return quote(_bare(key))


def _known(table: IcebergTable, key: int) -> Field:
    field = table.elder.get(key)
    if field is None or not isinstance(field.type, str):
        raise LakeError(f"deletes are by a column {key} that the table's metadata does not name, or that is nested")
    return field


def _kind(given: Any) -> str:
    """DuckDB's type. Raises LakeError."""
    if isinstance(given, str):
        if given in _TYPES:
            return _TYPES[given]
        if sized := _SIZED.fullmatch(given):
            return sized[1].upper().replace(" ", "") if sized[1] else "BLOB"
    elif given.get("type") == "list":
        return f"{_kind(given['element'])}[]"
    elif given.get("type") == "map":
        return f"MAP({_kind(given['key'])}, {_kind(given['value'])})"
    elif given.get("type") == "struct":
        fields = [f"{quote(one['name'])} {_kind(one['type'])}" for one in given["fields"]]
        return f"STRUCT({', '.join(fields)})"
    raise LakeError(f"Iceberg's type {str(given)[:40]} is not supported")
