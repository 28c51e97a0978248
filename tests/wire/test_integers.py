"""Integers and strings at their boundaries."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import MalformedPacket
from wire.integers import build_lenenc, build_lenenc_bytes, read_int, read_lenenc, read_lenenc_bytes, read_nul_bytes

BOUNDARIES = [
    (0, b"\x00"),
    (250, b"\xfa"),
    (251, b"\xfc\xfb\x00"),
    (0xFFFF, b"\xfc\xff\xff"),
    (0x10000, b"\xfd\x00\x00\x01"),
    (0xFFFFFF, b"\xfd\xff\xff\xff"),
    (0x1000000, b"\xfe\x00\x00\x00\x01\x00\x00\x00\x00"),
    (2**64 - 1, b"\xfe" + b"\xff" * 8),
]


@pytest.mark.parametrize(("value", "encoded"), BOUNDARIES)
def test_length_encoded_boundaries(value: int, encoded: bytes) -> None:
    assert build_lenenc(value) == encoded
    assert read_lenenc(encoded, 0) == (value, len(encoded))
    for cut in range(len(encoded)):
        with pytest.raises(MalformedPacket):
            read_lenenc(encoded[:cut], 0)


@given(st.integers(0, 2**64 - 1), st.binary(max_size=20))
def test_length_encoded_round_trip(value: int, rest: bytes) -> None:
    encoded = build_lenenc(value)
    assert read_lenenc(encoded + rest, 0) == (value, len(encoded))


@given(st.binary(max_size=300))
def test_strings_round_trip(value: bytes) -> None:
    encoded = build_lenenc_bytes(value)
    assert read_lenenc_bytes(encoded, 0) == (value, len(encoded))
    with pytest.raises(MalformedPacket):
        read_lenenc_bytes(encoded[:-1] if value else b"", 0)


def test_null_and_error_markers() -> None:
    assert read_lenenc(b"\xfb", 0) == (None, 1)
    assert read_lenenc_bytes(b"\xfb", 0) == (None, 1)
    with pytest.raises(MalformedPacket):
        read_lenenc(b"\xff" + bytes(8), 0)


def test_what_ends_early_is_malformed() -> None:
    with pytest.raises(MalformedPacket):
        read_int(b"\1\2", 0, 3)
    with pytest.raises(MalformedPacket):
        read_nul_bytes(b"abc", 0)
    assert read_nul_bytes(b"abc\0d", 0) == (b"abc", 4)
