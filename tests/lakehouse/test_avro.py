"""Avro's container: blocks of every size walked, and files made to hold a reader up refused at once."""

import json
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from base.errors import LakeError
from lakehouse.descriptions.entries import read_entries
from lakehouse.formats.avro import require_whole_avro
from lakehouse.stores.places import Places

Make = Callable[..., Places]
MARK = b"m" * 16
SCHEMA = b'{"type": "record", "name": "r", "fields": [{"name": "a", "type": "bytes"}]}'


def long(value: int) -> bytes:
    """A number as Avro writes it."""
    value, out = value << 1 ^ value >> 63, b""
    while value > 0x7F:
        value, out = value >> 7, out + bytes([value & 0x7F | 0x80])
    return out + bytes([value])


def header(pairs: int = 1, schema: bytes = SCHEMA) -> bytes:
    """The head of a file; `pairs` is what it says of its own length."""
    return b"Obj\x01" + long(pairs) + long(11) + b"avro.schema" + long(len(schema)) + schema + long(0) + MARK


def record(*kinds: object) -> bytes:
    """The schema of records of some types."""
    fields = [{"name": f"c{at}", "type": kind} for at, kind in enumerate(kinds)]
    return json.dumps({"type": "record", "name": "r", "fields": fields}).encode()


def block(size: int, said: int | None = None, count: int = 1) -> bytes:
    """A block of so many bytes."""
    return long(count) + long(size if said is None else said) + b"x" * size + MARK


def look(places: Places, path: Path, content: bytes) -> tuple[bytes, int]:
    path.write_bytes(content)
    (found,) = places.resolve(read_entries([{"uri": str(path)}]))
    return require_whole_avro(places, found)


SIZES = ([], [0], [1] * 5000, [70_000, 3, 200_000, 65_520, 65_519, 65_536], [65_000, 490, 1, 40, 90_000, 0, 0])


@pytest.mark.parametrize("sizes", SIZES)
def test_blocks_of_any_size_are_walked(places: Make, lake: Path, sizes: list[int]) -> None:
    whole = header() + b"".join(block(size, count=2) for size in sizes)
    assert look(places(), lake / "a.avro", whole) == (SCHEMA, 2 * len(sizes))
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
        header() + block(5, count=-5),
        header() + long(1) + b"\x80" * 200_000,
        header() + block(5)[:-1] + b"n",
    ],
)
def test_what_would_hold_a_reader_up_is_refused(places: Make, lake: Path, content: bytes) -> None:
    with pytest.raises(LakeError, match="no Avro file, or is cut short"):
        look(places(), lake / "a.avro", content)


NOTHING: dict[str, object] = {"type": "record", "name": "n", "fields": [{"name": "x", "type": "null"}]}


@pytest.mark.parametrize(
    ("kinds", "is_good"),
    [
        (["null", "int"], True),
        ([["null", "string"]], True),
        ([{"type": "array", "items": ["null", "int"]}], True),
        ([{"type": "map", "values": "null"}], True),
        ([{"type": "fixed", "name": "f", "size": 4}, {"type": "array", "items": "f"}], True),
        ([{"type": "array", "items": {"type": "enum", "name": "e", "symbols": ["a"]}}], True),
        ([{"type": "long", "logicalType": "timestamp-micros"}], True),
        ([{"type": "array", "items": "null"}], False),
        ([["null", {"type": "array", "items": {"type": "null"}}]], False),
        ([NOTHING, "int", {"type": "map", "values": {"type": "array", "items": "n"}}], False),
        ([{"type": "array", "items": {"type": "fixed", "name": "f", "size": 0}}, "int"], False),
        (["null", NOTHING], False),
    ],
)
def test_values_without_bytes_are_not_counted_on(places: Make, lake: Path, kinds: list[object], is_good: bool) -> None:
    content = header(schema=record(*kinds)) + block(9, count=1 << 40)
    if is_good:
        assert look(places(), lake / "a.avro", content)[1] == 1 << 40
    else:
        with pytest.raises(LakeError, match="no Avro file"):
            look(places(), lake / "a.avro", content)


def deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


def streamed(data: bytes) -> bytes:
    """Zstandard that does not say how long it becomes."""
    packer = zstandard.ZstdCompressor().compressobj()
    return packer.compress(data) + packer.flush()


@pytest.mark.parametrize(
    ("codec", "pack"),
    [
        ("deflate", deflated),
        ("zstandard", zstandard.compress),
        ("zstandard", streamed),
        ("snappy", lambda data: bytes([len(data) & 0x7F | 0x80, len(data) >> 7 & 0x7F | 0x80, len(data) >> 14]) + b"x"),
    ],
)
def test_a_block_that_becomes_too_large_is_refused(
    places: Make, lake: Path, monkeypatch: pytest.MonkeyPatch, codec: str, pack: Callable[[bytes], bytes]
) -> None:
    monkeypatch.setattr("lakehouse.formats.avro._LARGEST_BLOCK", 1_000_000)
    for size, is_good in ((999_999, True), (1_000_001, False)):
        packed = pack(bytes(size))
        named = long(10) + b"avro.codec" + long(len(codec)) + codec.encode()
        head = header(2).replace(long(0) + MARK, named + long(0) + MARK)
        for before in (b"", pack(random.Random(0).randbytes(70_000))):  # a window ends before it, or not
            first = long(1) + long(len(before)) + before + MARK if before else b""
            content = head + first + long(1) + long(len(packed)) + packed + MARK
            if is_good:
                assert look(places(), lake / "a.avro", content)[1] == 1 + bool(before)
            else:
                with pytest.raises(LakeError, match="has a block that becomes more than"):
                    look(places(), lake / "a.avro", content)
