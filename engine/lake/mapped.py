"""Files of a Delta table as one relation: columns by the names or ids that its log has for them, without deleted rows.

Sources: "Column Mapping" and "Deletion Vectors" in PROTOCOL.md of delta-io/delta.
"""

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from base.errors import LakeError
from engine.lake.reach import quoted
from engine.lake.readings import NESTED
from engine.lake.relations import Relation
from engine.layout import quote
from lakehouse.formats.damage import understood
from lakehouse.formats.deletion_vectors import Rows
from lakehouse.formats.delta import Deleted, Mapped
from lakehouse.formats.listing import Listing
from lakehouse.stores.places import Places

_TYPES = {
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "short": "SMALLINT",
    "integer": "INTEGER",
    "long": "BIGINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "string": "VARCHAR",
    "binary": "BLOB",
}
_RENAMED = f"{NESTED} whose fields have other names in files"
_OWN = frozenset({"filename", "file_row_number"})  # columns that DuckDB has of a file
_KEPT_ROWS = 4 << 20  # numbers of deleted rows that are remembered
_SCHEMA = pa.schema([("file", pa.int32()), ("pos", pa.int64())])


def mapped_relation(columns: Sequence[Mapped]) -> Relation:
    """The rows of files whose columns go by other names or by ids. Raises LakeError for a type that is not known."""
    kinds: dict[str, tuple[str, str]] = {}
    read: dict[str, str] = {}
    for place, column in enumerate(columns):
        folded, name = column.name.casefold(), f"f{place}"
        if folded in kinds:
            raise LakeError(f"the table has two columns {column.name} whose names differ in case only")
        kinds[folded] = quote(name), _kind(column.type) if column.steady else _RENAMED
        key = str(column.key) if isinstance(column.key, int) else quoted(column.key)
        if column.steady:
            if key.casefold() in read:  # DuckDB looks for names whatever their case
                raise LakeError(f"the files have two columns {key}, or their names differ in case only")
            read[key.casefold()] = f"{key}: {{name: '{name}', type: {quoted(kinds[folded][1])}, default_value: NULL}}"
    if not read:
        return Relation("read_parquet(", ", hive_partitioning = false", kinds)
    return Relation("read_parquet(", f", schema = MAP {{{', '.join(read.values())}}}", kinds)


def named(relation: Relation) -> Relation:
    """The relation over files of some columns under the folded names of the table, without those that are not read."""
    columns = ", ".join(
        f"{source} AS {quote(name)}" for name, (source, kind) in relation.kinds.items() if not kind.startswith(NESTED)
    )
    inner = relation.without

    def chosen(read: Callable[[Sequence[str]], str], some: Sequence[str]) -> str:
        return f"(SELECT {columns or '1 AS _'} FROM {inner(read, some) if inner else read(some)})"

    return replace(relation, without=chosen)


def without_deleted(relation: Relation, listing: Listing, paths: Sequence[str], rows: str) -> Relation:
    """The relation over the files of these paths, without the rows whose numbers `rows`, a file, has of them.

    Raises LakeError when the table has columns that hide what DuckDB tells of a file.
    """
    if not listing.mapped and (hidden := _OWN & {*relation.kinds, *(listing.columns or ())}):
        raise LakeError(f"a column called {min(hidden)} beside deletion vectors is not supported")
    reduced = {path: place for place, path in enumerate(paths) if listing.deleted and listing.deleted[place]}
    inner = relation.without

    def left(read: Callable[[Sequence[str]], str], some: Sequence[str]) -> str:
        concerned = [path for path in some if path in reduced]
        bare = [path for path in some if path not in reduced]
        if not concerned:
            return read(bare)
        own = ", ".join(f"({quoted(path)}, {reduced[path]})" for path in concerned)
        numbers = f"read_parquet([{quoted(rows)}]) AS x JOIN (VALUES {own}) AS n(own, file) USING (file)"
        kept = (
            f"SELECT d.* FROM {read(concerned)} AS d ANTI JOIN (SELECT n.own, x.pos FROM {numbers}) AS p "
            "ON d.filename = p.own AND d.file_row_number = p.pos"
        )
        both = [f"SELECT * FROM {read(bare)}"] if bare else []
        return f"({' UNION ALL BY NAME '.join([*both, kept])})"

    def outer(read: Callable[[Sequence[str]], str], some: Sequence[str]) -> str:
        return inner(lambda those: left(read, those), some) if inner else left(read, some)

    return replace(relation, without=outer)


def write_rows(stack: ExitStack, places: Places, listing: Listing, folder: Path) -> str:
    """Write the numbers of deleted rows, with the places of their files in the list; gives the path of what is written.

    It is gone with the stack. Raises LakeError for a vector that is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
    with pq.ParquetWriter(out, _SCHEMA, compression="none") as writer:
        for place, deleted in enumerate(listing.deleted or ()):
            if deleted:
                rows = _numbers(places, deleted, listing.found[place].shown)
                files = np.full(len(rows), place, np.int32)
                writer.write_table(pa.table([pa.array(files), pa.array(rows)], schema=_SCHEMA))
    out.flush()
    return f"/proc/self/fd/{out.fileno()}"


def _numbers(places: Places, deleted: Deleted, shown: str) -> Rows:
    vector, found = deleted.vector, deleted.found
    key = f"{found.uri}|{found.version}|{vector!r}" if found else repr(vector)
    if (rows := _kept.get(key)) is not None:
        return rows
    with understood(f"the deletion vector of {shown}", "none"):
        rows = vector.deleted(places.read(found, *vector.part) if found else b"")
    _kept.put(key, rows)
    return rows


class _Kept:
    """Deletion vectors that were read, the last ones. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[str, Rows] = OrderedDict()
        self._count = 0

    def get(self, key: str) -> Rows | None:
        """The rows of a vector, None when they are not there."""
        with self._lock:
            return self._rows.get(key)

    def put(self, key: str, rows: Rows) -> None:
        """Keep the rows of a vector; the oldest go."""
        with self._lock:
            if key not in self._rows:
                self._count += len(rows)
            self._rows[key] = rows
            while self._count > _KEPT_ROWS:
                _, gone = self._rows.popitem(last=False)
                self._count -= len(gone)


_kept = _Kept()


def _kind(given: Any) -> str:
    """DuckDB's type of one of the log. Raises LakeError."""
    if isinstance(given, str):
        if given in _TYPES:
            return _TYPES[given]
        if given.startswith("decimal("):
            return given.upper()
    elif given["type"] == "array":
        return f"{_kind(given['elementType'])}[]"
    elif given["type"] == "map":
        return f"MAP({_kind(given['keyType'])}, {_kind(given['valueType'])})"
    elif given["type"] == "struct":
        fields = [f"{quote(one['name'])} {_kind(one['type'])}" for one in given["fields"]]
        return f"STRUCT({', '.join(fields)})"
    raise LakeError(f"Delta's type {str(given)[:40]} is not supported")
