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

_SUMS = """
SELECT connection_id, sum(bytes)::UBIGINT, count(*) FROM duckdb_logs_parsed('FileSystem')
 WHERE op = 'READ' AND list_contains(?::UBIGINT[], connection_id) GROUP BY ALL
"""
_TAGS = """
SELECT request.url, list(DISTINCT response.headers['ETag']) FROM duckdb_logs_parsed('HTTP')
 WHERE list_contains(?::UBIGINT[], connection_id) AND epoch_us(timestamp) >= ? GROUP BY ALL
"""


_MOST_ENTRIES = 100_000  # of statements that have ended, until the logs are cleared beside others that run


class ByteCounter:
    """Counts for one column store; for any thread."""

    def __init__(self, root: duckdb.DuckDBPyConnection) -> None:
        self._root = root
        self._lock = Lock()
        self._running = 0
        self._ended = 0  # entries of statements that have ended
        self._counted: dict[int, int] = {}  # bytes by connection that counts, as far as its entries were cleared
        self._watched: set[Watched] = set()

    @contextmanager
    def counting(self, connection: duckdb.DuckDBPyConnection, is_wanted: bool) -> Iterator["Counted"]:
        """Count what a connection reads inside the `with`; it must be one that is used for nothing else."""
        counted = Counted()
        if not is_wanted:
            yield counted
            return
        number = _number(connection)
        with self._logging():
            with self._lock:
                self._counted[number] = 0
            try:
                yield counted
            finally:
                with self._lock:
                    with suppress(duckdb.Error):  # a count is not worth an answer
                        for _, size, entries in self._sums([number]):
                            self._counted[number] += size
                            self._ended += entries
                    counted.bytes = self._counted.pop(number)

    @contextmanager
    def watching(self, readers: Sequence[duckdb.DuckDBPyConnection]) -> Iterator["Watched"]:
        """Watch what these connections read inside the `with`, over HTTP."""
        watched = Watched(self, [_number(reader) for reader in readers], time.time_ns() // 1000)
        with self._logging():
            with self._lock:
                self._watched.add(watched)
            try:
                yield watched
            finally:
                with self._lock:
                    self._watched.discard(watched)

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
                    self._clear()
                elif self._ended > _MOST_ENTRIES:
                    for number, size, _ in self._sums(list(self._counted)):
                        self._counted[number] += size
                    for watched in self._watched:
                        watched.is_whole = False
                    self._clear()

    def _clear(self) -> None:
        self._root.execute("CALL truncate_duckdb_logs()")
        self._ended = 0

    def _sums(self, numbers: Sequence[int]) -> list[tuple[int, int, int]]:
        return self._root.execute(_SUMS, [list(numbers)]).fetchall()


class Counted:
    """What was read, known when the `with` has ended."""

    bytes = 0


class Watched:
    """What is read from stores, as their answers say; `is_whole` as long as no answer was forgotten."""

    def __init__(self, counter: ByteCounter, readers: Sequence[int], since: int) -> None:
        self.is_whole = True
        self._counter = counter
        self._readers = readers
        self._since = since

    def tags(self) -> dict[tuple[str, str], set[str]]:
        """The ETags of answers, by (bucket, key): a bucket is the first part of the path or of the host's name.

        What is not an object of S3 is among them under names that no object has; nothing is, when some were forgotten.
        Raises duckdb.Error.
        """
        told = self._counter.tags(self._readers, self._since)
        if not self.is_whole:
            return {}
        found: dict[tuple[str, str], set[str]] = {}
        for url, tags in told.items():
            parts = urlsplit(url)
            path = unquote(parts.path).removeprefix("/")
            bucket, _, key = path.partition("/")
            for name in ((bucket, key), (parts.netloc.partition(".")[0], path)):
                found.setdefault(name, set()).update(tag.strip('"') for tag in tags if tag)
        return found


def _number(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.execute("SELECT current_connection_id()").fetchall()[0][0])
