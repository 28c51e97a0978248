"""Compare one table with its source, piece by piece, while both go on changing.

For each piece: begin to watch what changes, wait until a read sees everything the store has, begin a consistent read,
wait until the store has passed the log position read after it, and take the store's snapshot. A row that differs and
did not change between the two is wrong; it is looked at again all the same. The others are looked at again until they
hold still for a moment, which is as short as one wait for the store.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import duckdb
import pyarrow as pa

from base.errors import SecondaryEngineError, WarmfrontError
from engine.backend.connection import Connection, read_position
from engine.catalog import LoadedTable, State
from engine.changes.position import Position
from engine.layout import carried_columns
from engine.load.reader import BinaryResult, UnfitValue
from engine.load.select import select_rows
from engine.load.visible import await_applied, await_visible
from engine.store import bookkeeping, delta
from engine.store.copies import Copies
from engine.store.database import Store
from engine.store.presence import EMPTY, merge_presence, presence_of
from engine.verify.compare import Comparison
from engine.verify.outcome import NAMED, Outcome
from engine.verify.ranges import MOST_KEYS, Range, keys_condition, next_range

_SURE = 2  # times that a row must differ without having changed
_ROUNDS = 12  # times that a row which keeps changing is looked at
_PAUSE = 0.01  # seconds between two looks, longer each time
_APPLY_TIMEOUT = 30.0  # seconds
_REPAIRS = 3  # times that a piece is put right before its table is loaded anew
_MOST_REPAIRED = 100_000  # rows of a piece; a table that is wrong in more is loaded anew


class Interrupted(SecondaryEngineError):
    """The comparison was told to stop, or its table is no longer there to compare."""


class TableComparison:
    """One comparison of one table on one connection to the backend."""

    def __init__(
        self, store: Store, copies: Copies, connection: Connection, entry: LoadedTable, pace: Callable[[int], str]
    ) -> None:
        """`pace` is told of rows as they are read; it may wait, and gives the reason to stop, empty to go on."""
        self._store = store
        self._copies = copies
        self._connection = connection
        self._entry = entry
        self._table = entry.table
        self._pace = pace
        self._failure: Exception | None = None  # what ended the reading of rows
        self._cursor = store.cursor()
        self._result = BinaryResult(connection, carried_columns(entry.table))
        self._comparison = Comparison(self._cursor, entry.table, entry.store_name)
        self._watch = copies.watch(self.key, self._comparison.identity)
        self._position: Position | None = None
        self.sound = True  # whether everything that was wrong has been put right

    @property
    def key(self) -> tuple[str, str]:
        """Schema and name."""
        return self._table.schema, self._table.name

    def close(self) -> None:
        """End the watch and give the store's connection back."""
        self._copies.unwatch(self.key)
        self._cursor.close()

    def pieces(self, rows: int) -> Iterator[Range]:
        """Go through the table in pieces of about `rows` rows. Raises BackendError."""
        piece = next_range(self._connection, self._table, None, rows)
        yield piece
        while piece.high is not None:
            piece = next_range(self._connection, self._table, piece.high, rows)
            yield piece

    def check(self, piece: Range, outcome: Outcome, repair: bool) -> None:
        """Compare a piece, add what was found to `outcome`, and put it right if asked to.

        Raises Interrupted, BackendError, UnfitValue, SecondaryEngineError, duckdb.Error.
        """
        self._keep_pace(0)
        rows, unsettled = self._settle(piece)
        outcome.rows += rows
        outcome.pieces += 1
        outcome.unsettled += unsettled
        if self._position is not None:
            outcome.position = f"{self._position.file}:{self._position.offset}"
        counts = self._comparison.counts()
        wrong = counts.missing + counts.extra + counts.changed
        if not wrong:
            return
        outcome.missing += counts.missing
        outcome.extra += counts.extra
        outcome.changed += counts.changed
        if len(outcome.differences) < NAMED:
            outcome.name_rows(self._comparison.named(NAMED))
        # From now on nobody reads it; its data stays, for the rest to be looked at.
        self._store.mark_stale(self.key, outcome.reason)
        self.sound = self.sound and repair and wrong <= _MOST_REPAIRED and self._repair(piece)

    def _settle(self, piece: Range) -> tuple[int, int]:
        """Look until every row is known to be right or wrong; gives the rows read first and those never settled.

        The comparison is left with the wrong rows as its suspects.
        """
        rows = self._look(piece, piece.for_source(), again=False)
        for number in range(_ROUNDS):
            total, sure = self._comparison.suspects(_SURE)
            if total == sure:
                return rows, 0
            time.sleep(_PAUSE * number)
            self._look(piece, self._narrow(piece, total), again=True)
        total, sure = self._comparison.suspects(_SURE)
        self._comparison.drop_unsure(_SURE)
        return rows, total - sure

    def _narrow(self, piece: Range, total: int) -> str:
        """The backend's condition for the suspects; the whole piece when they are many or cannot be named."""
        found = None
        if total <= MOST_KEYS:
            found = keys_condition(self._table, self._comparison.suspect_keys(MOST_KEYS))
        return piece.for_source() if found is None else found

    def _look(self, piece: Range, condition: str, again: bool) -> int:
        """Compare once, at one position as far as rows hold still; gives the rows read from the backend."""
        with self._store.lock:  # not in the middle of a batch, whose changes would be missed
            self._watch.restart()
            since = self._store.position
        await_visible(self._connection, self._store, since)
        self._connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        until = read_position(self._connection, with_gtids=False)
        await_applied(self._store, until, _APPLY_TIMEOUT)
        self._cursor.execute("BEGIN")
        try:
            self._require_entry()
            changed, disturbed = self._changed(), self._watch.disturbed
            rows = self._comparison.read_source(self._source_rows(condition))
            self._comparison.compare(piece, changed, again)
            self._cursor.execute("COMMIT")
        except BaseException as error:
            self._cursor.execute("ROLLBACK")
            # What went wrong while reading comes out of the store as text; the cause itself says more.
            raise self._failure or error from error
        self._connection.execute("COMMIT")
        if disturbed:
            raise Interrupted(f"the table cannot be compared now: {disturbed}")
        self._position = until
        return rows

    def _source_rows(self, condition: str) -> Iterator[pa.RecordBatch]:
        self._failure = None
        try:
            for batch in self._result.read(select_rows(self._table, condition)):
                yield batch
                self._keep_pace(batch.num_rows)
        except (UnfitValue, WarmfrontError) as error:
            self._failure = error
            raise

    def _keep_pace(self, rows: int) -> None:
        if reason := self._pace(rows):
            raise Interrupted(reason)

    def _changed(self) -> pa.Table:
        schema = self._comparison.schema
        return self._watch.changed(pa.schema([schema.field(name) for name in self._comparison.identity]))

    def _require_entry(self) -> None:
        """The snapshot must hold the very copy that is being compared."""
        if not bookkeeping.holds_copy(self._cursor, self._entry):
            raise Interrupted("the table left service or changed while it was compared")

    def _repair(self, piece: Range) -> bool:
        """Put wrong rows right until none is left; tells whether that was reached."""
        for _ in range(_REPAIRS):
            if not self._put_right():
                return False
            self._settle(piece)
            if not self._comparison.suspects(_SURE)[0]:
                return True
        return False

    def _put_right(self) -> bool:
        """Write the source's rows over the wrong ones, at the store's position, in one transaction.

        What changed since the look is left out: the others are at the store's position what they were then.
        """
        with self._store.write("repair") as transaction:
            entry = transaction.tables.get(self.key)
            if entry is None or entry.id != self._entry.id or entry.state is not State.AVAILABLE:
                return False
            if entry.table != self._entry.table:  # it has been changed or renamed in place
                return False
            self._comparison.drop_changed(self._changed())
            self._copies.stop_rewrite(self.key)
            put, connection = self._comparison.rows_to_put(), transaction.connection
            if self._table.primary_key:
                rows = delta.Delta(self._comparison.keys_to_remove(), put)
                gone, added = delta.apply_delta(connection, entry.store_name, self._table, rows)
                grown = added - gone
                self._copies.note_removed(self.key, gone)
            else:
                grown = self._put_images(connection, entry)
            presence = dict(entry.presence)
            for column, bits in presence_of(put).items():
                presence[column] = merge_presence(presence.get(column, EMPTY), bits)
            transaction.put_presence(replace(entry, presence=presence, rows=max(entry.rows + grown, 0)))
        return True

    def _put_images(self, connection: duckdb.DuckDBPyConnection, entry: LoadedTable) -> int:
        images = self._comparison.images("_wf_kind").combine_chunks()
        if not images.num_rows:
            return 0
        kinds = images.column("_wf_kind").to_numpy().astype("int8")
        rows = images.drop_columns(["_wf_kind"]).cast(self._comparison.schema).to_batches()
        return delta.apply_multiset(connection, entry.store_name, self._table, kinds, delta.one_batch(rows))
