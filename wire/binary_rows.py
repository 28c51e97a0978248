"""A row of the binary protocol from values as text: for the few rows that are put together by hand. Sans-IO."""

import re
from collections.abc import Sequence
from struct import pack

from base.errors import MalformedPacket
from wire.constants import FieldFlag, FieldType
from wire.integers import build_lenenc_bytes
from wire.responses import ColumnDefinition

_SIZES = {
    FieldType.TINY: "b",
    FieldType.SHORT: "h",
    FieldType.YEAR: "H",
    FieldType.INT24: "i",
    FieldType.LONG: "i",
    FieldType.LONGLONG: "q",
}
_MOMENT = re.compile(rb"(\d{4})-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?")
_TIME = re.compile(rb"(-?)(\d+):(\d\d):(\d\d)(?:\.(\d{1,6}))?")
_MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME, FieldType.TIMESTAMP})


def build_binary_row(row: Sequence[bytes | None], definitions: Sequence[ColumnDefinition]) -> bytes:
    """Write one row. Raises MalformedPacket for a value that is none of its column's type."""
    nulls = bytearray((len(row) + 9) // 8)
    parts = []
    for number, (value, definition) in enumerate(zip(row, definitions, strict=True), 2):
        if value is None:
            nulls[number >> 3] |= 1 << (number & 7)
        else:
            parts.append(_value(value, definition))
    return b"\0" + bytes(nulls) + b"".join(parts)


def _value(value: bytes, definition: ColumnDefinition) -> bytes:
    kind = definition.type
    if kind in _SIZES:
        code = _SIZES[FieldType(kind)]
        return pack("<" + (code.upper() if definition.flags & FieldFlag.UNSIGNED else code), int(value))
    if kind in (FieldType.FLOAT, FieldType.DOUBLE):
        return pack("<f" if kind == FieldType.FLOAT else "<d", float(value))
    if kind in _MOMENTS:
        return _moment(value)
    if kind == FieldType.TIME:
        return _time(value)
    return build_lenenc_bytes(value)


def _moment(value: bytes) -> bytes:
    found = _MOMENT.fullmatch(value)
    if found is None:
        raise MalformedPacket("date in a row")
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    micros = int((found[7] or b"").ljust(6, b"0"))
    if micros:
        return pack("<BHBBBBBI", 11, year, month, day, hour, minute, second, micros)
    if hour or minute or second:
        return pack("<BHBBBBB", 7, year, month, day, hour, minute, second)
    return pack("<BHBB", 4, year, month, day) if year or month or day else b"\0"


def _time(value: bytes) -> bytes:
    found = _TIME.fullmatch(value)
    if found is None:
        raise MalformedPacket("time in a row")
    hours, minutes, seconds = (int(part) for part in found.groups()[1:4])
    micros = int((found[5] or b"").ljust(6, b"0"))
    head = pack("<BIBBB", found[1] == b"-", hours // 24, hours % 24, minutes, seconds)
    if micros:
        return b"\x0c" + head + pack("<I", micros)
    return b"\x08" + head if hours or minutes or seconds else b"\0"
