"""JSON of files as MySQL shows a JSON column: members in MySQL's order, one spelling of each value.

Source: "The JSON Data Type" of MySQL's manual, "Normalization, Merging, and Autowrapping of JSON Values"; the server.
What is not certain to be shown so, above all numbers with exponents or many digits, is left out.
"""

import contextlib
from collections.abc import Callable
from typing import Any, cast

import duckdb
import numba
import numpy as np
import pyarrow as pa

FUNCTION = "wf_json_text"
_DEEPEST = 100  # MySQL's limit of levels
_LONGEST_KEY = 65535 + 2  # with its quotes
_compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)

# What may come next.
_VALUE, _FIRST_VALUE, _FIRST_KEY, _KEY, _AFTER = 0, 1, 2, 3, 4
_MOST_DIGITS = 15  # that every double keeps
_SMALL = 4  # zeros behind the point, with which no exponent is written yet


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make the function known to a database, as long as this connection is open: NULL for what is not certain."""
    with contextlib.suppress(duckdb.CatalogException):
        connection.create_function(
            FUNCTION,
            normal,
            [duckdb.sqltype("VARCHAR")],
            duckdb.sqltype("VARCHAR"),
            type=cast(Any, "arrow"),
            null_handling=cast(Any, "special"),
        )


def normal(texts: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The texts as MySQL shows them; NULL for NULL and for what is no JSON, or not certain."""
    given = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    given = cast(pa.Array, given.cast(pa.large_string()))
    count = len(given)
    _, offsets_buffer, data_buffer = given.buffers()
    if not count or data_buffer is None or offsets_buffer is None:
        return pa.nulls(count, pa.string())
    offsets = np.frombuffer(offsets_buffer, np.int64)[given.offset : given.offset + count + 1]
    data = np.frombuffer(data_buffer, np.uint8)
    there = np.asarray(given.is_valid())
    longest = int((offsets[1:] - offsets[:-1]).max())
    out = np.empty(2 * int(offsets[-1] - offsets[0]) + 8, np.uint8)
    ends = np.zeros(count + 1, np.int64)
    known = np.zeros(count, np.bool_)
    members = np.empty((longest // 2 + 2, 3), np.int64)
    _normal(data, offsets, there, out, ends, known, members, np.empty(2 * longest + 8, np.uint8))
    made = pa.LargeStringArray.from_buffers(count, pa.py_buffer(ends), pa.py_buffer(out[: int(ends[-1])]))
    return cast(pa.Array, pa.compute.if_else(pa.array(known), made, None).cast(pa.string()))


@_compiled
def _normal(data: Any, offsets: Any, there: Any, out: Any, ends: Any, known: Any, members: Any, scratch: Any) -> None:
    at = 0
    for row in range(len(there)):
        if there[row]:
            end = _one(data, offsets[row], offsets[row + 1], out, at, members, scratch)
            if end >= 0:
                known[row] = True
                at = end
        ends[row + 1] = at


@_compiled
def _one(src: Any, at: Any, end: Any, out: Any, to: Any, members: Any, scratch: Any) -> Any:
    """Write one document; gives the place behind it in `out`, -1 for none.

    The members of an object are written one behind the other, and put in order when it is closed.
    """
    kinds = np.zeros(_DEEPEST, np.uint8)  # 1 for an object, 0 for an array
    begins = np.zeros(_DEEPEST, np.int64)  # the bracket's place in `out`
    firsts = np.zeros(_DEEPEST, np.int64)  # of an object its first place in `members`, of an array its values so far
    depth, count, expect = 0, 0, _VALUE
    while True:
        while at < end and (src[at] == 32 or src[at] == 9 or src[at] == 10 or src[at] == 13):
            at += 1
        if expect == _AFTER and depth == 0:
            return to if at == end else -1
        if at == end:
            return -1
        byte = src[at]
        if expect == _AFTER:
            closes = 125 if kinds[depth - 1] else 93
            if kinds[depth - 1]:
                members[count - 1, 2] = to
            if byte == 44:
                at += 1
                if kinds[depth - 1]:
                    expect = _KEY
                else:
                    out[to], out[to + 1] = 44, 32
                    to += 2
                    expect = _VALUE
            elif byte == closes:
                at += 1
                depth -= 1
                if kinds[depth]:
                    to = _in_order(out, begins[depth] + 1, to, members, firsts[depth], count, scratch)
                    if to < 0:
                        return -1
                    count = firsts[depth]
                out[to] = closes
                to += 1
            else:
                return -1
            continue
        if (expect == _FIRST_KEY and byte == 125) or (expect == _FIRST_VALUE and byte == 93):
            at += 1
            depth -= 1
            out[to] = byte
            to += 1
            expect = _AFTER
            continue
        if expect in (_FIRST_KEY, _KEY):
            if byte != 34:
                return -1
            members[count, 0] = to
            at, to = _string(src, at, end, out, to)
            if at < 0:
                return -1
            if to - members[count, 0] > _LONGEST_KEY:
                return -1
            members[count, 1] = to
            count += 1
            while at < end and (src[at] == 32 or src[at] == 9 or src[at] == 10 or src[at] == 13):
                at += 1
            if at == end or src[at] != 58:
                return -1
            at += 1
            out[to], out[to + 1] = 58, 32
            to += 2
            expect = _VALUE
            continue
        expect = _AFTER
        if byte == 123 or byte == 91:
            if depth == _DEEPEST:
                return -1
            kinds[depth] = byte == 123
            begins[depth] = to
            firsts[depth] = count
            depth += 1
            out[to] = byte
            to += 1
            at += 1
            expect = _FIRST_KEY if byte == 123 else _FIRST_VALUE
        elif byte == 34:
            at, to = _string(src, at, end, out, to)
        elif byte == 45 or 48 <= byte <= 57:
            at, to = _number(src, at, end, out, to)
        else:
            at, to = _word(src, at, end, out, to)
        if at < 0:
            return -1


@_compiled
def _word(src: Any, at: Any, end: Any, out: Any, to: Any) -> Any:
    for word in (b"true", b"false", b"null"):
        length = len(word)
        if at + length <= end:
            same = True
            for place in range(length):
                if src[at + place] != word[place]:
                    same = False
            if same:
                for place in range(length):
                    out[to + place] = word[place]
                return at + length, to + length
    return -1, to


@_compiled
def _number(src: Any, at: Any, end: Any, out: Any, to: Any) -> Any:
    """A whole number of 64 bits, or one with a point that is shown with the digits it has."""
    start = at
    negative = src[at] == 45
    if negative:
        at += 1
    first = at
    while at < end and 48 <= src[at] <= 57:
        at += 1
    whole = at - first
    if whole == 0 or (whole > 1 and src[first] == 48):
        return -1, to
    if at < end and (src[at] == 101 or src[at] == 69):
        return -1, to
    if at == end or src[at] != 46:
        if whole > 19 or (negative and src[first] == 48):
            return -1, to
        if whole == 19 and negative:
            value = np.uint64(0)
            for place in range(first, at):
                value = value * np.uint64(10) + np.uint64(src[place] - 48)
            if value > np.uint64(9223372036854775808):
                return -1, to
        for place in range(start, at):
            out[to] = src[place]
            to += 1
        return at, to
    point = at
    at += 1
    while at < end and 48 <= src[at] <= 57:
        at += 1
    if at == point + 1 or (at < end and (src[at] == 101 or src[at] == 69)):
        return -1, to
    last = at
    while last > point + 2 and src[last - 1] == 48:
        last -= 1
    zeros = 0
    while point + 1 + zeros < last and src[point + 1 + zeros] == 48:
        zeros += 1
    nothing = src[first] == 48 and point + 1 + zeros == last
    if whole + last - point - 1 > _MOST_DIGITS or (nothing and negative):
        return -1, to
    if src[first] == 48 and not nothing and zeros >= _SMALL:
        return -1, to
    for place in range(start, last):
        out[to] = src[place]
        to += 1
    return at, to


@_compiled
def _string(src: Any, at: Any, end: Any, out: Any, to: Any) -> Any:
    """A string in its shortest spelling; escapes that stand for characters are these."""
    out[to] = 34
    to += 1
    at += 1
    while at < end:
        byte = src[at]
        if byte == 34:
            out[to] = 34
            return at + 1, to + 1
        if byte < 32:
            return -1, to
        if byte != 92:
            out[to] = byte
            to += 1
            at += 1
            continue
        if at + 1 >= end:
            return -1, to
        mark = src[at + 1]
        at += 2
        if mark == 117:
            code = _hexadecimal(src, at, end)
            at += 4
            if 0xD800 <= code < 0xDC00:
                if at + 6 > end or src[at] != 92 or src[at + 1] != 117:
                    return -1, to
                low = _hexadecimal(src, at + 2, end)
                if low < 0xDC00 or low > 0xDFFF:
                    return -1, to
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
                at += 6
            elif code < 0 or 0xDC00 <= code < 0xE000:
                return -1, to
            to = _character(code, out, to)
        elif mark == 34 or mark == 92:
            out[to], out[to + 1] = 92, mark
            to += 2
        elif mark == 47:
            out[to] = 47
            to += 1
        elif mark == 98 or mark == 102 or mark == 110 or mark == 114 or mark == 116:
            out[to], out[to + 1] = 92, mark
            to += 2
        else:
            return -1, to
    return -1, to


@_compiled
def _hexadecimal(src: Any, at: Any, end: Any) -> Any:
    if at + 4 > end:
        return -1
    code = 0
    for place in range(at, at + 4):
        byte = src[place]
        if 48 <= byte <= 57:
            code = code * 16 + byte - 48
        elif 65 <= byte <= 70 or 97 <= byte <= 102:
            code = code * 16 + (byte & 7) + 9
        else:
            return -1
    return code


@_compiled
def _character(code: Any, out: Any, to: Any) -> Any:
    """Write a code point as MySQL shows it in a string."""
    if code == 34 or code == 92:
        out[to], out[to + 1] = 92, code
        return to + 2
    short = 0
    if code == 8:
        short = 98
    elif code == 9:
        short = 116
    elif code == 10:
        short = 110
    elif code == 12:
        short = 102
    elif code == 13:
        short = 114
    if short:
        out[to], out[to + 1] = 92, short
        return to + 2
    if code < 32:
        out[to], out[to + 1], out[to + 2], out[to + 3] = 92, 117, 48, 48
        out[to + 4] = 48 + (code >> 4)
        low = code & 15
        out[to + 5] = 48 + low if low < 10 else 87 + low
        return to + 6
    if code < 0x80:
        out[to] = code
        return to + 1
    if code < 0x800:
        out[to], out[to + 1] = 0xC0 | code >> 6, 0x80 | code & 63
        return to + 2
    if code < 0x10000:
        out[to], out[to + 1], out[to + 2] = 0xE0 | code >> 12, 0x80 | code >> 6 & 63, 0x80 | code & 63
        return to + 3
    out[to], out[to + 1] = 0xF0 | code >> 18, 0x80 | code >> 12 & 63
    out[to + 2], out[to + 3] = 0x80 | code >> 6 & 63, 0x80 | code & 63
    return to + 4


@_compiled
def _order(out: Any, members: Any, a: Any, b: Any) -> Any:
    """Less than 0 when member a's key comes before b's: the shorter one, then by bytes; 0 when they are the same."""
    start_a, start_b = members[a, 0], members[b, 0]
    length_a, length_b = members[a, 1] - start_a, members[b, 1] - start_b
    if length_a != length_b:
        return length_a - length_b
    for place in range(length_a):
        if out[start_a + place] != out[start_b + place]:
            return np.int64(out[start_a + place]) - np.int64(out[start_b + place])
    return np.int64(0)


@_compiled
def _in_order(out: Any, begin: Any, end: Any, members: Any, first: Any, last: Any, scratch: Any) -> Any:
    """Put an object's members in MySQL's order, the last of each key; gives its end, -1 when keys have escapes."""
    count = last - first
    for number in range(first, last):
        for place in range(members[number, 0], members[number, 1]):
            if count > 1 and out[place] == 92:
                return np.int64(-1)
    order = np.arange(first, last)
    gap = count // 2
    while gap:
        for i in range(gap, count):
            held = order[i]
            j = i
            while j >= gap:
                other = order[j - gap]
                found = _order(out, members, other, held)
                if found < 0 or (found == 0 and other < held):
                    break
                order[j] = other
                j -= gap
            order[j] = held
        gap //= 2
    at = 0
    for i in range(count):
        if i + 1 < count and _order(out, members, order[i], order[i + 1]) == 0:
            continue
        if at:
            scratch[at], scratch[at + 1] = 44, 32
            at += 2
        for place in range(members[order[i], 0], members[order[i], 2]):
            scratch[at] = out[place]
            at += 1
    for place in range(at):
        out[begin + place] = scratch[place]
    return begin + at
