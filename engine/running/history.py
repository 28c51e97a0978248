"""What the engine remembers of statements: the last thousand, and counters since its start."""

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

_KEPT = 1000  # as HeatWave's rpd_query_stats


@dataclass(slots=True)
class QueryRecord:
    """One statement sent to the engine. Times are in seconds, `started` since the epoch."""

    query_id: int
    connection_id: int
    text: str
    started: float
    failure: str = ""  # why it was not answered
    sql: str = ""  # what ran in the store
    rows: int = 0
    bytes_sent: int = 0
    bytes_read: int = 0  # of files, by a statement on lake tables
    bytes_looked: int = 0  # of files, to find out beforehand what is in them
    warnings: int = 0
    waited: float = 0.0  # for a slot and for the copy to be fresh
    translated: float = 0.0  # seconds spent in the translator
    seconds: float = 0.0
    done: bool = False
    export_prefix: str = ""  # the address that an export's files begin with
    tables: tuple[tuple[str, str], ...] = ()  # (schema, name) of those read
    progress: Callable[[], dict[str, Any]] | None = None  # of a routine of AutoML: what QEXEC_TEXT shows besides

    def execution_json(self) -> str:
        """QEXEC_TEXT of rpd_query_stats."""
        return json.dumps(
            {
                "sessionId": self.connection_id,
                "queryStartTime": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.started)),
                "totalRunTime": round(self.seconds * 1000, 3),
                "waitTime": round(self.waited * 1000, 3),
                "translateTime": round(self.translated * 1000, 3),
                "rows": self.rows,
                "bytes": self.bytes_sent,
                "bytesRead": self.bytes_read,
                "bytesLookedAt": self.bytes_looked,
                "done": self.done,
                "error": self.failure,
                **(self.progress() if self.progress else {}),
            }
        )


@dataclass(slots=True)
class TableUse:
    """How often a table answered, and when last (seconds since the epoch)."""

    count: int = 0
    last: float = 0.0

    def add(self, when: float) -> None:
        """Count one more use."""
        self.count += 1
        self.last = max(self.last, when)


@dataclass(slots=True)
class History:
    """Records and counters; safe to use from several threads."""

    offloaded: int = 0
    refused: int = 0
    _records: deque[QueryRecord] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _next: int = 1
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _uses: dict[tuple[str, str], TableUse] = field(default_factory=dict)

    def begin(self, connection_id: int, text: str, counted: bool = True) -> QueryRecord:
        """Note a statement that came; one that is not `counted` leaves no trace."""
        if not counted:
            return QueryRecord(0, connection_id, text, time.time())
        with self._lock:
            record = QueryRecord(self._next, connection_id, text, time.time())
            self._next += 1
            self._records.append(record)
            return record

    def end(self, record: QueryRecord) -> None:
        """Count a statement that is over."""
        record.seconds = time.time() - record.started
        if not record.query_id:
            return
        with self._lock:
            if record.failure:
                self.refused += 1
                return
            self.offloaded += 1
            record.done = True
            for key in record.tables:
                self._uses.setdefault(key, TableUse()).add(record.started)

    def records(self) -> list[QueryRecord]:
        """The records kept, oldest first."""
        with self._lock:
            return list(self._records)

    def uses(self) -> dict[tuple[str, str], TableUse]:
        """How often each table answered, by (schema, name)."""
        with self._lock:
            return dict(self._uses)
