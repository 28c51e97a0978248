"""Text files whose compression DuckDB does not read: expanded into a file without a name, while a statement runs."""

import bz2
import codecs
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from base.errors import LakeError
from lakehouse.heads import ENCODED, LATIN1, MARKED, UTF16, UTF16_MARKS, Watch
from lakehouse.places import Found, Places
from lakehouse.snappy import Unsnapper

_PIECE = 4 << 20  # bytes read at once
# A file that grows beyond this is taken for a bomb: bzip2 makes at most about 1:45,000,000 of zeros, snappy 1:21, and
# text becomes about 20 times as much.
_MOST_GROWTH = 200
_ALWAYS = 64 << 20  # bytes that any file may become


class Expander(Protocol):
    """Decompresses a file piece by piece. Both raise ValueError or OSError when it is damaged."""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Give what the file's next bytes complete."""

    def end(self) -> None:
        """The file has no more."""


class _Bzip2:
    def __init__(self) -> None:
        self._expander = bz2.BZ2Decompressor()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        while piece or not (self._expander.eof or self._expander.needs_input):
            if self._expander.eof:
                self._expander = bz2.BZ2Decompressor()  # files may be several streams, one behind the other
            yield self._expander.decompress(piece, _PIECE)  # a few hundred bytes may be as many megabytes
            piece = self._expander.unused_data if self._expander.eof else b""

    def end(self) -> None:
        if not self._expander.eof:
            raise ValueError("it is cut short")


class _Utf16:
    """Text in UTF-16, as UTF-8. Its first bytes say which comes first of the two of a unit."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._first = b""

    def feed(self, piece: bytes) -> Iterator[bytes]:
        if len(self._first) < len(UTF16_MARKS[0]):
            self._first += piece[: len(UTF16_MARKS[0]) - len(self._first)]
            if not any(mark.startswith(self._first) for mark in UTF16_MARKS):
                raise ValueError("another file of the table is in UTF-16, and this one is not")
        yield self._decoder.decode(piece).encode()

    def end(self) -> None:
        if self._first and self._decoder.getstate()[0]:
            raise ValueError("it is cut short")


class _Marked:
    """Text in UTF-8 without the mark before it, which another file of the table may lack."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        yield self._decoder.decode(piece).encode()

    def end(self) -> None:
        if self._decoder.getstate()[0]:
            raise ValueError("it is cut short")


class _Latin1:
    """Text in MySQL's latin1, which is Windows' 1252 with controls where that has nothing, as UTF-8."""

    _LETTERS = "".join(bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(256))

    def feed(self, piece: bytes) -> Iterator[bytes]:
        yield codecs.charmap_decode(piece, "strict", self._LETTERS)[0].encode()

    def end(self) -> None:
        pass


_EXPANDERS: dict[str, Callable[[], Expander]] = {
    **{"bzip2": _Bzip2, "snappy": Unsnapper},
    **{UTF16: _Utf16, MARKED: _Marked, LATIN1: _Latin1},
}


def expand(stack: ExitStack, places: Places, found: Found, compression: str, folder: Path, watch: Watch) -> str:
    """Expand a file of a foreign compression, and give the path of what is in it; it is gone with the stack.

    `watch` sees all of it. Raises LakeError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
    most = max(_ALWAYS, found.size * _MOST_GROWTH)
    expander, at = _EXPANDERS[compression](), 0
    try:
        while piece := places.read(found, at, _PIECE):
            at += len(piece)
            for data in expander.feed(piece):
                watch.see(data)
                out.write(data)
                if out.tell() > most:
                    raise LakeError(f"{found.shown} becomes more than {most} bytes when it is decompressed")
        expander.end()
        watch.end()
    except (OSError, ValueError) as error:
        told = f"is no {compression.upper()}" if compression in ENCODED else "cannot be decompressed"
        raise LakeError(f"{found.shown} {told}: {error}") from None
    out.flush()
    return f"/proc/self/fd/{out.fileno()}"
