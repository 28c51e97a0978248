"""Weight keys inside DuckDB: one function per collation, over Arrow buffers, for data that no case fold can compare.

`reference.weight_key` says in plain Python what the kernel computes.
"""

import contextlib
import threading
from typing import Any, cast

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from engine.collate.folds import Folder, folder
from engine.collate.reference import BEFORE_HEAVIER, BEFORE_LIGHTER, END
from engine.collate.weights import Kind, Weights

_DONE, _FULL, _REFUSED = 0, 1, 2
_Bytes = npt.NDArray[np.uint8]


# DuckDB forgets to hold a function when the cursor that made it closes, and crashes at the next call.
_KEPT: "dict[str, Keyer]" = {}
_KEEPING = threading.Lock()


class RefusedCharacter(ValueError):
    """A text holds a character whose weight is not known on its own: the statement must run on the backend."""


def register(connection: duckdb.DuckDBPyConnection, weights: Weights) -> None:
    """Make `weights.function` callable on a database, from all its connections; nothing to do when it is already."""
    with _KEEPING:
        keyer = _KEPT.setdefault(weights.function, Keyer(weights))
    _create(connection, weights.function, keyer, "BLOB")
    if weights.kind is Kind.TABLE:
        _create(connection, f"{weights.function}_fold", folder(weights), "VARCHAR")


def _create(connection: duckdb.DuckDBPyConnection, name: str, function: "Keyer | Folder", result: str) -> None:
    with contextlib.suppress(duckdb.CatalogException):  # a name stands for its weights: whoever was first made the same
        connection.create_function(
            name,
            function,
            [duckdb.sqltype("VARCHAR")],
            duckdb.sqltype(result),
            type=cast(Any, "arrow"),
            null_handling=cast(Any, "special"),
        )


class Keyer:
    """Turns an Arrow string array into an Arrow binary array of weight keys. Safe to call from several threads."""

    def __init__(self, weights: Weights) -> None:
        table = weights.kind is Kind.TABLE
        if weights.kind is Kind.BYTES:
            raise ValueError("binary strings need no weight keys")
        self._collation = weights.collation
        self._bytewise = not table
        # By code point, each byte of UTF-8 weighs as itself.
        self._starts = weights.starts if table else np.arange(256, dtype=np.uint32)
        self._lengths = np.ascontiguousarray(weights.lengths if table else np.ones((1, 256), np.uint8))
        self._data = weights.data if table else np.arange(256, dtype=np.uint8)
        self._refused = weights.refused if table else np.zeros(256, np.bool_)
        self._pad = weights.pad_space
        self._unit = weights.unit
        self._spaces = np.frombuffer(b"".join(weights.space).ljust(weights.levels * self._unit, b"\0"), np.uint8)
        self._growth = 2 * weights.levels

    def __call__(self, column: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Make the keys; raises RefusedCharacter."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        wide = pa.types.is_large_string(column.type)
        rows = len(column)
        validity, offset_buffer, data_buffer = column.buffers()
        first = column.offset
        offsets = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)[first : first + rows + 1]
        data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
        keys, ends = self._keys(offsets.astype(np.int64), data)
        if validity is not None and (first or column.null_count):
            validity = pa.array(np.asarray(column.is_valid())).buffers()[1]
        return pa.Array.from_buffers(pa.binary(), rows, [validity, pa.py_buffer(ends), pa.py_buffer(keys)])

    def _keys(self, offsets: npt.NDArray[np.int64], data: _Bytes) -> tuple[_Bytes, npt.NDArray[np.int32]]:
        rows = len(offsets) - 1
        ends = np.zeros(rows + 1, np.int32)
        levels = len(self._lengths)
        size = (int(offsets[-1] - offsets[0]) if rows else 0) * self._growth + rows * levels * (self._unit + 1) + 64
        while True:
            out = np.empty(size, np.uint8)
            status = _weigh(
                data,
                offsets,
                self._bytewise,
                self._starts,
                self._lengths,
                self._data,
                self._refused,
                self._pad,
                self._unit,
                self._spaces,
                out,
                ends,
            )
            if status == _REFUSED:
                raise RefusedCharacter(f"a character has no weight of its own in {self._collation}")
            if status == _DONE:
                return out[: ends[-1]], ends
            size *= 2


@njit(nogil=True, cache=True)
def _decode(data: _Bytes, at: int) -> tuple[int, int]:  # pragma: no cover - compiled
    """Read one code point of valid UTF-8: (code point, bytes)."""
    lead = int(data[at])
    if lead < 0x80:
        return lead, 1
    if lead < 0xE0:
        return (lead & 0x1F) << 6 | int(data[at + 1] & 0x3F), 2
    if lead < 0xF0:
        return (lead & 0x0F) << 12 | int(data[at + 1] & 0x3F) << 6 | int(data[at + 2] & 0x3F), 3
    high = (lead & 0x07) << 18 | int(data[at + 1] & 0x3F) << 12
    return high | int(data[at + 2] & 0x3F) << 6 | int(data[at + 3] & 0x3F), 4


@njit(nogil=True, cache=True)
def _put_run(out: _Bytes, to: int, run: int, lighter: bool) -> int:  # pragma: no cover - compiled
    """Write marker and length of a run of spaces; gives the new end."""
    out[to] = BEFORE_LIGHTER if lighter else BEFORE_HEAVIER
    to += 1
    flip = 0 if lighter else 255
    while run >= 255:
        out[to] = 255 ^ flip
        to += 1
        run -= 255
    out[to] = run ^ flip
    return to + 1


@njit(nogil=True, cache=True)
def _compare_space(
    weight: _Bytes, at: int, spaces: _Bytes, level: int, unit: int
) -> int:  # pragma: no cover - compiled
    """Compare one weight with the space's: -1, 0 or 1."""
    for i in range(unit):
        a, b = weight[at + i], spaces[level * unit + i]
        if a != b:
            return -1 if a < b else 1
    return 0


@njit(nogil=True, cache=True)
def _weigh(
    data: _Bytes,
    offsets: npt.NDArray[np.int64],
    bytewise: bool,
    starts: npt.NDArray[np.uint32],
    lengths: npt.NDArray[np.uint8],
    weights: _Bytes,
    refused: npt.NDArray[np.bool_],
    pad: bool,
    unit: int,
    spaces: _Bytes,
    out: _Bytes,
    ends: npt.NDArray[np.int32],
) -> int:  # pragma: no cover - compiled
    """Write the keys of all rows to `out` and where they end to `ends`."""
    to = 0
    room = len(out)
    levels = lengths.shape[0]
    for row in range(len(offsets) - 1):
        for level in range(levels):
            if to + 2 * unit + 2 > room:
                return _FULL
            if level and not pad:
                for _ in range(unit):
                    out[to] = 0
                    to += 1
            at = offsets[row]
            run = 0
            while at < offsets[row + 1]:
                if bytewise:
                    point, width = int(data[at]), 1
                else:
                    point, width = _decode(data, at)
                at += width
                if refused[point]:
                    return _REFUSED
                source = int(starts[point])
                for before in range(level):
                    source += int(lengths[before, point])
                length = int(lengths[level, point])
                if to + (length + 1) * (unit + 3) + run // 255 > room:
                    return _FULL
                if not pad:
                    for i in range(length):
                        out[to + i] = weights[source + i]
                    to += length
                    continue
                for piece in range(source, source + length, unit):
                    side = _compare_space(weights, piece, spaces, level, unit)
                    if side == 0:
                        run += 1
                        continue
                    if run:
                        for i in range(unit):
                            out[to + i] = spaces[level * unit + i]
                        to = _put_run(out, to + unit, run, side < 0)
                        run = 0
                    for i in range(unit):
                        out[to + i] = weights[piece + i]
                    to += unit
            if pad:
                if to + unit + 1 > room:
                    return _FULL
                for i in range(unit):
                    out[to + i] = spaces[level * unit + i]
                out[to + unit] = END
                to += unit + 1
        if to > 2147483647:
            return _REFUSED
        ends[row + 1] = to
    return _DONE
