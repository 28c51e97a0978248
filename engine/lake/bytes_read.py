"""How many bytes of files a statement read, as DuckDB's log of file accesses says.

Its profile counts what the statement's own thread reads, and leaves out what other threads read ahead: a fifth of a
hundredth of a scan, as measured. The log has every read, by connection. It is on while a statement on files runs.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import duckdb

log = logging.getLogger(__name__)

_SUM = """
SELECT coalesce(sum(CAST((message->>'$.bytes') AS UBIGINT)), 0)::UBIGINT FROM duckdb_logs
 WHERE type = 'FileSystem' AND connection_id = ? AND (message->>'$.op') = 'READ'
"""


class ByteCounter:
    """Counts for one column store; for any thread."""

    def __init__(self, root: duckdb.DuckDBPyConnection) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._running = 0

    @contextmanager
    def counting(self, connection: duckdb.DuckDBPyConnection, is_wanted: bool) -> Iterator["Counted"]:
        """Count what a connection reads inside the `with`; it must be one that is used for nothing else."""
        counted = Counted()
        if not is_wanted:
            yield counted
            return
        number = connection.execute("SELECT current_connection_id()").fetchall()[0][0]
        with self._lock:
            if not self._running:
                self._root.execute("CALL enable_logging('FileSystem')")
            self._running += 1
        try:
            yield counted
        finally:
            with self._lock:
                self._running -= 1
                with suppress(duckdb.Error):  # a count is not worth an answer
                    counted.bytes = self._root.execute(_SUM, [number]).fetchall()[0][0]
                if not self._running:
                    self._root.execute("CALL disable_logging()")
                    self._root.execute("CALL truncate_duckdb_logs()")


class Counted:
    """What was read, known when the `with` has ended."""

    bytes = 0
