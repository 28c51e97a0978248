"""The field-id serialisation of newer MySQL events (GTID_TAGGED): variable-length integers behind field ids.

Source: "Library: Serialization" of the MySQL source documentation.
"""

from dataclasses import dataclass
from uuid import UUID

from base.errors import MalformedPacket
from wire.integers import read_bytes, read_int


def read_varlen(data: bytes, at: int) -> tuple[int, int]:
    """Read an unsigned integer whose first byte's trailing one bits count the bytes that follow."""
    first, _ = read_int(data, at, 1)
    extra = 0
    while extra < 8 and first >> extra & 1:
        extra += 1
    if extra == 8:
        return read_int(data, at + 1, 8)
    value, end = read_int(data, at, extra + 1)
    return value >> (extra + 1), end


def read_signed_varlen(data: bytes, at: int) -> tuple[int, int]:
    """Read a signed integer: the sign is the lowest bit."""
    value, at = read_varlen(data, at)
    return (-(value >> 1) - 1 if value & 1 else value >> 1), at


@dataclass(frozen=True, slots=True)
class TaggedGtid:
    """What we need of a GTID_TAGGED event. `commit_timestamp` is microseconds since the epoch."""

    uuid: str
    tag: str
    gno: int
    commit_timestamp: int


def parse_tagged_gtid(body: bytes) -> TaggedGtid:
    """Read a GTID_TAGGED event's body; raises MalformedPacket."""
    at = 0
    for _ in range(3):  # serialisation version, size, last field that may not be ignored
        _, at = read_varlen(body, at)
    uuid = tag = ""
    gno = timestamp = 0
    while at < len(body):
        field, at = read_varlen(body, at)
        if field == 1:
            octets = bytearray()
            for _ in range(16):
                octet, at = read_varlen(body, at)
                octets.append(octet & 0xFF)
            uuid = str(UUID(bytes=bytes(octets)))
        elif field == 2:
            gno, at = read_signed_varlen(body, at)
        elif field == 3:
            length, at = read_varlen(body, at)
            raw, at = read_bytes(body, at, length)
            tag = raw.decode("ascii", "replace")
        elif field in (4, 5):
            _, at = read_signed_varlen(body, at)
        elif field == 6:
            timestamp, at = read_varlen(body, at)
        elif field == 0 or field > 6:
            _, at = read_varlen(body, at)
    if not uuid or gno < 1:
        raise MalformedPacket("tagged GTID event")
    return TaggedGtid(uuid, tag, gno, timestamp)
