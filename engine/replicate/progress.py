"""How much has been applied, how fast, and since when something waits to be: counted per batch."""

import threading
import time
from collections import deque
from dataclasses import dataclass

from engine.changes.batch import Batch
from engine.changes.position import Position

WINDOW = 10.0  # seconds that a rate is taken over


@dataclass(frozen=True, slots=True)
class Amount:
    """Of what was applied: row images (an UPDATE has two), and bytes of the backend's log."""

    transactions: float = 0
    images: float = 0
    log_bytes: float = 0

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(
            self.transactions + other.transactions, self.images + other.images, self.log_bytes + other.log_bytes
        )


class Progress:
    """Counts batches; one thread applies them, any thread may ask."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._recent: deque[tuple[float, Amount]] = deque()
        self._total = Amount()
        self._applying = 0.0
        self._position: Position | None = None
        self.newest_commit = 0.0  # of what has been applied, seconds since the epoch

    def start(self, position: Position) -> None:
        """The log is read from here on."""
        self._position = position

    def begin(self, batch: Batch) -> None:
        """A batch is about to be applied."""
        self._applying = batch.oldest_commit

    def end(self, batch: Batch) -> None:
        """A batch has been applied."""
        images = sum(changes.images for changes in batch.changes)
        amount = Amount(batch.transactions, images, self._log_bytes(batch.position))
        with self._lock:
            self._total += amount
            self._recent.append((time.monotonic(), amount))
            self._forget()
        self.newest_commit = batch.commit_timestamp or self.newest_commit
        self._applying = 0.0

    def _log_bytes(self, position: Position) -> int:
        before, self._position = self._position, position
        if before is None:
            return 0
        same = (before.server, before.file) == (position.server, position.file)
        return max(position.offset - before.offset, 0) if same else position.offset

    @property
    def applying(self) -> float:
        """The oldest commit of the batch that is being applied, 0 when there is none."""
        return self._applying

    @property
    def total(self) -> Amount:
        """All that was applied since the engine started."""
        return self._total

    def per_second(self) -> Amount:
        """The mean rate over the last seconds."""
        with self._lock:
            self._forget()
            recent = sum((amount for _, amount in self._recent), Amount())
        return Amount(recent.transactions / WINDOW, recent.images / WINDOW, recent.log_bytes / WINDOW)

    def _forget(self) -> None:
        while self._recent and self._recent[0][0] < time.monotonic() - WINDOW:
            self._recent.popleft()
