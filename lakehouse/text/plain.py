"""Text in columns that is what it seems: each field of its column's simplest form, on one line and with no escape.

Compiled code that walks over the bytes of a file says whether that is so. What passes is read by any reader alike, so
that the column store may read it straight into types. What does not pass may be in order all the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

WHOLE, DECIMAL, DOUBLE, DATE, MOMENT, CHARACTERS, BYTES, PADDED = range(8)
# WHOLE: -?[1-9]\d*|0. DECIMAL: of `most` digits behind the point, or fewer. DOUBLE: digits, with or without a point.
# DATE: dddd-dd-dd, from year 1 on. MOMENT: that, a space and dd:dd:dd of a day, with up to `most` decimals. CHARACTERS
# and BYTES: text of at most `most`. PADDED: `most` characters that do not end with a space.
TRAILING = 255  # in `Seen`, for a byte that no UTF-8 has: some text ends with a space

Seen = npt.NDArray[np.bool_]  # by column and byte: whether it occurs in texts

_LONGEST_NUMBER = 300  # digits of a DOUBLE that is finite for certain
LF, CRLF = 1, 2  # how records end
_FIELD, _LINE, _OTHER = 1, 2, 3  # what a byte is in a text: its end, the record's, one that makes it not plain
_TAKEN = frozenset("+-.: \r\n\0")

_ONE = np.uint64(1)  # unsigned places are not tested for negative ones

_compiled: Callable[[Any], Any] = numba.njit(cache=True, nogil=True)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a column's fields have to look like."""

    kind: int
    most: int = 0
    nullable: bool = True
    unsigned: bool = False


@dataclass(frozen=True, slots=True)
class Marks:
    """What has a meaning in the text: one character each, "" for none; `nulls` stand for NULL when they are a field."""

    delimiter: str
    quote: str
    escape: str
    nulls: Sequence[str]
    skipped: int  # lines before the first record

    @property
    def are_simple(self) -> bool:
        """Tell whether no mark can be a part of a number or a moment, or of one of the others."""
        one = (self.delimiter, self.quote, self.escape)
        if not self.delimiter or self.delimiter in one[1:]:
            return False
        if any(mark and (len(mark) > 1 or not mark.isascii() or mark.isalnum() or mark in _TAKEN) for mark in one):
            return False
        return not any({self.delimiter, "\r", "\n"} & set(null) for null in self.nulls)


class Walk:
    """What looks at records; for several threads at once, each with its own `seen`."""

    def __init__(self, shapes: Sequence[Shape], marks: Marks) -> None:
        self._table = np.array([(s.kind, s.most, s.nullable, s.unsigned) for s in shapes], np.int64)
        nulls = [text.encode() for text in marks.nulls]
        self._nulls = np.frombuffer(b"".join(nulls), np.uint8)
        self._null_ends = np.cumsum([len(text) for text in nulls])
        self._roles = _roles(marks)
        self._quote = ord(marks.quote) if marks.quote else -1

    def nothing(self) -> Seen:
        """What has been seen before the first record."""
        return np.zeros((len(self._table), 256), np.bool_)

    def is_plain(self, data: bytes, start: int, end: int, ending: int, seen: Seen) -> bool:
        """Tell whether the records between two places of `data` are plain and end as `ending` says, the last one too,
        and note in `seen` the bytes of their texts."""
        part = np.frombuffer(data, np.uint8, end - start, start)
        told = self._nulls, self._null_ends
        return bool(_walk(part, self._table, self._roles, *told, seen, self._quote, ending) >= 0)


def warm_up() -> None:
    """Have the compiled code ready."""
    table, nothing = np.zeros((1, 4), np.int64), np.zeros(0, np.int64)
    seen = np.zeros((1, 256), np.bool_)
    roles = _roles(Marks(",", "", "", (), 0))
    _walk(np.frombuffer(b"1\n", np.uint8), table, roles, np.frombuffer(b"", np.uint8), nothing, seen, -1, 0)


def _roles(marks: Marks) -> npt.NDArray[np.uint8]:
    roles = np.zeros(256, np.uint8)
    for byte in (0, ord("\r"), *marks.quote.encode(), *marks.escape.encode()):
        roles[byte] = _OTHER
    roles[ord(marks.delimiter)], roles[ord("\n")] = _FIELD, _LINE
    return roles


@_compiled
def _walk(
    data: npt.NDArray[np.uint8],
    shapes: npt.NDArray[np.int64],
    roles: npt.NDArray[np.uint8],
    nulls: npt.NDArray[np.uint8],
    null_ends: npt.NDArray[np.int64],
    seen: Seen,
    quote: int,
    ending: int,
) -> int:
    """Give how all of some records end, with a line feed in any case; -1 when they are not plain.

    `ending` is how those before did, 0 when there were none.
    """
    at, size, width = 0, len(data), len(shapes)
    while at < size:
        for column in range(width):
            kind, most, nullable = shapes[column, 0], shapes[column, 1], shapes[column, 2]
            wanted = _LINE if column == width - 1 else _FIELD
            end = _null(data, at, roles, nulls, null_ends)
            if end >= 0:
                if not nullable or (end == at and width == 1):
                    return -1
                at = end
            elif kind >= CHARACTERS:
                start, characters = at, 0
                is_quoted = data[at] == quote
                at += is_quoted
                inside, here, row = at, np.uint64(at), seen[column]
                while True:
                    byte = data[here]
                    if roles[byte]:
                        if is_quoted and byte == quote and data[here + _ONE] == quote:
                            here += _ONE  # it is doubled
                            inside += 1
                        elif not (is_quoted and roles[byte] == _FIELD):
                            break
                    row[byte] = True
                    characters += (byte & 0xC0) != 0x80
                    here += _ONE
                at = int(np.int64(here))
                if (at - inside if kind == BYTES else characters) > most:
                    return -1
                if characters and data[at - 1] == 0x20:
                    if kind == PADDED:
                        return -1
                    row[TRAILING] = True
                if is_quoted:
                    if data[at] != quote:
                        return -1
                    at += 1
                if at == start and width == 1:
                    return -1  # readers differ in what an empty line is
            elif kind <= DOUBLE:
                at = _number(data, at, kind, most, shapes[column, 3])
            else:
                at = _moment(data, at, kind, most)
            if at < 0:
                return -1
            if wanted == _LINE:
                own = LF
                if data[at] == 0x0D:
                    own = CRLF
                    at += 1
                if ending not in (0, own):
                    return -1
                ending = own
            if roles[data[at]] != wanted:
                return -1
            at += 1
    return ending


@_compiled
def _null(
    data: npt.NDArray[np.uint8],
    at: int,
    roles: npt.NDArray[np.uint8],
    nulls: npt.NDArray[np.uint8],
    null_ends: npt.NDArray[np.int64],
) -> int:
    """Where a field ends that stands for NULL; -1 when it does not."""
    start = 0
    for end in null_ends:
        length = int(end) - start
        if at + length < len(data) and (not length or data[at] == nulls[start]):
            same = True
            for place in range(length):
                if data[at + place] != nulls[start + place]:
                    same = False
                    break
            after = data[at + length]
            if same and (roles[after] == _FIELD or roles[after] == _LINE or after == 0x0D):
                return at + length
        start = int(end)
    return -1


@_compiled
def _digits(data: npt.NDArray[np.uint8], at: int) -> int:
    here = np.uint64(at)
    while 0x30 <= data[here] <= 0x39:  # a line feed ends them at the latest
        here += _ONE
    return int(np.int64(here))


@_compiled
def _number(data: npt.NDArray[np.uint8], at: int, kind: int, most: int, unsigned: int) -> int:
    """Where a number ends; -1 when it is not plain."""
    start = at
    if data[at] == 0x2D:
        if unsigned:
            return -1
        at += 1
    first = at
    at = _digits(data, at)
    if at == first or (data[first] == 0x30 and (at > first + 1 or (kind == WHOLE and first > start))):
        return -1
    if kind != WHOLE and data[at] == 0x2E:
        point = at
        at = _digits(data, at + 1)
        if at == point + 1 or (kind == DECIMAL and at - point - 1 > most):
            return -1
    return at if at - first <= _LONGEST_NUMBER else -1


@_compiled
def _moment(data: npt.NDArray[np.uint8], at: int, kind: int, most: int) -> int:
    """Where a date, or a date and a time of the day, ends; -1 when it is not plain. Whether there is such a day is not
    looked at."""
    if len(data) < at + (11 if kind == DATE else 20):
        return -1
    year = 0
    for place in range(10):
        byte = data[at + place]
        if place == 4 or place == 7:
            if byte != 0x2D:
                return -1
        elif not 0x30 <= byte <= 0x39:
            return -1
        elif place < 4:
            year += byte - 0x30
    if not year:
        return -1
    at += 10
    if kind == DATE:
        return at
    if data[at] != 0x20:
        return -1
    for part in range(3):
        tens, ones = data[at + 1], data[at + 2]
        if not (0x30 <= tens <= 0x39 and 0x30 <= ones <= 0x39):
            return -1
        if (tens - 0x30) * 10 + ones - 0x30 > (23 if part == 0 else 59):
            return -1
        at += 3
        if part < 2 and data[at] != 0x3A:
            return -1
    if data[at] == 0x2E:
        point = at
        at = _digits(data, at + 1)
        if at == point + 1 or at - point - 1 > most:
            return -1
    return at
