"""Tables on their way into the store: begun, filled by a load while changes are kept, finished, or given up."""

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pyarrow as pa

from base.errors import SecondaryEngineError
from engine.catalog import Key, LoadedTable, State
from engine.changes.position import Position
from engine.layout import arrow_schema, create_statement, left_out, local_name, store_name, twin_name
from engine.store import delta
from engine.store.bookkeeping import pending_name
from engine.store.database import Store, Transaction
from engine.store.presence import EMPTY, merge_presence
from engine.store.watch import Watch
from statements.schema import Table

log = logging.getLogger(__name__)


class Overtaken(SecondaryEngineError):
    """The table changed under its load, which has to begin again."""


@dataclass(eq=False, slots=True)
class Copying:
    """One load under way. `until` is the position at which the table is whole, None while rows are read.

    The rows are read when all up to `since` can be read: what the log says up to there is in them. None while no row
    has been read: then all that has happened will be in them, `passed` being the latest that was passed over so.
    """

    entry: LoadedTable
    presence: dict[str, bytes] = field(default_factory=dict)
    rows: int = 0
    expected_rows: int = 0
    sequence: int = 0
    since: Position | None = None
    passed: Position | None = None
    until: Position | None = None
    cancelled: str = ""  # why the load has to stop
    in_place: bool = False  # not a load: the copy has a new definition, which holds from `until` on
    done: Future[None] = field(default_factory=Future)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def key(self) -> Key:
        """Schema and name."""
        return self.entry.table.schema, self.entry.table.name

    @property
    def table(self) -> Table:
        """The definition that is copied."""
        return self.entry.table

    @property
    def progress(self) -> float:
        """Percent of the rows that the backend estimates."""
        if self.until is not None:
            return 99.0
        return min(98.0, 100.0 * self.rows / max(self.expected_rows, 1))

    def has_read(self, position: Position) -> bool:
        """Tell whether everything up to a place that the store is at is in the rows that are, or will be, read.

        Who asks passes over what is: rows will not be read before that can be read.
        """
        with self.lock:
            if self.since is not None:
                return self.since.covers(position)
            if self.passed is None or position.covers(self.passed):
                self.passed = position
            return True

    def read_from(self, *positions: Position) -> Position:
        """Note that rows will be read when all up to these, and what was passed over, can be read; gives how far."""
        with self.lock:
            since = positions[0]
            for other in (*positions[1:], self.passed):
                since = other if other is not None and other.covers(since) else since
            self.since = since
        return since

    def add_presence(self, found: dict[str, bytes]) -> None:
        """OR bytes seen in string columns."""
        with self.lock:
            for column, bits in found.items():
                self.presence[column] = merge_presence(self.presence.get(column, EMPTY), bits)


@dataclass(eq=False, slots=True)
class Rewrite:
    """A table that is written anew beside itself, to be rid of deleted rows and in key order again."""

    entry: LoadedTable
    id: int
    name: str
    sequence: int = 0


class Copies:
    """The loads and rewrites under way of one store. What changes them runs inside the store's write transactions."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._copying: dict[Key, Copying] = {}
        self._rewrites: dict[Key, Rewrite] = {}
        self._watches: dict[Key, Watch] = {}
        self.changed: dict[Key, Position] = {}  # where in the log the latest change of a table is from
        self.removed: dict[Key, int] = {}  # rows deleted in the store since a table was last written as a whole

    def get(self, key: Key) -> Copying | None:
        """The load under way of a table."""
        return self._copying.get(key)

    def waiting(self) -> list[Copying]:
        """The loads whose rows have been read and that wait for the position to come."""
        return [copying for copying in self._copying.values() if copying.until is not None]

    def begin(self, table: Table, load_type: str, expected_rows: int = 0, since: Position | None = None) -> Copying:
        """Make an empty table; from now on its changes are kept. Raises SecondaryEngineError, duckdb.Error."""
        key = (table.schema, table.name)
        with self.store.write("load begin") as transaction:
            self.cancel(key, "the load was begun again")
            transaction.forget(key)
            number = self.store.new_id()
            entry = LoadedTable(
                id=number,
                table=table,
                store_name=store_name(number),
                state=State.LOADING,
                left_out=left_out(table),
                load_type=load_type,
                load_started=time.time(),
            )
            transaction.put(entry)
            transaction.create_data(entry)
            delta.create_pending(transaction.connection, entry.id, table)
            copying = Copying(entry, expected_rows=expected_rows, since=since)
            # Before others may write: the next event of this table must find the load.
            self._copying[key] = copying
        self.store.clear_stale(key)
        return copying

    def set_since(self, copying: Copying, position: Position) -> Position:
        """Note that rows will be read when all up to `position`, or further, can be read; gives how far.

        Raises Overtaken.
        """
        with self.store.lock:
            self.require(copying)
            return copying.read_from(position, self.store.position)

    def finish(self, copying: Copying, until: Position) -> None:
        """Put the kept changes over the rows read; the table answers once the store is at `until`."""
        with self.store.write("load finish") as transaction:
            self.require(copying)
            delta.apply_pending(transaction.connection, copying.entry.id, copying.entry.store_name, copying.entry.table)
            copying.until = until
            whole = transaction.position.covers(until)
            if whole:
                self.complete(transaction, copying)
        if whole:
            self.completed(copying)

    def require(self, copying: Copying) -> None:
        """Raise Overtaken when this load is not the table's load any more."""
        with self.store.lock:
            entry = self.store.entries.get(copying.key)
            mine = entry is not None and entry.id == copying.entry.id and entry.state is State.LOADING
            if copying.cancelled or not mine or self._copying.get(copying.key) is not copying:
                raise Overtaken(copying.cancelled or (entry.reason if entry else "") or "the load was given up")

    def complete(self, transaction: Transaction, copying: Copying) -> None:
        """Put a table into service, inside a write transaction."""
        row = transaction.connection.execute(f"SELECT count(*) FROM {copying.entry.store_name}").fetchone()
        texts = delta.string_columns(arrow_schema(copying.table))
        with copying.lock:
            entry = replace(
                copying.entry,
                state=State.AVAILABLE,
                rows=row[0] if row else 0,
                presence={**dict.fromkeys(texts, EMPTY), **copying.presence},
                progress=100.0,
                load_ended=time.time(),
            )
        transaction.put(entry)
        if not copying.in_place:
            self.removed[copying.key] = 0

    def completed(self, copying: Copying) -> None:
        """Tell whoever waits, once the transaction that put the table into service is committed."""
        if self._copying.get(copying.key) is copying:
            del self._copying[copying.key]
        if not copying.done.done():
            copying.done.set_result(None)
        if not copying.in_place:
            log.info("table %s.%s is loaded: %d rows", *copying.key, copying.rows)

    def adopt(self, key: Key, until: Position) -> None:
        """Let a table that was changed in place answer once the store is at `until`; until then nobody else may."""
        with self.store.lock:
            entry = self.store.entries.get(key)
            if entry is None or entry.state is not State.LOADING or key in self._copying:
                return
            copying = Copying(entry, dict(entry.presence), entry.rows, entry.rows, until=until, in_place=True)
            copying.since = self.store.position
            self._copying[key] = copying

    def cancel_all(self, reason: str) -> list[Key]:
        """Give every load and every rewrite up; gives the tables that nobody is going to load by himself."""
        orphans = [copying.key for copying in self._copying.values() if copying.in_place]
        for key in {*self._copying, *self._rewrites}:
            self.cancel(key, reason)
        return orphans

    def cancel(self, key: Key, reason: str) -> None:
        """Give a load up, and a rewrite; the load's thread stops at the next batch."""
        self.stop_rewrite(key)
        copying = self._copying.get(key)
        if copying is not None:
            self.give_up(copying, reason)

    def give_up(self, copying: Copying, reason: str) -> None:
        """Give this load up, not one of the same table that began later."""
        with self.store.lock:
            if self._copying.get(copying.key) is copying:
                del self._copying[copying.key]
        copying.cancelled = reason
        if not copying.done.done():
            copying.done.set_exception(Overtaken(reason))

    def set_state(self, key: Key, state: State, reason: str, table: Table | None = None, load_type: str = "") -> None:
        """Take a table out of service, its data dropped. Raises duckdb.Error."""
        self.cancel(key, reason or str(state))
        self.store.mark_stale(key, reason)
        with self.store.write() as transaction:
            self.take_out(transaction, key, state, reason, table, load_type)
        self.store.clear_stale(key)

    def take_out(
        self,
        transaction: Transaction,
        key: Key,
        state: State,
        reason: str,
        table: Table | None = None,
        load_type: str = "",
    ) -> None:
        """Take a table out of service inside a write transaction: entry kept, data dropped."""
        old = transaction.tables.get(key)
        if old is None and table is None:
            return
        if old is not None:
            transaction.drop_data(old)
            entry = replace(old, state=state, reason=reason, rows=0, presence={}, progress=0.0)
            if load_type:
                entry = replace(entry, load_type=load_type)
        else:
            number = self.store.new_id()
            entry = LoadedTable(
                number, table or Table(*key, ()), store_name(number), state, reason, load_type=load_type
            )
        transaction.put(entry)

    # Watches

    def watch(self, key: Key, names: tuple[str, ...]) -> Watch:
        """Begin to note what changes in a table, by the columns that tell its rows apart."""
        watch = self._watches[key] = Watch(names)
        return watch

    def unwatch(self, key: Key) -> None:
        """Note no more changes of a table."""
        self._watches.pop(key, None)

    def note_changed(self, key: Key, rows: pa.RecordBatch, position: Position) -> None:
        """Note images about to be applied, by a transaction that ends at `position`; tell the table's watch."""
        self.changed[key] = position
        if watch := self._watches.get(key):
            watch.add(rows)

    def note_disturbed(self, key: Key, reason: str, position: Position) -> None:
        """Note a change that is not one of single rows, in a transaction that ends at `position`; tell the watch."""
        self.changed[key] = position
        if watch := self._watches.get(key):
            watch.disturb(reason)

    # Rewrites

    def note_removed(self, key: Key, rows: int) -> None:
        """Count rows that were deleted and still take room."""
        self.removed[key] = self.removed.get(key, 0) + rows

    def begin_rewrite(self, key: Key) -> Rewrite | None:
        """Make an empty twin of a table; from now on changes are kept for it. None when it cannot be now."""
        with self.store.write("rewrite begin") as transaction:
            entry = transaction.tables.get(key)
            if entry is None or entry.state is not State.AVAILABLE or not entry.table.primary_key:
                return None
            number = self.store.new_id()
            rewrite = Rewrite(entry, number, twin_name(number))
            transaction.connection.execute(create_statement(entry.table, rewrite.name))
            delta.create_pending(transaction.connection, number, entry.table)
        with self.store.lock:
            # What came between the two belongs to the snapshot that the rows are taken from.
            self._rewrites[key] = rewrite
        return rewrite

    def keep_for_rewrite(self, transaction: Transaction, key: Key, kinds: delta.Kinds, rows: pa.RecordBatch) -> None:
        """Keep changes for the twin of a table, when there is one."""
        rewrite = self._rewrites.get(key)
        if rewrite is not None:
            delta.append_pending(transaction.connection, rewrite.id, kinds, rows, rewrite.sequence)
            rewrite.sequence += len(kinds)

    def stop_rewrite(self, key: Key) -> None:
        """Give a rewrite up: its table is emptied, changed or dropped."""
        self._rewrites.pop(key, None)

    def finish_rewrite(self, key: Key, rewrite: Rewrite) -> bool:
        """Put the twin in the table's place, unless the rewrite was given up."""
        with self.store.write("rewrite finish") as transaction:
            connection = transaction.connection
            valid = self._rewrites.pop(key, None) is rewrite
            entry = transaction.tables.get(key)
            if not valid or entry is None or entry.id != rewrite.entry.id or entry.state is not State.AVAILABLE:
                connection.execute(f"DROP TABLE IF EXISTS {rewrite.name}")
                connection.execute(f"DROP TABLE IF EXISTS {pending_name(rewrite.id)}")
                return False
            delta.apply_pending(connection, rewrite.id, rewrite.name, entry.table)
            connection.execute(f"DROP TABLE {entry.store_name}")
            connection.execute(f"ALTER TABLE {rewrite.name} RENAME TO {local_name(entry.id)}")
            self.removed[key] = 0
        return True
