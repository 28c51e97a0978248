"""Deletion vectors of Delta tables: which rows of a file are none any more, by their numbers.

Sources: "Deletion Vectors" in PROTOCOL.md of delta-io/delta (descriptors, files, the portable format of 64 bits), and
RoaringFormatSpec (bitmaps of 32 bits: containers that are arrays, bits or runs). Numbers are little-endian but where a
file of vectors frames one. What is read is checked against the length, the checksum and the number of rows told.
"""

import uuid
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from base.errors import LakeError

Rows = npt.NDArray[np.int64]

_PORTABLE, _NATIVE = 1681511377, 1681511376  # the formats' magic numbers
_NO_RUNS, _RUNS = 12346, 12347  # cookies of bitmaps of 32 bits
_FEW = 4  # containers of a bitmap with runs, from which on it has offsets
_LARGEST = 64 << 20  # bytes of a vector
_MOST = 32 << 20  # rows that one deletes
_FRAME = 4  # bytes of a vector's length before it, and of its checksum behind it
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_NAME = 20  # characters of a UUID
_BITS = 4096  # rows of a container, up to which it is an array
_OTHER = "a container has another number of rows than it says"


@dataclass(frozen=True, slots=True)
class Vector:
    """What the log says of a vector: where it is, or what it holds."""

    kind: str
    text: str
    offset: int
    size: int
    rows: int

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> "Vector":
        """Read a descriptor. Raises ValueError, KeyError and TypeError for one that is none."""
        vector = cls(
            str(given["storageType"]),
            str(given["pathOrInlineDv"]),
            int(given.get("offset") or 0),
            int(given["sizeInBytes"]),
            int(given["cardinality"]),
        )
        if vector.kind not in ("u", "i", "p") or not 0 < vector.size <= _LARGEST or not 0 <= vector.rows <= _MOST:
            raise ValueError("no deletion vector")
        return vector

    @property
    def key(self) -> str:
        """What tells it from others of the same table."""
        return f"{self.kind}{self.text}@{self.offset}"

    @property
    def path(self) -> str:
        """The file that it is in, below the table's folder; "" when it is in the log. Raises LakeError, ValueError."""
        if self.kind == "i":
            return ""
        if self.kind == "p":
            raise LakeError(f"a deletion vector outside of the table's folder ({self.text[:60]}) is not supported")
        folder, name = self.text[:-_NAME], uuid.UUID(bytes=z85(self.text[-_NAME:]))
        return f"{folder}/deletion_vector_{name}.bin" if folder else f"deletion_vector_{name}.bin"

    @property
    def part(self) -> tuple[int, int]:
        """Offset and length of what is to be read of its file."""
        return self.offset, self.size + 2 * _FRAME

    def deleted(self, data: bytes = b"") -> Rows:
        """The numbers of the rows that are none any more, in order; `data` is its part of the file.

        Raises ValueError when it is damaged, LakeError when it is in a format that is not read.
        """
        if self.kind == "i":
            body = z85(self.text)[: self.size]
        else:
            body = data[_FRAME : _FRAME + self.size]
            frame = int.from_bytes(data[:_FRAME], "big"), int.from_bytes(data[_FRAME + self.size :], "big")
            if len(data) != self.part[1] or frame != (self.size, zlib.crc32(body)):
                raise ValueError("its length or its checksum is not right")
        rows = _portable(body)
        if len(rows) != self.rows:
            raise ValueError(f"it has {len(rows)} rows, and {self.rows} by the log")
        return rows


def z85(text: str) -> bytes:
    """Decode text in Base85 as ZeroMQ's RFC 32 has it. Raises ValueError."""
    if len(text) % 5:
        raise ValueError("a text of Base85 has groups of five characters")
    out = bytearray()
    for at in range(0, len(text), 5):
        value = 0
        for letter in text[at : at + 5]:
            value = value * 85 + _Z85.index(letter)
        out += value.to_bytes(4, "big")  # an OverflowError is an ArithmeticError, as damage brings it about
    return bytes(out)


def _portable(data: bytes) -> Rows:
    magic = _part(data, 0, 4)
    if _NATIVE in (int.from_bytes(magic, "little"), int.from_bytes(magic, "big")):
        raise LakeError("deletion vectors in the native format are not supported, only those in the portable one")
    if int.from_bytes(magic, "little") != _PORTABLE:
        raise ValueError("its format is unknown")
    bitmaps, at, parts, left = int.from_bytes(_part(data, 4, 8), "little"), 12, [], _MOST
    for _ in range(bitmaps):
        high = int.from_bytes(_part(data, at, 4), "little")
        if high >= 1 << 31:
            raise ValueError("a row's number is too large")
        lows, at = _bitmap(data, at + 4, left)
        left -= len(lows)
        parts.append(lows + (high << 32))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _part(data: bytes, at: int, size: int) -> bytes:
    part = data[at : at + size]
    if len(part) != size:
        raise ValueError("it is cut short")
    return part


def _bitmap(data: bytes, at: int, most: int) -> tuple[Rows, int]:
    """The numbers of a bitmap of 32 bits, and where it ends."""
    cookie = int.from_bytes(_part(data, at, 4), "little")
    at += 4
    if cookie & 0xFFFF == _RUNS:
        count = (cookie >> 16) + 1
        has_runs = np.unpackbits(np.frombuffer(_part(data, at, (count + 7) // 8), np.uint8), bitorder="little")
        at += (count + 7) // 8
        has_offsets = count >= _FEW
    elif cookie == _NO_RUNS:
        count = int.from_bytes(_part(data, at, 4), "little")
        at += 4
        if count > 1 << 16:
            raise ValueError("it has too many containers")
        has_runs, has_offsets = np.zeros(count, np.uint8), True
    else:
        raise ValueError("its cookie is unknown")
    heads = np.frombuffer(_part(data, at, 4 * count), "<u2").reshape(count, 2).astype(np.int64)
    at += 4 * count + (4 * count if has_offsets else 0)
    if int((heads[:, 1] + 1).sum()) > most:
        raise ValueError("it has too many rows")
    parts = []
    for (high, last), is_run in zip(heads.tolist(), has_runs.tolist(), strict=False):
        lows, at = _container(data, at, last + 1, bool(is_run))
        if len(lows) != last + 1:
            raise ValueError(_OTHER)
        parts.append(lows + (high << 16))
    return np.concatenate(parts) if parts else np.zeros(0, np.int64), at


def _container(data: bytes, at: int, size: int, is_run: bool) -> tuple[Rows, int]:
    if is_run:
        count = int.from_bytes(_part(data, at, 2), "little")
        runs = np.frombuffer(_part(data, at + 2, 4 * count), "<u2").reshape(count, 2).astype(np.int64)
        starts, lengths = runs[:, 0], runs[:, 1] + 1
        if int(lengths.sum()) != size:
            raise ValueError(_OTHER)
        before = np.cumsum(lengths) - lengths  # rows of the runs before
        lows = np.arange(size) + np.repeat(starts - before, lengths)
        return lows, at + 2 + 4 * count
    if size > _BITS:
        bits = np.frombuffer(_part(data, at, 8192), np.uint8)
        return np.flatnonzero(np.unpackbits(bits, bitorder="little")).astype(np.int64), at + 8192
    return np.frombuffer(_part(data, at, 2 * size), "<u2").astype(np.int64), at + 2 * size
