"""The first characters of a text file, whatever it is compressed with: to find out how it is to be read."""

import bz2
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import zstandard

from base.errors import LakeError
from lakehouse.descriptions.definition import Dialect
from lakehouse.snappy import FRAMES, Unsnapper
from lakehouse.stores.places import Found, Places

LONGEST_LINE = 16 << 20  # bytes of the longest record of text
_READ = 64 << 10  # bytes of a file
_PIECE = 4 << 20  # bytes looked at together
_ZSTD_READ = 4 << 10  # bytes expanded at once: a block of 128 kB may be a few bytes
_MOST = 1 << 20  # characters of what they stand for

UTF16 = "utf-16"  # text in it is expanded as if it were compressed
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # at its beginning
# JSON that DuckDB does not read as it is: with the mark of UTF-8 before it, or in another character set.
MARKED, LATIN1 = "utf-8-sig", "latin1"
UTF8_MARK = b"\xef\xbb\xbf"
_ENDINGS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".snappy": "snappy", ".sz": "snappy"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", FRAMES: "snappy"}
ENCODED = frozenset({UTF16, MARKED, LATIN1})  # text that is not compressed
_FOREIGN = frozenset({"bzip2", "snappy"}) | ENCODED  # what the column store cannot read


def compression_of(head: bytes) -> str:
    """What a file is compressed with, by its first bytes; "none" for anything else."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "none")


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file as text, and what the file is compressed with."""

    text: str
    compression: str

    @property
    def is_array(self) -> bool:
        """Tell whether a file of JSON is one array."""
        return self.text.lstrip().startswith("[")

    @property
    def is_foreign(self) -> bool:
        """Tell whether the column store cannot read it as it is."""
        return self.compression in _FOREIGN

    def goes_on(self, found: Found) -> bool:
        """Tell whether there may be more in the file than its beginning."""
        is_read_as_it_is = self.compression == "none" or self.compression in ENCODED
        return found.size > _READ if is_read_as_it_is else len(self.text.encode()) > _READ - 4  # a character may be cut

    @property
    def remaining(self) -> str:
        """The compression that is left once what the column store cannot decompress is expanded."""
        return "none" if self.is_foreign else self.compression


def head_of(places: Places, found: Found, dialect: Dialect) -> Head:
    """Read the beginning of a text file. Raises LakeError."""
    head = places.read(found, 0, _READ)
    kind = compression_of(head)
    if head.startswith(UTF16_MARKS):
        kind = UTF16
    elif kind == "none" and dialect.format == "json":
        kind = MARKED if head.startswith(UTF8_MARK) else LATIN1 if dialect.encoding == "latin1" else kind
    if kind in (UTF16, MARKED) and dialect.encoding == "latin1":
        told = "UTF-16" if kind == UTF16 else "UTF-8"
        raise LakeError(f'{found.shown} is in {told} by its first bytes, and in latin1 by "encoding"')
    if kind == "none" and (dialect.compression == "snappy" or _is_hadoops(found, dialect)):
        kind = "snappy"  # Hadoop's has no mark
    if dialect.compression not in ("auto", "none" if kind in ENCODED else kind):
        raise LakeError(f'{found.shown} is not compressed with {dialect.compression}, as "compression" says')
    try:
        data = _EXPANDERS[kind](head)[:_MOST]
    except (OSError, zlib.error, zstandard.ZstdError, ValueError) as error:
        raise LakeError(f"{found.shown} cannot be decompressed: {error}") from None
    text = data.decode("latin-1" if dialect.encoding == "latin1" else "utf-8", "replace")
    return Head(text.removeprefix("\ufeff"), kind)


def _is_hadoops(found: Found, dialect: Dialect) -> bool:
    return dialect.compression == "auto" and found.size > 0 and found.path.lower().endswith(".snappy")


def require_alike(found: Sequence[Found], head: Head) -> None:
    """Refuse files of one table whose names say that they are compressed in other ways than the first one is."""
    for file in found:
        told = next((kind for ending, kind in _ENDINGS.items() if file.path.lower().endswith(ending)), None)
        if told not in (None, head.compression):
            raise LakeError(f"{file.shown} is compressed with {told} by its name, and {found[0].shown} is not")


def require_closed(places: Places, found: Sequence[Found], head: Head) -> None:
    """Refuse arrays of JSON that do not end, which DuckDB reads as far as they go."""
    if head.compression != "none" or not head.is_array:
        return
    for file in found:
        end = places.read(file, max(file.size - _READ, 0), _READ)
        if not end.rstrip().endswith(b"]"):
            raise LakeError(f"{file.shown} is cut short: its array of JSON has no end")


class Watch(Protocol):
    """Looks at text as it goes by. Both raise LakeError."""

    def see(self, data: bytes) -> None:
        """Look at what comes next."""

    def end(self) -> None:
        """The text has ended."""


def watch_of(found: Found, head: Head, dialect: Dialect) -> Watch:
    """What has to be watched in a file like the one with this head: DuckDB 1.5.5 reads it wrongly without a word."""
    if dialect.format == "json" and head.is_array:
        return Closing(found)
    return Carriages(found) if _ends_in_carriages(head.text, dialect) else Lines(found)


def _ends_in_carriages(text: str, dialect: Dialect) -> bool:
    """Tell whether the records of a file of CSV end with carriage returns alone, by its first line."""
    if dialect.format != "csv" or dialect.record_delimiter != "auto":
        return dialect.format == "csv" and dialect.record_delimiter == "\r"
    at = text.find("\r")
    return 0 <= at < len(text) - 1 and text[at + 1] != "\n" and "\n" not in text[:at]


def require_text(places: Places, found: Sequence[Found], head: Head, dialect: Dialect) -> None:
    """Refuse text that the column store reads wrongly without a word: what is cut short, or has a line too long.

    What is expanded first is watched on its way. Raises LakeError.
    """
    for file in found:
        watch = watch_of(file, head, dialect)
        if head.compression == "gzip":
            require_whole(places, file, watch)
        elif head.compression == "zstd":
            _require_zstd(places, file, watch)
        elif head.compression == "none" and (
            isinstance(watch, Carriages) or (isinstance(watch, Lines) and file.size > LONGEST_LINE)
        ):
            _require_plain(places, file, watch)


class Closing:
    """Watches over an array of JSON: one that does not end is read as far as it goes."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._last = b"]"

    def see(self, data: bytes) -> None:
        """Look at what comes next."""
        if text := data.rstrip():
            self._last = text[-1:]

    def end(self) -> None:
        """The text has ended. Raises LakeError."""
        if self._last != b"]":
            raise LakeError(f"{self._found.shown} is cut short: its array of JSON has no end")


class Lines:
    """Watches over text for a line that is too long: one that fills DuckDB's buffers may be left out."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._length = 0  # of the line that is going on

    def see(self, data: bytes) -> None:
        """Look at what comes next. Raises LakeError."""
        for start in range(0, len(data), _PIECE):
            self._see(data[start : start + _PIECE] if len(data) > _PIECE else data)

    def end(self) -> None:
        """The text has ended."""

    def _see(self, data: bytes) -> None:
        ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
        if self._length + (min(ends) if ends else len(data)) > LONGEST_LINE:
            raise LakeError(f"{self._found.shown} has a line of more than {LONGEST_LINE >> 20} MB")
        if ends:
            self._length = len(data) - 1 - max(data.rfind(b"\n"), data.rfind(b"\r"))
        else:
            self._length += len(data)


class Carriages(Lines):
    """Watches over records that end with carriage returns alone: a line feed in quotes would be left out of a value."""

    def see(self, data: bytes) -> None:
        """Look at what comes next. Raises LakeError."""
        if b"\n" in data:
            raise LakeError(
                f"{self._found.shown}: its records end with carriage returns, and there are line feeds in it as well: "
                "that is not supported"
            )
        super().see(data)


def _require_plain(places: Places, found: Found, watch: Watch) -> None:
    at = 0
    while piece := places.read(found, at, _PIECE):
        at += len(piece)
        watch.see(piece)
    watch.end()


def _require_zstd(places: Places, found: Found, watch: Watch) -> None:
    expander, at = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True), 0
    while piece := places.read(found, at, _ZSTD_READ):
        at += len(piece)
        watch.see(expander.decompress(piece))
    watch.end()


def require_whole(places: Places, found: Found, watch: Watch) -> None:
    """Refuse a gzip file that is cut short or damaged, which the column store reads as far as it goes."""
    expander, at = zlib.decompressobj(31), 0
    try:
        while piece := places.read(found, at, _PIECE):
            at += len(piece)
            while piece:
                if expander.eof:
                    if not piece.strip(b"\0"):
                        break  # padding of tapes
                    expander = zlib.decompressobj(31)  # a file may be several, one behind the other
                watch.see(expander.decompress(piece, _PIECE))
                piece = expander.unused_data if expander.eof else expander.unconsumed_tail
    except zlib.error as error:
        raise LakeError(f"{found.shown} cannot be decompressed: {error}") from None
    if not expander.eof:
        raise LakeError(f"{found.shown} is cut short")
    watch.end()


def _snappy(head: bytes) -> bytes:
    return b"".join(Unsnapper().feed(head))


_EXPANDERS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda head: head,
    "gzip": lambda head: zlib.decompressobj(31).decompress(head, _MOST),
    "zstd": lambda head: zstandard.ZstdDecompressor().stream_reader(head).read(_READ),
    "bzip2": lambda head: bz2.BZ2Decompressor().decompress(head, _MOST),
    "snappy": _snappy,
    MARKED: lambda head: head,
    LATIN1: lambda head: head,
    UTF16: lambda head: head[: len(head) // 2 * 2].decode("utf-16", "replace").encode(),
}
