"""Compiled loops that write the server's text of values that the log keeps as bytes.

Each kernel writes the texts of one column's cells behind one another into `out`, which must be large enough
(`LONGEST` bytes a row), fills `offsets`, and gives the bytes in all. NULLs take no room.
"""

from typing import Any

import numpy as np

from engine.images.kernels import Bytes, Lengths, Places, compiled

LONGEST = {"uuid": 36, "inet4": 15, "inet6": 45, "decimal": 68}


@compiled
def _hex(out: Bytes, to: int, value: int) -> None:
    """Two lower-case hexadecimal digits."""
    for half in range(2):
        digit = (value >> 4) if half == 0 else (value & 15)
        out[to + half] = digit + 48 if digit < 10 else digit + 87


@compiled
def _unpack(data: Bytes, at: int, length: int, cell: Bytes) -> None:
    """Take a cell of a fixed width: the log leaves its last zero bytes out."""
    for i in range(cell.shape[0]):
        cell[i] = data[np.uint64(at + i)] if i < length else 0


@compiled
def write_uuids(data: Bytes, at: Places, lengths: Lengths, null: Bytes, offsets: Any, out: Bytes) -> Any:
    """MariaDB's UUID, whose bytes are in the order of the text."""
    cell = np.empty(16, np.uint8)
    to = 0
    for row in range(at.shape[0]):
        offsets[row] = to
        if null[row]:
            continue
        _unpack(data, at[row], lengths[row], cell)
        for i in range(16):
            if i == 4 or i == 6 or i == 8 or i == 10:
                out[to] = 45
                to += 1
            _hex(out, to, cell[i])
            to += 2
    offsets[at.shape[0]] = to
    return to


@compiled
def _write_inet4(cell: Bytes, first: int, out: Bytes, to: int) -> Any:
    for i in range(4):
        value = cell[first + i]
        if i:
            out[to] = 46
            to += 1
        if value >= 100:
            out[to] = 48 + value // 100
            to += 1
        if value >= 10:
            out[to] = 48 + value // 10 % 10
            to += 1
        out[to] = 48 + value % 10
        to += 1
    return to


@compiled
def write_inet4s(data: Bytes, at: Places, lengths: Lengths, null: Bytes, offsets: Any, out: Bytes) -> Any:
    """MariaDB's INET4."""
    cell = np.empty(4, np.uint8)
    to = 0
    for row in range(at.shape[0]):
        offsets[row] = to
        if not null[row]:
            _unpack(data, at[row], lengths[row], cell)
            to = _write_inet4(cell, 0, out, to)
    offsets[at.shape[0]] = to
    return to


@compiled
def write_inet6s(data: Bytes, at: Places, lengths: Lengths, null: Bytes, offsets: Any, out: Bytes) -> Any:
    """MariaDB's INET6: the first longest run of zero words is left out. Source: Inet6::to_string()."""
    cell = np.empty(16, np.uint8)
    words = np.empty(8, np.int64)
    to = 0
    for row in range(at.shape[0]):
        offsets[row] = to
        if null[row]:
            continue
        _unpack(data, at[row], lengths[row], cell)
        gap = gap_length = run = 0
        for i in range(8):
            words[i] = np.int64(cell[2 * i]) << 8 | np.int64(cell[2 * i + 1])
            run = run + 1 if words[i] == 0 else 0
            if run > gap_length:
                gap, gap_length = i - run + 1, run
        i = 0
        while i < 8:
            if gap_length and i == gap:
                if i == 0:
                    out[to] = 58
                    to += 1
                out[to] = 58
                to += 1
                i += gap_length
                continue
            # Only zeros before the last two words, or zeros and ffff: an IPv4 address.
            if i == 6 and gap == 0 and (gap_length == 6 or (gap_length == 5 and words[5] == 0xFFFF)):
                to = _write_inet4(cell, 12, out, to)
                break
            started = False
            for shift in (12, 8, 4, 0):
                digit = (words[i] >> shift) & 15
                if digit or started or shift == 0:
                    started = True
                    out[to] = digit + 48 if digit < 10 else digit + 87
                    to += 1
            if i < 7:
                out[to] = 58
                to += 1
            i += 1
    offsets[at.shape[0]] = to
    return to


@compiled
def write_decimals(data: Bytes, at: Places, null: Bytes, precision: int, scale: int, offsets: Any, out: Bytes) -> Any:
    """NEWDECIMAL with `scale` digits behind the point and at least one before it."""
    widths = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    whole = precision - scale
    first, groups = whole % 9, whole // 9
    steps = groups + scale // 9 + 2
    digits = np.empty(81, np.uint8)
    to = 0
    for row in range(at.shape[0]):
        offsets[row] = to
        if null[row]:
            continue
        place = at[row]
        negative = (data[np.uint64(place)] & 0x80) == 0
        mask = 0xFF if negative else 0
        flip = 0x80  # the sign is the first byte's inverted highest bit
        count = 0
        for step in range(steps):
            size = first if step == 0 else (scale % 9 if step == steps - 1 else 9)
            group = np.int64(0)
            for i in range(widths[size]):
                group = group << 8 | np.int64((data[np.uint64(place + i)] ^ flip ^ mask) & 0xFF)
                flip = 0
            place += widths[size]
            for i in range(size):
                digits[count + size - 1 - i] = group % 10
                group //= 10
            count += size
        start = 0
        while start < whole - 1 and digits[start] == 0:
            start += 1
        if negative:
            out[to] = 45
            to += 1
        if whole == 0:
            out[to] = 48
            to += 1
        for i in range(start, precision):
            if i == whole:
                out[to] = 46
                to += 1
            out[to] = 48 + digits[i]
            to += 1
    offsets[at.shape[0]] = to
    return to


@compiled
def write_wide(raw: Bytes, at: Any, unit: int, little: bool, pairs: bool, trim: bool, offsets: Any, out: Bytes) -> Any:
    """UCS-2, UTF-16 and UTF-32 between the offsets `at`, as UTF-8; gives the bytes in all, or -1 for half a character.

    `pairs` says that surrogates go in pairs, `trim` takes trailing spaces off.
    """
    to = 0
    for row in range(at.shape[0] - 1):
        offsets[row] = to
        start = to
        place, end = np.int64(at[row]), np.int64(at[row + 1])
        if (end - place) % unit:
            return -1
        while place < end:
            point = np.int64(0)
            for i in range(unit):
                byte = raw[np.uint64(place + (unit - 1 - i if little else i))]
                point = point << 8 | np.int64(byte)
            place += unit
            if unit == 2 and pairs and 0xD800 <= point < 0xE000:
                if point >= 0xDC00 or place + 2 > end:
                    return -1
                first, second = np.int64(raw[np.uint64(place)]), np.int64(raw[np.uint64(place + 1)])
                low = second << 8 | first if little else first << 8 | second
                if not 0xDC00 <= low < 0xE000:
                    return -1
                point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00)
                place += 2
            if point > 0x10FFFF:
                return -1
            if point < 0x80:
                out[to] = point
                to += 1
            elif point < 0x800:
                out[to] = 0xC0 | point >> 6
                out[to + 1] = 0x80 | point & 0x3F
                to += 2
            elif point < 0x10000:
                out[to] = 0xE0 | point >> 12
                out[to + 1] = 0x80 | point >> 6 & 0x3F
                out[to + 2] = 0x80 | point & 0x3F
                to += 3
            else:
                out[to] = 0xF0 | point >> 18
                out[to + 1] = 0x80 | point >> 12 & 0x3F
                out[to + 2] = 0x80 | point >> 6 & 0x3F
                out[to + 3] = 0x80 | point & 0x3F
                to += 4
        while trim and to > start and out[to - 1] == 0x20:
            to -= 1
    offsets[at.shape[0] - 1] = to
    return to
