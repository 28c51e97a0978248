"""The bytes of protocol buffers, as far as reading and shortening an ONNX model needs them."""

import re
from collections.abc import Iterator

from automl.stored.parts import BadModel

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
Value = int | memoryview
_MOST_VARINT = 10
# Runs of an attribute's numbers (fields 7 and 8 of AttributeProto), which are millions in a model of trees.
_RUN = re.compile(rb"(?:\x3d[\x00-\xff]{4}|\x40[\x80-\xff]{0,9}[\x00-\x7f])++", re.DOTALL)


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    found, shift = 0, 0
    for step in range(_MOST_VARINT):
        if place + step >= len(data):
            break
        byte = data[place + step]
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found, place + step + 1
        shift += 7
    raise BadModel("its bytes are no ONNX")


def fields(data: memoryview, skip_numbers: bool = False) -> Iterator[tuple[int, int, Value, memoryview]]:
    """Yield a message's fields: number, kind, value (a number, or bytes), and the field's own bytes.

    Args:
        skip_numbers: pass over the numbers of an attribute.

    Raises:
        BadModel: it is no message.
    """
    place, end = 0, len(data)
    while place < end:
        if skip_numbers and data[place] in (0x3D, 0x40) and (run := _RUN.match(data, place)):
            place = run.end()
            continue
        begin = place
        tag, place = _varint(data, place)
        number, kind = tag >> 3, tag & 7
        value: Value
        if kind == VARINT:
            value, place = _varint(data, place)
        elif kind == BYTES:
            length, place = _varint(data, place)
            value = data[place : place + length]
            place += length
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
            value = data[place : place + length]
            place += length
        else:
            raise BadModel("its bytes are no ONNX")
        if place > end or not number:
            raise BadModel("its bytes are no ONNX")
        yield number, kind, value, data[begin:place]


def text(value: Value) -> str:
    """Read a field that is a text. Raises BadModel."""
    if isinstance(value, int):
        raise BadModel("its bytes are no ONNX")
    try:
        return bytes(value).decode()
    except UnicodeDecodeError:
        raise BadModel("a name in it is no UTF-8") from None


def inner(value: Value) -> memoryview:
    """Read a field that is a message. Raises BadModel."""
    if isinstance(value, int):
        raise BadModel("its bytes are no ONNX")
    return value


def whole(value: Value) -> int:
    """Read a field that is a whole number, negative ones too. Raises BadModel."""
    if not isinstance(value, int):
        raise BadModel("its bytes are no ONNX")
    return value - (1 << 64) if value >= 1 << 63 else value


def numbers(kind: int, value: Value) -> list[int]:
    """Read whole numbers of a repeated field, alone or packed."""
    if kind == VARINT:
        return [whole(value)]
    packed, place, found = inner(value), 0, []
    while place < len(packed):
        each, place = _varint(packed, place)
        found.append(whole(each))
    return found


def written_varint(value: int) -> bytes:
    """Write a whole number that is not negative."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def written(number: int, value: bytes) -> bytes:
    """Write a field of bytes."""
    return written_varint(number << 3 | BYTES) + written_varint(len(value)) + value
