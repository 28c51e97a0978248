"""Deletion vectors: the bitmaps of another writer (CRoaring, by pyroaring 1.0), and what is damaged."""

import base64
import random
import zlib
from collections.abc import Sequence
from typing import Any

import pytest

from base.errors import LakeError
from lakehouse.formats.damage import understood
from lakehouse.formats.deletion_vectors import Vector
from tests.live.delta_kit import inline, z85

MAGIC = (1681511377).to_bytes(4, "little")
# Rows, and what `BitMap64(rows).serialize()` gives behind the magic number, packed; runs are from `run_optimize()`.
BITMAPS: list[tuple[Sequence[int], str]] = [
    ([], "c-p&o*)oLz3IG_V0zv"),
    ([0, 3, 65_535], "c-p&o*)oNZ0RgNG7#JXYCI$g8&CKxsKLB7n1i="),
    (range(0, 20_000, 2), "c-rm9u?c`M07b!{33Q9Jwq_4E$il&e3|I)+K)5R&ym6ns<kODi{jKh^7XSdi6951J003A#`}9FI"),
    ([*range(10, 5_000), *range(70_000, 70_010)], "c-p&o*)oNZ0RgNH7#Wxu7;1$X88{gj8Mwf#0zpm&0Cr*oas"),
    (
        [5, 65_540, 131_080, *range(200_000, 270_000), 1 << 20],
        "c-p&o*)oNZ0RgNHSQ#Wh43Hob5HmCE|HQ(uUQPhWHU(mHAhrZ41Y$=Zb_Zfs1{MYmpbiJ#{hvVk*2^(4006sA38?",
    ),
    (
        [1, 1 << 32, *range((5 << 32) + 7, (5 << 32) + 5_007)],
        "c-p&o*)oNh0RgNG7#J9#Yyk!kn-PmB0|P4%TSG+Kg&7&xfg}Ln#RTd",
    ),
]


def in_a_file(rows: Sequence[int], body: bytes) -> tuple[Vector, bytes]:
    """A vector, and the part of its file that it is in."""
    told = {"storageType": "u", "pathOrInlineDv": "x" * 20, "offset": 1, "sizeInBytes": len(body)}
    framed = len(body).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return Vector.read({**told, "cardinality": len(rows)}), framed


def body_of(packed: str) -> bytes:
    return zlib.decompress(base64.b85decode(packed))


@pytest.mark.parametrize(("rows", "packed"), BITMAPS)
def test_another_writer_s_bitmaps_are_read(rows: Sequence[int], packed: str) -> None:
    vector, data = in_a_file(rows, body_of(packed))
    assert vector.deleted(data).tolist() == list(rows)
    text = z85(body_of(packed) + bytes(-len(body_of(packed)) % 4))
    told = {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(body_of(packed)), "cardinality": len(rows)}
    assert Vector.read(told).deleted().tolist() == list(rows)


@pytest.mark.parametrize(("rows", "packed"), BITMAPS)
def test_what_is_cut_short_or_changed_is_an_error(rows: Sequence[int], packed: str) -> None:
    whole, chance = body_of(packed), random.Random(3)
    for at in {*range(1, min(len(whole), 60)), len(whole) - 1}:
        vector, data = in_a_file(rows, whole[:at])
        with pytest.raises(ValueError, match=r"."):
            vector.deleted(data)
    vector, data = in_a_file(rows, whole)
    for at in range(len(data)):
        with pytest.raises(ValueError, match="checksum"):
            vector.deleted(data[:at])
    for _ in range(200):
        changed = bytearray(whole)
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        vector, data = in_a_file(rows, bytes(changed))
        try:
            with understood("it", "none"):
                assert len(vector.deleted(data)) == len(rows)
        except LakeError:
            pass


def test_a_file_is_found_by_the_name_that_the_protocol_gives_it() -> None:
    told: dict[str, Any] = {"storageType": "u", "pathOrInlineDv": "ab^-aqEH.-t@S}K{vb[*k^", "sizeInBytes": 40}
    vector = Vector.read({**told, "offset": 4, "cardinality": 6})  # the example of its text
    assert vector.path == "ab/deletion_vector_d2c639aa-8816-431a-aaf6-d3fe2512ff61.bin"
    assert vector.part == (4, 48)


@pytest.mark.parametrize(
    "change",
    [
        {"storageType": "x"},
        {"sizeInBytes": 0},
        {"sizeInBytes": 1 << 40},
        {"cardinality": -1},
        {"cardinality": 1 << 40},
        {"pathOrInlineDv": "\u00e9" * 5},
        {"pathOrInlineDv": "abcd"},
        {"pathOrInlineDv": "#####"},
        {"cardinality": 2},
    ],
)
def test_a_descriptor_that_is_none_is_refused(change: dict[str, Any]) -> None:
    assert Vector.read(inline([1, 2, 3])).deleted().tolist() == [1, 2, 3]
    with pytest.raises(LakeError), understood("it", "none"):
        Vector.read({**inline([1, 2, 3]), **change}).deleted()


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"storageType": "p", "pathOrInlineDv": "s3://elsewhere/x.bin"}, "outside"),
        ({"pathOrInlineDv": "wi5b=000010000siXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L", "sizeInBytes": 40}, "native"),
    ],
)
def test_what_is_not_read_is_refused_by_name(told: dict[str, Any], said: str) -> None:
    vector = Vector.read({**inline([1]), **told})
    with pytest.raises(LakeError, match=said):
        vector.deleted(vector.path.encode())
