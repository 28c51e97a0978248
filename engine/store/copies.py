"""Tables on their way into the store: begun, filled by a load while changes are kept, finished, or given up."""

import logging
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

from base.errors import SecondaryEngineError
from engine.catalog import Key, LoadedTable, State
from engine.replicate.changes import Position
from engine.store import delta
from engine.store.database import Store, Transaction
from engine.store.layout import arrow_schema, left_out, store_name
from engine.store.presence import EMPTY, merge_presence
from statements.schema import Table

log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class Copying:
    """One load under way. `until` is the position at which the table is whole, None while rows are read."""

    entry: LoadedTable
    presence: dict[str, bytes] = field(default_factory=dict)
    rows: int = 0
    expected_rows: int = 0
    sequence: int = 0
    until: Position | None = None
    cancelled: str = ""  # why the load has to stop
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

    def add_presence(self, found: dict[str, bytes]) -> None:
        """OR bytes seen in string columns."""
        with self.lock:
            for column, bits in found.items():
                self.presence[column] = merge_presence(self.presence.get(column, EMPTY), bits)


class Copies:
    """The loads under way of one store. What changes them runs inside the store's write transactions."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._copying: dict[Key, Copying] = {}

    def get(self, key: Key) -> Copying | None:
        """The load under way of a table."""
        return self._copying.get(key)

    def waiting(self) -> list[Copying]:
        """The loads whose rows have been read and that wait for the position to come."""
        return [copying for copying in self._copying.values() if copying.until is not None]

    def begin(self, table: Table, load_type: str, expected_rows: int = 0) -> Copying:
        """Make an empty table; from now on its changes are kept. Raises SecondaryEngineError, duckdb.Error."""
        key = (table.schema, table.name)
        with self.store.write() as transaction:
            self._refuse_twin(transaction, key)
            self.cancel(key, "the load was begun again")
            transaction.forget(key)
            entry = LoadedTable(
                id=self.store.new_id(),
                table=table,
                store_name=store_name(*key),
                state=State.LOADING,
                left_out=left_out(table),
                load_type=load_type,
                load_started=time.time(),
            )
            transaction.put(entry)
            transaction.create_data(entry)
            delta.create_pending(transaction.connection, entry.id, table)
            copying = Copying(entry, expected_rows=expected_rows)
        self._copying[key] = copying
        self.store.clear_stale(key)
        return copying

    def _refuse_twin(self, transaction: Transaction, key: Key) -> None:
        folded = tuple(part.casefold() for part in key)
        for other in transaction.tables:
            if other != key and tuple(part.casefold() for part in other) == folded:
                raise SecondaryEngineError(f"table {'.'.join(other)} has the same name in another case")

    def finish(self, copying: Copying, until: Position) -> None:
        """Put the kept changes over the rows read; the table answers once the store is at `until`."""
        with self.store.write() as transaction:
            self.require(copying)
            delta.apply_pending(transaction.connection, copying.entry.id, copying.entry.store_name, copying.entry.table)
            copying.until = until
            if until <= transaction.position:
                self.complete(transaction, copying)
        if until <= self.store.position:
            self.completed(copying)

    def require(self, copying: Copying) -> None:
        """Raise SecondaryEngineError when this load is not the table's load any more."""
        if copying.cancelled or self._copying.get(copying.key) is not copying:
            raise SecondaryEngineError(copying.cancelled or "the load was given up")

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

    def completed(self, copying: Copying) -> None:
        """Tell whoever waits, once the transaction that put the table into service is committed."""
        if self._copying.get(copying.key) is copying:
            del self._copying[copying.key]
        if not copying.done.done():
            copying.done.set_result(None)
        log.info("table %s.%s is loaded: %d rows", *copying.key, copying.rows)

    def cancel(self, key: Key, reason: str) -> None:
        """Give a load up; its thread stops at the next batch."""
        copying = self._copying.pop(key, None)
        if copying is not None:
            copying.cancelled = reason
            if not copying.done.done():
                copying.done.set_exception(SecondaryEngineError(reason))

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
            entry = LoadedTable(
                self.store.new_id(), table or Table(*key, ()), store_name(*key), state, reason, load_type=load_type
            )
        transaction.put(entry)
