"""Fixed-width and length-encoded integers and strings, read from bytes at an offset.

Readers return `(value, next offset)` and raise `MalformedPacket` when the bytes end early.
"""

from base.errors import MalformedPacket


def build_lenenc(value: int) -> bytes:
    """Encode an unsigned integer as MySQL's length-encoded integer."""
    if value < 251:
        return bytes((value,))
    if value < 1 << 16:
        return b"\xfc" + value.to_bytes(2, "little")
    if value < 1 << 24:
        return b"\xfd" + value.to_bytes(3, "little")
    return b"\xfe" + value.to_bytes(8, "little")


def build_lenenc_bytes(value: bytes) -> bytes:
    """Encode a byte string behind its length."""
    return build_lenenc(len(value)) + value


def read_int(data: bytes | memoryview, at: int, width: int) -> tuple[int, int]:
    """Read an unsigned little-endian integer of `width` bytes."""
    end = at + width
    if end > len(data):
        raise MalformedPacket("integer")
    return int.from_bytes(data[at:end], "little"), end


def read_lenenc(data: bytes | memoryview, at: int) -> tuple[int | None, int]:
    """Read a length-encoded integer; None is the NULL marker 0xFB."""
    if at >= len(data):
        raise MalformedPacket("length-encoded integer")
    first = data[at]
    if first < 251:
        return first, at + 1
    if first == 0xFB:
        return None, at + 1
    if first == 0xFF:
        raise MalformedPacket("length-encoded integer")
    return read_int(data, at + 1, {0xFC: 2, 0xFD: 3, 0xFE: 8}[first])


def read_lenenc_bytes(data: bytes | memoryview, at: int) -> tuple[bytes | None, int]:
    """Read a byte string behind its length; None is NULL."""
    length, at = read_lenenc(data, at)
    if length is None:
        return None, at
    return read_bytes(data, at, length)


def read_bytes(data: bytes | memoryview, at: int, length: int) -> tuple[bytes, int]:
    """Read exactly `length` bytes."""
    end = at + length
    if end > len(data):
        raise MalformedPacket("string")
    return bytes(data[at:end]), end


def read_nul_bytes(data: bytes, at: int) -> tuple[bytes, int]:
    """Read bytes up to a NUL, which is skipped."""
    end = data.find(b"\0", at)
    if end < 0:
        raise MalformedPacket("NUL-terminated string")
    return data[at:end], end + 1
