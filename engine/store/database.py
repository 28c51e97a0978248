"""The column store: one DuckDB file, one writer, readers with a snapshot each.

The file is a copy. What in it cannot be trusted is thrown away and loaded again from the backend. Nothing is written to
a log of its own: the backend's is one. After a crash the store is what it was at the last checkpoint, all at one
position, and the backend's log is read again from there; a commit is spared the wait for the disk, which was half of a
batch's time (`bench.batches`).
"""

import errno
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType

import duckdb
import psutil

from base import faults
from engine.catalog import CatalogView, Key, LoadedTable, State
from engine.changes.position import Position
from engine.layout import BOOKKEEPING, CATALOG, ROW_GROUP, TABLES, TWIN, create_statement, local_name, quote
from engine.store import bookkeeping
from engine.store.optimizers import DISABLED

log = logging.getLogger(__name__)

_VIEWS_KEPT = 256  # a reader looks its view up a moment after its snapshot was taken
_IN_USE = "Could not set lock on file"  # DuckDB has no error class of its own for it
_PERSIST_IDLE_POSITION = 10.0  # seconds
_BLOCK = 262144  # bytes
_ROOM = 32 << 20  # bytes that a checkpoint may write beside what is in memory: blocks that changed, and its own


class Snapshot:
    """One reader: a connection inside a transaction, and the catalog and position of exactly that state."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, view: CatalogView, position: Position) -> None:
        self.connection = connection
        self.view = view
        self.position = position

    def interrupt(self) -> None:
        """Stop the statement that runs on the connection; may be called from any thread."""
        self.connection.interrupt()

    def close(self) -> None:
        """End the transaction and give the connection back."""
        with suppress(duckdb.Error):
            self.connection.execute("ROLLBACK")
        self.connection.close()

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Transaction:
    """One write of the store: data, catalog entries and position become visible together."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, tables: dict[Key, LoadedTable], position: Position):
        self.connection = connection
        self.tables = tables
        self.position = position
        self.news: list[LoadedTable] = []  # entries whose state this transaction changes
        self.catalog_changed = False
        self.rows_changed = False
        self.position_changed = False

    def put(self, entry: LoadedTable) -> None:
        """Set a table's entry."""
        old = self.tables.get((entry.table.schema, entry.table.name))
        if old is None or (old.state, old.reason) != (entry.state, entry.reason):
            self.news.append(entry)
        bookkeeping.write_table(self.connection, entry)
        self.tables[entry.table.schema, entry.table.name] = entry
        self.catalog_changed = True

    def put_presence(self, entry: LoadedTable) -> None:
        """Set a table's entry of which only presence and row count are new."""
        bookkeeping.write_presence(self.connection, entry)
        self.tables[entry.table.schema, entry.table.name] = entry
        self.catalog_changed = True

    def put_rows(self, key: Key, rows: int) -> None:
        """Set a table's row count, which says that its rows are others; it is not kept in the file but counted when the
        store is opened."""
        self.tables[key] = replace(self.tables[key], rows=max(rows, 0))
        self.rows_changed = True

    def rename(self, key: Key, to: Key) -> None:
        """Give a table another name; its data has none."""
        entry = self.tables.pop(key)
        self.put(replace(entry, table=replace(entry.table, schema=to[0], name=to[1])))

    def forget(self, key: Key) -> None:
        """Remove a table's entry and its data; nothing happens when there is none."""
        entry = self.tables.pop(key, None)
        if entry is not None:
            bookkeeping.forget_table(self.connection, entry.id)
            self.drop_data(entry)
            self.catalog_changed = True

    def create_data(self, entry: LoadedTable) -> None:
        """Make an empty table for an entry, in place of one that is there."""
        self.connection.execute(f"DROP TABLE IF EXISTS {entry.store_name}")
        self.connection.execute(create_statement(entry.table, entry.store_name))

    def drop_data(self, entry: LoadedTable) -> None:
        """Remove the data of an entry, and the changes kept for it."""
        self.connection.execute(f"DROP TABLE IF EXISTS {entry.store_name}")
        self.connection.execute(f"DROP TABLE IF EXISTS {bookkeeping.pending_name(entry.id)}")

    def set_position(self, position: Position) -> None:
        """Set the place in the backend's log that the data is at."""
        self.position = position
        self.position_changed = True


class Store:
    """The open column store."""

    def __init__(self, path: Path, memory_limit: int = 0, threads: int = 0, fold: bool = False) -> None:
        """Open the file, or begin a new one when there is none that can be trusted.

        `memory_limit` is in bytes, 0 for half of the machine's. Raises duckdb.Error when no file can be made.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._fold = fold
        self.lock = threading.RLock()
        self._listeners: list[Callable[[Position], None]] = []
        self.memory_limit = memory_limit or psutil.virtual_memory().total // 2
        self._root = duckdb.connect(":memory:", config=_config(path, self.memory_limit, threads))
        # Files' moments with a zone and without are brought together in UTC, whatever the zone of this machine.
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        # Asks replication to come to a position soon; who follows the backend puts its own here.
        self.hurry: Callable[[Position], None] = _nobody
        self.broken = ""  # why no reader may be served now
        self._stale: dict[Key, str] = {}
        self._views: dict[int, CatalogView] = {}  # by the state that is written beside the position
        self._passed = self._passed_in_file = 0  # bytes of the backend's log
        self._news = self._news_in_file = 0  # states of tables that the backend's log does not tell
        self._attach()
        self._persisted_at = time.monotonic()

    def _attach(self) -> None:
        try:
            self._open_file()
        except (duckdb.Error, ValueError, TypeError, KeyError) as error:
            if _IN_USE in str(error):
                raise  # an engine that is still ending has it: it is not ours to throw away
            log.warning("the column store cannot be used and is made anew: %s", error)
            self._throw_away()
            self._open_file()

    def _open_file(self) -> None:
        self._root.execute(
            f"ATTACH '{str(self._path).replace(chr(39), chr(39) * 2)}' AS {CATALOG} "
            f"(TYPE duckdb, ROW_GROUP_SIZE {ROW_GROUP}, RECOVERY_MODE NO_WAL_WRITES)"
        )
        self._writer = self._root.cursor()
        self._writer.execute(f"USE {CATALOG}")
        if bookkeeping.table_names(self._writer) and not bookkeeping.is_ours(self._writer):
            raise ValueError("it has another format")
        if not bookkeeping.is_ours(self._writer):
            self._writer.execute("BEGIN")
            bookkeeping.create(self._writer)
            faults.point("before", "create")
            self._writer.execute("COMMIT")
            faults.point("after", "create")
        self._position, self._state = bookkeeping.read_position(self._writer)
        self._version = self._state
        self._tables = self._recover()
        self._views = {self._state: self._make_view(self._tables)}
        self._next_id = max((t.id for t in self._tables.values()), default=0) + 1

    def _recover(self) -> dict[Key, LoadedTable]:
        """Trust what was complete; what was being loaded has to be loaded again."""
        there = bookkeeping.table_names(self._writer)
        for schema, name in there:
            if (schema == TABLES and name.startswith(TWIN)) or (schema == BOOKKEEPING and name.startswith("pending_")):
                self._writer.execute(f"DROP TABLE {CATALOG}.{schema}.{quote(name)}")
        tables = bookkeeping.read_tables(self._writer)
        for key, entry in tables.items():
            if entry.state is State.AVAILABLE and (TABLES, local_name(entry.id)) in there:
                row = self._writer.execute(f"SELECT count(*) FROM {entry.store_name}").fetchone()
                tables[key] = replace(entry, rows=row[0] if row else 0)
            elif entry.state in (State.AVAILABLE, State.LOADING, State.RECOVERING, State.UNLOADING):
                tables[key] = entry.with_state(State.STALE, "its load was cut short")
        return tables

    def _throw_away(self) -> None:
        with suppress(duckdb.Error):
            self._root.execute(f"DETACH DATABASE IF EXISTS {CATALOG}")
        for path in (self._path, self._path.with_name(self._path.name + ".wal")):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Write what is not in the file yet, and close it."""
        with self.lock, suppress(duckdb.Error, OSError):
            self.checkpoint()
        with self.lock, suppress(duckdb.Error):
            self._writer.close()
            self._root.close()

    # Reading

    def snapshot(self) -> Snapshot:
        """Begin a reader on the newest state. Raises duckdb.Error."""
        connection = self._root.cursor()
        try:
            connection.execute("BEGIN")
            position, state = bookkeeping.read_position(connection)
            view = self._views.get(state)
            if view is None:
                view = self._make_view(bookkeeping.read_tables(connection))
            return Snapshot(connection, self._overlay(view), position)
        except BaseException:
            connection.close()
            raise

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A new connection to the store, outside any transaction; for loads, which commit parts of a table."""
        return self._root.cursor()

    def view(self) -> CatalogView:
        """The newest catalog, for showing: not tied to a snapshot of the data."""
        return self._overlay(self._make_view(self._tables))

    def _make_view(self, tables: dict[Key, LoadedTable]) -> CatalogView:
        if self._fold:
            return CatalogView({(s.lower(), n.lower()): entry for (s, n), entry in tables.items()}, True)
        return CatalogView(dict(tables), False)

    def _overlay(self, view: CatalogView) -> CatalogView:
        """Take out of service what the store knows to be stale but may have failed to write down."""
        if not self.broken and not self._stale:
            return view
        tables = dict(view.tables)
        for key, entry in tables.items():
            reason = self.broken or self._stale.get((entry.table.schema, entry.table.name))
            if reason and entry.state is State.AVAILABLE:
                tables[key] = entry.with_state(State.STALE, reason)
        return replace(view, tables=tables)

    # Writing

    @property
    def position(self) -> Position:
        """The place in the backend's log that readers see, or will see no later than their snapshot."""
        return self._position

    @property
    def version(self) -> int:
        """Another number after every change of an entry."""
        return self._version

    @property
    def entries(self) -> Mapping[Key, LoadedTable]:
        """Every table's entry as last committed, by schema and name as the backend writes them."""
        return self._tables

    def new_id(self) -> int:
        """A number that no other table of this store has."""
        with self.lock:
            self._next_id += 1
            return self._next_id - 1

    @contextmanager
    def write(self, step: faults.Step = "state") -> Iterator[Transaction]:
        """One transaction of the only writer, `step` of what is done.

        An exception rolls it back; duckdb.Error may come from the commit.
        """
        with self.lock:
            transaction = Transaction(self._writer, dict(self._tables), self._position)
            self._writer.execute("BEGIN")
            try:
                yield transaction
                self._commit(transaction, step)
            except BaseException:
                with suppress(duckdb.Error):
                    self._writer.execute("ROLLBACK")
                raise
        for entry in transaction.news:
            reason = f": {entry.reason}" if entry.reason else ""
            log.info("table %s.%s is %s%s", entry.table.schema, entry.table.name, entry.state.name, reason)
        if transaction.position_changed:
            self._tell()

    def _commit(self, transaction: Transaction, step: faults.Step) -> None:
        # Every change of rows is a state of its own, so that a reader has the entries of exactly the rows that it sees:
        # what was found out about the rows of an entry holds while the entry is the same.
        changed = transaction.catalog_changed or transaction.rows_changed
        state = self._state + 1 if changed else self._state
        if changed:
            self._views[state] = self._make_view(transaction.tables)  # before the commit: a reader may see it at once
        if changed or transaction.position_changed:
            bookkeeping.write_position(self._writer, transaction.position, state)
        faults.point("before", step)
        self._writer.execute("COMMIT")
        faults.point("after", step)
        self._tables, self._state = transaction.tables, state
        self._version += transaction.catalog_changed  # last: who keeps what he made of the tables asks for it first
        self._go_to(transaction.position)
        self._news += len(transaction.news)
        self._persisted_at = time.monotonic()
        if len(self._views) > _VIEWS_KEPT:
            for old in sorted(self._views)[: -_VIEWS_KEPT // 2]:
                self._views.pop(old, None)

    def advance(self, position: Position) -> None:
        """Note that the log has nothing for the store up to here; written down now and then only."""
        if time.monotonic() - self._persisted_at > _PERSIST_IDLE_POSITION:
            with self.write("position") as transaction:
                transaction.set_position(position)
            return
        with self.lock:
            self._go_to(position)
        self._tell()

    def _go_to(self, position: Position) -> None:
        before, self._position = self._position, position
        goes_on = (before.server, before.file) == (position.server, position.file)
        self._passed += max(position.offset - before.offset, 0) if goes_on else position.offset

    def listen(self, listener: Callable[[Position], None]) -> None:
        """Call `listener` with every new position, from the thread that set it."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener(self._position)

    def mark_stale(self, key: Key, reason: str) -> None:
        """Take a table out of service at once, for readers that begin from now on, whatever becomes of the file."""
        self._stale[key] = reason

    def clear_stale(self, key: Key, reason: str | None = None) -> None:
        """The file says by itself again what the state of this table is; with `reason`, unless there is another."""
        if reason is None or self._stale.get(key) == reason:
            self._stale.pop(key, None)

    def checkpoint(self) -> None:
        """Write all commits into the file; readers and the writer go on meanwhile.

        Raises duckdb.Error; and OSError where the disk may have no room for it, as DuckDB refuses all work when a
        checkpoint fails half-way. What is not written is read from the backend's log again after a crash.
        """
        self._check_room()
        written = self._passed, self._news
        cursor = self._root.cursor()
        try:
            faults.point("before", "checkpoint")
            cursor.execute(f"CHECKPOINT {CATALOG}")
            faults.point("after", "checkpoint")
        finally:
            cursor.close()
        self._passed_in_file, self._news_in_file = written

    def _check_room(self) -> None:
        free = shutil.disk_usage(self._path.parent).free
        if free > self.memory_limit + _ROOM:
            return
        waiting = sum(memory for _, memory in self._bytes(list(self._tables.values())).values())
        if free < waiting + _ROOM:
            raise OSError(errno.ENOSPC, "no room for a checkpoint, which is put off", str(self._path.parent))

    @property
    def unwritten(self) -> int:
        """Bytes of the backend's log that would be read again after a crash."""
        return self._passed - self._passed_in_file

    @property
    def has_news(self) -> bool:
        """Tell whether loads, and what users said of tables, would be lost in a crash."""
        return self._news != self._news_in_file

    @property
    def seconds_quiet(self) -> float:
        """Seconds since the last commit."""
        return time.monotonic() - self._persisted_at

    def sizes(self) -> dict[Key, int]:
        """Bytes per table: the blocks of its columns in the file, and what waits in memory to be written there."""
        entries = [entry for entry in self._tables.values() if entry.state is State.AVAILABLE]
        return {key: sum(parts) for key, parts in self._bytes(entries).items()}

    def _bytes(self, entries: list[LoadedTable]) -> dict[Key, tuple[int, int]]:
        """Bytes per table in the file, and in memory alone; those that have no rows yet are left out."""
        found: dict[Key, tuple[int, int]] = {}
        cursor = self._root.cursor()
        for entry in entries:
            with suppress(duckdb.Error):
                rows = cursor.execute(
                    "SELECT segment_type, persistent, count(DISTINCT block_id), count(*), sum(count) "
                    "FROM pragma_storage_info(?) GROUP BY ALL",
                    [entry.store_name],
                ).fetchall()
                found[entry.table.schema, entry.table.name] = (
                    sum(blocks * _BLOCK for _, persistent, blocks, _, _ in rows if persistent),
                    sum(_in_memory(kind, n, values) for kind, persistent, _, n, values in rows if not persistent),
                )
        cursor.close()
        return found


# Bytes of a value in a segment that is not compressed; all others are reckoned with 16.
_WIDTHS = {
    **dict.fromkeys(("TINYINT", "UTINYINT", "BOOLEAN"), 1.0),
    **dict.fromkeys(("SMALLINT", "USMALLINT"), 2.0),
    **dict.fromkeys(("INTEGER", "UINTEGER", "FLOAT", "DATE"), 4.0),
    **dict.fromkeys(("BIGINT", "UBIGINT", "DOUBLE", "TIMESTAMP", "TIME"), 8.0),
    "VALIDITY": 1 / 8,
}


def _in_memory(kind: str, segments: int, values: int) -> int:
    """Bytes of segments that no checkpoint has written yet, which have at most a block each."""
    return min(max(int(values * _WIDTHS.get(kind, 16.0)), 1), segments * _BLOCK)


def _nobody(_: Position) -> None:
    """Nobody follows the backend yet."""


def _config(path: Path, memory_limit: int, threads: int) -> dict[str, str | bool | int | float | list[str]]:
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{memory_limit}B",
        "temp_directory": str(path.parent / "spill"),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        # A Python variable must never be taken for a table of that name.
        "python_enable_replacements": False,
        # It knows a file by its path, its size and the second of its change: too little to be sure that it is the same.
        "enable_external_file_cache": False,
        "disabled_optimizers": DISABLED,
        "checkpoint_threshold": "1GB",  # upkeep does it earlier, beside the commits instead of in one,
    }
    if threads:
        config["threads"] = threads
    return config
