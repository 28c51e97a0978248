"""Files looked at for being plain, in threads of their own beside the reader that takes them for plain meanwhile."""

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

from lakehouse.stores.places import Found, Places
from lakehouse.text.plain import CRLF, LF, Marks, Seen, Shape, Walk

_PIECE = 1 << 20  # bytes looked at together; a line that is longer is not plain
_FIRST = 64 << 10  # of the beginning, at which DuckDB's reader waits
_HEAD = 64 << 10  # bytes in which the lines before the first record end
_MORE = 8 << 10  # bytes read behind a piece, in which its last line ends as a rule
_MARK = b"\xef\xbb\xbf"  # of UTF-8, at a file's beginning


class NotPlain(Exception):
    """Some record is not plain, or nobody knows."""


@dataclass(frozen=True, slots=True)
class _Part:
    """The records of a file that begin between two places; the file's first one begins at `first`."""

    found: Found
    first: int
    start: int
    end: int
    ending: int


class PlainPass:
    """A look at every byte of some files, whose marks are simple. It goes on inside the `with`, and ends with it."""

    def __init__(
        self, places: Places, found: Sequence[Found], shapes: Sequence[Shape], marks: Marks, threads: int
    ) -> None:
        self._places = places
        self._walk = Walk(shapes, marks)
        self._parts = _parts(places, found, marks)
        self._seen = self._walk.nothing()
        self._threads = threads
        self._lock = threading.Lock()
        self._stopped = self._differs = False
        self._stop: Callable[[], None] | None = None

    def begins_plain(self) -> bool:
        """Look at the beginning, which tells of most files that are not plain. Raises LakeError."""
        try:
            part = next(self._parts, None)
            return part is None or self._is_plain(part, self._seen)
        except NotPlain:
            return False

    def __enter__(self) -> "PlainPass":
        self._pool = ThreadPoolExecutor(self._threads, "plain")
        self._looking: list[Future[Seen]] = [self._pool.submit(self._look) for _ in range(self._threads)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped = True
        self._pool.shutdown()

    @contextmanager
    def may_stop(self, stop: Callable[[], None]) -> Iterator[None]:
        """Have `stop` called when what runs inside is for nothing; raises NotPlain for what that brings about."""
        with self._lock:
            if self._differs:
                raise NotPlain
            self._stop = stop
        try:
            yield
        except Exception:
            if self._differs:
                raise NotPlain from None
            raise
        finally:
            with self._lock:
                self._stop = None

    def seen(self) -> Seen:
        """Wait for the end of all files, and give the bytes of their texts. Raises NotPlain and LakeError."""
        seen = self._seen
        for looking in self._looking:
            seen = seen | looking.result()
        if self._differs:
            raise NotPlain
        return seen

    def _look(self) -> Seen:
        seen = self._walk.nothing()
        try:
            while not self._stopped:
                with self._lock:
                    part = next(self._parts, None)
                if part is None:
                    break
                if not self._is_plain(part, seen):
                    raise NotPlain
        except NotPlain:
            with self._lock:
                self._stopped = self._differs = True
                if self._stop:
                    self._stop()
        except BaseException:
            self._stopped = True
            raise
        return seen

    def _is_plain(self, part: _Part, seen: Seen) -> bool:
        size = part.found.size
        at = part.start - 1 if part.start > part.first else part.start
        data = self._places.read(part.found, at, part.end - at + _MORE)
        begin = data.find(b"\n") + 1 if at < part.start else 0
        if at < part.start and not 0 < begin < part.end - at:
            return True  # no record begins here
        end = data.find(b"\n", part.end - at - 1) + 1
        if not end and at + len(data) < size:
            data += self._places.read(part.found, at + len(data), _PIECE)
            end = data.find(b"\n", part.end - at - 1) + 1
        if not end:
            if at + len(data) < size:
                return False
            data += b"\r\n" if part.ending == CRLF else b"\n"  # the last line may lack its end
            end = len(data)
        return self._walk.is_plain(data, begin, end, part.ending, seen)


def _parts(places: Places, found: Sequence[Found], marks: Marks) -> Iterator[_Part]:
    quote = marks.quote.encode()
    for file in found:
        head = places.read(file, 0, _HEAD)
        if head.startswith(_MARK):
            raise NotPlain
        first = 0
        for _ in range(marks.skipped):
            end = head.find(b"\n", first) + 1
            if not end or (quote and head.count(quote, first, end) % 2):
                raise NotPlain
            first = end
        line = head.find(b"\n", first)
        ending = CRLF if line > first and head[line - 1] == 0x0D else LF
        for start, end in pairwise([first, *range(min(first + _FIRST, file.size), file.size, _PIECE), file.size]):
            if start < end:
                yield _Part(file, first, start, end, ending)
