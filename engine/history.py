"""What the engine remembers of statements: the last thousand, and counters since its start."""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass, field

from statements.facts import statement_facts

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
    waited: float = 0.0  # for a slot and for the copy to be fresh
    translated: float = 0.0  # seconds spent in the translator
    seconds: float = 0.0
    done: bool = False
    schema: str = ""

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
                "done": self.done,
                "error": self.failure,
            }
        )


@dataclass(slots=True)
class TableUse:
    """How often a table answered, and when last (seconds since the epoch)."""

    count: int = 0
    last: float = 0.0

    def add(self, count: int, when: float) -> None:
        """Count more uses, the last of them at `when`."""
        self.count += count
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
    # Whose tables have not been looked up: a statement is read again only when somebody asks, not while it runs.
    _uncounted: dict[tuple[str, str], TableUse] = field(default_factory=dict)

    def begin(self, connection_id: int, text: str, schema: str) -> QueryRecord:
        """Note a statement that came; `schema` is the session's."""
        with self._lock:
            record = QueryRecord(self._next, connection_id, text, time.time(), schema=schema)
            self._next += 1
            self._records.append(record)
            return record

    def end(self, record: QueryRecord) -> None:
        """Count a statement that is over."""
        record.seconds = time.time() - record.started
        with self._lock:
            if record.failure:
                self.refused += 1
                return
            self.offloaded += 1
            record.done = True
            self._uncounted.setdefault((record.text, record.schema), TableUse()).add(1, record.started)
            if len(self._uncounted) > _KEPT:
                self._count()

    def records(self) -> list[QueryRecord]:
        """The records kept, oldest first."""
        with self._lock:
            return list(self._records)

    def uses(self) -> dict[tuple[str, str], TableUse]:
        """How often each table answered, by (schema, name)."""
        with self._lock:
            self._count()
            return dict(self._uses)

    def _count(self) -> None:
        for (text, current), use in self._uncounted.items():
            for schema, name in statement_facts(text).tables:
                self._uses.setdefault((schema or current, name), TableUse()).add(use.count, use.last)
        self._uncounted.clear()
