"""Text that snappy has compressed, in the two ways in which it is written to files.

Hadoop, Hive and Spark write blocks that a length of their own announces, without a mark at the file's beginning; the
others write frames with checksums. Sources: Hadoop's BlockDecompressorStream, snappy's framing_format.txt and
format_description.txt.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
import pyarrow as pa

FRAMES = b"\xff\x06\x00\x00sNaPpY"  # what a file of frames begins with
_BLOCK = 64 << 20  # bytes of the largest block: Hadoop's are 256 kB by default, those of frames 64 kB
_DATA, _PLAIN, _START, _SKIPPED = 0x00, 0x01, 0xFF, 0x80

_compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)


def plain_block(data: bytes, most: int = _BLOCK) -> bytes:
    """Decompress one block. Raises ValueError when it is damaged, or becomes more than `most` bytes."""
    size, shift = 0, 0
    for byte in data[:5]:  # the length of what is in it comes first, in groups of seven bits
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    if size > most:
        raise ValueError("its blocks become too large")
    try:
        made = pa.Codec("snappy").decompress(data, size, asbytes=True)
    except OSError:
        raise ValueError("a block is damaged") from None
    return bytes(made)


class Unsnapper:
    """Decompresses a file piece by piece, frames or Hadoop's blocks."""

    def __init__(self) -> None:
        self._rest = b""
        self._framed: bool | None = None
        self._missing = 0  # bytes that Hadoop's block still lacks

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Give what the file's next bytes complete. Raises ValueError when it is damaged."""
        data = self._rest + piece
        if self._framed is None and len(data) >= len(FRAMES):
            self._framed = data.startswith(FRAMES)
        at = 0
        while self._framed is not None:
            made, length = (self._frame if self._framed else self._block)(data, at)
            if not length:
                break
            at += length
            if made:
                yield made
        self._rest = data[at:]

    def end(self) -> None:
        """The file has no more. Raises ValueError when it is cut short."""
        if self._framed is None and self._rest:  # too short for a frame
            self._framed = False
            list(self.feed(b""))
        if self._rest or self._missing:
            raise ValueError("it is cut short")

    def _frame(self, data: bytes, at: int) -> tuple[bytes, int]:
        """What one frame holds, and its length; 0 when it is not whole yet."""
        if len(data) < at + 4:
            return b"", 0
        kind, length = data[at], int.from_bytes(data[at + 1 : at + 4], "little")
        body = data[at + 4 : at + 4 + length]
        if len(body) < length:
            return b"", 0
        if kind in (_DATA, _PLAIN):
            made = body[4:] if kind == _PLAIN else plain_block(body[4:])
            if int.from_bytes(body[:4], "little") != _masked_checksum(made):
                raise ValueError("a checksum does not agree")
            return made, 4 + length
        if kind == _START:
            if data[at : at + 4 + length] != FRAMES:
                raise ValueError("a frame is damaged")
        elif kind < _SKIPPED:
            raise ValueError("it has frames of a kind that is not known")
        return b"", 4 + length

    def _block(self, data: bytes, at: int) -> tuple[bytes, int]:
        """What the next part of a block holds, and its length; 0 when it is not whole yet."""
        if len(data) < at + 4:
            return b"", 0
        length = int.from_bytes(data[at : at + 4], "big")
        if length > _BLOCK:
            raise ValueError("it is not what Hadoop writes, or its blocks are too large")
        if not self._missing:  # a block begins: this is how much it holds
            self._missing = length
            return b"", 4
        if len(data) < at + 4 + length:
            return b"", 0
        made = plain_block(data[at + 4 : at + 4 + length])
        if len(made) > self._missing:
            raise ValueError("a block is damaged")
        self._missing -= len(made)
        return made, 4 + length


def _masked_checksum(data: bytes) -> int:
    value = int(checksum(np.frombuffer(data, np.uint8)))
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> np.ndarray[Any, np.dtype[np.uint32]]:
    made = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        made = np.where(made & 1, made >> 1 ^ np.uint32(0x82F63B78), made >> 1).astype(np.uint32)
    return made


_TABLE = _table()


@_compiled
def _crc32c(data: Any, table: Any) -> Any:
    value = np.uint32(0xFFFFFFFF)
    for byte in data:
        value = table[(value ^ byte) & np.uint32(0xFF)] ^ (value >> np.uint32(8))
    return value ^ np.uint32(0xFFFFFFFF)


def checksum(data: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    """CRC-32C, by which frames are checked."""
    return int(_crc32c(data, _TABLE))
