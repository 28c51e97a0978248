"""Keep the file small and quick, in the background: checkpoints, and tables with many deleted rows written anew."""

import logging
import threading
import time
from collections.abc import Callable

import duckdb

from base import faults
from engine.catalog import Key
from engine.layout import quote
from engine.store.copies import Copies
from engine.store.database import Store
from engine.store.lost import is_lost

log = logging.getLogger(__name__)

_EVERY = 2.0  # seconds
# A checkpoint holds up whoever changes the table that it writes, for tenths of a second: seldom, or when nothing goes
# on. What it has not written is in memory, and read from the backend's log again after a crash, which takes seconds.
_UNWRITTEN = 256 << 20  # bytes of the backend's log that ask for a checkpoint,
_SHARE = 8  # or this part of the store's memory when that is less
_AGE = 60.0  # seconds after which fewer are written when nothing goes on,
_OLD = 600.0  # and whatever goes on
_QUIET = 1.0  # seconds without a commit
_DEAD_SHARE = 0.25  # of a table's rows; deleted rows cost a scan as much as live ones
_DEAD_ROWS = 100_000


class Upkeep:
    """One thread that looks after a store. `on_fatal` is called when the process has to be started again."""

    def __init__(self, store: Store, copies: Copies, on_fatal: Callable[[BaseException], None]) -> None:
        self._store = store
        self._on_fatal = on_fatal
        self._said = ""  # what went wrong the last time
        self._copies = copies
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)
        self._checkpointed = time.monotonic()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after what it is doing."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            try:
                self.checkpoint_when_due()
                for key in self.worn():
                    self.rewrite(key)
                self._said = ""
            except (duckdb.Error, OSError) as error:
                if is_lost(error):
                    self._on_fatal(error)
                    return
                if str(error) != self._said:  # a full disk may last for days
                    self._said = str(error)
                    log.warning("upkeep of the column store: %s", error)

    def checkpoint_when_due(self) -> None:
        """Write what is in memory only when it is much, old, or nowhere else. Raises duckdb.Error."""
        size, age = self._store.unwritten, time.monotonic() - self._checkpointed
        old = _AGE if self._store.seconds_quiet > _QUIET else _OLD
        much = size > min(_UNWRITTEN, self._store.memory_limit // _SHARE)
        if self._store.has_news or much or (size and age > old):
            try:
                self._store.checkpoint()
            except duckdb.TransactionException as error:  # "there are other write transactions active": loads
                log.debug("a checkpoint is put off: %s", error)
                return
            self._checkpointed = time.monotonic()

    def worn(self) -> list[Key]:
        """The tables of which too large a share is deleted rows."""
        entries = self._store.entries
        return [
            key
            for key, dead in list(self._copies.removed.items())
            if key in entries and dead > _DEAD_ROWS and dead > _DEAD_SHARE * entries[key].rows
        ]

    def rewrite(self, key: Key) -> bool:
        """Write a table anew in key order beside itself, and put it in its place. Raises duckdb.Error."""
        rewrite = self._copies.begin_rewrite(key)
        if rewrite is None:
            self._copies.removed.pop(key, None)
            return False
        began = time.monotonic()
        try:
            self._fill(rewrite.name, rewrite.entry.store_name, rewrite.entry.table.primary_key)
        except duckdb.Error:
            self._copies.stop_rewrite(key)
            self._copies.finish_rewrite(key, rewrite)
            raise
        done = self._copies.finish_rewrite(key, rewrite)
        log.info("table %s.%s written anew in %.1f s", *key, time.monotonic() - began)
        return done

    def _fill(self, target: str, source: str, keys: tuple[str, ...]) -> None:
        cursor = self._store.cursor()
        try:
            order = ", ".join(quote(name) for name in keys)
            faults.point("before", "rewrite rows")
            cursor.execute(f"INSERT INTO {target} SELECT * FROM {source} ORDER BY {order}")
            faults.point("after", "rewrite rows")
        finally:
            cursor.close()
