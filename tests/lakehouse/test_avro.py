"""Avro's container: blocks of every size walked, and files made to hold a reader up refused at once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from base.errors import LakeError
from lakehouse.avro import require_whole_avro
from lakehouse.entries import read_entries
from lakehouse.places import Places

Make = Callable[..., Places]
MARK = b"m" * 16
SCHEMA = b'{"type": "record", "name": "r", "fields": [{"name": "a", "type": "bytes"}]}'


def long(value: int) -> bytes:
    """A number as Avro writes it."""
    value, out = value << 1 ^ value >> 63, b""
    while value > 0x7F:
        value, out = value >> 7, out + bytes([value & 0x7F | 0x80])
    return out + bytes([value])


def header(pairs: int = 1) -> bytes:
    """The head of a file; `pairs` is what it says of its own length."""
    return b"Obj\x01" + long(pairs) + long(11) + b"avro.schema" + long(len(SCHEMA)) + SCHEMA + long(0) + MARK


def block(size: int, said: int | None = None, count: int = 1) -> bytes:
    """A block of so many bytes."""
    return long(count) + long(size if said is None else said) + b"x" * size + MARK


def look(places: Places, path: Path, content: bytes) -> bytes:
    path.write_bytes(content)
    (found,) = places.resolve(read_entries([{"uri": str(path)}]))
    return require_whole_avro(places, found)


SIZES = ([], [0], [1] * 5000, [70_000, 3, 200_000, 65_520, 65_519, 65_536], [65_000, 490, 1, 40, 90_000, 0, 0])


@pytest.mark.parametrize("sizes", SIZES)
def test_blocks_of_any_size_are_walked(places: Make, lake: Path, sizes: list[int]) -> None:
    whole = header() + b"".join(map(block, sizes))
    assert look(places(), lake / "a.avro", whole) == SCHEMA
    for cut in {1, 16, 17, 20, 40} if sizes else ():
        with pytest.raises(LakeError, match="cut short"):
            look(places(), lake / "a.avro", whole[:-cut])


@pytest.mark.parametrize(
    "content",
    [
        b"Obj\x01" + b"\xff" * (4 << 20),  # one number, of which every byte makes the arithmetic slower
        b"Obj\x01" + long(1 << 60) + b"\0" * (4 << 20),
        header(1 << 40),
        header() + block(5, 1 << 61),
        header() + block(5, -3),
        header() + long(1) + b"\x80" * 200_000,
        header() + block(5)[:-1] + b"n",
    ],
)
def test_what_would_hold_a_reader_up_is_refused(places: Make, lake: Path, content: bytes) -> None:
    with pytest.raises(LakeError, match="no Avro file, or is cut short"):
        look(places(), lake / "a.avro", content)
