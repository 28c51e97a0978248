"""Verification of the copy: on request and in the background, one table at a time, and what follows a difference."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from base.errors import BackendError, SecondaryEngineError, WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection
from engine.catalog import Key, LoadedTable, State
from engine.load.reader import UnfitValue
from engine.store import bookkeeping
from engine.store.copies import Copies
from engine.store.database import Store
from engine.verify.outcome import Outcome
from engine.verify.table import TableComparison

log = logging.getLogger(__name__)

_PIECE = 50_000  # rows
_TRIES = 3  # of a table that is altered, emptied or loaded again while it is compared
_AGAIN = 0.2  # seconds between them, longer each time
# The source does not have what the copy has: no such table, unknown column, definition changed after the read began.
_ALTERED = frozenset({1146, 1054, 1412})

Pace = Callable[[int], str]  # told of rows read; waits as long as it likes and gives the reason to stop, or ""


@dataclass(slots=True)
class Counters:
    """Over all tables, since the engine started."""

    tables: int = 0
    rows: int = 0
    differences: int = 0  # rows
    repaired: int = 0  # tables
    reloaded: int = 0  # tables


@dataclass(slots=True)
class Verifications:
    """The newest outcome of each copy, and the ones under way, by the copies' numbers."""

    last: dict[int, Outcome] = field(default_factory=dict)
    under_way: dict[int, Outcome] = field(default_factory=dict)
    counters: Counters = field(default_factory=Counters)


class Verifier:
    """Compares tables with their source; may be asked from several threads."""

    def __init__(
        self, settings: Settings, store: Store, copies: Copies, reload: Callable[[Key, str], None], piece: int = _PIECE
    ) -> None:
        """`reload` has a table copied again; `piece` is how many rows are compared at a time."""
        self._settings = settings
        self._store = store
        self._copies = copies
        self._reload = reload
        self._piece = piece
        self._lock = threading.Lock()
        self._asked = 0
        self._stopping = threading.Event()
        self.seen = Verifications()

    @property
    def asked(self) -> bool:
        """Whether somebody waits for a verification, before whom the background steps back."""
        return self._asked > 0

    def stop(self) -> None:
        """End what is under way."""
        self._stopping.set()

    def verify_now(self, schema: str, name: str, repair: bool, stopped: Callable[[], bool]) -> Outcome:
        """Compare one table because somebody asked. Raises SecondaryEngineError when it is not there to compare."""
        self._asked += 1
        try:
            with self._lock:
                return self.verify((schema, name), repair, HalfTime(self._stopping, stopped))
        finally:
            self._asked -= 1

    def verify_in_turn(self, key: Key, pace: Pace) -> Outcome | None:
        """Compare one table in the background; None when somebody else is being served."""
        if self.asked or not self._lock.acquire(blocking=False):
            return None
        try:
            return self.verify(key, False, pace)
        except SecondaryEngineError:
            return None
        finally:
            self._lock.release()

    def verify(self, key: Key, repair: bool, pace: Pace) -> Outcome:
        """Compare one table; what differs is repaired or loaded again. Raises SecondaryEngineError."""
        for number in range(1, _TRIES + 1):
            entry = self._require(key)
            outcome = Outcome(*key, began=time.time())
            with self._noted(entry.id, outcome):
                unfit = self._compare(entry, outcome, repair, pace)
            if not outcome.error or number == _TRIES or outcome.wrong or pace(0):
                break
            time.sleep(_AGAIN * number)
        if unfit:
            outcome.error = unfit
        self._conclude(entry, outcome, unfit)
        return outcome

    def _require(self, key: Key) -> LoadedTable:
        entry = self._store.entries.get(key)
        if entry is None:
            raise SecondaryEngineError(f"table {key[0]}.{key[1]} is not loaded")
        if entry.state is not State.AVAILABLE:
            raise SecondaryEngineError(f"table {key[0]}.{key[1]} is not available: {entry.reason or entry.state}")
        return entry

    @contextmanager
    def _noted(self, number: int, outcome: Outcome) -> Iterator[None]:
        self.seen.under_way[number] = outcome
        began = time.monotonic()
        try:
            yield
        finally:
            outcome.seconds = time.monotonic() - began
            self.seen.under_way.pop(number, None)

    def _compare(self, entry: LoadedTable, outcome: Outcome, repair: bool, pace: Pace) -> str:
        """Fill `outcome`; gives a reason that makes the whole copy wrong, or ""."""
        try:
            with Connection(self._settings) as connection:
                comparison = TableComparison(self._store, self._copies, connection, entry, pace)
                try:
                    for piece in comparison.pieces(self._piece):
                        comparison.check(piece, outcome, repair)
                finally:
                    comparison.close()
                outcome.action = "" if not outcome.wrong else "repaired" if comparison.sound else "reloaded"
        except UnfitValue as error:
            outcome.error = str(error)
            return f"the source has a value that the store cannot hold: {error}"
        except BackendError as error:
            outcome.error = str(error)
            return f"the source is another table: {error}" if error.number in _ALTERED else ""
        except (WarmfrontError, duckdb.Error) as error:
            outcome.error = str(error).removeprefix("Secondary engine operation failed. ").splitlines()[0]
        return ""

    def _conclude(self, entry: LoadedTable, outcome: Outcome, unfit: str) -> None:
        """Say what was found, and have a table that is wrong loaded again."""
        key = (outcome.schema, outcome.name)
        counters = self.seen.counters
        counters.tables += not outcome.error
        counters.rows += outcome.rows
        counters.differences += outcome.wrong
        if not outcome.error or outcome.wrong:
            self.seen.last[entry.id] = outcome
        if not outcome.wrong and not unfit:
            if outcome.error:
                log.info("table %s.%s was not verified: %s", *key, outcome.error)
            else:
                log.debug("table %s.%s is right at %s: %d rows", *key, outcome.position, outcome.rows)
                self._note(entry, outcome)
            return
        reason = outcome.reason or unfit
        if outcome.action == "repaired":
            counters.repaired += 1
            log.warning("table %s.%s is repaired: %s", *key, reason)
            self._store.clear_stale(key, reason)
            return
        outcome.action = "reloaded"
        counters.reloaded += 1
        log.error("table %s.%s is loaded again: %s", *key, reason)
        self._quarantine(entry, reason)

    def remember(self) -> None:
        """Take over what was verified before this process began."""
        cursor = self._store.cursor()
        try:
            noted = bookkeeping.read_verified(cursor)
        except duckdb.Error as error:
            log.warning("what was verified before cannot be read: %s", error)
            return
        finally:
            cursor.close()
        for (schema, name), entry in self._store.entries.items():
            if entry.id in noted:
                moment, rows, at = noted[entry.id]
                self.seen.last.setdefault(entry.id, Outcome(schema, name, rows=rows, position=at, began=moment))

    def _note(self, entry: LoadedTable, outcome: Outcome) -> None:
        try:
            with self._store.write() as transaction:
                bookkeeping.write_verified(
                    transaction.connection, entry.id, outcome.began, outcome.rows, outcome.position
                )
        except duckdb.Error as error:
            log.warning("a verification cannot be noted: %s", error)

    def _quarantine(self, entry: LoadedTable, reason: str) -> None:
        key = (entry.table.schema, entry.table.name)
        self._store.mark_stale(key, reason)
        self._copies.stop_rewrite(key)
        there = True
        try:
            with self._store.write() as transaction:
                found = transaction.tables.get(key)
                there = found is not None and found.id == entry.id and found.state is State.AVAILABLE
                there = there and found is not None and found.table == entry.table
                if there:
                    self._copies.take_out(transaction, key, State.STALE, reason)
            self._store.clear_stale(key, reason)
        except duckdb.Error as error:  # the mark keeps it out of service until it is loaded again
            log.error("the reason cannot be noted: %s", error)
        if there:
            self._reload(key, reason)


class HalfTime:
    """The pace of a verification that somebody waits for: it rests as long as it works."""

    _LONGEST = 1.0  # seconds

    def __init__(self, stopping: threading.Event, stopped: Callable[[], bool]) -> None:
        self._stopping = stopping
        self._stopped = stopped
        self._since = time.monotonic()

    def __call__(self, rows: int) -> str:
        """Rest after work."""
        if not rows:
            self._stopping.wait(min(time.monotonic() - self._since, self._LONGEST))
            self._since = time.monotonic()
        if self._stopping.is_set():
            return "the engine is stopping"
        return "it was asked to stop" if self._stopped() else ""
