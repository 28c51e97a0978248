"""One load of one table: position first, then the rows in chunks, then the changes since, then in service."""

import itertools
import logging
import threading
import time
from collections import deque
from collections.abc import Iterator

import duckdb
import pyarrow as pa

from base import faults
from base.errors import BackendError, SecondaryEngineError, WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection, read_position
from engine.backend.describe import describe_table, estimate_rows
from engine.layout import carried_columns, pack_columns, packed_columns, reason_not_loadable
from engine.load.reader import BinaryResult, UnfitDate, UnfitValue
from engine.load.select import mysql_name, mysql_quote, select_rows
from engine.load.visible import await_applied, await_visible, names_transactions
from engine.store.copies import Copies, Copying, Overtaken
from engine.store.database import Store
from engine.store.delta import string_columns
from engine.store.presence import byte_presence
from statements.schema import INTEGER_TYPES, Table

log = logging.getLogger(__name__)

_CHUNK_ROWS = 500_000
_BEHIND = 30.0  # seconds that the copy may need to come to the log's end before that
_LOCK_TIMEOUT = 5.0  # seconds that a table without a key may be locked against writes at most
_UNNAMED = 0.5  # seconds that a CREATE TABLE without a GTID may take from the log to the dictionary
_ABANDONED = 10  # seconds after which the server itself takes the lock from an engine that was stopped under it


class NotLoadable(SecondaryEngineError):
    """The table cannot be copied as it is; trying again by itself would not help."""


class TableGone(NotLoadable):
    """There is no such base table."""


def copy_table(settings: Settings, store: Store, copies: Copies, table_key: tuple[str, str], load_type: str) -> Copying:
    """Load a table up to where only the position is waited for. Raises WarmfrontError, duckdb.Error.

    A column in which a zero or partial date turns up is kept packed from then on, and reading begins again.
    """
    entry = store.entries.get(table_key)
    packed = packed_columns(entry.table, entry.reason) if entry is not None else frozenset()
    while True:
        try:
            with Connection(settings) as connection:
                table = _describe_named(connection, store, table_key, packed)
                free = table.primary_key and names_transactions(connection)
                copy = _copy_keyed if free else _copy_locked
                return copy(settings, store, copies, connection, table, load_type)
        except UnfitDate as error:
            if error.column in packed:
                raise NotLoadable(str(error)) from error
            log.info("table %s.%s is read again: %s", *table_key, error)
            packed |= {error.column}
            copies.cancel(table_key, str(error))


def _describe_named(connection: Connection, store: Store, table_key: tuple[str, str], packed: frozenset[str]) -> Table:
    """Describe a table that the log may name before it is there: MySQL writes a CREATE TABLE into its log first."""
    try:
        return _describe(connection, *table_key, packed)
    except TableGone:
        if connection.is_mariadb:
            raise
        if names_transactions(connection):
            await_visible(connection, store, store.position)
        else:
            time.sleep(_UNNAMED)
        return _describe(connection, *table_key, packed)


def _describe(connection: Connection, schema: str, name: str, packed: frozenset[str]) -> Table:
    table = describe_table(connection, schema, name)
    if table is None:
        raise TableGone(f"table {schema}.{name} does not exist")
    if reason := reason_not_loadable(table):
        raise NotLoadable(reason)
    return pack_columns(table, packed)


def _packed(table: Table) -> frozenset[str]:
    return packed_columns(table, "")


def _copy_keyed(
    settings: Settings, store: Store, copies: Copies, connection: Connection, table: Table, load_type: str
) -> Copying:
    copying = copies.begin(table, load_type, estimate_rows(connection, table.schema, table.name))
    await_visible(connection, store, copies.set_since(copying, read_position(connection, with_gtids=False)))
    # What the log says up to there is passed over from now on, so it must be in the definition.
    if _describe(connection, table.schema, table.name, _packed(table)) != table:
        raise Overtaken("the definition changed when the load began")
    ranges = deque(_ranges(connection, table, copying.expected_rows))
    try:
        _read_in_parallel(settings, store, copying, ranges)
    except (duckdb.Error, BackendError):
        copies.require(copying)  # what was dropped under the load is no failure of it
        raise
    until = read_position(connection, with_gtids=False)
    copies.finish(copying, until)
    store.hurry(until)
    return copying


def _copy_locked(
    settings: Settings, store: Store, copies: Copies, connection: Connection, table: Table, load_type: str
) -> Copying:
    """Without a key changes cannot be applied twice: lock for a moment, to read at one exact position.

    So it is with transactions that have no GTID: who gets the lock sees what others have done under theirs.
    """
    expected = estimate_rows(connection, table.schema, table.name)
    # What is far to go is gone before others are held up.
    await_applied(store, read_position(connection, with_gtids=False), _BEHIND)
    with Connection(settings) as locker:
        locker.execute(f"SET SESSION lock_wait_timeout = 3, wait_timeout = {_ABANDONED}")
        locker.execute(f"LOCK TABLES {mysql_name(table)} READ")
        if _describe(connection, table.schema, table.name, _packed(table)) != table:
            raise Overtaken("the definition changed when the load began")
        connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        at = read_position(locker, with_gtids=False)
        await_applied(store, at, _LOCK_TIMEOUT)
        copying = copies.begin(table, load_type, expected, since=at)
        locker.execute("UNLOCK TABLES")
    try:
        _Worker(store, copying, deque([""]), connection).run()
    except (duckdb.Error, BackendError):
        copies.require(copying)
        raise
    connection.execute("COMMIT")
    copies.finish(copying, at)
    return copying


def _ranges(connection: Connection, table: Table, rows: int) -> list[str]:
    """Conditions that cut a table into chunks by the first column of its key; open at both ends."""
    first = table.column(table.primary_key[0])
    parts = rows // _CHUNK_ROWS + 1
    if first is None or first.type not in INTEGER_TYPES or parts < 2:
        return [""]
    column = mysql_quote(first.name)
    low, high = connection.query(f"SELECT MIN({column}), MAX({column}) FROM {mysql_name(table)}")[0]
    if low is None or high - low < parts:
        return [""]
    borders = [low + (high - low) * i // parts for i in range(1, parts)]
    inner = [f"{column} >= {a} AND {column} < {b}" for a, b in itertools.pairwise(borders)]
    return [f"{column} < {borders[0]}", *inner, f"{column} >= {borders[-1]}"]


def _read_in_parallel(settings: Settings, store: Store, copying: Copying, ranges: deque[str]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            with Connection(settings) as connection:
                _Worker(store, copying, ranges, connection).run()
        except BaseException as error:  # carried to the thread that waits
            failures.append(error)
            ranges.clear()

    count = min(settings.load_connections, len(ranges))
    threads = [threading.Thread(target=run, name=f"load-{i}", daemon=True) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class _Worker:
    """Takes chunk after chunk, and streams them from its connection into the store, as one statement.

    DuckDB writes what fills a row group at once, and what is left at a statement's end twice: to its log first.
    """

    def __init__(self, store: Store, copying: Copying, ranges: deque[str], connection: Connection) -> None:
        self._store = store
        self._copying = copying
        self._ranges = ranges
        table = copying.table
        self._result = BinaryResult(connection, carried_columns(table))
        self._table = table
        self._texts = string_columns(self._result.schema)
        self._failure: BaseException | None = None

    def run(self) -> None:
        cursor = self._store.cursor()
        reader = pa.RecordBatchReader.from_batches(self._result.schema, self._watched())
        cursor.register("_wf_chunk", reader)
        try:
            faults.point("before", "load rows")
            cursor.execute(f"INSERT INTO {self._copying.entry.store_name} SELECT * FROM _wf_chunk")
            faults.point("after", "load rows")
        except duckdb.Error as error:
            # What went wrong while reading comes out of DuckDB as text; the cause itself says more.
            raise (self._failure or error) from error
        finally:
            cursor.unregister("_wf_chunk")
            cursor.close()

    def _rows(self) -> Iterator[pa.RecordBatch]:
        while (condition := _take(self._ranges)) is not None:
            yield from self._result.read(select_rows(self._table, condition))

    def _watched(self) -> Iterator[pa.RecordBatch]:
        copying = self._copying
        try:
            for batch in self._rows():
                if copying.cancelled:
                    raise Overtaken(copying.cancelled)
                copying.add_presence({name: byte_presence(batch.column(name)) for name in self._texts})
                with copying.lock:
                    copying.rows += batch.num_rows
                yield batch
        except UnfitDate as error:
            self._failure = error
            raise
        except UnfitValue as error:
            self._failure = NotLoadable(str(error))
            raise
        except (WarmfrontError, BackendError) as error:
            self._failure = error
            raise


def _take(ranges: deque[str]) -> str | None:
    try:
        return ranges.popleft()
    except IndexError:
        return None
