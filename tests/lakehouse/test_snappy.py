"""Text that snappy compressed: blocks and frames, whole or not."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest

from lakehouse.snappy import FRAMES, Unsnapper, checksum

TEXT = b"".join(b"%d,text %d\n" % (n, n * 7919 % 1000) for n in range(3000))
PIECES = [TEXT[at : at + 9000] for at in range(0, len(TEXT), 9000)]


def hadoop(pieces: list[bytes]) -> bytes:
    """As BlockCompressorStream writes it: blocks of several parts."""
    out = b""
    for at in range(0, len(pieces), 2):
        both = pieces[at : at + 2]
        out += len(b"".join(both)).to_bytes(4, "big")
        for piece in both:
            packed = pa.compress(piece, "snappy", asbytes=True)
            out += len(packed).to_bytes(4, "big") + packed
    return out


def framed(pieces: list[bytes]) -> bytes:
    """As framing_format.txt has it, every second piece as it is, with padding between."""
    out = FRAMES
    for at, piece in enumerate(pieces):
        value = checksum(np.frombuffer(piece, np.uint8))
        masked = (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF
        body = masked.to_bytes(4, "little") + (piece if at % 2 else pa.compress(piece, "snappy", asbytes=True))
        out += bytes([at % 2]) + len(body).to_bytes(3, "little") + body + b"\xfe\x02\x00\x00??"
    return out + FRAMES


def expanded(data: bytes, step: int) -> bytes:
    """What is in a file that comes in pieces of `step` bytes."""
    expander, parts = Unsnapper(), []
    for at in range(0, len(data), step):
        parts += expander.feed(data[at : at + step])
    expander.end()
    return b"".join(parts)


def test_the_checksum_is_crc_32c():
    assert checksum(np.frombuffer(b"123456789", np.uint8)) == 0xE3069283  # RFC 3720's own example


@pytest.mark.parametrize("pack", [hadoop, framed])
def test_what_was_packed_comes_back(pack: Callable[[list[bytes]], bytes]):
    data = pack(PIECES)
    for step in (1, 13, 10_000, len(data)):
        assert expanded(data, step) == TEXT
    assert expanded(pack([]), 4096) == b""
    assert expanded(b"\0\0\0\0", 4096) == b""  # Hadoop's file without a byte


@pytest.mark.parametrize("pack", [hadoop, framed])
def test_what_is_cut_short_or_damaged_is_told(pack: Callable[[list[bytes]], bytes]):
    data = pack(PIECES)
    for cut in (1, 3, 11, 500):
        with pytest.raises(ValueError, match=r"cut short|damaged|Hadoop"):
            expanded(data[:-cut], 4096)
    for place in (2, 40, len(data) // 2):
        changed = bytearray(data)
        changed[place] ^= 0x15
        try:
            assert expanded(bytes(changed), 4096) != TEXT or pack is framed
        except ValueError:
            continue
        assert pack is hadoop  # which has no checksums
    with pytest.raises(ValueError, match="large"):
        expanded(b"\xff\xff\xff\xff" * 4, 4096)
