"""Compiled loops over MySQL's binary result rows: frame packets, slice values into columns, gather strings.

Source: "Binary Protocol Resultset Row" and "Binary Protocol Value" of the MySQL client/server protocol.
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

# What a column's bytes are on the wire.
INT1, UINT1, INT2, UINT2, INT4, UINT4, INT8, FLOAT4, DATE, DATETIME, TIME, DECIMAL, VAR, PACKED = range(14)

# How framing stopped.
MORE, END, ERROR, FULL = range(4)

# Why a value could not be taken; kept with its row and column.
OK, NO_DATE, MALFORMED = range(3)

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]

F = TypeVar("F", bound=Callable[..., Any])


def _compile(function: F) -> F:
    compiled: Any = numba.njit(nogil=True, cache=True)(function)
    return cast(F, compiled)


@_compile
def frame_rows(buffer: Bytes, at: int, end: int, starts: Ints, ends: Ints, rows: int) -> tuple[int, int, int]:
    """Note where whole rows lie in buffer[at:end], from number `rows` on: (rows, place reached, how it stopped).

    A row of several packets is joined in place, its inner headers dropped.
    """
    while at + 4 <= end:
        if rows >= starts.shape[0]:
            return rows, at, 3
        length = int(buffer[at]) | int(buffer[at + 1]) << 8 | int(buffer[at + 2]) << 16
        stop = at + 4 + length
        if stop > end:
            break
        last = length
        while last == 0xFFFFFF:  # first find out whether all packets of the row are here
            if stop + 4 > end:
                return rows, at, 0
            last = int(buffer[stop]) | int(buffer[stop + 1]) << 8 | int(buffer[stop + 2]) << 16
            stop += 4 + last
        if stop > end:
            break
        first = int(buffer[at + 4]) if length else 0
        if first == 0xFE and length < 9:
            return rows, stop, 1
        if first == 0xFF:
            return rows, at, 2
        target = at + 4 + length
        last = length
        source = target
        while last == 0xFFFFFF:
            last = int(buffer[source]) | int(buffer[source + 1]) << 8 | int(buffer[source + 2]) << 16
            source += 4
            for i in range(last):
                buffer[target + i] = buffer[source + i]
            target += last
            source += last
        starts[rows] = at + 4
        ends[rows] = target
        rows += 1
        at = stop
    return rows, at, 0


@_compile
def _int_at(buffer: Bytes, at: int, size: int) -> int:
    value = 0
    for i in range(size):
        value |= int(buffer[at + i]) << (8 * i)
    return value


@_compile
def days_from_civil(year: int, month: int, day: int) -> int:
    """Days since 1970-01-01 of a date of the proleptic Gregorian calendar."""
    if month <= 2:
        year -= 1
    era = year // 400
    of_era = year - era * 400
    shifted = month - 3 if month > 2 else month + 9
    of_year = (153 * shifted + 2) // 5 + day - 1
    return era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468


@_compile
def check_date(year: int, month: int, day: int) -> int:
    """Tell whether a date can be held: OK, or NO_DATE for one with a part that is 0 or that is in no calendar."""
    if year == 0 or month == 0 or day == 0:
        return 1
    if month > 12 or day > 31:
        return 1
    if day == 31 and (month == 4 or month == 6 or month == 9 or month == 11):
        return 1
    if month == 2:
        leap = (year % 4 == 0 and year % 100 != 0) or year % 400 == 0
        if day > (29 if leap else 28):
            return 1
    return 0


@_compile
def parse_decimal(buffer: Bytes, at: int, length: int, scale: int) -> tuple[int, int, bool]:
    """Read decimal text with exactly `scale` digits after the point: low and high word of the integer, valid."""
    end = at + length
    negative = False
    if at < end and (buffer[at] == 45 or buffer[at] == 43):
        negative = buffer[at] == 45
        at += 1
    small = 0
    digits = 0
    fraction = -1
    low = np.uint64(0)
    high = np.uint64(0)
    mask = np.uint64(0xFFFFFFFF)
    half = np.uint64(32)
    ten = np.uint64(10)
    while at < end:
        byte = int(buffer[at])
        at += 1
        if byte == 46:
            if fraction >= 0:
                return 0, 0, False
            fraction = 0
            continue
        if byte < 48 or byte > 57:
            return 0, 0, False
        if fraction >= 0:
            fraction += 1
        if digits < 18:
            small = small * 10 + (byte - 48)
        else:
            if digits == 18:
                low = np.uint64(small)
            part = (low & mask) * ten + np.uint64(byte - 48)
            rest = (low >> half) * ten + (part >> half)
            low = (rest << half) | (part & mask)
            high = high * ten + (rest >> half)
        if digits or byte != 48:
            digits += 1
    if max(fraction, 0) != scale or digits > 38:
        return 0, 0, False
    if digits <= 18:
        value = -small if negative else small
        return value, (-1 if value < 0 else 0), True
    if negative:
        low = ~low + np.uint64(1)
        high = ~high
        if low == np.uint64(0):
            high = high + np.uint64(1)
    low_word: Any = np.int64(low)
    high_word: Any = np.int64(high)
    return low_word, high_word, True


@_compile
def slice_rows(
    buffer: Bytes,
    starts: Ints,
    ends: Ints,
    rows: int,
    kinds: Ints,
    scales: Ints,
    first: Ints,
    second: Ints,
    valid: Bytes,
    failure: Ints,
) -> bool:
    """Slice rows into columns; `first`, `second` and `valid` are (columns, rows).

    Fixed values go to `first`; a decimal's low and high word and a string's start and length to both.
    On False `failure` is (row, column, why).
    """
    columns = kinds.shape[0]
    nulls = (columns + 9) // 8
    for row in range(rows):
        at = starts[row] + 1
        end = ends[row]
        bitmap = at
        at += nulls
        for column in range(columns):
            bit = column + 2
            if at > end:
                failure[0], failure[1], failure[2] = row, column, 2
                return False
            if buffer[bitmap + (bit >> 3)] >> (bit & 7) & 1:
                valid[column, row] = 0
                first[column, row] = 0
                second[column, row] = 0
                continue
            valid[column, row] = 1
            kind = kinds[column]
            if kind == 0:
                first[column, row] = np.int8(buffer[at])
                at += 1
            elif kind == 1:
                first[column, row] = buffer[at]
                at += 1
            elif kind == 2:
                first[column, row] = np.int16(_int_at(buffer, at, 2))
                at += 2
            elif kind == 3:
                first[column, row] = _int_at(buffer, at, 2)
                at += 2
            elif kind == 4:
                first[column, row] = np.int32(_int_at(buffer, at, 4))
                at += 4
            elif kind == 5 or kind == 7:
                first[column, row] = _int_at(buffer, at, 4)
                at += 4
            elif kind == 6:
                first[column, row] = _int_at(buffer, at, 8)
                at += 8
            elif kind == 8 or kind == 9:
                length = int(buffer[at])
                at += 1
                why = 1
                micros = 0
                if length >= 4:
                    year = _int_at(buffer, at, 2)
                    why = check_date(year, int(buffer[at + 2]), int(buffer[at + 3]))
                    if why == 0:
                        days = days_from_civil(year, int(buffer[at + 2]), int(buffer[at + 3]))
                        if length >= 7:
                            micros = int(buffer[at + 4]) * 3600 + int(buffer[at + 5]) * 60 + int(buffer[at + 6])
                            micros *= 1000000
                        if length >= 11:
                            micros += _int_at(buffer, at + 7, 4)
                        first[column, row] = days if kind == 8 else days * 86400000000 + micros
                if why != 0:
                    failure[0], failure[1], failure[2] = row, column, why
                    return False
                at += length
            elif kind == 13:  # the packed integer of a date that may be zero
                length = int(buffer[at])
                at += 1
                value = 0
                if length >= 4:
                    value = (_int_at(buffer, at, 2) * 13 + int(buffer[at + 2])) << 5 | int(buffer[at + 3])
                value <<= 17
                if length >= 7:
                    value |= int(buffer[at + 4]) << 12 | int(buffer[at + 5]) << 6 | int(buffer[at + 6])
                value <<= 24
                if length >= 11:
                    value |= _int_at(buffer, at + 7, 4)
                first[column, row] = value
                at += length
            elif kind == 10:
                length = int(buffer[at])
                at += 1
                value = 0
                if length >= 8:
                    value = _int_at(buffer, at + 1, 4) * 24 + int(buffer[at + 5])
                    value = (value * 3600 + int(buffer[at + 6]) * 60 + int(buffer[at + 7])) * 1000000
                if length >= 12:
                    value += _int_at(buffer, at + 8, 4)
                if length and buffer[at]:
                    value = -value
                first[column, row] = value
                at += length
            else:
                length = int(buffer[at])
                at += 1
                if length > 251:
                    size = 2 if length == 252 else (3 if length == 253 else 8)
                    length = _int_at(buffer, at, size)
                    at += size
                if length < 0 or at + length > end:
                    failure[0], failure[1], failure[2] = row, column, 2
                    return False
                if kind == 11:
                    low, high, good = parse_decimal(buffer, at, length, scales[column])
                    if not good:
                        failure[0], failure[1], failure[2] = row, column, 2
                        return False
                    first[column, row] = low
                    second[column, row] = high
                else:
                    first[column, row] = at
                    second[column, row] = length
                at += length
        if at != end:
            failure[0], failure[1], failure[2] = row, columns - 1, 2
            return False
    return True


@_compile
def gather(buffer: Bytes, starts: Ints, offsets: npt.NDArray[np.int32], target: Bytes) -> None:
    """Copy the slices that begin at `starts` one behind the other; `offsets` has where each goes, and the end."""
    for i in range(starts.shape[0]):
        source = starts[i]
        begin = offsets[i]
        for k in range(offsets[i + 1] - begin):
            target[begin + k] = buffer[source + k]
