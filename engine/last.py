"""What is kept of each session's last statement, for a session that asks about it."""

import threading
from collections import OrderedDict
from typing import Generic, TypeVar

Kept = TypeVar("Kept")
_SESSIONS = 1000  # of which something is kept


class LastOf(Generic[Kept]):
    """One thing for each connection id, of the sessions that had one last. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, Kept] = OrderedDict()

    def put(self, connection_id: int, kept: Kept | None) -> None:
        """Keep a statement's, or nothing, in place of that of the session's statement before."""
        with self._lock:
            self._kept.pop(connection_id, None)
            if kept is not None:
                self._kept[connection_id] = kept
            while len(self._kept) > _SESSIONS:
                self._kept.popitem(last=False)

    def get(self, connection_id: int) -> Kept | None:
        """Give a session's, None when its last statement had none."""
        with self._lock:
            return self._kept.get(connection_id)
