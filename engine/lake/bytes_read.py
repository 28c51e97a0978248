"""What statements read of files, as DuckDB's logs of file accesses and of HTTP say: how much, and of which state.

Its profile counts what the statement's own thread reads, and leaves out what other threads read ahead: a fifth of a
hundredth of a scan, as measured. The logs have every read, by connection. They are on while statements on files run.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from urllib.parse import unquote, urlsplit

import duckdb

_SUM = """
SELECT coalesce(sum(bytes), 0)::UBIGINT FROM duckdb_logs_parsed('FileSystem') WHERE op = 'READ' AND connection_id = ?
"""
_TAGS = """
SELECT request.url, list(DISTINCT response.headers['ETag']) FROM duckdb_logs_parsed('HTTP')
 WHERE list_contains(?::UBIGINT[], connection_id) AND epoch_us(timestamp) >= ? GROUP BY ALL
"""


class ByteCounter:
    """Counts for one column store; for any thread."""

    def __init__(self, root: duckdb.DuckDBPyConnection) -> None:
        self._root = root
        self._lock = Lock()
        self._running = 0

    @contextmanager
    def counting(self, connection: duckdb.DuckDBPyConnection, is_wanted: bool) -> Iterator["Counted"]:
        """Count what a connection reads inside the `with`; it must be one that is used for nothing else."""
        counted = Counted()
        if not is_wanted:
            yield counted
            return
        with self._logging():
            try:
                yield counted
            finally:
                with self._lock, suppress(duckdb.Error):  # a count is not worth an answer
                    counted.bytes = self._root.execute(_SUM, [_number(connection)]).fetchall()[0][0]

    @contextmanager
    def watching(self, readers: Sequence[duckdb.DuckDBPyConnection]) -> Iterator["Watched"]:
        """Watch what these connections read inside the `with`, over HTTP."""
        with self._logging():
            yield Watched(self, [_number(reader) for reader in readers], time.time_ns() // 1000)

    def tags(self, readers: Sequence[int], since: int) -> dict[str, list[str]]:
        """The ETags of answers to some connections since a moment (microseconds of Unix time), by address.

        Raises duckdb.Error.
        """
        with self._lock:
            return dict(self._root.execute(_TAGS, [list(readers), since]).fetchall())

    @contextmanager
    def _logging(self) -> Iterator[None]:
        with self._lock:
            if not self._running:
                self._root.execute("CALL enable_logging(['FileSystem', 'HTTP'])")
            self._running += 1
        try:
            yield
        finally:
            with self._lock:
                self._running -= 1
                if not self._running:
                    self._root.execute("CALL disable_logging()")
                    self._root.execute("CALL truncate_duckdb_logs()")


class Counted:
    """What was read, known when the `with` has ended."""

    bytes = 0


class Watched:
    """What is read from stores, as their answers say."""

    def __init__(self, counter: ByteCounter, readers: Sequence[int], since: int) -> None:
        self._counter = counter
        self._readers = readers
        self._since = since

    def tags(self) -> dict[tuple[str, str], set[str]]:
        """The ETags of answers, by (bucket, key): a bucket is the first part of the path or of the host's name.

        What is not an object of S3 is among them under names that no object has. Raises duckdb.Error.
        """
        found: dict[tuple[str, str], set[str]] = {}
        for url, tags in self._counter.tags(self._readers, self._since).items():
            parts = urlsplit(url)
            path = unquote(parts.path).removeprefix("/")
            bucket, _, key = path.partition("/")
            for name in ((bucket, key), (parts.netloc.partition(".")[0], path)):
                found.setdefault(name, set()).update(tag.strip('"') for tag in tags if tag)
        return found


def _number(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT current_connection_id()").fetchall()[0][0])
