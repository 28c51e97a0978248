"""Put columns of value bytes together into framed rows, one column at a time.

A column is `Values`: where each row's bytes stand. Rows are laid out first (sizes, then starts), and each column then
writes its values at every row's own write position. There is no work per row in Python.
"""

from dataclasses import dataclass

import numpy as np

from engine.results.kernel import I32, I64, U8, flag, i32r, i64, i64r, i64w, kernel, u8r, u8w, void
from wire.framing import HEADER


@dataclass(frozen=True, slots=True)
class Values:
    """One column's bytes: row i is `data[starts[i] : starts[i] + lengths[i]]`, a length of -1 is NULL.

    `prefixed` values stand behind their length-encoded length; the others are of fixed width.
    """

    data: U8
    starts: I64
    lengths: I32
    prefixed: bool = True


@kernel(void, i32r, flag, i64, i64w)
def _measure(lengths: I32, prefixed: bool, null_size: int, sizes: I64) -> None:
    for i in range(lengths.size):
        length = lengths[i]
        if length < 0:
            sizes[i] += null_size
        elif not prefixed:
            sizes[i] += length
        elif length < 251:
            sizes[i] += length + 1
        elif length < 65536:
            sizes[i] += length + 3
        elif length < 16777216:
            sizes[i] += length + 4
        else:
            sizes[i] += length + 9


@kernel(i64, i64r, i64w)
def _lay_out(sizes: I64, starts: I64) -> int:
    at = 0
    for i in range(sizes.size):
        starts[i] = at
        at += sizes[i] + 4
    return at


@kernel(void, i64r, i64r, i64, u8w)
def _frame(sizes: I64, starts: I64, sequence: int, out: U8) -> None:
    for i in range(sizes.size):
        at = starts[i]
        size = sizes[i]
        out[at] = size & 0xFF
        out[at + 1] = (size >> 8) & 0xFF
        out[at + 2] = (size >> 16) & 0xFF
        out[at + 3] = (sequence + i) & 0xFF


@kernel(void, u8r, i64r, i32r, flag, flag, i64w, u8w)
def _place(data: U8, starts: I64, lengths: I32, prefixed: bool, text: bool, at: I64, out: U8) -> None:
    for i in range(lengths.size):
        length = np.int64(lengths[i])
        to = at[i]
        if length < 0:
            if text:
                out[to] = 0xFB
                at[i] = to + 1
            continue
        if prefixed:
            if length < 251:
                out[to] = length
                to += 1
            else:
                width = 2 if length < 65536 else 3 if length < 16777216 else 8
                out[to] = 0xFA + width if width < 8 else 0xFE
                to += 1
                for k in range(width):
                    out[to + k] = (length >> (8 * k)) & 0xFF
                to += width
        start = starts[i]
        for k in range(length):
            out[to + k] = data[start + k]
        at[i] = to + length


@kernel(void, i32r, i64r, i64, i64, u8w)
def _mark_nulls(lengths: I32, starts: I64, byte: int, bit: int, out: U8) -> None:
    for i in range(lengths.size):
        if lengths[i] < 0:
            out[starts[i] + byte] |= bit


@kernel(void, i64r, i64, u8w)
def _clear_heads(starts: I64, width: int, out: U8) -> None:
    for i in range(starts.size):
        for k in range(width):
            out[starts[i] + 4 + k] = 0


def measure_rows(columns: list[Values], rows: int, binary: bool) -> I64:
    """Give each row's payload size in bytes."""
    head = 1 + (len(columns) + 9) // 8 if binary else 0
    sizes = np.full(rows, head, np.int64)
    for column in columns:
        _measure(column.lengths, column.prefixed, 0 if binary else 1, sizes)
    return sizes


def assemble_rows(columns: list[Values], sizes: I64, binary: bool, sequence: int) -> U8:
    """Write framed rows, none of which may reach 16 MiB; `sequence` is the first packet's number."""
    starts = np.empty(sizes.size, np.int64)
    out = np.empty(_lay_out(sizes, starts), np.uint8)
    _frame(sizes, starts, sequence, out)
    at = starts + HEADER
    if binary:
        head = 1 + (len(columns) + 9) // 8
        _clear_heads(starts, head, out)
        at += head
    for index, column in enumerate(columns):
        _place(column.data, column.starts, column.lengths, column.prefixed, not binary, at, out)
        if binary:
            byte, bit = divmod(index + 2, 8)
            _mark_nulls(column.lengths, starts, HEADER + 1 + byte, 1 << bit, out)
    return out
