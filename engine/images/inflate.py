"""Compiled loops that unpack MariaDB's COMPRESSED columns.

A cell is empty, or has a byte before it: 0 for plain bytes, or 8 in its upper half for zlib. Of that the lower half is
how many bytes of the length follow, highest first, and 8 more when the deflated data has no zlib header.
Source: Field_longstr::compress() and compress_zlib() of MariaDB; RFC 1950 and 1951.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from engine.images.kernels import Bytes, Lengths, Places, compiled

Words = npt.NDArray[np.int64]

_LENGTHS = (
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    11,
    13,
    15,
    17,
    19,
    23,
    27,
    31,
    35,
    43,
    51,
    59,
    67,
    83,
    99,
    115,
    131,
    163,
    195,
    227,
    258,
)
_LENGTH_BITS = (0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0)
_DISTANCES = (
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
)  # fmt: skip
_DISTANCE_BITS = (0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13)
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


@compiled
def measure_unpacked(data: Bytes, at: Places, lengths: Lengths, null: Bytes, offsets: Any) -> Any:
    """Fill the offsets of the unpacked cells; gives the bytes in all, or -1 for a cell that is in no known form."""
    total = np.int64(0)
    for row in range(at.shape[0]):
        offsets[row] = total
        if null[row] or lengths[row] == 0:
            continue
        head = np.int64(data[np.uint64(at[row])])
        if head >> 4 == 0:
            total += lengths[row] - 1
            continue
        size = head & 7
        if head >> 4 != 8 or size == 0 or size > 4 or lengths[row] < 1 + size:
            return -1
        length = np.int64(0)
        for i in range(size):
            length = length << 8 | np.int64(data[np.uint64(at[row] + 1 + i)])
        total += length
    offsets[at.shape[0]] = total
    return total


@compiled
def unpack(data: Bytes, at: Places, lengths: Lengths, null: Bytes, offsets: Any, out: Bytes) -> Any:
    """Write the unpacked cells; gives whether all could be read."""
    tables = np.zeros((4, 320), np.int64)
    state = np.zeros(4, np.int64)
    for row in range(at.shape[0]):
        if null[row] or lengths[row] == 0:
            continue
        place, end = np.int64(at[row]), np.int64(at[row]) + np.int64(lengths[row])
        head = np.int64(data[np.uint64(place)])
        if head >> 4 == 0:
            for i in range(lengths[row] - 1):
                out[offsets[row] + i] = data[np.uint64(place + 1 + i)]
            continue
        place += 1 + (head & 7) + (0 if head & 8 else 2)
        if not _inflate(data, place, end, out, offsets[row], offsets[row + 1], tables, state):
            return False
    return True


@compiled
def _take(data: Bytes, end: int, state: Words, count: int) -> Any:
    """Take bits; `state` is (bits kept, how many, next place, whether data ended too soon)."""
    while state[1] < count:
        if state[2] >= end:
            state[3] = 1
            return 0
        state[0] |= np.int64(data[np.uint64(state[2])]) << state[1]
        state[1] += 8
        state[2] += 1
    value = state[0] & ((np.int64(1) << count) - 1)
    state[0] >>= count
    state[1] -= count
    return value


@compiled
def _symbol(data: Bytes, end: int, state: Words, counts: Words, symbols: Words) -> Any:
    """Read one code of a canonical Huffman table; -1 for none."""
    code = first = index = np.int64(0)
    for length in range(1, 16):
        code |= _take(data, end, state, 1)
        count = counts[length]
        if code - count < first:
            return symbols[index + code - first]
        index += count
        first = (first + count) << 1
        code <<= 1
    return -1


@compiled
def _build(lengths: Words, count: int, counts: Words, symbols: Words) -> None:
    """Make a table of the codes' lengths."""
    places = np.zeros(16, np.int64)
    counts[:16] = 0
    for i in range(count):
        counts[lengths[i]] += 1
    for length in range(1, 15):
        places[length + 1] = places[length] + counts[length]
    counts[0] = 0
    for i in range(count):
        if lengths[i]:
            symbols[places[lengths[i]]] = i
            places[lengths[i]] += 1


@compiled
def _read_tables(data: Bytes, end: int, state: Words, tables: Words) -> bool:
    """Read the tables of a dynamic block."""
    literals = _take(data, end, state, 5) + 257
    distances = _take(data, end, state, 5) + 1
    codes = _take(data, end, state, 4) + 4
    lengths = np.zeros(320, np.int64)
    for i in range(codes):
        lengths[_ORDER[i]] = _take(data, end, state, 3)
    _build(lengths, 19, tables[0], tables[1])
    made = np.zeros(320, np.int64)
    index = 0
    while index < literals + distances:
        symbol = _symbol(data, end, state, tables[0], tables[1])
        if symbol < 0 or state[3]:
            return False
        value, times = symbol, 1
        if symbol >= 16:
            if symbol == 16 and index == 0:
                return False
            value = made[index - 1] if symbol == 16 else 0
            times = (
                (3 + _take(data, end, state, 2))
                if symbol == 16
                else ((3 + _take(data, end, state, 3)) if symbol == 17 else (11 + _take(data, end, state, 7)))
            )
        if index + times > literals + distances:
            return False
        for _ in range(times):
            made[index] = value
            index += 1
    _build(made, literals, tables[0], tables[1])
    _build(made[literals:], distances, tables[2], tables[3])
    return True


@compiled
def _fixed_tables(tables: Words) -> None:
    lengths = np.empty(320, np.int64)
    lengths[:144], lengths[144:256], lengths[256:280], lengths[280:288] = 8, 9, 7, 8
    _build(lengths, 288, tables[0], tables[1])
    lengths[:30] = 5
    _build(lengths, 30, tables[2], tables[3])


@compiled
def _inflate(data: Bytes, place: int, end: int, out: Bytes, to: int, limit: int, tables: Words, state: Words) -> bool:
    """Unpack one deflated value into out[to:limit], all of it."""
    start = to
    state[0], state[1], state[2], state[3] = 0, 0, place, 0
    last = 0
    while not last:
        last = _take(data, end, state, 1)
        kind = _take(data, end, state, 2)
        if kind == 0:
            state[0] = state[1] = 0
            size = _take(data, end, state, 16)
            _take(data, end, state, 16)
            if state[3] or state[2] + size > end or to + size > limit:
                return False
            for i in range(size):
                out[to + i] = data[np.uint64(state[2] + i)]
            to += size
            state[2] += size
            continue
        if kind == 1:
            _fixed_tables(tables)
        elif kind == 3 or not _read_tables(data, end, state, tables):
            return False
        while True:
            symbol = _symbol(data, end, state, tables[0], tables[1])
            if symbol < 0 or state[3]:
                return False
            if symbol == 256:
                break
            if symbol < 256:
                if to >= limit:
                    return False
                out[to] = symbol
                to += 1
                continue
            if symbol > 285:
                return False
            length = _LENGTHS[symbol - 257] + _take(data, end, state, _LENGTH_BITS[symbol - 257])
            code = _symbol(data, end, state, tables[2], tables[3])
            if code < 0 or code > 29:
                return False
            distance = _DISTANCES[code] + _take(data, end, state, _DISTANCE_BITS[code])
            if state[3] or to - distance < start or to + length > limit:
                return False
            for _ in range(length):
                out[to] = out[to - distance]
                to += 1
    return to == limit
