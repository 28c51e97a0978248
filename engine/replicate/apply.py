"""Put whole-transaction batches into the store: data, presence and position in one transaction of its own."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.catalog import Key, LoadedTable, State
from engine.changes.batch import Batch, Prepared, TableEvent
from engine.changes.changes import Changes, ChangeSource, join_changes
from engine.changes.position import Position
from engine.images.complete import Fetch, Incomplete, complete
from engine.layout import arrow_schema
from engine.replicate.inplace import Describe, Planned, Plans, plan_events
from engine.store import delta, prepared
from engine.store.copies import Copies, Copying
from engine.store.database import Store, Transaction
from engine.store.lookup import fetch_rows
from engine.store.lost import FATAL, is_lost
from engine.store.presence import EMPTY, merge_presence, presence_of
from engine.store.reshape import has_nulls, reshape_table, reshaped
from statements.schema import Table

log = logging.getLogger(__name__)

# Trouble of the store itself, not of one table's changes.
_STORAGE = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.TransactionException,
    duckdb.ConnectionException,
    MemoryError,
    OSError,
)
_PIECE_BYTES = 32 << 20  # of Arrow rows that one statement takes, unless they come in larger pieces
_LONGEST_PAUSE = 30.0  # seconds between two tries of a batch


class LoadRequests(Protocol):
    """What the applier asks of the loader."""

    def reload(self, key: Key, reason: str) -> None:
        """Copy a table again, in the background."""

    def created(self, key: Key, load_type: str = "SELF") -> None:
        """A table came to be."""


class TableFailed(Exception):
    """The changes of one table cannot be applied."""

    def __init__(self, key: Key, reason: str) -> None:
        super().__init__(reason)
        self.key = key
        self.reason = reason


class Applier:
    """Applies batches; one thread calls `apply`, any thread may ask `table`."""

    def __init__(self, store: Store, copies: Copies, loads: LoadRequests, describe: Describe | None = None) -> None:
        """Without `describe` every table whose definition may have changed is loaded again."""
        self._store = store
        self._copies = copies
        self._loads = loads
        self._describe = describe
        self._dependents: tuple[int, dict[Key, tuple[tuple[Key, str], ...]]] = -1, {}
        self._stop = threading.Event()

    def stop(self) -> None:
        """Make a batch that is tried again and again give up."""
        self._stop.set()

    def table(self, schema: str, name: str) -> Table | None:
        """The definition to decode a table's changes with; None when nobody wants them."""
        key = (schema, name)
        if copying := self._copies.get(key):
            return copying.table
        entry = self._store.entries.get(key)
        # One that is LOADING without a load was changed in place, and waits for its place in the log to be noted.
        return entry.table if entry and entry.state in (State.AVAILABLE, State.LOADING) else None

    def dependents(self, schema: str, name: str) -> tuple[tuple[Key, str], ...]:
        """The copies whose rows change outside the log when a table's rows are deleted or updated, with these kinds."""
        version, found = self._dependents
        if version != self._store.version:
            version, found = self._store.version, {}
            for key, entry in self._store.entries.items():
                if entry.state in (State.AVAILABLE, State.LOADING):
                    for *cause, kinds in entry.table.causes:
                        parent = cause[0], cause[1]
                        found[parent] = (*found.get(parent, ()), (key, kinds))
            self._dependents = version, found
        return found.get((schema, name), ())

    def apply(self, batch: Batch) -> None:
        """Apply a batch and tell the fence. Raises FATAL errors of DuckDB; waits out a store that cannot write."""
        if not (batch.changes or batch.events or batch.failures or batch.prepared or self._copies.waiting()):
            self._store.advance(batch.position)
            # A load may have begun to wait since we looked, and nothing else need ever come.
            if self._copies.waiting():
                self._apply_until_done(Batch(batch.position))
        else:
            self._apply_until_done(batch)

    def _apply_until_done(self, batch: Batch) -> None:
        failed: dict[Key, str] = {}
        plans = plan_events(batch, self._store.entries, self._describe)
        pause = 0.5
        while not self._stop.is_set():
            try:
                with self._store.write("apply") as transaction:
                    work = _Work(self._store, self._copies, transaction, failed, plans)
                    work.run(batch)
                self._store.broken = ""
                self._after(work)
                return
            except TableFailed as error:
                log.warning("table %s.%s cannot be followed: %s", *error.key, error.reason)
                failed[error.key] = error.reason
                self._store.mark_stale(error.key, error.reason)
            except FATAL:
                self._store.broken = "the column store failed"
                raise
            except _STORAGE as error:
                if is_lost(error):
                    self._store.broken = "the column store failed"
                    raise duckdb.FatalException(str(error)) from error
                reason = f"the column store cannot write: {error}".splitlines()[0]
                log.error("%s; tried again in %.0f s", reason, pause)
                self._store.broken = reason
                self._stop.wait(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)

    def _after(self, work: "_Work") -> None:
        for copying in work.completed:
            self._copies.completed(copying)
        for given_up, reason in work.cancelled.values():
            if given_up is not None:
                self._copies.give_up(given_up, reason)
        for key in work.gone:
            self._store.clear_stale(key)
        for key, until in work.settling.items():
            self._copies.adopt(key, until)
            self._store.hurry(until)
        for key, reason in work.reloads.items():
            self._store.clear_stale(key)
            self._loads.reload(key, reason)
        for key, load_type in work.created.items():
            self._loads.created(key, load_type)


class _Work:
    """One try of one batch inside one transaction; what has to follow the commit is only collected."""

    def __init__(
        self, store: Store, copies: Copies, transaction: Transaction, failed: dict[Key, str], plans: Plans
    ) -> None:
        self._store = store
        self._copies = copies
        self._transaction = transaction
        self._failed = failed
        self._plans = plans
        self._position = transaction.position
        self._left: dict[Key, tuple[str, Key | None]] = {}  # names given up: how loaded, and where the table went
        self.completed: list[Copying] = []
        self.cancelled: dict[Key, tuple[Copying | None, str]] = {}  # the load that was under way, and why
        self.reloads: dict[Key, str] = {}
        self.created: dict[Key, str] = {}
        self.gone: set[Key] = set()
        self.settling: dict[Key, Position] = {}  # changed in place, to be trusted from there on

    def run(self, batch: Batch) -> None:
        self._position = batch.position
        for key, group in _by_table(batch.changes).items():
            if key not in self._failed:
                self._change(key, group)
        for transaction in batch.prepared:
            self._take_prepared(transaction)
        for place, event in enumerate(batch.events):
            self._event(event, self._plans.get(place, "its definition changed"))
        for failure in batch.failures:
            for key in self._meant(failure.schema, failure.name):
                if not self._is_read(key):
                    self._quarantine(key, failure.reason)
        for key, reason in self._failed.items():
            self._quarantine(key, reason)
        self._transaction.set_position(batch.position)
        for copying in self._copies.waiting():
            if copying.key not in self.cancelled and copying.until and batch.position.covers(copying.until):
                self._copies.complete(self._transaction, copying)
                self.completed.append(copying)

    def _take_prepared(self, transaction: Prepared) -> None:
        """Put an XA transaction aside, apply it, or forget it."""
        connection, tables = self._transaction.connection, self._transaction.tables
        if transaction.kind == "prepare":
            prepared.park(connection, transaction, tables)
            return
        if transaction.kind == "rollback":
            prepared.drop(connection, transaction.xid)
            return
        found = prepared.decide(connection, transaction.xid, tables)
        changes, unknown = found if found is not None else ([], set(tables))
        for key, group in _by_table(list(changes)).items():
            if key not in self._failed:
                self._change(key, group)
        touched = unknown | {(change.schema, change.name) for change in changes}
        for key, entry in list(tables.items()):
            if any(cause[:2] in touched for cause in entry.table.causes) and not self._is_read(key):
                self._quarantine(key, "a table that it refers to was changed by an XA transaction")
        for key in unknown & set(tables):
            if not self._is_read(key):
                self._quarantine(key, "changed by an XA transaction that was prepared before its copy was made")

    def _change(self, key: Key, group: list[ChangeSource]) -> None:
        if copying := self._copies.get(key):
            # What was decoded for an earlier load is in the rows of this one. What came behind it, while there was no
            # load, was not decoded: put over the rows it would bring back what was before.
            group = [source for source in group if source.table is None or source.table is copying.table]
        try:
            for piece in _pieces(group):
                self._change_piece(key, piece)
        except (*FATAL, *_STORAGE):
            raise
        except Incomplete as error:
            raise TableFailed(key, str(error)) from error
        except (duckdb.Error, pa.ArrowException, KeyError, ValueError) as error:
            raise TableFailed(key, f"its changes cannot be applied: {error}".splitlines()[0]) from error

    def _change_piece(self, key: Key, piece: Changes) -> None:
        kinds, rows = piece.kinds, piece.rows
        copying = self._copies.get(key)
        entry = copying.entry if copying else self._transaction.tables.get(key)
        if entry is None or (copying is None and entry.state is not State.AVAILABLE):
            return
        if copying is not None and copying.has_read(self._position):
            return
        if not rows.schema.equals(arrow_schema(entry.table)):
            raise TableFailed(key, "its changes have other columns than the copy")
        loading = copying is not None and copying.until is None
        known = None
        if piece.missing is not None:
            fetch = None if loading else self._fetch(entry)
            rows, known = complete(entry.table, kinds, rows, piece.missing, fetch, idempotent=copying is not None)
        if copying is not None and loading:
            self._keep(copying, kinds, rows, known)
        else:
            self._put(key, entry, copying, kinds, rows)

    def _fetch(self, entry: LoadedTable) -> Fetch:
        connection = self._transaction.connection
        return lambda keys, columns: fetch_rows(connection, entry.store_name, entry.table, keys, columns)

    def _keep(
        self, copying: Copying, kinds: delta.Kinds, rows: pa.RecordBatch, known: npt.NDArray[np.uint8] | None
    ) -> None:
        delta.append_pending(self._transaction.connection, copying.entry.id, kinds, rows, copying.sequence, known)
        copying.sequence += len(kinds)
        copying.add_presence(presence_of(rows))

    def _put(
        self, key: Key, entry: LoadedTable, copying: Copying | None, kinds: delta.Kinds, rows: pa.RecordBatch
    ) -> None:
        connection, table = self._transaction.connection, entry.table
        inserted: pa.RecordBatch | pa.Table = rows
        self._copies.note_changed(key, rows, self._position)
        if table.primary_key:
            folded = delta.fold(table, kinds, rows, idempotent=copying is not None)
            gone, added = delta.apply_delta(connection, entry.store_name, table, folded, entry.rows)
            grown, inserted = added - gone, folded.insert
            self._copies.note_removed(key, gone)
            self._copies.keep_for_rewrite(self._transaction, key, kinds, rows)
        else:
            grown = delta.apply_multiset(connection, entry.store_name, table, kinds, rows)
        found = presence_of(inserted)
        if copying is not None:
            copying.add_presence(found)
            return
        merged = {c: merge_presence(entry.presence.get(c, EMPTY), bits) for c, bits in found.items()}
        if any(entry.presence.get(c) != bits for c, bits in merged.items()):
            presence = {**entry.presence, **merged}
            self._transaction.put_presence(replace(entry, presence=presence, rows=max(entry.rows + grown, 0)))
        else:
            self._transaction.put_rows(key, entry.rows + grown)

    def _event(self, event: TableEvent, plan: Planned | str) -> None:
        if event.kind == "alter" and isinstance(plan, Planned) and plan.reshape is None:
            self._note_indexes(event, plan)
            return
        if event.kind == "create if absent" and any(True for _ in self._meant(event.schema, event.name)):
            return  # MySQL logs it although the table was there
        self._disturb_dependents(event)
        if event.kind in ("create", "create if absent"):
            if event.name and not self._is_read((event.schema, event.name)):
                former, _ = self._left.get((event.schema, event.name), ("", None))
                self.created[event.schema, event.name] = former or "SELF"
            return
        if event.kind == "rename" and event.renamed_to:
            if event.renamed_to != (event.schema, event.name):  # ALTER TABLE takes the name that the table has
                self._rename((event.schema, event.name), event.renamed_to)
            return
        for key in list(self._meant(event.schema, event.name)):
            entry = self._transaction.tables[key]
            if self._is_read(key):
                continue
            if event.kind == "drop":
                self._remove(key)
            elif event.kind == "truncate" and entry.state is State.AVAILABLE:
                self._copies.stop_rewrite(key)
                self._copies.note_disturbed(key, "it was emptied", self._position)
                self._transaction.create_data(entry)
                self._transaction.put_rows(key, 0)
            elif isinstance(plan, Planned) and plan.id == entry.id and self._reshape(key, entry, plan):
                log.info("table %s.%s has its new definition", *key)
            elif entry.state is not State.UNLOADED:
                reason = plan if isinstance(plan, str) else "its definition changed"
                self._quarantine(key, reason, State.RECOVERING)

    def _note_indexes(self, event: TableEvent, plan: Planned) -> None:
        if plan.indexes is None:
            return
        for key in list(self._meant(event.schema, event.name)):
            entry = self._transaction.tables[key]
            if entry.id == plan.id and entry.table.indexes != plan.indexes:
                self._transaction.put(replace(entry, table=replace(entry.table, indexes=plan.indexes)))

    def _disturb_dependents(self, event: TableEvent) -> None:
        """Load again what foreign keys tie to a table: the chain that changes it may be another one now."""
        named = {(event.schema, event.name), event.renamed_to}
        for key, entry in list(self._transaction.tables.items()):
            for schema, name, _ in entry.table.causes:
                if (schema, name) == key and event.kind != "rename":
                    continue  # its own event
                meant = named & {(schema, name), (schema, ""), ("", "")}
                if meant and not self._is_read(key):
                    self._quarantine(key, f"table {schema}.{name}, which it refers to, changed", State.RECOVERING)

    def _reshape(self, key: Key, entry: LoadedTable, plan: Planned) -> bool:
        """Give a copy its new definition in place; False when it has to be loaded."""
        connection, reshape = self._transaction.connection, plan.reshape
        if entry.state is not State.AVAILABLE or reshape is None or plan.until is None:
            return False
        if replace(reshape.old, indexes=entry.table.indexes) != entry.table:
            return False
        try:
            if has_nulls(connection, entry, reshape.not_null):
                return False
            self._copies.stop_rewrite(key)
            self._copies.note_disturbed(key, "its definition changed", self._position)
            reshape_table(connection, entry, reshape)
        except (*FATAL, *_STORAGE):
            raise
        except duckdb.Error as error:
            raise TableFailed(key, f"its new definition cannot be applied: {error}".splitlines()[0]) from error
        entry = reshaped(entry, reshape, key)
        settled = plan.until.server == self._position.server and plan.until <= self._position
        self._transaction.put(entry if settled else replace(entry, state=State.LOADING))
        if not settled:
            self.settling[key] = plan.until
        return True

    def _is_read(self, key: Key) -> bool:
        """Whether a load of the table under way has read, or will read, all that this batch is about."""
        copying = self._copies.get(key)
        if copying is None or key in self.cancelled:
            return False
        return copying.has_read(self._position)

    def _rename(self, key: Key, to: Key) -> None:
        """Give the copy its new name, or load it. A name loaded by hand stays loaded when another table takes it."""
        tables = self._transaction.tables
        entry = tables.get(key)
        load_type = self.created.pop(key, "")
        if entry is not None and entry.state is not State.UNLOADED:
            load_type = entry.load_type
        moved = entry is not None and not self._is_read(key) and self._move(key, entry, to)
        if entry is not None and not moved and not self._is_read(key):
            self._remove(key, to)
        if to in self._left:
            former, went_to = self._left[to]
            load_type = "USER" if "USER" in (former, load_type) else former or load_type
            if went_to is not None and went_to not in self._left:
                self._set_load_type(went_to, "SELF")
        elif entry is None:
            load_type = load_type or "SELF"  # made a moment ago, under a name that was gone before it could be read
        if moved:
            self._set_load_type(to, load_type)
        elif load_type and not self._is_read(to):
            self.created[to] = load_type

    def _move(self, key: Key, entry: LoadedTable, to: Key) -> bool:
        """Give a copy another name; False when it is not one that can answer, or one of that name is being made."""
        if (entry.state is not State.AVAILABLE and key not in self.settling) or self._is_read(to):
            return False
        if to in self._transaction.tables:
            self._remove(to)
        self._left[key] = entry.load_type, to
        self._copies.stop_rewrite(key)
        self._copies.note_disturbed(key, "it was renamed", self._position)
        self._copies.removed[to] = self._copies.removed.pop(key, 0)
        self._transaction.rename(key, to)
        if key in self.settling:
            self.settling[to] = self.settling.pop(key)
        self.gone.add(key)
        return True

    def _set_load_type(self, key: Key, load_type: str) -> None:
        entry = self._transaction.tables.get(key)
        if key in self.created:
            self.created[key] = load_type
        elif entry is not None and entry.load_type != load_type:
            self._transaction.put(replace(entry, load_type=load_type))

    def _remove(self, key: Key, went_to: Key | None = None) -> None:
        entry = self._transaction.tables[key]
        self._left[key] = ("" if entry.state is State.UNLOADED else entry.load_type), went_to
        self._copies.stop_rewrite(key)
        self._transaction.forget(key)
        self.cancelled[key] = self._copies.get(key), "the table was dropped"
        self.gone.add(key)
        self.reloads.pop(key, None)
        self.created.pop(key, None)

    def _quarantine(self, key: Key, reason: str, state: State = State.STALE) -> None:
        entry = self._transaction.tables.get(key)
        if entry is None or entry.state is State.UNLOADED:
            return
        self._store.mark_stale(key, reason)
        self._copies.stop_rewrite(key)
        self._copies.take_out(self._transaction, key, state, reason)
        self.cancelled[key] = self._copies.get(key), reason
        self.reloads[key] = reason

    def _meant(self, schema: str, name: str) -> Iterator[Key]:
        for key in list(self._transaction.tables):
            if (not schema or key[0] == schema) and (not name or key[1] == name):
                yield key


def _by_table(changes: list[ChangeSource]) -> dict[Key, list[ChangeSource]]:
    groups: dict[Key, list[ChangeSource]] = {}
    for item in changes:
        if item.images:
            groups.setdefault((item.schema, item.name), []).append(item)
    return groups


def _pieces(group: list[ChangeSource]) -> Iterator[Changes]:
    """Put changes together to pieces that are worth a statement each and do not fill the memory."""
    waiting: list[Changes] = []
    size = 0
    for source in group:
        for changes in source.read():
            if waiting and size + changes.rows.nbytes > _PIECE_BYTES:
                yield join_changes(waiting)
                waiting, size = [], 0
            waiting.append(changes)
            size += changes.rows.nbytes
    if waiting:
        yield join_changes(waiting)
