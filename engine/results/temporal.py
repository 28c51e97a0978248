"""DATE, DATETIME, TIMESTAMP and TIME as MySQL writes them, as text and in binary rows."""

import numpy as np
import pyarrow as pa

from base.errors import SecondaryEngineError
from engine.results.arrow import cast, fixed_values, slots, validity
from engine.results.assemble import Values
from engine.results.kernel import I32, I64, U8, Word, i32w, i64, i64r, kernel, u8r, u8w, void

_DAY_US = 86_400_000_000
_MAX_TIME_US = (838 * 3600 + 59 * 60 + 59) * 1_000_000 + 999_999
_SLOT = 32  # bytes: "-838:59:59.999999" and "9999-12-31 23:59:59.999999" fit
_MIN_DAY, _MAX_DAY = -719528, 2932896  # 0000-01-01 and 9999-12-31, in days since 1970


@kernel(void, u8w, i64, i64, i64)
def _digits(out: U8, at: Word, value: Word, count: Word) -> None:
    for k in range(count):
        out[at + count - 1 - k] = 48 + value % 10
        value //= 10


@kernel(i64, i64)
def _civil(days: Word) -> Word:
    """Days since 1970 as year * 10000 + month * 100 + day (the algorithm of H. Hinnant's civil_from_days)."""
    z = days + 719468
    era = z // 146097
    of_era = z - era * 146097
    year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    m = (5 * of_year + 2) // 153
    day = of_year - (153 * m + 2) // 5 + 1
    month = m + 3 if m < 10 else m - 9
    year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    return year * 10000 + month * 100 + day


@kernel(void, i64r, u8r, i64, i32w, u8w)
def _datetime_text(us: I64, valid: U8, fsp: int, lengths: I32, out: U8) -> None:
    """`fsp` is the number of fractional digits, or -1 for a date alone."""
    for i in range(us.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        at = i * 32
        days = us[i] // 86400000000
        rest = us[i] - days * 86400000000
        civil = _civil(days)
        _digits(out, at, civil // 10000, 4)
        out[at + 4] = 45
        _digits(out, at + 5, civil // 100 % 100, 2)
        out[at + 7] = 45
        _digits(out, at + 8, civil % 100, 2)
        lengths[i] = 10
        if fsp < 0:
            continue
        seconds = rest // 1000000
        out[at + 10] = 32
        _digits(out, at + 11, seconds // 3600, 2)
        out[at + 13] = 58
        _digits(out, at + 14, seconds // 60 % 60, 2)
        out[at + 16] = 58
        _digits(out, at + 17, seconds % 60, 2)
        lengths[i] = 19
        if fsp > 0:
            out[at + 19] = 46
            _digits(out, at + 20, rest % 1000000, 6)
            lengths[i] = 20 + fsp


@kernel(void, i64r, u8r, i64, i32w, u8w)
def _time_text(us: I64, valid: U8, fsp: int, lengths: I32, out: U8) -> None:
    for i in range(us.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        start = i * 32
        at = start
        rest = us[i]
        if rest < 0:
            rest = -rest
            out[at] = 45
            at += 1
        seconds = rest // 1000000
        hours = seconds // 3600
        width = 3 if hours > 99 else 2
        _digits(out, at, hours, width)
        at += width
        out[at] = 58
        _digits(out, at + 1, seconds // 60 % 60, 2)
        out[at + 3] = 58
        _digits(out, at + 4, seconds % 60, 2)
        at += 6
        if fsp > 0:
            out[at] = 46
            _digits(out, at + 1, rest % 1000000, 6)
            at += 1 + fsp
        lengths[i] = at - start


@kernel(void, i64r, u8r, i32w, u8w)
def _datetime_binary(us: I64, valid: U8, lengths: I32, out: U8) -> None:
    """The 4, 7 or 11 byte form; rows of one day beside each other have their date taken apart once."""
    last = np.int64(-1) << 62  # no day
    year = month = day = 0
    for i in range(us.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        at = i * 32
        days = us[i] // 86400000000
        rest = us[i] - days * 86400000000
        if days != last:
            last = days
            civil = _civil(days)
            year = civil // 10000
            month = civil // 100 - year * 100
            day = civil % 100
        out[at] = year & 0xFF
        out[at + 1] = year >> 8
        out[at + 2] = month
        out[at + 3] = day
        if rest == 0:
            lengths[i] = 4
            continue
        seconds = rest // 1000000
        micros = rest - seconds * 1000000
        minutes = seconds // 60
        hours = minutes // 60
        out[at + 4] = hours
        out[at + 5] = minutes - hours * 60
        out[at + 6] = seconds - minutes * 60
        lengths[i] = 7
        if micros:
            for k in range(4):
                out[at + 7 + k] = (micros >> (8 * k)) & 0xFF
            lengths[i] = 11


@kernel(void, i64r, u8r, i32w, u8w)
def _time_binary(us: I64, valid: U8, lengths: I32, out: U8) -> None:
    for i in range(us.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        at = i * 32
        rest = us[i]
        out[at] = 1 if rest < 0 else 0
        if rest < 0:
            rest = -rest
        seconds = rest // 1000000
        micros = rest % 1000000
        days = seconds // 86400
        for k in range(4):
            out[at + 1 + k] = (days >> (8 * k)) & 0xFF
            out[at + 8 + k] = (micros >> (8 * k)) & 0xFF
        out[at + 5] = seconds // 3600 % 24
        out[at + 6] = seconds // 60 % 60
        out[at + 7] = seconds % 60
        lengths[i] = 12 if micros else 8 if seconds else 0


def _datetimes(array: pa.Array) -> tuple[I64, U8]:
    """Microseconds since 1970 of dates and timestamps that MySQL can hold."""
    valid = validity(array)
    if pa.types.is_timestamp(array.type) and array.type.tz is not None:
        raise SecondaryEngineError("The result has a time with a zone")
    us = fixed_values(cast(cast(array, pa.timestamp("us")), pa.int64()), np.int64)
    good = us[valid == 1]
    if good.size and (good.min() < _MIN_DAY * _DAY_US or good.max() >= (_MAX_DAY + 1) * _DAY_US):
        raise SecondaryEngineError("A date of the result is outside the years 0000 to 9999")
    return us, valid


def _times(array: pa.Array) -> tuple[I64, U8]:
    """Signed microseconds within MySQL's range of TIME."""
    valid = validity(array)
    us = fixed_values(cast(array, pa.int64()), np.int64)
    good = us[valid == 1]
    if good.size and (good.min() < -_MAX_TIME_US or good.max() > _MAX_TIME_US):
        raise SecondaryEngineError("A time of the result is outside -838:59:59 to 838:59:59")
    return us, valid


def _fraction(decimals: int) -> int:
    if decimals > 6:
        raise SecondaryEngineError("A temporal column of the result has no fixed number of fractional digits")
    return decimals


@kernel(void, i64r, u8r, i64, i32w, u8w)
def _packed_text(packed: I64, valid: U8, fsp: int, lengths: I32, out: U8) -> None:
    """Dates that may be zero, from MySQL's packed integers; `fsp` is -1 for a date alone."""
    for i in range(packed.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        at = i * 32
        months = packed[i] >> 46
        _digits(out, at, months // 13, 4)
        out[at + 4] = 45
        _digits(out, at + 5, months % 13, 2)
        out[at + 7] = 45
        _digits(out, at + 8, packed[i] >> 41 & 31, 2)
        lengths[i] = 10
        if fsp < 0:
            continue
        out[at + 10] = 32
        _digits(out, at + 11, packed[i] >> 36 & 31, 2)
        out[at + 13] = 58
        _digits(out, at + 14, packed[i] >> 30 & 63, 2)
        out[at + 16] = 58
        _digits(out, at + 17, packed[i] >> 24 & 63, 2)
        lengths[i] = 19
        if fsp > 0:
            out[at + 19] = 46
            _digits(out, at + 20, packed[i] & 0xFFFFFF, 6)
            lengths[i] = 20 + fsp


@kernel(void, i64r, u8r, i32w, u8w)
def _packed_binary(packed: I64, valid: U8, lengths: I32, out: U8) -> None:
    """The 0, 4, 7 or 11 byte form of dates that may be zero."""
    for i in range(packed.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        at = i * 32
        year = (packed[i] >> 46) // 13
        out[at] = year & 0xFF
        out[at + 1] = year >> 8
        out[at + 2] = (packed[i] >> 46) % 13
        out[at + 3] = packed[i] >> 41 & 31
        out[at + 4] = packed[i] >> 36 & 31
        out[at + 5] = packed[i] >> 30 & 63
        out[at + 6] = packed[i] >> 24 & 63
        micros = packed[i] & 0xFFFFFF
        for k in range(4):
            out[at + 7 + k] = (micros >> (8 * k)) & 0xFF
        has_clock = packed[i] & ((1 << 41) - 1)
        lengths[i] = 11 if micros else 7 if has_clock else 4 if packed[i] else 0


def _packed(array: pa.Array, binary: bool, fsp: int = -1) -> Values:
    valid = validity(array)
    values = fixed_values(array, np.int64)
    lengths, out = _buffers(values.size)
    if binary:
        _packed_binary(values, valid, lengths, out)
    else:
        _packed_text(values, valid, fsp, lengths, out)
    return Values(out, slots(values.size, _SLOT), lengths)


def _buffers(rows: int) -> tuple[I32, U8]:
    return np.empty(rows, np.int32), np.empty(rows * _SLOT, np.uint8)


def date_text(array: pa.Array) -> Values:
    """YYYY-MM-DD."""
    if array.type == pa.int64():
        return _packed(array, binary=False)
    us, valid = _datetimes(array)
    lengths, out = _buffers(us.size)
    _datetime_text(us, valid, -1, lengths, out)
    return Values(out, slots(us.size, _SLOT), lengths)


def datetime_text(array: pa.Array, decimals: int) -> Values:
    """YYYY-MM-DD HH:MM:SS and `decimals` fractional digits; more are cut off, as MySQL does."""
    if array.type == pa.int64():
        return _packed(array, binary=False, fsp=_fraction(decimals))
    us, valid = _datetimes(array)
    lengths, out = _buffers(us.size)
    _datetime_text(us, valid, _fraction(decimals), lengths, out)
    return Values(out, slots(us.size, _SLOT), lengths)


def time_text(array: pa.Array, decimals: int) -> Values:
    """[-]HH:MM:SS and `decimals` fractional digits, from microseconds."""
    us, valid = _times(array)
    lengths, out = _buffers(us.size)
    _time_text(us, valid, _fraction(decimals), lengths, out)
    return Values(out, slots(us.size, _SLOT), lengths)


def datetime_binary(array: pa.Array) -> Values:
    """The 4, 7 or 11 byte form, whichever holds the value; the row puts its length before it."""
    if array.type == pa.int64():
        return _packed(array, binary=True)
    us, valid = _datetimes(array)
    lengths, out = _buffers(us.size)
    _datetime_binary(us, valid, lengths, out)
    return Values(out, slots(us.size, _SLOT), lengths)


def time_binary(array: pa.Array) -> Values:
    """The 0, 8 or 12 byte form, whichever holds the value."""
    us, valid = _times(array)
    lengths, out = _buffers(us.size)
    _time_binary(us, valid, lengths, out)
    return Values(out, slots(us.size, _SLOT), lengths)
