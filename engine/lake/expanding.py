"""Text whose compression, characters or escapes DuckDB does not read: written into a nameless file for a statement."""

import bz2
import codecs
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

from base.errors import LakeError
from engine.lake.evolved import file_key
from engine.lake.relations import delimiter_of
from lakehouse.descriptions.definition import Dialect
from lakehouse.snappy import Unsnapper
from lakehouse.stores.places import Found, Places
from lakehouse.text.escapes import Escapes, Rewritten
from lakehouse.text.heads import ENCODED, LATIN1, MARKED, UTF16, UTF16_MARKS, Lines, Watch, head_of, watch_of

_PIECE = 4 << 20  # bytes read at once
# A file that grows beyond this is taken for a bomb: bzip2 makes at most about 1:45,000,000 of zeros, snappy 1:21, and
# text becomes about 20 times as much.
_MOST_GROWTH = 200
_MOST_KNOWN = 100_000  # files of a table of which it is known whether they have escapes
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


def readable(
    stack: ExitStack,
    places: Places,
    dialect: Dialect,
    width: int,
    found: Sequence[Found],
    paths: Sequence[str],
    looked_at: dict[str, bool],
    folder: Path,
) -> Sequence[str]:
    """The paths of text files of `width` columns as DuckDB can read them: their own, or those of what was written anew.

    `looked_at` is as for `rewritten`. Raises LakeError.
    """
    head = head_of(places, found[0], dialect)
    if head.is_foreign:
        return [expand(stack, places, f, head.compression, folder, watch_of(f, head, dialect)) for f in found]
    if dialect.format == "csv":
        escapes = Escapes.of(dialect, delimiter_of(head.text, width, dialect), head)
        # What is not on this machine is not read to the end only to know.
        if escapes and (found[0].scheme == "file" or escapes.begin(head)):
            return rewritten(stack, places, found, paths, escapes, looked_at, folder)
    return paths


def expand(stack: ExitStack, places: Places, found: Found, compression: str, folder: Path, watch: Watch) -> str:
    """Expand a file of a foreign compression, and give the path of what is in it; it is gone with the stack.

    `watch` sees all of it. Raises LakeError.
    """
    told = f"is no {compression.upper()}" if compression in ENCODED else "cannot be decompressed"
    return _written(stack, places, found, _EXPANDERS[compression](), told, folder, watch)


def rewritten(
    stack: ExitStack,
    places: Places,
    found: Sequence[Found],
    paths: Sequence[str],
    escapes: Escapes,
    looked_at: dict[str, bool],
    folder: Path,
) -> list[str]:
    """The paths of files of CSV, where those that have such escapes are written anew; gone with the stack.

    `looked_at` is what is known of files, and gets what is found out: a file is read for it once. Raises LakeError.
    """
    made = []
    for file, path in zip(found, paths, strict=True):
        key = file_key(file)
        has = looked_at.get(key)
        if has is None:
            if len(looked_at) > _MOST_KNOWN:
                looked_at.clear()
            has = looked_at[key] = escapes.are_in(places, file)
        if has:
            path = _written(stack, places, file, Rewritten(escapes), "cannot be read", folder, Lines(file))
        made.append(path)
    return made


def _written(
    stack: ExitStack, places: Places, found: Found, expander: Expander, told: str, folder: Path, watch: Watch
) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    out = stack.enter_context(tempfile.TemporaryFile(dir=folder))  # noqa: SIM115
    most = max(_ALWAYS, found.size * _MOST_GROWTH)
    at = 0
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
        raise LakeError(f"{found.shown} {told}: {error}") from None
    out.flush()
    return f"/proc/self/fd/{out.fileno()}"
