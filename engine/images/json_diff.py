"""MySQL's partial JSON updates: differences in binary form, applied to a document's canonical text in a compiled loop.

A document's text has one spelling, so what a difference does not touch stays byte for byte, and what it brings is
written as the server would. Sources: `Json_diff_vector::read_binary`, `apply_json_diffs` and `Json_path::to_string` of
the MySQL source.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.images.columns import Cells, read_bytes
from engine.images.json_binary import DEEPEST, put_document
from engine.images.kernels import Bytes, Lengths, Places, compiled
from engine.results.doubles import double_text

APPLIED, REJECTED, NO_ROOM = range(3)

_REPLACE, _INSERT, _REMOVE = range(3)
_MEMBER, _CELL, _FROM_LAST, _NO_LEG = range(4)
_NOTHING = np.empty(0, np.uint8)


class Rejected(ValueError):
    """A difference does not fit the document it is meant for."""


@compiled
def _copy(out: Bytes, to: int, source: Bytes, start: int, end: int) -> Any:
    if to + end - start <= out.shape[0]:
        for i in range(end - start):
            out[np.uint64(to + i)] = source[np.uint64(start + i)]
    return to + end - start


@compiled
def _put(out: Bytes, to: int, byte: int) -> Any:
    if to < out.shape[0]:
        out[to] = byte
    return to + 1


@compiled
def _skip_string(text: Bytes, at: int, end: int) -> Any:
    """The place behind a string's closing quote, or -1."""
    at += 1
    while at < end:
        byte = text[np.uint64(at)]
        if byte == 34:
            return at + 1
        at += 2 if byte == 92 else 1
    return -1


@compiled
def _skip_value(text: Bytes, at: int, end: int) -> Any:
    """The place behind a value, or -1."""
    if at >= end:
        return -1
    depth = 0
    while at < end:
        byte = text[np.uint64(at)]
        if byte == 34:
            at = _skip_string(text, at, end)
            if at < 0:
                return -1
            if depth == 0:
                return at
            continue
        if byte == 123 or byte == 91:
            depth += 1
        elif byte == 125 or byte == 93:
            if depth == 0:
                return at
            depth -= 1
            if depth == 0:
                return at + 1
        elif byte == 44 and depth == 0:
            return at
        at += 1
    return at if depth == 0 else -1


@compiled
def _unescape(text: Bytes, at: int) -> tuple[Any, Any]:
    """The byte that a string has at a place, and the place of the next."""
    byte = np.int64(text[np.uint64(at)])
    if byte != 92:
        return byte, at + 1
    byte = np.int64(text[np.uint64(at + 1)])
    if byte == 98:
        return np.int64(8), at + 2
    if byte == 116:
        return np.int64(9), at + 2
    if byte == 110:
        return np.int64(10), at + 2
    if byte == 102:
        return np.int64(12), at + 2
    if byte == 114:
        return np.int64(13), at + 2
    if byte == 117:
        value = np.int64(0)
        for i in range(4, 6):
            digit = np.int64(text[np.uint64(at + i)])
            value = value << 4 | (digit - 48 if digit < 58 else (digit | 32) - 87)
        return value, at + 6
    return byte, at + 2


@compiled
def _compare_keys(left: Bytes, a: int, a_end: int, right: Bytes, b: int, b_end: int) -> Any:
    """Order of two members' names as MySQL keeps them: the shorter first, then by bytes."""
    lengths = 0
    at = a
    while at < a_end:
        _, at = _unescape(left, at)
        lengths += 1
    at = b
    while at < b_end:
        _, at = _unescape(right, at)
        lengths -= 1
    if lengths:
        return lengths
    while a < a_end and b < b_end:
        one, a = _unescape(left, a)
        other, b = _unescape(right, b)
        if one != other:
            return one - other
    return 0


@compiled
def _next_leg(path: Bytes, at: int, end: int) -> tuple[Any, Any, Any, Any]:
    """Read a leg of a path: its kind, name begin and end (a cell: its number, 0), and the next place."""
    none = np.int64(0)
    if at + 1 >= end:
        return _NO_LEG, none, none, at
    if path[np.uint64(at)] == 46:
        at += 1
        if path[np.uint64(at)] == 34:
            close = _skip_string(path, at, end)
            if close < 0:
                return _NO_LEG, none, none, at
            return _MEMBER, np.int64(at + 1), np.int64(close - 1), close
        start = at
        while at < end and path[np.uint64(at)] != 46 and path[np.uint64(at)] != 91:
            at += 1
        return _MEMBER, np.int64(start), np.int64(at), at
    if path[np.uint64(at)] != 91:
        return _NO_LEG, none, none, at
    at += 1
    kind = _CELL
    if path[np.uint64(at)] == 108:  # last, or last-N
        kind = _FROM_LAST
        at += 4
        if at < end and path[np.uint64(at)] == 45:
            at += 1
    number = np.int64(0)
    while at < end and path[np.uint64(at)] >= 48 and path[np.uint64(at)] <= 57 and number < 1 << 40:
        number = number * 10 + np.int64(path[np.uint64(at)]) - 48
        at += 1
    if at >= end or path[np.uint64(at)] != 93:
        return _NO_LEG, none, none, at
    return kind, number, none, at + 1


@compiled
def _find_member(
    text: Bytes, at: int, end: int, path: Bytes, name: int, name_end: int
) -> tuple[bool, Any, Any, Any, bool]:
    """Find a member of the object at `at`: found, its begin, its value's begin and end, whether one is before it.

    When it is not there, its begin is where it belongs.
    """
    none = np.int64(-1)
    at += 1
    first = True
    while at < end and text[np.uint64(at)] == 34:
        key_end = _skip_string(text, at, end)
        if key_end < 0:
            return False, none, none, none, False
        value_end = _skip_value(text, key_end + 2, end)
        if value_end < 0:
            return False, none, none, none, False
        order = _compare_keys(path, name, name_end, text, at + 1, key_end - 1)
        if order == 0:
            return True, np.int64(at), np.int64(key_end + 2), np.int64(value_end), not first
        if order < 0:
            return False, np.int64(at), none, none, not first
        first = False
        at = value_end
        if text[np.uint64(at)] == 44:
            at += 2
    return False, np.int64(at), none, none, not first


@compiled
def _find_cell(text: Bytes, at: int, end: int, number: int, from_last: bool) -> tuple[bool, Any, Any, Any, Any]:
    """Find an element of the array at `at`: found, its begin and end, its number, how many there are.

    When it is not there, begin and number are those of the end of the array that is nearer to it.
    """
    size = np.int64(0)
    place = at + 1
    if text[np.uint64(place)] != 93:
        while True:
            place = _skip_value(text, place, end)
            if place < 0:
                return False, np.int64(-1), np.int64(-1), size, size
            size += 1
            if place >= end or text[np.uint64(place)] != 44:
                break
            place += 2
    wanted = size - 1 - number if from_last else np.int64(number)
    if wanted < 0:
        return False, np.int64(at + 1), np.int64(at + 1), np.int64(0), size
    if wanted >= size:
        return False, np.int64(place), np.int64(place), size, size
    place = at + 1
    for _ in range(wanted):
        place = _skip_value(text, place, end) + 2
    return True, np.int64(place), np.int64(_skip_value(text, place, end)), wanted, size


@compiled
def _seek(text: Bytes, at: int, end: int, path: Bytes, leg: int, stop: int) -> tuple[Any, Any]:
    """Follow the legs path[leg:stop] from the value text[at:end]; gives begin and end of where they lead, or -1."""
    while leg < stop:
        kind, name, name_end, leg = _next_leg(path, leg, stop)
        opening = text[np.uint64(at)]
        if kind == _MEMBER and opening == 123:
            found, _, at, end, _ = _find_member(text, at, end, path, name, name_end)
        elif (kind in (_CELL, _FROM_LAST)) and opening == 91:
            found, at, end, _, _ = _find_cell(text, at, end, name, kind == _FROM_LAST)
        else:
            return np.int64(-1), np.int64(-1)
        if not found:
            return np.int64(-1), np.int64(-1)
    return np.int64(at), np.int64(end)


@compiled
def _read_length(data: Bytes, at: int, end: int) -> tuple[Any, Any]:
    if at >= end:
        return np.int64(-1), at
    first = np.int64(data[np.uint64(at)])
    if first < 251:
        return first, at + 1
    width = 2 if first == 252 else 3 if first == 253 else 8
    if at + 1 + width > end or first == 251 or first == 255:
        return np.int64(-1), at
    value = np.int64(0)
    for i in range(width):
        value |= np.int64(data[np.uint64(at + 1 + i)]) << (8 * i)
    return value, at + 1 + width


@compiled
def _next_difference(data: Bytes, at: int, end: int) -> tuple[Any, Any, Any, Any, Any]:
    """Read one difference: operation, path begin and end, value begin and end; operation -1 when it is cut short."""
    bad = np.int64(-1)
    operation = np.int64(data[np.uint64(at)])
    length, at = _read_length(data, at + 1, end)
    if operation > _REMOVE or length < 1 or at + length > end or data[np.uint64(at)] != 36:
        return bad, bad, bad, bad, bad
    path, path_end = np.int64(at), np.int64(at + length)
    at += length
    if operation == _REMOVE:
        return operation, path, path_end, path_end, path_end
    length, at = _read_length(data, at, end)
    if length < 0 or at + length > end:
        return bad, bad, bad, bad, bad
    return operation, path, path_end, np.int64(at), np.int64(at + length)


@compiled
def _apply_all(
    data: Bytes,
    offsets: npt.NDArray[np.int32],
    documents: Bytes,
    begins: Places,
    lengths: Lengths,
    earlier: Places,
    found: npt.NDArray[np.float64],
    digits: Bytes,
    starts: Places,
    sizes: Lengths,
    out: Bytes,
    out_at: Places,
    out_lengths: Lengths,
    collect: bool,
) -> tuple[Any, Any]:
    """Apply row after row; with `collect` only gather the doubles of the new values. Gives how it ended and a count.

    A row's document is documents[begins:][:lengths], or the outcome of an `earlier` row unless that is -1.
    """
    stack = np.empty((DEEPEST + 1, 5), np.int64)
    count = np.int64(0)
    to = np.int64(0)
    room = out.shape[0]
    for row in range(offsets.shape[0] - 1):
        if not collect:
            begin = to
            if earlier[row] >= 0:
                source = out_at[earlier[row]]
                to = _copy(out, to, out, source, source + out_lengths[earlier[row]])
            else:
                to = _copy(out, to, documents, begins[row], begins[row] + lengths[row])
            if to > room:
                return NO_ROOM, count
        end = np.int64(offsets[row + 1])
        at = np.int64(offsets[row])
        while at < end:
            operation, path, path_end, value, value_end = _next_difference(data, at, end)
            if operation < 0:
                return REJECTED, count
            at = value_end
            if collect:
                if operation != _REMOVE:
                    size, count = put_document(
                        out, 0, data, value, value_end, stack, found, count, digits, starts, sizes
                    )
                    if size < 0:
                        return REJECTED, count
                continue
            stop = to  # the document so far is out[begin:stop]
            last = path + 1
            leg = path + 1
            while leg < path_end:
                last = leg
                kind, name, name_end, leg = _next_leg(data, leg, path_end)
                if kind == _NO_LEG:
                    return REJECTED, count
            if last >= path_end:
                return REJECTED, count
            kind, name, name_end, _ = _next_leg(data, last, path_end)
            # The container, and in it the place: out[cut:keep] goes, `before` and `after` say where commas are needed.
            parent, parent_end = _seek(out, begin, stop, data, path + 1, last)
            if parent < 0:
                return REJECTED, count
            cut = np.int64(-1)
            keep = np.int64(-1)
            comma_before = False
            comma_after = False
            named = False
            if kind == _MEMBER:
                if out[np.uint64(parent)] != 123:
                    return REJECTED, count
                there, cut, inner, keep, after_another = _find_member(out, parent, parent_end, data, name, name_end)
                if cut < 0 or there == (operation == _INSERT):
                    return REJECTED, count
                if operation == _REPLACE:
                    cut = inner
                elif operation == _INSERT:
                    keep = cut
                    named = True
                    comma_after = out[np.uint64(cut)] != 125
                    comma_before = after_another and not comma_after
            else:
                if out[np.uint64(parent)] != 91:
                    return REJECTED, count
                there, cut, keep, number, size = _find_cell(out, parent, parent_end, name, kind == _FROM_LAST)
                if cut < 0 or (operation != _INSERT and not there):
                    return REJECTED, count
                after_another = number > 0
                if operation == _INSERT:
                    keep = cut
                    comma_after = number < size
                    comma_before = number == size and size > 0
            if operation == _REMOVE:  # the comma goes with it
                if out[np.uint64(keep)] == 44:
                    keep += 2
                elif after_another:
                    cut -= 2
            to = _copy(out, to, out, begin, cut)
            if comma_before:
                to = _put(out, to, 44)
                to = _put(out, to, 32)
            if named:
                to = _put(out, to, 34)
                to = _copy(out, to, data, name, name_end)
                to = _put(out, to, 34)
                to = _put(out, to, 58)
                to = _put(out, to, 32)
            if operation != _REMOVE:
                to, count = put_document(out, to, data, value, value_end, stack, found, count, digits, starts, sizes)
                if to < 0:
                    return REJECTED, count
            if comma_after:
                to = _put(out, to, 44)
                to = _put(out, to, 32)
            to = _copy(out, to, out, keep, stop)
            if to > room:
                return NO_ROOM, count
            begin = stop
        if not collect:
            out_at[row] = begin
            out_lengths[row] = to - begin
    return APPLIED, count


def apply_differences(differences: pa.Array, documents: pa.Array, base: Places, earlier: Places) -> pa.Array:
    """Give the documents after their differences. Raises Rejected.

    Row i's document is `documents[base[i]]`, or when `earlier[i]` is not -1 the outcome of that earlier row.
    """
    rows = len(differences)
    if not rows:
        return pa.array([], pa.string())
    offsets, data = _parts(differences)
    text_offsets, texts = _parts(documents)
    picked = np.where(earlier >= 0, 0, base)
    if documents.null_count and bool(np.asarray(documents.take(pa.array(picked[earlier < 0])).is_null()).any()):
        raise Rejected("a JSON difference for a document that is NULL")
    begins = text_offsets[picked].astype(np.int64) if len(documents) else np.zeros(rows, np.int64)
    lengths = np.diff(text_offsets)[picked].astype(np.int32) if len(documents) else np.zeros(rows, np.int32)
    out_at, out_lengths = np.zeros(rows, np.int64), np.zeros(rows, np.int32)
    no_places, no_sizes, no_doubles = np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.float64)
    fixed = (data, offsets, texts, begins, lengths, earlier)
    status, count = _apply_all(*fixed, no_doubles, _NOTHING, no_places, no_sizes, _NOTHING, out_at, out_lengths, True)
    digits, starts, sizes = _NOTHING, no_places, no_sizes
    if status == APPLIED and count:
        found = np.empty(count, np.float64)
        _apply_all(*fixed, found, _NOTHING, no_places, no_sizes, _NOTHING, out_at, out_lengths, True)
        values = double_text(pa.array(found), 31, False)
        digits, starts, sizes = values.data, values.starts, values.lengths
    room = int(lengths.sum(dtype=np.int64)) * 2 + len(data) * 4 + 1024
    out = _NOTHING
    while status in (APPLIED, NO_ROOM):
        out = np.empty(room, np.uint8)
        status, _ = _apply_all(*fixed, no_doubles, digits, starts, sizes, out, out_at, out_lengths, False)
        if status == APPLIED:
            break
        room *= 2
    if status != APPLIED:
        raise Rejected("a JSON difference that does not fit the stored document")
    null = np.zeros(rows, np.uint8)
    return read_bytes(Cells(out, out_at, out_lengths, null), "JSON").cast(pa.string())


def _parts(array: pa.Array) -> tuple[npt.NDArray[np.int32], Bytes]:
    """Offsets from the array's first element on, and all bytes."""
    _, offsets, data = array.buffers()
    places = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4)
    return places, np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
