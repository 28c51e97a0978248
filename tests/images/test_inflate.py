"""Unpacking of MariaDB's COMPRESSED columns against zlib."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.images import inflate

TEXTS = st.binary(max_size=400) | st.text("ab", max_size=2000).map(str.encode) | st.just(bytes(range(256)) * 40)


def packed(value: bytes, form: str, level: int) -> bytes:
    """A cell as MariaDB writes it: plain, deflated or with zlib's header."""
    if not value:
        return b""
    if form == "plain":
        return b"\0" + value
    size = (len(value).bit_length() + 7) // 8
    compressor = zlib.compressobj(level, zlib.DEFLATED, -15 if form == "raw" else 15)
    head = 0x80 | (8 if form == "raw" else 0) | size
    return bytes((head,)) + len(value).to_bytes(size, "big") + compressor.compress(value) + compressor.flush()


def unpack(cells: list[bytes | None]) -> list[bytes | None] | None:
    data = np.frombuffer(b"".join(c or b"" for c in cells) or b"\0", np.uint8)
    lengths = np.array([len(c or b"") for c in cells], np.int32)
    at = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
    null = np.array([c is None for c in cells], np.uint8)
    offsets = np.empty(len(cells) + 1, np.int64)
    total = inflate.measure_unpacked(data, at, lengths, null, offsets)
    if total < 0 or total > 1 << 20:
        return None
    out = np.empty(total, np.uint8)
    if not inflate.unpack(data, at, lengths, null, offsets, out):
        return None
    return [None if c is None else out[offsets[i] : offsets[i + 1]].tobytes() for i, c in enumerate(cells)]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.none() | st.tuples(TEXTS, st.sampled_from(["plain", "raw", "wrapped"]), st.integers(0, 9)), min_size=1)
)
def test_cells_are_unpacked(values: list[tuple[bytes, str, int] | None]) -> None:
    cells = [None if v is None else packed(*v) for v in values]
    assert unpack(cells) == [None if v is None else v[0] for v in values]


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.integers(0, 200), st.integers(0, 255))
def test_damage_is_noticed_or_harmless(value: bytes, place: int, byte: int) -> None:
    cell = bytearray(packed(value * 3, "raw", 6))
    cell[place % len(cell)] = byte
    unpack([bytes(cell[: max(1, place)]), bytes(cell)])  # must end, and write nowhere else


@pytest.mark.parametrize("cell", [b"\x90\x01a", b"\x88", b"\x89", b"\x89\x05\xff", b"\x8d\0\0\0\0\0"])
def test_other_forms_are_refused(cell: bytes) -> None:
    assert unpack([cell]) is None
