"""Compiled loops over row images: find every cell of a run of rows, then turn one column's cells into values.

Every kernel works on raw bytes (`data`), the places of a column's cells (`at`) and which of them are NULL
(`null`), and fills an output array; cells that are NULL become 0. They release the interpreter lock.
Indexes into `data` are unsigned: numba then leaves out the test for negative ones, and copies become vector moves.
Source: "Binary Log Row Image" and `Field::pack` of the MySQL source.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

from engine.changes.changes import ABSENT, DEFAULT, DIFFERENCE, VALUE

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Lengths = npt.NDArray[np.int32]

compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)

WRITE, UPDATE, DELETE, PARTIAL = 0, 1, 2, 3
CUT_SHORT = 1
_LARGEST_VALUE = (1 << 31) - 1


@compiled
def walk(
    data: Bytes,
    ends: Places,
    kinds: npt.NDArray[np.int8],
    logged: Lengths,
    event: int,
    start: int,
    patterns: Bytes,
    fixed: Lengths,
    slots: Lengths,
    documents: Lengths,
    byte_limit: int,
    at: Places,
    lengths: Lengths,
    null: Bytes,
    row_kinds: npt.NDArray[np.int8],
    known: Bytes,
) -> tuple[int, int, int, int]:
    """Note where the cells of the next rows lie; stop when the outputs are full or `byte_limit` is passed.

    `ends` are the events' ends in `data`, `logged` the rows of `patterns` (columns present) of an event's before and
    after images, `fixed` a column's width, or minus the width of its length prefix, `slots` its row in the outputs or
    -1, `documents` its number among the JSON columns or -1. `known` says of each cell whether it is ABSENT, a VALUE, a
    DIFFERENCE or what an INSERT left to its DEFAULT; without room in it all are values. Returns (rows, next event,
    next place, error); update pairs stay whole.
    """
    capacity = row_kinds.shape[0]
    columns = fixed.shape[0]
    tracked = known.shape[0] > 0
    bits: Any = 0
    for column in range(columns):
        bits = max(bits, np.int64(documents[column]) + 1)
    bits = (bits + 7) // 8
    rows = 0
    place = start
    while event < ends.shape[0]:
        end = ends[event]
        if place >= end:
            event += 1
            continue
        kind = kinds[event]
        images = 1 if kind in (WRITE, DELETE) else 2
        if rows + images > capacity or (rows > 0 and place - start > byte_limit):
            break
        for image in range(images):
            is_before = kind == DELETE or (images == 2 and image == 0)
            present = patterns[logged[event, 0 if is_before else 1]]
            bitmap = 0
            for column in range(columns):
                bitmap += present[column]
            bitmap = (bitmap + 7) // 8
            differences = np.int64(-1)  # where the bits lie that say which documents are differences
            if kind == PARTIAL and image == 1:
                if place >= end or data[np.uint64(place)] > 1:
                    return rows, event, place, CUT_SHORT
                place += 1
                if data[np.uint64(place - 1)]:
                    differences = np.int64(place)
                    place += bits
            nulls_at = place
            place += bitmap
            if place > end:
                return rows, event, place, CUT_SHORT
            bit = 0
            for column in range(columns):
                slot = slots[column]
                if not present[column]:
                    if tracked and slot >= 0:
                        known[slot, rows] = DEFAULT if kind == WRITE else ABSENT
                        null[slot, rows] = 1
                        at[slot, rows] = place
                        lengths[slot, rows] = 0
                    continue
                is_null = (data[np.uint64(nulls_at + (bit >> 3))] >> (bit & 7)) & 1
                bit += 1
                if tracked and slot >= 0:
                    known[slot, rows] = VALUE
                if is_null:
                    if slot >= 0:
                        null[slot, rows] = 1
                        at[slot, rows] = place
                        lengths[slot, rows] = 0
                    continue
                width = fixed[column]
                if width < 0:
                    prefix = -width
                    if place + prefix > end:
                        return rows, event, place, CUT_SHORT
                    long: Any = np.int64(0)
                    for i in range(prefix):
                        long |= np.int64(data[np.uint64(place + i)]) << (8 * i)
                    place += prefix
                    if long > _LARGEST_VALUE:
                        return rows, event, place, CUT_SHORT
                else:
                    long = np.int64(width)
                if place + long > end:
                    return rows, event, place, CUT_SHORT
                if slot >= 0:
                    null[slot, rows] = 0
                    at[slot, rows] = place
                    lengths[slot, rows] = long
                    number = documents[column]
                    if differences >= 0 and number >= 0:
                        flags = data[np.uint64(differences + (number >> 3))]
                        if tracked and (flags >> (number & 7)) & 1:
                            known[slot, rows] = DIFFERENCE
                place += long
            row_kinds[rows] = 0 if is_before else 1
            rows += 1
    return rows, event, place, 0


@compiled
def _load4(data: Bytes, place: int) -> Any:
    """Four little-endian bytes, written so that the compiler makes one load of them."""
    return (
        np.uint64(data[np.uint64(place)])
        | np.uint64(data[np.uint64(place + 1)]) << np.uint64(8)
        | np.uint64(data[np.uint64(place + 2)]) << np.uint64(16)
        | np.uint64(data[np.uint64(place + 3)]) << np.uint64(24)
    )


@compiled
def read_integers(data: Bytes, at: Places, null: Bytes, width: int, signed: bool, out: Any) -> None:
    """Little-endian integers of 1 to 8 bytes; `out` may be wider than `width`."""
    sign = np.uint64(1) << np.uint64(8 * width - 1)
    if not signed or width == out.itemsize:
        sign = np.uint64(0)  # nothing to extend: the bits are the value
    for row in range(out.shape[0]):
        place = at[row]
        if null[row]:
            value = np.uint64(0)
        elif width == 4:
            value = _load4(data, place)
        elif width == 8:
            value = _load4(data, place) | _load4(data, place + 4) << np.uint64(32)
        else:
            value = np.uint64(0)
            for i in range(width):
                value |= np.uint64(data[np.uint64(place + i)]) << np.uint64(8 * i)
        out[row] = (value ^ sign) - sign


@compiled
def big_endian(data: Bytes, place: int, width: int) -> Any:
    """A signed number of 1 to 8 bytes, the highest first."""
    value = np.int64(0)
    for i in range(width):
        value = (value << 8) | np.int64(data[np.uint64(place + i)])
    return value


@compiled
def read_bits(data: Bytes, at: Places, null: Bytes, width: int, out: Any) -> None:
    """Big-endian unsigned integers of 1 to 8 bytes, as BIT is kept."""
    for row in range(out.shape[0]):
        value = np.uint64(0)
        if not null[row]:
            for i in range(width):
                value = value << np.uint64(8) | np.uint64(data[np.uint64(at[row] + i)])
        out[row] = value


@compiled
def read_decimals(data: Bytes, at: Places, null: Bytes, precision: int, scale: int, out: Any) -> Any:
    """NEWDECIMAL into 128-bit two's complement: `out[row]` is (low, high) as unsigned 64-bit words.

    Returns the first row with bytes that are no decimal, or -1.
    """
    # Digits left over from groups of nine take this many bytes.
    widths = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    powers = (1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000)
    whole = precision - scale
    half = np.uint64(0xFFFFFFFF)
    for row in range(out.shape[0]):
        low = np.uint64(0)
        high = np.uint64(0)
        negative = False
        if not null[row]:
            place = at[row]
            negative = (data[np.uint64(place)] & 0x80) == 0
            mask = np.int64(-1) if negative else np.int64(0)
            flip = np.int64(0x80)
            first_digits = whole % 9
            groups = whole // 9
            tail_groups = scale // 9
            tail_digits = scale % 9
            for step in range(groups + tail_groups + 2):
                digits = 9
                if step == 0:
                    digits = first_digits
                elif step == groups + tail_groups + 1:
                    digits = tail_digits
                if digits == 0:
                    continue
                width = widths[digits]
                group = big_endian(data, place, width)
                place += width
                if flip:  # the sign is the first byte's inverted highest bit
                    group ^= flip << (8 * (width - 1))
                    flip = np.int64(0)
                group = (group ^ mask) & ((np.int64(1) << (8 * width)) - 1)
                power = np.uint64(powers[digits])
                if np.uint64(group) >= power:
                    return row
                # (high, low) = (high, low) * power + group
                a = (low & half) * power + np.uint64(group)
                b = (low >> np.uint64(32)) * power + (a >> np.uint64(32))
                low = (a & half) | (b << np.uint64(32))
                high = high * power + (b >> np.uint64(32))
            if negative:
                low = ~low + np.uint64(1)
                high = ~high + np.uint64(1 if low == 0 else 0)
        out[row, 0] = low
        out[row, 1] = high
    return -1


@compiled
def _days(year: int, month: int, day: int) -> Any:
    """Days since 1970-01-01 of a date in the proleptic Gregorian calendar; no date gives a huge negative number."""
    none = np.int64(-1) << 40
    if year == 0 or month == 0 or day == 0 or month > 12:
        return none
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    longest = 31
    if month == 2:
        longest = 29 if leap else 28
    elif month == 4 or month == 6 or month == 9 or month == 11:
        longest = 30
    if day > longest:
        return none
    shifted = year - (1 if month <= 2 else 0)
    era = shifted // 400
    of_era = shifted - era * 400
    of_year = (153 * (month + (-3 if month > 2 else 9)) + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@compiled
def read_dates(data: Bytes, at: Places, null: Bytes, out: Any) -> Any:
    """DATE in 3 bytes to days since the epoch; returns the first row with a zero or impossible date, or -1."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            place = at[row]
            value = (
                np.int64(data[np.uint64(place)])
                | np.int64(data[np.uint64(place + 1)]) << 8
                | np.int64(data[np.uint64(place + 2)]) << 16
            )
            days = _days(value >> 9, (value >> 5) & 15, value & 31)
            if days < -(np.int64(1) << 39):
                return row
            out[row] = days
    return -1


@compiled
def fraction(data: Bytes, place: int, digits: int) -> Any:
    """Microseconds from the bytes behind a temporal value with this many fractional digits."""
    width = (digits + 1) // 2
    value = big_endian(data, place, width)
    for _ in range(3 - width):
        value *= 100
    return value


@compiled
def read_datetimes(data: Bytes, at: Places, null: Bytes, digits: int, out: Any) -> Any:
    """DATETIME2 to microseconds since the epoch; returns the first row without a real date, or -1."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            place = at[row]
            value = big_endian(data, place, 5) - (np.int64(1) << 39)
            months = value >> 22
            days = _days(months // 13, months % 13, (value >> 17) & 31) if value >= 0 else np.int64(-1) << 40
            if days < -(np.int64(1) << 39):
                return row
            seconds = ((value >> 12) & 31) * 3600 + ((value >> 6) & 63) * 60 + (value & 63)
            out[row] = (days * 86400 + seconds) * 1000000 + fraction(data, place + 5, digits)
    return -1


@compiled
def read_old_datetimes(data: Bytes, at: Places, null: Bytes, out: Any) -> Any:
    """DATETIME of before 5.6 (yyyymmddhhmmss as a number) to microseconds; first row without a real date, or -1."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            value = np.int64(0)
            for i in range(8):
                value |= np.int64(data[np.uint64(at[row] + i)]) << (8 * i)
            date, time = value // 1000000, value % 1000000
            days = _days(date // 10000, date // 100 % 100, date % 100)
            if days < -(np.int64(1) << 39):
                return row
            seconds = time // 10000 * 3600 + time // 100 % 100 * 60 + time % 100
            out[row] = (days * 86400 + seconds) * 1000000
    return -1


@compiled
def read_timestamps(data: Bytes, at: Places, null: Bytes, digits: int, is_new: bool, out: Any) -> Any:
    """TIMESTAMP2, and TIMESTAMP of before 5.6 (little-endian); returns the first row that is zero, or -1."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            place = at[row]
            if is_new:
                seconds = big_endian(data, place, 4)
            else:
                seconds = np.int64(0)
                for i in range(4):
                    seconds |= np.int64(data[np.uint64(place + i)]) << (8 * i)
            if seconds == 0:
                return row
            out[row] = seconds * 1000000 + fraction(data, place + 4, digits)
    return -1


@compiled
def read_times(data: Bytes, at: Places, null: Bytes, digits: int, out: Any) -> None:
    """TIME2 to signed microseconds."""
    width = (digits + 1) // 2
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            # Seconds and fraction are one big-endian number with an offset, so negatives borrow across both.
            value = big_endian(data, at[row], 3 + width) - (np.int64(0x800000) << (8 * width))
            negative = value < 0
            if negative:
                value = -value
            clock = value >> (8 * width)
            part = value & ((np.int64(1) << (8 * width)) - 1)
            for _ in range(3 - width):
                part *= 100
            micro = ((clock >> 12 & 1023) * 3600 + (clock >> 6 & 63) * 60 + (clock & 63)) * 1000000 + part
            out[row] = -micro if negative else micro


@compiled
def read_old_times(data: Bytes, at: Places, null: Bytes, out: Any) -> None:
    """TIME of before 5.6 (hhmmss as a signed 3-byte number) to signed microseconds."""
    for row in range(out.shape[0]):
        out[row] = 0
        if not null[row]:
            place = at[row]
            value = (
                np.int64(data[np.uint64(place)])
                | np.int64(data[np.uint64(place + 1)]) << 8
                | np.int64(data[np.uint64(place + 2)]) << 16
            )
            value = (value ^ 0x800000) - 0x800000
            clock = abs(value)
            seconds = clock // 10000 * 3600 + clock // 100 % 100 * 60 + clock % 100
            out[row] = (-seconds if value < 0 else seconds) * 1000000


@compiled
def read_years(data: Bytes, at: Places, null: Bytes, out: Any) -> None:
    """YEAR in one byte; 0 is year 0."""
    for row in range(out.shape[0]):
        value = 0 if null[row] else data[np.uint64(at[row])]
        out[row] = value + 1900 if value else 0


@compiled
def measure(data: Bytes, at: Places, lengths: Lengths, null: Bytes, trim: bool, offsets: Any) -> Any:
    """Fill the offsets of a string column, `trim` takes trailing spaces off; returns the bytes in all."""
    total = np.int64(0)
    for row in range(at.shape[0]):
        offsets[row] = total
        if not null[row]:
            length = lengths[row]
            if trim:
                while length > 0 and data[np.uint64(at[row] + length - 1)] == 0x20:
                    length -= 1
            total += length
    offsets[at.shape[0]] = total
    return total


@compiled
def gather(data: Bytes, at: Places, offsets: Any, out: Bytes) -> Any:
    """Copy the cells behind one another; returns whether all bytes are ASCII."""
    seen = np.uint8(0)
    for row in range(at.shape[0]):
        to = np.uint64(offsets[row])
        place = np.uint64(at[row])
        for i in range(np.uint64(offsets[row + 1]) - to):
            byte = data[place + i]
            out[to + i] = byte
            seen |= byte
    return seen < 0x80


@compiled
def gather_padded(data: Bytes, at: Places, lengths: Lengths, null: Bytes, width: int, offsets: Any, out: Bytes) -> None:
    """Copy BINARY cells, filled with NUL bytes up to `width`; `out` comes zeroed and NULLs take no room."""
    total = np.int64(0)
    for row in range(at.shape[0]):
        offsets[row] = total
        if not null[row]:
            for i in range(min(lengths[row], width)):
                out[total + i] = data[np.uint64(at[row] + i)]
            total += width
    offsets[at.shape[0]] = total


@compiled
def measure_mapped(raw: Bytes, offsets: Any, widths: Bytes, new_offsets: Any) -> Any:
    """Offsets after each byte has become `widths[byte]` bytes of UTF-8; returns the bytes in all."""
    total = np.int64(0)
    for row in range(offsets.shape[0] - 1):
        new_offsets[row] = total
        for i in range(offsets[row], offsets[row + 1]):
            total += widths[raw[i]]
    new_offsets[offsets.shape[0] - 1] = total
    return total


@compiled
def map_bytes(raw: Bytes, widths: Bytes, encoded: Bytes, out: Bytes) -> None:
    """Write for each byte its UTF-8 bytes, `encoded[byte, :widths[byte]]`."""
    to = 0
    for i in range(raw.shape[0]):
        byte = raw[i]
        for k in range(widths[byte]):
            out[to] = encoded[byte, k]
            to += 1
