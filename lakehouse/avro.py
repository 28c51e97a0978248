"""Avro's container, walked block by block: the column store reads a file that is cut short as far as it goes.

Source: "Object Container Files" of the Avro specification, version 1.11.
"""

from base.errors import LakeError
from lakehouse.places import Found, Places

_MAGIC = b"Obj\x01"
_SYNC = 16  # bytes of the mark behind the header and each block
_HEAD = 20  # bytes that hold the two numbers before a block
_LARGEST_HEADER = 16 << 20


def require_whole_avro(places: Places, found: Found) -> None:
    """Refuse a file whose blocks do not end where it ends. Raises LakeError."""
    try:
        at, mark = _header(places, found)
        while at < found.size:
            data = places.read(found, at, _HEAD)
            _, used = _number(data, 0)
            size, used = _number(data, used)
            end = at + used + size
            if size < 0 or end + _SYNC > found.size or places.read(found, end, _SYNC) != mark:
                raise ValueError
            at = end + _SYNC
    except (ValueError, IndexError):
        raise LakeError(f"{found.shown} is no Avro file, or is cut short") from None


def _header(places: Places, found: Found) -> tuple[int, bytes]:
    """Where the first block begins, and the mark; raises ValueError and IndexError."""
    data = places.read(found, 0, min(found.size, _LARGEST_HEADER))
    if not data.startswith(_MAGIC):
        raise ValueError
    at = len(_MAGIC)
    while (count := _number(data, at))[0]:  # a map: counted runs of keys and values, and an empty one
        pairs, at = count
        if pairs < 0:
            pairs, (_, at) = -pairs, _number(data, at)
        for _ in range(2 * pairs):
            length, at = _number(data, at)
            at += length
    at = count[1]
    mark = data[at : at + _SYNC]
    if len(mark) < _SYNC:
        raise ValueError
    return at + _SYNC, mark


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A long, zigzag in groups of seven bits; raises IndexError at the end of the data."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return (value >> 1) ^ -(value & 1), at
