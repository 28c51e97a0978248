"""Verification in the background: the table that has waited longest, while nobody asks the engine anything."""

import logging
import threading
import time
from collections.abc import Callable

from base.settings import Settings
from engine.catalog import Key, State
from engine.store.database import Store
from engine.verify.verifier import Verifier

log = logging.getLogger(__name__)

_LOOK = 1.0  # seconds between two looks at whether a table is due
_LONG = 0.5  # seconds owed, after which it is rested within a piece
_REST = 0.1  # seconds between two looks at whether the engine is idle
_AGAIN = 60.0  # seconds before a table that could not be verified is tried again


class Rolling:
    """One thread that goes round all tables."""

    def __init__(self, settings: Settings, store: Store, verifier: Verifier, idle: Callable[[], bool]) -> None:
        """`idle` tells whether nobody else wants the engine now."""
        self._interval = settings.verify_interval
        self._rate = settings.verify_rate
        self._store = store
        self._verifier = verifier
        self._idle = idle
        self._failed: dict[int, float] = {}  # when the verification of a copy was last not finished
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="verify", daemon=True)

    def start(self) -> None:
        """Begin, unless the settings say never."""
        self._verifier.remember()
        if self._interval:
            self._thread.start()

    def stop(self) -> None:
        """End the thread at the next piece."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def due(self) -> Key | None:
        """The table that has waited longest, of those whose time has come."""
        now = time.time()
        waiting = []
        for key, entry in self._store.entries.items():
            if entry.state is not State.AVAILABLE:
                continue
            last = self._verifier.seen.last.get(entry.id)
            since = max(entry.load_ended, last.began if last is not None else 0.0)
            if now - since >= self._interval and now - self._failed.get(entry.id, 0.0) >= _AGAIN:
                waiting.append((since, key))
        return min(waiting)[1] if waiting else None

    def _run(self) -> None:
        while not self._stop.wait(_LOOK):
            try:
                self._turn()
            except Exception:  # a defect here must not end the verification of other tables for good
                log.exception("verification in the background")
                self._stop.wait(_AGAIN)

    def _turn(self) -> None:
        key = self.due() if self._idle() else None
        if key is None:
            return
        number = self._store.entries[key].id
        outcome = self._verifier.verify_in_turn(key, _Pace(self._rate, self._idle, self._verifier, self._stop))
        if outcome is None or outcome.error:
            self._failed[number] = time.time()


class _Pace:
    """Holds the rate, and waits while somebody else wants the engine."""

    def __init__(self, rate: int, idle: Callable[[], bool], verifier: Verifier, stop: threading.Event) -> None:
        self._rate = rate
        self._idle = idle
        self._verifier = verifier
        self._stop = stop
        self._owed = 0.0  # seconds to rest for rows read since the last rest

    def __call__(self, rows: int) -> str:
        """Count rows and rest for them; between two pieces, wait until nobody wants the engine."""
        self._owed += rows / self._rate
        if not rows or self._owed > _LONG:
            until = time.monotonic() + self._owed
            self._owed = 0.0
            while (time.monotonic() < until or not (rows or self._idle())) and not self._ended:
                self._stop.wait(_REST)
        return self._ended

    @property
    def _ended(self) -> str:
        if self._stop.is_set():
            return "the engine is stopping"
        return "another verification was asked for" if self._verifier.asked else ""
