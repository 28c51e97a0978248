"""Changes of one table, folded and put into the store: set operations only, no row by row work."""

from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.replicate.changes import DELETED, INSERTED
from engine.store.bookkeeping import pending_name
from engine.store.layout import arrow_schema, create_statement, quote
from statements.schema import Table

Kinds = npt.NDArray[np.int8]

_SEQUENCE = "_warmfront_sequence"
_KIND = "_warmfront_kind"


@dataclass(frozen=True, slots=True)
class Delta:
    """What a batch does to a table with a key: remove the rows with these keys, then add these rows."""

    delete: pa.Table  # key columns only
    insert: pa.Table


def fold(table: Table, kinds: Kinds, rows: pa.RecordBatch, idempotent: bool) -> Delta:
    """Fold images in log order to the last one per key.

    Only a key that had a before image can have a row in the store, unless changes may come that the store has seen
    (`idempotent`): then every key is removed first.
    """
    keys = list(table.primary_key)
    data = pa.Table.from_batches([rows])
    if len(kinds) == 1:
        seen, last = kinds == DELETED, np.zeros(1, np.int64)
        distinct = data.select(keys)
    else:
        positions = pa.array(np.arange(len(kinds), dtype=np.int64))
        marked = data.select(keys).append_column(_SEQUENCE, positions).append_column(_KIND, pa.array(kinds))
        grouped = marked.group_by(keys, use_threads=False).aggregate([(_SEQUENCE, "max"), (_KIND, "min")])
        last = grouped.column(f"{_SEQUENCE}_max").to_numpy()
        seen = grouped.column(f"{_KIND}_min").to_numpy() == DELETED
        distinct = grouped.select(keys)
    delete = distinct if idempotent else distinct.filter(pa.array(seen))
    final = np.sort(last[kinds[last] == INSERTED])
    return Delta(delete, data.take(pa.array(final)))


def apply_delta(connection: duckdb.DuckDBPyConnection, name: str, table: Table, delta: Delta) -> tuple[int, int]:
    """Remove and add rows of store table `name`; gives how many were removed and how many added."""
    gone = 0
    if delta.delete.num_rows:
        connection.register("_wf_delete", delta.delete)
        same = " AND ".join(f"t.{quote(k)} = d.{quote(k)}" for k in table.primary_key)
        removed = connection.execute(f"DELETE FROM {name} t USING _wf_delete d WHERE {same}").fetchone()
        connection.unregister("_wf_delete")
        gone = removed[0] if removed else 0
    if delta.insert.num_rows:
        append(connection, name, delta.insert)
    return gone, delta.insert.num_rows


def append(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Add Arrow rows to a table of the store that has the same columns in the same order."""
    connection.register("_wf_insert", rows)
    connection.execute(f"INSERT INTO {name} SELECT * FROM _wf_insert")
    connection.unregister("_wf_insert")


def apply_multiset(
    connection: duckdb.DuckDBPyConnection, name: str, table: Table, kinds: Kinds, rows: pa.RecordBatch
) -> int:
    """Apply images of a table without a key: exactly as many copies of a row go as were deleted."""
    data = pa.Table.from_batches([rows]).append_column(_KIND, pa.array(kinds.astype(np.int64)))
    connection.register("_wf_images", data)
    connection.execute("CREATE OR REPLACE TEMP TABLE _wf_multiset AS SELECT * FROM _wf_images")
    connection.unregister("_wf_images")
    return _apply_counted(connection, name, table, "_wf_multiset")


def _apply_counted(connection: duckdb.DuckDBPyConnection, name: str, table: Table, images: str) -> int:
    columns = [quote(c) for c in arrow_schema(table).names]
    listed = ", ".join(columns)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _wf_net AS SELECT {listed}, "
        f"sum(CASE WHEN {_KIND} = {INSERTED} THEN 1 ELSE -1 END)::BIGINT AS _wf_count FROM {images} "
        f"GROUP BY ALL HAVING _wf_count <> 0"
    )
    same = " AND ".join(f"t.{c} IS NOT DISTINCT FROM n.{c}" for c in columns)
    removed = connection.execute(
        f"DELETE FROM {name} WHERE rowid IN (SELECT r FROM (SELECT t.rowid AS r, n._wf_count AS c, "
        f"row_number() OVER (PARTITION BY {', '.join('t.' + c for c in columns)}) AS copy "
        f"FROM {name} t JOIN _wf_net n ON {same} WHERE n._wf_count < 0) WHERE copy <= -c)"
    ).fetchone()
    added = connection.execute(
        f"INSERT INTO {name} SELECT {listed} FROM _wf_net, range(_wf_count) WHERE _wf_count > 0"
    ).fetchone()
    connection.execute("DROP TABLE _wf_net")
    return (added[0] if added else 0) - (removed[0] if removed else 0)


def create_pending(connection: duckdb.DuckDBPyConnection, table_id: int, table: Table) -> None:
    """Make the table that keeps a table's changes while it is loaded."""
    name = pending_name(table_id)
    connection.execute(create_statement(table, name))
    connection.execute(f"ALTER TABLE {name} ADD COLUMN {_KIND} TINYINT")
    connection.execute(f"ALTER TABLE {name} ADD COLUMN {_SEQUENCE} BIGINT")


def append_pending(
    connection: duckdb.DuckDBPyConnection,
    table_id: int,
    kinds: Kinds,
    rows: pa.RecordBatch,
    sequence: int,
) -> None:
    """Keep changes for later; `sequence` numbers the first of them over the whole load."""
    numbers = pa.array(np.arange(sequence, sequence + len(kinds), dtype=np.int64))
    data = pa.Table.from_batches([rows]).append_column(_KIND, pa.array(kinds)).append_column(_SEQUENCE, numbers)
    append(connection, pending_name(table_id), data)


def apply_pending(connection: duckdb.DuckDBPyConnection, table_id: int, name: str, table: Table) -> None:
    """Put the changes kept during a load over the rows loaded, and drop them."""
    pending = pending_name(table_id)
    if table.primary_key:
        keys = ", ".join(quote(k) for k in table.primary_key)
        same = " AND ".join(f"t.{quote(k)} = d.{quote(k)}" for k in table.primary_key)
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _wf_last AS SELECT * FROM {pending} "
            f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {_SEQUENCE} DESC) = 1"
        )
        connection.execute(f"DELETE FROM {name} t USING _wf_last d WHERE {same}")
        connection.execute(
            f"INSERT INTO {name} SELECT * EXCLUDE ({_KIND}, {_SEQUENCE}) FROM _wf_last WHERE {_KIND} = {INSERTED}"
        )
        connection.execute("DROP TABLE _wf_last")
    else:
        _apply_counted(connection, name, table, pending)
    connection.execute(f"DROP TABLE {pending}")


def string_columns(schema: pa.Schema) -> list[str]:
    """Names of the columns that hold text."""
    return [f.name for f in schema if pa.types.is_string(f.type)]


def one_batch(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    """Put record batches of one schema together."""
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def join_kinds(kinds: list[Kinds]) -> Kinds:
    """Put the kinds of several changes together."""
    return np.concatenate(kinds)
