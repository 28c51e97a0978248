"""Plain bytes through compressed packets and back, in any pieces, and what is not a compressed packet."""

import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from base.errors import MalformedPacket
from wire.compression import HEADER, Algorithm, Codec, agreed_algorithm
from wire.constants import MAX_PACKET_PAYLOAD, Capability

ALGORITHMS: tuple[Algorithm, ...] = ("zlib", "zstd")


def packet(body: bytes, meant: int, sequence: int = 0) -> bytes:
    return len(body).to_bytes(3, "little") + bytes((sequence,)) + meant.to_bytes(3, "little") + body


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(st.lists(st.binary(max_size=40).flatmap(lambda b: st.sampled_from([b, b * 50])), max_size=6), st.data())
def test_any_pieces_give_the_same_bytes(algorithm: Algorithm, parts: list[bytes], data: st.DataObject) -> None:
    sender, receiver = Codec(algorithm), Codec(algorithm)
    stream = b"".join(sender.pack(part) for part in parts if part)
    found = b""
    at = 0
    while at < len(stream):
        step = data.draw(st.integers(1, len(stream) - at))
        found += receiver.unpack(stream[at : at + step])
        at += step
    assert found == b"".join(parts)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_short_or_incompressible_bytes_go_as_they_are(algorithm: Algorithm) -> None:
    assert Codec(algorithm).pack(b"x" * 49) == packet(b"x" * 49, 0)
    noise = zlib.compress(b"".join(str(n * n).encode() for n in range(2000)), 9)
    assert Codec(algorithm).pack(noise) == packet(noise, 0)


def test_what_is_larger_than_a_packet_is_cut() -> None:
    data = b"y" * (MAX_PACKET_PAYLOAD + 1)
    sent = Codec("zlib").pack(data)
    first = int.from_bytes(sent[:3], "little")
    assert int.from_bytes(sent[4:HEADER], "little") == MAX_PACKET_PAYLOAD
    assert sent[HEADER + first :] == packet(b"y", 0, 1)
    assert Codec("zlib").unpack(sent) == data


def test_an_answer_goes_on_from_the_number_of_its_command() -> None:
    codec = Codec("zlib")
    codec.unpack(packet(b"select", 0, 255))
    assert codec.pack(b"a")[3] == 0
    assert codec.pack(b"b")[3] == 1
    codec.unpack(packet(b"select", 0))
    assert codec.pack(b"c")[3] == 1


@pytest.mark.parametrize(
    ("algorithm", "body", "meant"),
    [
        ("zlib", b"no zlib at all", 60),
        ("zstd", b"no zstd at all", 60),
        ("zlib", zlib.compress(bytes(100)), 99),
        ("zlib", zlib.compress(bytes(100)), 101),
        ("zlib", zlib.compress(bytes(100))[:-6], 100),
        ("zlib", zlib.compress(bytes(1 << 24)), 60),
        ("zstd", zstandard.compress(bytes(100)), 99),
        ("zstd", zstandard.compress(bytes(100)), 101),
        ("zstd", zstandard.compress(bytes(1 << 30)), 60),
        ("zstd", zstandard.compress(bytes(100))[:-3], 100),
        ("zstd", zlib.compress(bytes(100)), 100),
    ],
)
def test_what_is_not_what_it_says_is_refused(algorithm: Algorithm, body: bytes, meant: int) -> None:
    with pytest.raises(MalformedPacket):
        Codec(algorithm).unpack(packet(body, meant))


def test_a_stream_without_its_size_is_read() -> None:
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(b"z" * 500)
    assert Codec("zstd", 22).unpack(packet(stream, 500)) == b"z" * 500


def test_zlib_comes_before_zstd() -> None:
    both = Capability.COMPRESS | Capability.ZSTD_COMPRESSION_ALGORITHM
    assert agreed_algorithm(both) == "zlib"
    assert agreed_algorithm(Capability.ZSTD_COMPRESSION_ALGORITHM) == "zstd"
    assert agreed_algorithm(Capability.PROTOCOL_41) is None
