"""The first characters of a text file, whatever it is compressed with: to find out how it is to be read."""

import bz2
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zstandard

from base.errors import LakeError
from lakehouse.definition import Dialect
from lakehouse.places import Found, Places
from lakehouse.snappy import FRAMES, Unsnapper

LONGEST_LINE = 16 << 20  # bytes of the longest record of text
_READ = 64 << 10  # bytes of a file
_PIECE = 4 << 20  # bytes looked at together
_ZSTD_READ = 4 << 10  # bytes expanded at once: a block of 128 kB may be a few bytes
_MOST = 1 << 20  # characters of what they stand for

UTF16 = "utf-16"  # text in it is expanded as if it were compressed
UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")  # at its beginning
_ENDINGS = {".gz": "gzip", ".gzip": "gzip", ".zst": "zstd", ".bz2": "bzip2", ".snappy": "snappy", ".sz": "snappy"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", FRAMES: "snappy"}
_FOREIGN = frozenset({"bzip2", "snappy", UTF16})  # what the column store cannot decompress


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
        """Tell whether the column store cannot decompress it."""
        return self.compression in _FOREIGN

    def goes_on(self, found: Found) -> bool:
        """Tell whether there may be more in the file than its beginning."""
        is_read_as_it_is = self.compression in ("none", UTF16)
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
        if dialect.encoding == "latin1":
            raise LakeError(f'{found.shown} is in UTF-16 by its first bytes, and in latin1 by "encoding"')
        kind = UTF16
    if kind == "none" and (dialect.compression == "snappy" or _is_hadoops(found, dialect)):
        kind = "snappy"  # Hadoop's has no mark
    if dialect.compression not in ("auto", "none" if kind == UTF16 else kind):
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


def require_text(places: Places, found: Sequence[Found], head: Head, has_lines: bool) -> None:
    """Refuse text that the column store reads wrongly without a word: what is cut short, or has a line too long.

    `has_lines` when its lines are its records. Raises LakeError.
    """
    for file in found:
        if head.compression == "gzip":
            require_whole(places, file, has_lines)
        if has_lines:
            require_lines(places, file, head.compression)


class Lines:
    """Watches over text as it goes by, for a line that is too long."""

    def __init__(self, found: Found) -> None:
        self._found = found
        self._length = 0  # of the line that is going on

    def see(self, data: bytes) -> None:
        """Look at what comes next. Raises LakeError."""
        for start in range(0, len(data), _PIECE):
            self._see(data[start : start + _PIECE] if len(data) > _PIECE else data)

    def _see(self, data: bytes) -> None:
        ends = [at for at in (data.find(b"\n"), data.find(b"\r")) if at >= 0]
        if self._length + (min(ends) if ends else len(data)) > LONGEST_LINE:
            raise LakeError(f"{self._found.shown} has a line of more than {LONGEST_LINE >> 20} MB")
        if ends:
            self._length = len(data) - 1 - max(data.rfind(b"\n"), data.rfind(b"\r"))
        else:
            self._length += len(data)


def require_lines(places: Places, found: Found, compression: str) -> None:
    """Refuse a text file with a line that DuckDB 1.5 may leave out without a word: one that fills its buffers.

    A gzip file is looked at by `require_whole`, and one that is expanded first on its way. Raises LakeError.
    """
    if compression not in ("none", "zstd") or (compression == "none" and found.size <= LONGEST_LINE):
        return
    lines, at = Lines(found), 0
    expander = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True) if compression == "zstd" else None
    while piece := places.read(found, at, _ZSTD_READ if expander else _PIECE):
        at += len(piece)
        lines.see(expander.decompress(piece) if expander else piece)


def require_whole(places: Places, found: Found, has_lines: bool = True) -> None:
    """Refuse a gzip file that is cut short or damaged, which the column store reads as far as it goes.

    Its lines are watched, unless it `has_lines` of no meaning: arrays of JSON may stand in a single one.
    """
    expander, lines, at = zlib.decompressobj(31), Lines(found), 0
    try:
        while piece := places.read(found, at, _PIECE):
            at += len(piece)
            while piece:
                if expander.eof:
                    if not piece.strip(b"\0"):
                        break  # padding of tapes
                    expander = zlib.decompressobj(31)  # a file may be several, one behind the other
                data = expander.decompress(piece, _PIECE)
                if has_lines:
                    lines.see(data)
                piece = expander.unused_data if expander.eof else expander.unconsumed_tail
    except zlib.error as error:
        raise LakeError(f"{found.shown} cannot be decompressed: {error}") from None
    if not expander.eof:
        raise LakeError(f"{found.shown} is cut short")


def _snappy(head: bytes) -> bytes:
    return b"".join(Unsnapper().feed(head))


_EXPANDERS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda head: head,
    "gzip": lambda head: zlib.decompressobj(31).decompress(head, _MOST),
    "zstd": lambda head: zstandard.ZstdDecompressor().stream_reader(head).read(_READ),
    "bzip2": lambda head: bz2.BZ2Decompressor().decompress(head, _MOST),
    "snappy": _snappy,
    UTF16: lambda head: head[: len(head) // 2 * 2].decode("utf-16", "replace").encode(),
}
