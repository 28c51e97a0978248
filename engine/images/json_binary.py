"""MySQL's binary JSON to the text that SELECT shows, in compiled loops over the bytes of a column.

Every document is walked twice: once to measure it and to collect its doubles, whose digits are then found for the whole
column at once, and once to write it. Sources: "JSON binary format" (`json_binary.h`) and `Json_wrapper::to_string` of
the MySQL source.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.images.kernels import Bytes, Lengths, Places, compiled
from engine.results.doubles import double_text

_LARGEST = (1 << 31) - 1  # bytes of text in one column of a batch
DEEPEST = 100  # levels that MySQL allows

# How a walk ended.
WRITTEN, MALFORMED, TOO_LARGE = range(3)

_MEASURE_ONLY = np.empty(0, np.uint8)
_NO_DOUBLES = np.empty(0, np.float64)
_TEXTS = np.frombuffer(b"nulltruefalsebase64:type0123456789abcdef", np.uint8).copy()
_BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()


@compiled
def _put(out: Bytes, to: int, byte: int) -> Any:
    """Write one byte where there is room; gives the next place."""
    if to < out.shape[0]:
        out[to] = byte
    return to + 1


@compiled
def _copy(out: Bytes, to: int, source: Bytes, start: int, count: int) -> Any:
    if to + count <= out.shape[0]:
        for i in range(count):
            out[np.uint64(to + i)] = source[np.uint64(start + i)]
    return to + count


@compiled
def _little(data: Bytes, place: int, width: int) -> Any:
    value = np.uint64(0)
    for i in range(width):
        value |= np.uint64(data[np.uint64(place + i)]) << np.uint64(8 * i)
    return value


@compiled
def put_number(out: Bytes, to: int, number: int, digits: int) -> Any:
    """Write an unsigned number with at least this many digits."""
    value = np.uint64(number)
    count = 1
    rest = value // np.uint64(10)
    while rest:
        count += 1
        rest //= np.uint64(10)
    count = max(count, digits)
    for i in range(count):
        at = to + count - 1 - i
        if at < out.shape[0]:
            out[at] = np.uint8(48) + np.uint8(value % np.uint64(10))
        value //= np.uint64(10)
    return to + count


@compiled
def _put_signed(out: Bytes, to: int, bits: int, width: int) -> Any:
    sign = np.uint64(1) << np.uint64(8 * width - 1)
    value = np.uint64(bits)
    if value & sign:
        to = _put(out, to, 45)
        value = (~value + np.uint64(1)) & ((sign - np.uint64(1)) | sign)
    return put_number(out, to, value, 1)


@compiled
def _put_string(out: Bytes, to: int, data: Bytes, start: int, count: int) -> Any:
    """Write a quoted string with what JSON needs escaped."""
    to = _put(out, to, 34)
    done = start
    end = start + count
    for at in range(start, end):
        byte = data[np.uint64(at)]
        if byte >= 0x20 and byte != 34 and byte != 92:
            continue
        to = _copy(out, to, data, done, at - done)
        done = at + 1
        to = _put(out, to, 92)
        if byte == 34 or byte == 92:
            to = _put(out, to, byte)
        elif byte == 8:
            to = _put(out, to, 98)
        elif byte == 9:
            to = _put(out, to, 116)
        elif byte == 10:
            to = _put(out, to, 110)
        elif byte == 12:
            to = _put(out, to, 102)
        elif byte == 13:
            to = _put(out, to, 114)
        else:
            to = _put(out, to, 117)
            to = _put(out, to, 48)
            to = _put(out, to, 48)
            to = _put(out, to, _TEXTS[24 + (byte >> 4)])
            to = _put(out, to, _TEXTS[24 + (byte & 15)])
    to = _copy(out, to, data, done, end - done)
    return _put(out, to, 34)


@compiled
def _put_clock(out: Bytes, to: int, clock: int) -> Any:
    """Write hh:mm:ss.ffffff of a packed time without sign or date."""
    high = clock >> 24
    to = put_number(out, to, (high >> 12) & 1023, 2)
    to = _put(out, to, 58)
    to = put_number(out, to, (high >> 6) & 63, 2)
    to = _put(out, to, 58)
    to = put_number(out, to, high & 63, 2)
    to = _put(out, to, 46)
    return put_number(out, to, clock & 0xFFFFFF, 6)


@compiled
def _put_temporal(out: Bytes, to: int, kind: int, packed: int) -> Any:
    to = _put(out, to, 34)
    if kind == 11:  # TIME
        if packed < 0:
            to = _put(out, to, 45)
            packed = -packed
        to = _put_clock(out, to, packed)
    else:
        packed = abs(packed)
        days = packed >> 41
        months = days >> 5
        to = put_number(out, to, months // 13, 4)
        to = _put(out, to, 45)
        to = put_number(out, to, months % 13, 2)
        to = _put(out, to, 45)
        to = put_number(out, to, days & 31, 2)
        if kind != 10:  # DATE has no clock
            to = _put(out, to, 32)
            to = _put_clock(out, to, packed & ((np.int64(1) << 41) - 1))
    return _put(out, to, 34)


@compiled
def _put_decimal(out: Bytes, to: int, data: Bytes, place: int, count: int) -> Any:
    """Write a DECIMAL with precision and scale before its digits; -1 when it is cut short."""
    widths = (0, 1, 1, 2, 2, 3, 3, 4, 4, 4)
    if count < 2:
        return -1
    precision = np.int64(data[np.uint64(place)])
    scale = np.int64(data[np.uint64(place + 1)])
    whole = precision - scale
    if whole < 0 or precision > 81:
        return -1
    size = whole // 9 * 4 + widths[whole % 9] + scale // 9 * 4 + widths[scale % 9]
    if count != size + 2 or not size:
        return -1
    place += 2
    negative = data[np.uint64(place)] < 0x80
    flip: Any = np.int64(0x80)
    groups = np.empty(24, np.int64)
    digits = np.empty(24, np.int64)
    used = 0
    nonzero = False
    for step in range(whole // 9 + scale // 9 + 2):
        wanted: Any = 9
        if step == 0:
            wanted = whole % 9
        elif step == whole // 9 + scale // 9 + 1:
            wanted = scale % 9
        if not wanted:
            continue
        value: Any = np.int64(0)
        for _i in range(widths[wanted]):
            byte = np.int64(data[np.uint64(place)]) ^ flip
            flip = np.int64(0)
            value = value << 8 | (byte ^ 0xFF if negative else byte)
            place += 1
        groups[used] = value
        digits[used] = wanted
        nonzero |= value != 0
        used += 1
    if negative and nonzero:
        to = _put(out, to, 45)
    before = (whole + 8) // 9
    started = False
    for k in range(before):
        if started:
            to = put_number(out, to, groups[k], 9)
        elif groups[k]:
            to = put_number(out, to, groups[k], 1)
            started = True
    if not started:
        to = _put(out, to, 48)
    if scale:
        to = _put(out, to, 46)
        for k in range(before, used):
            to = put_number(out, to, groups[k], digits[k])
    return to


@compiled
def _put_base64(out: Bytes, to: int, kind: int, data: Bytes, place: int, count: int) -> Any:
    """Write bytes of any other type as MySQL does: in lines of 76 characters, the line's end escaped."""
    to = _put(out, to, 34)
    to = _copy(out, to, _TEXTS, 13, 11)
    to = put_number(out, to, kind, 1)
    to = _put(out, to, 58)
    for start in range(0, count, 3):
        if start and start % 57 == 0:
            to = _put(out, to, 92)
            to = _put(out, to, 110)
        left = min(count - start, 3)
        value = np.int64(0)
        for i in range(3):
            value = value << 8 | (np.int64(data[np.uint64(place + start + i)]) if i < left else np.int64(0))
        for i in range(4):
            byte = np.int64(_BASE64[(value >> (18 - 6 * i)) & 63]) if i <= left else np.int64(61)
            to = _put(out, to, byte)
    return _put(out, to, 34)


@compiled
def _read_length(data: Bytes, place: int, end: int) -> tuple[Any, Any]:
    """A length in groups of seven bits; (-1, place) when it is cut short."""
    value = np.int64(0)
    for i in range(5):
        if place >= end:
            return np.int64(-1), place
        byte = np.int64(data[np.uint64(place)])
        place += 1
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, place
    return np.int64(-1), place


@compiled
def _put_opaque(out: Bytes, to: int, data: Bytes, place: int, end: int) -> Any:
    if place >= end:
        return -1
    kind = np.int64(data[np.uint64(place)])
    count, place = _read_length(data, place + 1, end)
    if count < 0 or place + count > end:
        return -1
    if kind == 246:
        return _put_decimal(out, to, data, place, count)
    if kind == 7 or kind == 10 or kind == 11 or kind == 12:
        if count != 8:
            return -1
        return _put_temporal(out, to, kind, np.int64(_little(data, place, 8)))
    return _put_base64(out, to, kind, data, place, count)


@compiled
def put_document(
    out: Bytes,
    to: int,
    data: Bytes,
    place: int,
    end: int,
    stack: Places,
    found: npt.NDArray[np.float64],
    count: int,
    digits: Bytes,
    starts: Places,
    sizes: Lengths,
) -> tuple[Any, Any]:
    """Write the value in data[place:end] to `out`; gives the place after it (-1: malformed) and the doubles so far.

    `stack` is room for the containers that are open, (DEEPEST + 1, 5): begin of the data, end, elements, next, kind.
    Without `sizes` the doubles go to `found` and take no room; with it their texts come from `digits`.
    """
    if place >= end:  # what a NOT NULL column has that was given nothing
        return _copy(out, to, _TEXTS, 0, 4), count
    depth = -1
    kind = np.int64(data[np.uint64(place)])
    place += 1
    stop = end
    inlined = False
    value = np.uint64(0)
    while True:
        if kind <= 3:  # object or array, small or large
            width = 4 if kind & 1 else 2
            if depth >= DEEPEST or place + 2 * width > stop:
                return -1, count
            depth += 1
            stack[depth, 0] = place
            stack[depth, 2] = np.int64(_little(data, place, width))
            stack[depth, 1] = place + np.int64(_little(data, place + width, width))
            stack[depth, 3] = 0
            stack[depth, 4] = kind
            entry = (1 + width) + (width + 2 if kind < 2 else 0)
            if stack[depth, 1] > stop or place + 2 * width + stack[depth, 2] * entry > stack[depth, 1]:
                return -1, count
            to = _put(out, to, 123 if kind < 2 else 91)
        elif kind == 4:
            literal = value if inlined else np.uint64(data[np.uint64(place)]) if place < stop else np.uint64(9)
            if literal == 0:
                to = _copy(out, to, _TEXTS, 0, 4)
            elif literal == 1:
                to = _copy(out, to, _TEXTS, 4, 4)
            elif literal == 2:
                to = _copy(out, to, _TEXTS, 8, 5)
            else:
                return -1, count
        elif kind <= 10:
            width = 2 if kind <= 6 else 4 if kind <= 8 else 8
            if not inlined:
                if place + width > stop:
                    return -1, count
                value = _little(data, place, width)
            if width == 2:
                value &= np.uint64(0xFFFF)
            to = _put_signed(out, to, value, width) if kind & 1 else put_number(out, to, value, 1)
        elif kind == 11:
            if place + 8 > stop:
                return -1, count
            if sizes.shape[0]:
                if count >= sizes.shape[0]:
                    return -1, count
                to = _copy(out, to, digits, starts[count], np.int64(sizes[count]))
                plain = True
                for i in range(sizes[count]):
                    byte = digits[starts[count] + i]
                    plain &= byte == 45 or (byte >= 48 and byte <= 57)
                if plain:
                    to = _put(out, to, 46)
                    to = _put(out, to, 48)
            elif count < found.shape[0]:
                found[count] = data[place : place + 8].copy().view(np.float64)[0]
            count += 1
        elif kind == 12:
            length, place = _read_length(data, place, stop)
            if length < 0 or place + length > stop:
                return -1, count
            to = _put_string(out, to, data, place, length)
        elif kind == 15:
            to = _put_opaque(out, to, data, place, stop)
            if to < 0:
                return -1, count
        else:
            return -1, count
        if to > _LARGEST:
            return to, count
        # Close what is full, then go to the next element.
        while depth >= 0 and stack[depth, 3] == stack[depth, 2]:
            to = _put(out, to, 125 if stack[depth, 4] < 2 else 93)
            depth -= 1
        if depth < 0:
            return to, count
        if stack[depth, 3]:
            to = _put(out, to, 44)
            to = _put(out, to, 32)
        width = 4 if stack[depth, 4] & 1 else 2
        entries = stack[depth, 0] + 2 * width
        stop = stack[depth, 1]
        if stack[depth, 4] < 2:
            entry = entries + stack[depth, 3] * (width + 2)
            key = stack[depth, 0] + np.int64(_little(data, entry, width))
            length = np.int64(_little(data, entry + width, 2))
            if key + length > stop:
                return -1, count
            to = _put_string(out, to, data, key, length)
            to = _put(out, to, 58)
            to = _put(out, to, 32)
            entries += stack[depth, 2] * (width + 2)
        entry = entries + stack[depth, 3] * (1 + width)
        stack[depth, 3] += 1
        kind = np.int64(data[np.uint64(entry)])
        value = _little(data, entry + 1, width)
        inlined = kind == 4 or kind == 5 or kind == 6 or (width == 4 and (kind == 7 or kind == 8))
        place = entry + 1 if inlined else stack[depth, 0] + np.int64(value)
        if not inlined and place >= stop:
            return -1, count


@compiled
def _write(
    data: Bytes,
    at: Places,
    lengths: Lengths,
    null: Bytes,
    found: npt.NDArray[np.float64],
    digits: Bytes,
    starts: Places,
    sizes: Lengths,
    offsets: Places,
    out: Bytes,
) -> tuple[Any, Any]:
    """Measure (without `out`) or write all documents; gives how it ended and how many doubles there are."""
    to = np.int64(0)
    count = np.int64(0)
    stack = np.empty((DEEPEST + 1, 5), np.int64)
    for row in range(at.shape[0]):
        offsets[row] = to
        if not null[row]:
            end = at[row] + lengths[row]
            to, count = put_document(out, to, data, at[row], end, stack, found, count, digits, starts, sizes)
            if to < 0:
                return 1, count
            if to > _LARGEST:
                return 2, count
    offsets[at.shape[0]] = to
    return 0, count


class MalformedJson(ValueError):
    """Bytes that are no binary JSON, or more text than a column of a batch can hold."""


def json_texts(data: Bytes, at: Places, lengths: Lengths, null: Bytes) -> tuple[npt.NDArray[np.int32], Bytes]:
    """Give offsets and bytes of the documents' texts; NULL takes no room. Raises MalformedJson."""
    offsets = np.empty(len(at) + 1, np.int64)
    found, no_places, no_sizes = _NO_DOUBLES, np.empty(0, np.int64), np.empty(0, np.int32)
    status, count = _write(data, at, lengths, null, found, _MEASURE_ONLY, no_places, no_sizes, offsets, _MEASURE_ONLY)
    digits, starts, sizes, room = _MEASURE_ONLY, no_places, no_sizes, 0
    if not status and count:
        found = np.empty(count, np.float64)
        _write(data, at, lengths, null, found, digits, starts, sizes, offsets, _MEASURE_ONLY)
        texts = double_text(pa.array(found), 31, False)
        digits, starts, sizes = texts.data, texts.starts, texts.lengths
        room = int(sizes.sum()) + 2 * count
    if status:
        raise MalformedJson("too large" if status == TOO_LARGE else "malformed")
    out = np.empty(int(offsets[-1]) + room, np.uint8)
    status, _ = _write(data, at, lengths, null, found, digits, starts, sizes, offsets, out)
    if status:
        raise MalformedJson("too large" if status == TOO_LARGE else "malformed")
    return offsets.astype(np.int32), out[: offsets[-1]]
