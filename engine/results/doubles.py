"""FLOAT and DOUBLE in MySQL's own layout: shortest digits, or a fixed number of decimals.

MySQL's rules (strings/dtoa.cc, my_gcvt and my_fcvt): digits are the shortest that read back as the same double; FLOAT
has at most 6 significant digits of its value as a double; plain notation when the decimal point falls between 14 zeros
after it and 15 digits before it or among the digits, else d.ddde[-]N; fixed decimals round the exact binary value, ties
to even. MariaDB has no negative zero.
"""

import math

import numpy as np
import pyarrow as pa

from base.errors import SecondaryEngineError
from engine.results.arrow import cast, fixed_values, validity
from engine.results.assemble import Values
from engine.results.integers import fixed_binary
from engine.results.kernel import (
    F64,
    I32,
    I64,
    U8,
    U64,
    Word,
    f64,
    f64r,
    flag,
    i32r,
    i32w,
    i64,
    i64r,
    i64w,
    kernel,
    u8r,
    u8w,
    u64,
    u64r,
    u64w,
    void,
)

_FLOAT_DIGITS = 6  # FLT_DIG
_NOT_FIXED = 31  # `decimals` of a column without a fixed number of them
_SLOT = 40  # bytes of the shortest form: at most sign, 17 digits, point, 14 zeros, or an exponent


@kernel(i64, f64r, u8r, u64w, i32w, u8w)
def _easy_digits(values: F64, valid: U8, digits: U64, exponents: I32, hard: U8) -> int:
    """Find digits * 10^exponent for doubles with at most 15 digits and 8 decimals; mark the others `hard`.

    A decimal of at most 15 digits that a correctly rounded division turns into the double is its shortest form: two
    such decimals never share a double. Gives the number of hard ones, or -1 when a value is not finite.
    """
    count = 0
    for i in range(values.size):
        hard[i] = 0
        digits[i] = 0
        exponents[i] = 0
        if valid[i] == 0 or values[i] == 0.0:
            continue
        value = abs(values[i])
        if not value < np.inf:
            return -1
        power = 1.0
        found = False
        for decimals in range(9):
            scaled = value * power
            if scaled >= 1e15:
                break
            nearest = np.floor(scaled + 0.5)
            if nearest > 0.0 and nearest < 1e15 and nearest / power == value:
                digits[i] = np.uint64(nearest)
                exponents[i] = -decimals
                found = True
                break
            power *= 10.0
        if not found:
            hard[i] = 1
            count += 1
    return count


@kernel(void, u8r, i32r, i64r, u64w, i32w)
def _read_digits(text: U8, offsets: I32, rows: I64, digits: U64, exponents: I32) -> None:
    """Read digits and exponents back from Arrow's shortest form (123.45, 1e+20, 1.5e-7)."""
    for k in range(rows.size):
        number = np.uint64(0)
        exponent = 0
        at = offsets[k]
        end = offsets[k + 1]
        seen_point = False
        while at < end and text[at] != 101:  # "e"
            if text[at] == 46:
                seen_point = True
            elif text[at] != 45:
                number = number * np.uint64(10) + np.uint64(text[at] - 48)
                exponent -= seen_point
            at += 1
        if at < end:
            at += 1
            down = text[at] == 45
            if text[at] == 45 or text[at] == 43:
                at += 1
            power = 0
            while at < end:
                power = power * 10 + (text[at] - 48)
                at += 1
            exponent += -power if down else power
        digits[rows[k]] = number
        exponents[rows[k]] = exponent


@kernel(i64, f64, u64, i64)
def _compare(value: float, digits: Word, decimals: Word) -> Word:
    """Compare |value| with digits / 10^decimals exactly: -1, 0 or 1. For values near each other only."""
    mantissa, power = math.frexp(abs(value))
    left = np.zeros(48, np.uint64)  # 32-bit limbs, least first
    right = np.zeros(48, np.uint64)
    whole = np.uint64(math.ldexp(mantissa, 53))
    power -= 53
    left[0] = whole & np.uint64(0xFFFFFFFF)
    left[1] = whole >> np.uint64(32)
    right[0] = np.uint64(digits) & np.uint64(0xFFFFFFFF)
    right[1] = np.uint64(digits) >> np.uint64(32)
    tens = left if decimals > 0 else right
    for _ in range(abs(decimals)):
        carry = np.uint64(0)
        for k in range(48):
            product = tens[k] * np.uint64(5) + carry
            tens[k] = product & np.uint64(0xFFFFFFFF)
            carry = product >> np.uint64(32)
    shift = power + decimals  # left * 2^shift against right
    target = left if shift > 0 else right
    for _ in range(abs(shift)):
        carry = np.uint64(0)
        for k in range(48):
            doubled = (target[k] << np.uint64(1)) | carry
            target[k] = doubled & np.uint64(0xFFFFFFFF)
            carry = doubled >> np.uint64(32)
    for j in range(48):
        k = 47 - j
        if left[k] != right[k]:
            return 1 if left[k] > right[k] else -1
    return 0


@kernel(u64, f64, u64, i64, i64)
def _round_digits(value: float, digits: Word, exponent: Word, drop: Word) -> Word:
    """Drop the last `drop` of the shortest digits, rounding as the exact binary value does, ties to even.

    Only when the dropped part is exactly a half can the shortest digits and the exact value fall on different sides.
    """
    if drop > 19:
        return np.uint64(0)
    power = np.uint64(1)
    for _ in range(drop):
        power *= np.uint64(10)
    kept = np.uint64(digits) // power
    rest = np.uint64(digits) - kept * power
    half = power // np.uint64(2)
    up: Word = rest > half
    if rest == half:
        side = _compare(value, digits, -exponent)
        up = side > 0 or (side == 0 and kept & np.uint64(1) == np.uint64(1))
    return kept + np.uint64(up)


@kernel(i64, u64)
def _count_digits(digits: Word) -> Word:
    count = 0
    rest = np.uint64(digits)
    while rest != np.uint64(0):
        rest = rest // np.uint64(10)
        count += 1
    return count


@kernel(void, u8w, i64, u64, i64)
def _put(out: U8, at: Word, digits: Word, count: Word) -> None:
    rest = np.uint64(digits)
    for k in range(count):
        out[at + count - 1 - k] = np.uint8(48) + np.uint8(rest % np.uint64(10))
        rest = rest // np.uint64(10)


@kernel(void, f64r, u8r, u64r, i32r, flag, i64w, i32w, u8w)
def _shortest(
    values: F64, valid: U8, digits: U64, exponents: I32, single: bool, starts: I64, lengths: I32, out: U8
) -> None:
    """Lay the digits out as my_gcvt does."""
    for i in range(values.size):
        start = i * 40
        starts[i] = start
        if valid[i] == 0:
            lengths[i] = -1
            continue
        at = start
        if np.signbit(values[i]):
            out[at] = 45
            at += 1
        number = digits[i]
        exponent: Word = np.int64(exponents[i])
        if number == np.uint64(0):
            out[at] = 48
            lengths[i] = at + 1 - start
            continue
        count = _count_digits(number)
        if single and count > 6:
            number = _round_digits(values[i], number, exponent, count - 6)
            exponent += count - 6
        while number % np.uint64(10) == np.uint64(0):
            number = number // np.uint64(10)
            exponent += 1
        count = _count_digits(number)
        point = count + exponent  # digits before the point
        if point >= -14 and (point <= 15 or count > point):
            if point <= 0:
                out[at] = 48
                out[at + 1] = 46
                for k in range(-point):
                    out[at + 2 + k] = 48
                _put(out, at + 2 - point, number, count)
                at += 2 - point + count
            elif point >= count:
                _put(out, at, number, count)
                for k in range(count, point):
                    out[at + k] = 48
                at += point
            else:
                _put(out, at + 1, number, count)
                for k in range(point):
                    out[at + k] = out[at + k + 1]
                out[at + point] = 46
                at += count + 1
        else:
            _put(out, at + 1, number, count)
            out[at] = out[at + 1]
            at += 1
            if count > 1:
                out[at] = 46
                at += count
            out[at] = 101
            at += 1
            power = point - 1
            if power < 0:
                out[at] = 45
                at += 1
                power = -power
            width = 3 if power > 99 else 2 if power > 9 else 1
            _put(out, at, np.uint64(power), width)
            at += width
        lengths[i] = at - start


@kernel(void, f64r, u8r, u64w, i32r, i64, i32w)
def _round_fixed(values: F64, valid: U8, digits: U64, exponents: I32, decimals: int, lengths: I32) -> None:
    """Round digits to `decimals` where they have more, and measure the fixed form."""
    for i in range(values.size):
        if valid[i] == 0:
            lengths[i] = -1
            continue
        exponent: Word = np.int64(exponents[i])
        if digits[i] != np.uint64(0) and -exponent > decimals:
            digits[i] = _round_digits(values[i], digits[i], exponent, -exponent - decimals)
            exponent = -decimals
        whole: Word = _count_digits(digits[i]) + exponent
        sign: Word = np.signbit(values[i])
        lengths[i] = max(whole, 1) + (decimals + 1 if decimals else 0) + sign


@kernel(void, f64r, u64r, i32r, i64, i64r, i32r, u8w)
def _fixed(values: F64, digits: U64, exponents: I32, decimals: int, starts: I64, lengths: I32, out: U8) -> None:
    """Lay rounded digits out with `decimals` digits after the point."""
    for i in range(values.size):
        if lengths[i] < 0:
            continue
        at = starts[i] + lengths[i]
        pad = np.int64(exponents[i]) + decimals  # zeros to the right of the digits; rounded ones have none
        rest = digits[i]
        first = starts[i] + (1 if np.signbit(values[i]) else 0)
        written = 0
        while at > first:
            if written == decimals and decimals > 0:
                at -= 1
                out[at] = 46
                written += 1
                continue
            at -= 1
            if pad > 0:
                pad -= 1
                out[at] = 48
            else:
                out[at] = np.uint8(48) + np.uint8(rest % np.uint64(10))
                rest = rest // np.uint64(10)
            written += 1
        if first > starts[i]:
            out[starts[i]] = 45


def _digits_of(values: F64, valid: U8) -> tuple[U64, I32]:
    digits, exponents = np.empty(values.size, np.uint64), np.empty(values.size, np.int32)
    hard = np.empty(values.size, np.uint8)
    count = _easy_digits(values, valid, digits, exponents, hard)
    if count < 0:
        raise SecondaryEngineError("A number of the result is not finite")
    if count:
        rows = np.flatnonzero(hard)
        text = cast(pa.array(values[rows]), pa.string())
        offsets = np.frombuffer(text.buffers()[1], np.int32)[: rows.size + 1]
        _read_digits(np.frombuffer(text.buffers()[2], np.uint8), offsets, rows, digits, exponents)
    return digits, exponents


def double_text(array: pa.Array, decimals: int, single: bool) -> Values:
    """Floating-point numbers as text; `single` for FLOAT, `decimals` of 31 for the shortest form."""
    valid = validity(array)
    values = np.ascontiguousarray(fixed_values(cast(array, pa.float64()), np.float64))
    digits, exponents = _digits_of(values, valid)
    lengths = np.empty(values.size, np.int32)
    if decimals >= _NOT_FIXED:
        starts, out = np.empty(values.size, np.int64), np.empty(values.size * _SLOT, np.uint8)
        _shortest(values, valid, digits, exponents, single, starts, lengths, out)
        return Values(out, starts, lengths)
    _round_fixed(values, valid, digits, exponents, decimals, lengths)
    starts = np.cumsum(np.maximum(lengths, 0), dtype=np.int64) - np.maximum(lengths, 0)
    out = np.empty(int(np.maximum(lengths, 0).sum()), np.uint8)
    _fixed(values, digits, exponents, decimals, starts, lengths, out)
    return Values(out, starts, lengths)


def double_binary(array: pa.Array, single: bool) -> Values:
    """IEEE numbers, 4 or 8 bytes."""
    valid = validity(array)
    wide = fixed_values(cast(array, pa.float64()), np.float64)
    if not np.isfinite(wide[valid == 1]).all():
        raise SecondaryEngineError("A number of the result is not finite")
    if single:
        return fixed_binary(np.ascontiguousarray(wide.astype(np.float32)).view(np.uint8), valid, 4)
    return fixed_binary(np.ascontiguousarray(wide).view(np.uint8), valid, 8)
