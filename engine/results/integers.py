"""Integers and decimals as MySQL writes them, as text and in binary rows."""

import numpy as np
import pyarrow as pa

from base.errors import SecondaryEngineError
from engine.results.arrow import cast, fixed_values, slots, validity
from engine.results.assemble import Values
from engine.results.kernel import I32, I64, U8, U64, i32w, i64, i64r, i64w, kernel, u8r, u8w, u64r, void
from wire.constants import FieldType

_SLOT = 48  # bytes: sign, 39 digits, point

_INT_WIDTHS = {
    FieldType.TINY: 1,
    FieldType.SHORT: 2,
    FieldType.YEAR: 2,
    FieldType.INT24: 4,
    FieldType.LONG: 4,
    FieldType.LONGLONG: 8,
}


@kernel(void, u64r, u8r, i64, i64w, i32w, u8w)
def _format_128(words: U64, valid: U8, scale: int, starts: I64, lengths: I32, out: U8) -> None:
    """Write signed 128-bit numbers, right-aligned in their slots, with `scale` digits after the point."""
    limbs = np.empty(3, np.uint64)
    for i in range(valid.size):
        end = (i + 1) * 48
        if valid[i] == 0:
            lengths[i] = -1
            starts[i] = end
            continue
        low = words[2 * i]
        high = words[2 * i + 1]
        negative = (high >> np.uint64(63)) == np.uint64(1)
        if negative:
            low = ~low + np.uint64(1)
            high = ~high + (np.uint64(1) if low == np.uint64(0) else np.uint64(0))
        for limb in range(3):
            # 18 digits off: two divisions by 10^9, in steps of 32 bits so that remainder and next bits fit a word.
            limbs[limb] = np.uint64(0)
            weight = np.uint64(1)
            for _ in range(2):
                rest = high % np.uint64(1000000000)
                high = high // np.uint64(1000000000)
                rest = (rest << np.uint64(32)) | (low >> np.uint64(32))
                upper = rest // np.uint64(1000000000)
                rest = rest % np.uint64(1000000000)
                rest = (rest << np.uint64(32)) | (low & np.uint64(0xFFFFFFFF))
                low = (upper << np.uint64(32)) | (rest // np.uint64(1000000000))
                limbs[limb] += weight * (rest % np.uint64(1000000000))
                weight = np.uint64(1000000000)
        to = end
        digits = 0
        rest = limbs[0]
        while rest != np.uint64(0) or limbs[1] != np.uint64(0) or limbs[2] != np.uint64(0) or digits <= scale:
            if digits == scale and scale > 0:
                to -= 1
                out[to] = 46  # "."
            to -= 1
            out[to] = np.uint8(48) + np.uint8(rest % np.uint64(10))
            rest = rest // np.uint64(10)
            digits += 1
            if digits == 18 or digits == 36:
                rest = limbs[digits // 18]
                limbs[digits // 18] = np.uint64(0)
        if negative:
            to -= 1
            out[to] = 45  # "-"
        starts[i] = to
        lengths[i] = end - to


@kernel(void, i64r, u8r, i64, i64, i64w, i32w, u8w)
def _format_64(values: I64, valid: U8, scale: int, unsigned: int, starts: I64, lengths: I32, out: U8) -> None:
    """Write 64-bit numbers, right-aligned in their slots, with `scale` digits after the point."""
    for i in range(valid.size):
        end = (i + 1) * 48
        if valid[i] == 0:
            lengths[i] = -1
            starts[i] = end
            continue
        negative = unsigned == 0 and values[i] < 0
        rest = np.uint64(values[i])
        if negative:
            rest = ~rest + np.uint64(1)
        to = end
        digits = 0
        while rest != np.uint64(0) or digits <= scale:
            if digits == scale and scale > 0:
                to -= 1
                out[to] = 46
            to -= 1
            quotient = rest // np.uint64(10)
            out[to] = np.uint8(48) + np.uint8(rest - quotient * np.uint64(10))
            rest = quotient
            digits += 1
        if negative:
            to -= 1
            out[to] = 45
        starts[i] = to
        lengths[i] = end - to


@kernel(i64, u64r, u8r, i64, i64w)
def _narrow(words: U64, valid: U8, unsigned: int, out: I64) -> int:
    """Take 128-bit numbers to 64 bits; give the number of those that do not fit."""
    misfits = 0
    for i in range(valid.size):
        low = words[2 * i]
        high = words[2 * i + 1]
        out[i] = np.int64(low)
        if valid[i] == 0:
            continue
        extension = np.uint64(0)
        if unsigned == 0 and (low >> np.uint64(63)) == np.uint64(1):
            extension = ~np.uint64(0)
        misfits += high != extension
    return misfits


def integer_values(array: pa.Array, unsigned: bool) -> tuple[I64, U8]:
    """Read any integer array as 64-bit words, and its validity. Raises SecondaryEngineError for what does not fit."""
    valid = validity(array)
    if pa.types.is_decimal(array.type):
        array = cast(array, pa.decimal128(38, 0))
        words = np.empty(len(array), np.int64)
        if _narrow(fixed_values(array, np.uint64, 2), valid, int(unsigned), words):
            raise SecondaryEngineError("An integer of the result is out of its column's range")
        return words, valid
    wide = cast(array, pa.uint64() if unsigned else pa.int64())
    return fixed_values(wide, np.int64), valid


def integer_text(array: pa.Array, unsigned: bool) -> Values:
    """Integers in decimal digits."""
    words, valid = integer_values(array, unsigned)
    return _text_64(words, valid, 0, unsigned)


def _text_64(words: I64, valid: U8, scale: int, unsigned: bool) -> Values:
    rows = valid.size
    starts, lengths = np.empty(rows, np.int64), np.empty(rows, np.int32)
    out = np.empty(rows * _SLOT, np.uint8)
    _format_64(words, valid, scale, int(unsigned), starts, lengths, out)
    return Values(out, starts, lengths)


WIDEST_FILLED = 40  # digits


def zero_filled(array: pa.Array, width: int) -> Values:
    """Unsigned integers with zeros before them, `width` digits at least."""
    text = integer_text(array, True)
    ends = slots(text.lengths.size, _SLOT) + _SLOT
    first = np.where(text.lengths >= 0, np.minimum(text.starts, ends - width), text.starts)
    places = np.arange(text.data.size, dtype=np.int64).reshape(-1, _SLOT)
    zeros = (places >= first[:, None]) & (places < text.starts[:, None])
    text.data.reshape(-1, _SLOT)[zeros] = ord("0")
    lengths = np.where(text.lengths >= 0, ends - first, -1).astype(np.int32)
    return Values(text.data, first, lengths)


def year_text(array: pa.Array) -> Values:
    """Years: four digits, 0000 for the zero year."""
    words, valid = integer_values(array, False)
    text = _text_64(words + 10000, valid, 0, False)  # the added digit is cut off
    return Values(text.data, text.starts + 1, np.where(valid == 1, np.int32(4), np.int32(-1)))


def decimal_text(array: pa.Array, decimals: int) -> Values:
    """Decimals with exactly `decimals` digits after the point; 31 keeps the array's own scale."""
    if not pa.types.is_decimal(array.type):
        array = cast(array, pa.decimal128(38, 0))
    scale = array.type.scale if decimals == 31 else decimals
    if array.type.scale > scale:
        raise SecondaryEngineError("A decimal of the result has more digits than its column")
    array = cast(array, pa.decimal128(38, scale))
    valid = validity(array)
    rows = len(array)
    starts, lengths = np.empty(rows, np.int64), np.empty(rows, np.int32)
    out = np.empty(rows * _SLOT, np.uint8)
    words = fixed_values(array, np.uint64, 2)
    narrow = np.empty(rows, np.int64)
    if _narrow(words, valid, 0, narrow) == 0:
        _format_64(narrow, valid, scale, 0, starts, lengths, out)
    else:
        _format_128(words, valid, scale, starts, lengths, out)
    return Values(out, starts, lengths)


def integer_binary(array: pa.Array, type_: int, unsigned: bool) -> Values:
    """Integers little-endian, in the width of their type."""
    width = _INT_WIDTHS[FieldType(type_)]
    words, valid = integer_values(array, unsigned)
    narrow = words.view(np.uint64 if unsigned else np.int64)
    cut = narrow.astype(f"{'u' if unsigned else 'i'}{width}")
    if not np.array_equal(cut[valid == 1], narrow[valid == 1]):
        raise SecondaryEngineError("An integer of the result is out of its column's range")
    return fixed_binary(cut.view(np.uint8), valid, width)


def fixed_binary(data: U8, valid: U8, width: int) -> Values:
    """Values of one width, which stand in the row without a length."""
    lengths = np.where(valid == 1, np.int32(width), np.int32(-1))
    return Values(data, slots(valid.size, width), lengths, prefixed=False)


def bit_bytes(array: pa.Array, width: int) -> Values:
    """BIT values: big-endian, in as many bytes as the column has."""
    words, valid = integer_values(array, True)
    data = words.astype(">u8").view(np.uint8)
    return Values(data, slots(valid.size, 8) + (8 - width), np.where(valid == 1, np.int32(width), np.int32(-1)))
