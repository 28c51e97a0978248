"""XA transactions that are prepared and not decided: their changes wait in the store, over any restart."""

import duckdb
import pyarrow as pa

from engine.catalog import Key, LoadedTable
from engine.changes.batch import Prepared
from engine.changes.changes import Changes
from engine.changes.frames import from_batch, to_batch
from engine.layout import BOOKKEEPING, CATALOG, table_to_json

_AT = f"{CATALOG}.{BOOKKEEPING}.prepared"


def park(connection: duckdb.DuckDBPyConnection, prepared: Prepared, tables: dict[Key, LoadedTable]) -> None:
    """Keep a prepared transaction: every table it writes to, and the changes of those that are copied."""
    definitions = {key: table_to_json(tables[key].table) for key in prepared.tables if key in tables}
    # A row for each table, and one without a name that says that the transaction is known.
    rows: list[tuple[str, str, str, int, bytes | None]] = [("", "", "", 0, None)]
    rows += [(schema, name, definitions.get((schema, name), ""), 0, None) for schema, name in sorted(prepared.tables)]
    for source in prepared.changes:
        for changes in source.read():
            key = changes.schema, changes.name
            rows.append((*key, definitions.get(key, ""), len(rows), _write(changes)))
    columns = list(zip(*rows, strict=True))
    kinds = (pa.string(), pa.string(), pa.string(), pa.int64(), pa.binary())
    data = pa.table(
        [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)],
        names=["schema_name", "table_name", "definition", "place", "changes"],
    )
    drop(connection, prepared.xid)
    connection.register("_wf_prepared", data)
    connection.execute(f"INSERT INTO {_AT} SELECT ?, * FROM _wf_prepared", [prepared.xid])
    connection.unregister("_wf_prepared")


def decide(
    connection: duckdb.DuckDBPyConnection, xid: str, tables: dict[Key, LoadedTable]
) -> tuple[list[Changes], set[Key]] | None:
    """Take a committed transaction out: the changes to apply now, and the tables whose changes are not known.

    None for a transaction that was prepared before the copy began.
    """
    rows = connection.execute(
        f"SELECT schema_name, table_name, definition, changes FROM {_AT} WHERE xid = ? ORDER BY place", [xid]
    ).fetchall()
    if not rows:
        return None
    drop(connection, xid)
    changes: list[Changes] = []
    touched: set[Key] = set()
    for schema, name, definition, frame in rows:
        key = schema, name
        if frame is None:
            touched.add(key)
        elif key in tables and table_to_json(tables[key].table) == definition:
            changes.append(_read(schema, name, frame))
    return changes, touched - {("", "")} - {(c.schema, c.name) for c in changes}


def drop(connection: duckdb.DuckDBPyConnection, xid: str) -> None:
    """Forget a transaction."""
    connection.execute(f"DELETE FROM {_AT} WHERE xid = ?", [xid])


def _write(changes: Changes) -> bytes:
    batch = to_batch(changes)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return bytes(sink.getvalue())


def _read(schema: str, name: str, frame: bytes) -> Changes:
    with pa.ipc.open_stream(frame) as stream:
        return from_batch(schema, name, stream.read_next_batch())
