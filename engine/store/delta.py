"""Changes of one table, folded and put into the store: set operations only, no row by row work."""

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.changes.changes import DELETED, INSERTED, Missing
from engine.changes.frames import pack_known, unpack_known
from engine.images.complete import complete
from engine.layout import ROW_GROUP, arrow_schema, create_statement, quote
from engine.store.bookkeeping import pending_name
from engine.store.lookup import fetch_rows
from statements.schema import Table

Kinds = npt.NDArray[np.int8]

_SEQUENCE = "_warmfront_sequence"
_KIND = "_warmfront_kind"
_LISTED = 1000  # most keys that a statement lists; more are joined
_FEW = 20  # keys that are listed whatever the table's size
_KNOWN = "_warmfront_known"


@dataclass(frozen=True, slots=True)
class Delta:
    """What a batch does to a table with a key: remove the rows with these keys, then add these rows.

    `expected` is how many rows the removal has to find, None when changes may come that the store has seen.
    """

    delete: pa.Table  # key columns only
    insert: pa.Table
    expected: int | None = None


class RowsMissing(ValueError):
    """The copy does not hold the rows that the log changes: it differs from its source."""


def fold(table: Table, kinds: Kinds, rows: pa.RecordBatch, idempotent: bool) -> Delta:
    """Fold images in log order to the last one per key.

    A key has a row in the store when its first image is a before image, unless changes may come that the store has
    seen (`idempotent`): then every key is removed first.
    """
    keys = rows.select(list(table.primary_key))
    if (kinds == INSERTED).all() and _is_rising(keys):  # as new rows mostly are
        known = keys if idempotent else keys.slice(0, 0)
        return Delta(pa.Table.from_batches([known]), pa.Table.from_batches([rows]), None if idempotent else 0)
    number = _number_keys(keys)
    order = np.arange(len(kinds), dtype=np.int64)
    first, last = np.empty((2, int(number.max()) + 1), np.int64)
    first[number[::-1]] = order[::-1]  # of equal places the one assigned last stays
    last[number] = order
    known = first if idempotent else first[kinds[first] == DELETED]
    final = np.sort(last[kinds[last] == INSERTED])
    return Delta(_take(keys, known), _take(rows, final), None if idempotent else len(known))


def _is_rising(keys: pa.RecordBatch) -> bool:
    """Whether a key of one number is greater in every row than in the one before."""
    if keys.num_columns != 1 or not pa.types.is_integer(keys.column(0).type):
        return False
    values = keys.column(0).to_numpy()
    return bool((values[1:] > values[:-1]).all())


def _number_keys(keys: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """A number per row, from 0 on, equal for equal keys."""
    numbers = np.zeros(keys.num_rows, np.int64)
    for column in keys.columns:
        codes = column.dictionary_encode().indices.to_numpy().astype(np.int64)
        numbers = numbers * (int(codes.max()) + 1) + codes
        if keys.num_columns > 1:
            numbers = np.unique(numbers, return_inverse=True)[1].reshape(-1)
    return numbers


def _take(rows: pa.RecordBatch, places: npt.NDArray[np.int64]) -> pa.Table:
    whole = len(places) == rows.num_rows and bool((places[1:] > places[:-1]).all())
    return pa.Table.from_batches([rows if whole else rows.take(pa.array(places))])


def apply_delta(
    connection: duckdb.DuckDBPyConnection, name: str, table: Table, delta: Delta, size: int = 0
) -> tuple[int, int]:
    """Remove and add rows of store table `name` of about `size` rows; gives how many were removed and how many added.

    Raises RowsMissing when there are fewer, or more, to remove than there must be.
    """
    gone = 0
    if delta.delete.num_rows:
        gone = _remove(connection, name, table, delta.delete, size)
    if delta.expected is not None and gone != delta.expected:
        raise RowsMissing(f"{delta.expected} of its rows were changed and {gone} found in the copy")
    if delta.insert.num_rows:
        append(connection, name, delta.insert)
    return gone, delta.insert.num_rows


def _remove(connection: duckdb.DuckDBPyConnection, name: str, table: Table, keys: pa.Table, size: int) -> int:
    """Delete rows by key. Row groups that hold none of a list of numbers are not read; those read cost more by a list
    than by a join, so there have to be more of them than keys."""
    first = quote(table.primary_key[0])
    listed = _listed(keys.column(0)) if keys.num_rows <= min(max(size // ROW_GROUP, _FEW), _LISTED) else None
    if listed and keys.num_columns == 1:
        removed = connection.execute(f"DELETE FROM {name} WHERE {first} IN ({listed})").fetchone()
    else:
        same = " AND ".join(f"t.{quote(k)} = d.{quote(k)}" for k in table.primary_key)
        if listed:
            same += f" AND t.{first} IN ({listed})"
        connection.register("_wf_delete", read_once(keys))
        removed = connection.execute(f"DELETE FROM {name} t USING _wf_delete d WHERE {same}").fetchone()
        connection.unregister("_wf_delete")
    return removed[0] if removed else 0


def _listed(column: pa.ChunkedArray) -> str | None:
    """Numbers as text, for a list in a statement; None when they are none."""
    if not pa.types.is_integer(column.type):
        return None
    texts = column.unique().cast(pa.string())
    return str(pc.binary_join(pa.ListArray.from_arrays(pa.array([0, len(texts)], pa.int32()), texts), ", ")[0])


def append(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Add Arrow rows to a table of the store that has the same columns in the same order."""
    # No view for it to be made and dropped: those are statements of their own.
    connection.from_arrow(read_once(rows)).insert_into(name)


def read_once(rows: pa.Table) -> pa.RecordBatchReader:
    """A reader that lets go of the rows when it has given them: DuckDB keeps what was registered in a transaction to
    its end, however many pieces there are.

    A reader, because DuckDB scans a table through Arrow's thread pool, which costs milliseconds on a busy machine. In
    batches of a row group: its threads take one each.
    """
    batches = rows.to_batches(max_chunksize=ROW_GROUP)
    batches.reverse()

    def give() -> Iterator[pa.RecordBatch]:
        while batches:
            yield batches.pop()

    return pa.RecordBatchReader.from_batches(rows.schema, give())


def apply_multiset(
    connection: duckdb.DuckDBPyConnection, name: str, table: Table, kinds: Kinds, rows: pa.RecordBatch
) -> int:
    """Apply images of a table without a key: exactly as many copies of a row go as were deleted.

    Added rows keep their order, which is what clients see who ask for none: few rows are read as they were written.
    """
    if (kinds == INSERTED).all():
        append(connection, name, pa.Table.from_batches([rows]))
        return len(kinds)
    data = pa.Table.from_batches([rows]).append_column(_KIND, pa.array(kinds.astype(np.int64)))
    connection.register("_wf_images", read_once(data))
    connection.execute("CREATE OR REPLACE TEMP TABLE _wf_multiset AS SELECT * FROM _wf_images")
    connection.unregister("_wf_images")
    return _apply_counted(connection, name, table, "_wf_multiset")


def _apply_counted(connection: duckdb.DuckDBPyConnection, name: str, table: Table, images: str) -> int:
    columns = [quote(c) for c in arrow_schema(table).names]
    listed = ", ".join(columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _wf_net AS SELECT {listed}, "
        f"sum(CASE WHEN {_KIND} = {INSERTED} THEN 1 ELSE -1 END)::BIGINT AS _wf_count, "
        f"min(rowid) AS _wf_first FROM {images} GROUP BY ALL HAVING _wf_count <> 0"
    )
    same = " AND ".join(f"t.{c} IS NOT DISTINCT FROM n.{c}" for c in columns)
    removed = connection.execute(
        f"DELETE FROM {name} WHERE rowid IN (SELECT r FROM (SELECT t.rowid AS r, n._wf_count AS c, "
        f"row_number() OVER (PARTITION BY {', '.join('t.' + c for c in columns)}) AS copy "
        f"FROM {name} t JOIN _wf_net n ON {same} WHERE n._wf_count < 0) WHERE copy <= -c)"
    ).fetchone()
    added = connection.execute(
        f"INSERT INTO {name} SELECT {listed} FROM _wf_net, range(_wf_count) WHERE _wf_count > 0 ORDER BY _wf_first"
    ).fetchone()
    connection.execute("DROP TABLE _wf_net")
    return (added[0] if added else 0) - (removed[0] if removed else 0)


def create_pending(connection: duckdb.DuckDBPyConnection, table_id: int, table: Table) -> None:
    """Make the table that keeps a table's changes while it is loaded."""
    name = pending_name(table_id)
    connection.execute(create_statement(table, name))
    connection.execute(f"ALTER TABLE {name} ADD COLUMN {_KIND} TINYINT")
    connection.execute(f"ALTER TABLE {name} ADD COLUMN {_SEQUENCE} BIGINT")
    connection.execute(f"ALTER TABLE {name} ADD COLUMN {_KNOWN} BLOB")


def append_pending(
    connection: duckdb.DuckDBPyConnection,
    table_id: int,
    kinds: Kinds,
    rows: pa.RecordBatch,
    sequence: int,
    known: npt.NDArray[np.uint8] | None = None,
) -> None:
    """Keep changes for later; `sequence` numbers the first of them over the whole load.

    `known` says which cells have a value (`engine.images.complete`), None when all have.
    """
    numbers = pa.array(np.arange(sequence, sequence + len(kinds), dtype=np.int64))
    data = pa.Table.from_batches([rows]).append_column(_KIND, pa.array(kinds)).append_column(_SEQUENCE, numbers)
    append(connection, pending_name(table_id), data.append_column(_KNOWN, pack_known(known, len(kinds))))


def apply_pending(connection: duckdb.DuckDBPyConnection, table_id: int, name: str, table: Table) -> None:
    """Put the changes kept during a load over the rows loaded, and drop them."""
    pending = pending_name(table_id)
    if connection.execute(f"SELECT 1 FROM {pending} WHERE {_KNOWN} IS NOT NULL LIMIT 1").fetchone():
        _apply_incomplete(connection, pending, name, table)
    elif table.primary_key:
        keys = ", ".join(quote(k) for k in table.primary_key)
        same = " AND ".join(f"t.{quote(k)} = d.{quote(k)}" for k in table.primary_key)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _wf_last AS SELECT * FROM {pending} "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {_SEQUENCE} DESC) = 1"
        )
        connection.execute(f"DELETE FROM {name} t USING _wf_last d WHERE {same}")
        connection.execute(
            f"INSERT INTO {name} SELECT * EXCLUDE ({_KIND}, {_SEQUENCE}, {_KNOWN}) FROM _wf_last "
            f"WHERE {_KIND} = {INSERTED}"
        )
        connection.execute("DROP TABLE _wf_last")
    else:
        _apply_counted(connection, name, table, pending)
    connection.execute(f"DROP TABLE {pending}")


def _apply_incomplete(connection: duckdb.DuckDBPyConnection, pending: str, name: str, table: Table) -> None:
    """Put kept changes whose images lack columns over the rows loaded, which have them."""
    kept = connection.execute(f"SELECT * FROM {pending} ORDER BY {_SEQUENCE}").to_arrow_table().combine_chunks()
    schema = arrow_schema(table)
    rows = kept.select(schema.names).cast(schema).to_batches()[0]
    kinds = kept.column(_KIND).to_numpy().astype(np.int8)
    known = unpack_known(kept.column(_KNOWN).chunk(0), len(schema))
    rows, _ = complete(
        table,
        kinds,
        rows,
        Missing(known),
        lambda keys, columns: fetch_rows(connection, name, table, keys, columns),
        idempotent=True,
    )
    apply_delta(connection, name, table, fold(table, kinds, rows, idempotent=True))


def string_columns(schema: pa.Schema) -> list[str]:
    """Names of the columns that hold text."""
    return [f.name for f in schema if pa.types.is_string(f.type)]


def one_batch(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Put record batches of one schema together."""
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def join_kinds(kinds: list[Kinds]) -> Kinds:
    """Put the kinds of several changes together."""
    return np.concatenate(kinds)
