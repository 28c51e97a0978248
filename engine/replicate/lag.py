"""How far the copy is behind the backend: exactly 0 when it has everything, else by the oldest commit it lacks."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from base.errors import WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection, read_position
from engine.changes.position import Position
from engine.replicate.progress import Amount
from engine.store.database import Store
from wire.gtid import GtidPosition, GtidSet

log = logging.getLogger(__name__)

_EVERY = 10.0  # seconds between two looks of the log
_WORTH_A_LINE = 5.0  # seconds behind
_READ_TIMEOUT = 5.0  # seconds the backend may take to tell its position


@dataclass(frozen=True, slots=True)
class Lag:
    """`seconds` is the age of the oldest commit not applied, by the backend's clock, which MariaDB logs in seconds."""

    seconds: float = 0.0
    transactions: int = 0


def transactions_between(applied: Position, head: Position, mariadb: bool) -> int:
    """How many transactions of the backend's log are not applied, by their GTIDs. Raises MalformedGtid."""
    if mariadb:
        return GtidPosition(head.gtids).distance(GtidPosition(applied.gtids))
    return len(GtidSet(head.gtids).subtract(GtidSet(applied.gtids)))


class LagMeter:
    """Measures when asked; with a thread that writes a line now and then while the copy is behind."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        oldest_waiting: Callable[[], float],
        newest_applied: Callable[[], float],
        rate: Callable[[], Amount],
    ) -> None:
        """`oldest_waiting` gives the oldest commit that was read and is not applied (0: none), `newest_applied` the
        newest that is; both in seconds since the epoch."""
        self._settings = settings
        self._store = store
        self._oldest_waiting = oldest_waiting
        self._newest_applied = newest_applied
        self._rate = rate
        self._lock = threading.Lock()
        self._connection: Connection | None = None
        self._level_at = time.time()  # when the copy was last seen to have everything
        self._newest = Lag()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)

    def start(self) -> None:
        """Begin to write lines."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one that waits for a backend that is gone is left behind, for it touches no file."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(1.0)

    def measure(self) -> Lag:
        """Ask the backend how far it is; when it does not answer, what is known without it."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = Connection(self._settings, read_timeout=_READ_TIMEOUT)
                asked = time.time()
                self._newest = self._against(read_position(self._connection), asked)
            except WarmfrontError as error:
                log.debug("the backend does not tell its position: %s", error)
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                self._newest = Lag(self._age(time.time()), self._newest.transactions)
            return self._newest

    def _against(self, head: Position, asked: float) -> Lag:
        applied = self._store.position
        if applied.server == head.server and applied >= head:
            self._level_at = asked
            return Lag()
        count = transactions_between(applied, head, self._settings.server.is_mariadb)
        if not count and not self._oldest_waiting() and not applied.nameless:
            return Lag()  # what the log has more is no transaction
        return Lag(self._age(asked), count)

    def _age(self, now: float) -> float:
        """Age of the oldest commit that is not applied.

        One that has not even been read is younger than the newest one applied, and than the moment of the last
        measurement that found none missing.
        """
        oldest = self._oldest_waiting() or max(self._newest_applied(), self._level_at)
        return max(now - oldest, 0.0)

    def _run(self) -> None:
        while not self._stop.wait(_EVERY):
            lag = self.measure()
            if lag.seconds >= _WORTH_A_LINE:
                rate = self._rate()
                log.warning(
                    "the copy is %.0f s, %d transactions behind; it applies %.0f transactions, %.0f row images per s",
                    *(lag.seconds, lag.transactions, rate.transactions, rate.images),
                )
        with self._lock:
            if self._connection is not None:
                self._connection.close()
