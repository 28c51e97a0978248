"""Bytes in, packets out: MySQL's 4-byte header, sequence numbers, and payloads of 16 MiB and more. Sans-IO."""

from base.errors import PacketTooLarge
from wire.constants import MAX_PACKET_PAYLOAD

HEADER = 4


def build_packets(payload: bytes, sequence: int) -> bytes:
    """Frame one payload, split as the protocol asks; `sequence` is the first packet's number (mod 256)."""
    if len(payload) < MAX_PACKET_PAYLOAD:
        return len(payload).to_bytes(3, "little") + bytes((sequence & 0xFF,)) + payload
    out = bytearray()
    for start in range(0, len(payload) + 1, MAX_PACKET_PAYLOAD):
        part = payload[start : start + MAX_PACKET_PAYLOAD]
        out += len(part).to_bytes(3, "little")
        out.append(sequence & 0xFF)
        out += part
        sequence += 1
    return bytes(out)


def count_packets(payload_length: int) -> int:
    """How many packets a payload of this length takes."""
    return payload_length // MAX_PACKET_PAYLOAD + 1


class PacketReader:
    """Collects bytes and hands out whole payloads; `sequence` is the number the next packet should have.

    `limit` bounds one payload in bytes; past it `PacketTooLarge` is raised before the bytes are kept.
    """

    def __init__(self, limit: int = 1 << 30) -> None:
        self._buffer = bytearray()
        self._start = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = limit
        self.sequence = 0

    def feed(self, data: bytes | memoryview) -> None:
        """Add received bytes."""
        if self._start and self._start == len(self._buffer):
            self._buffer.clear()
            self._start = 0
        elif self._start > 1 << 16:
            del self._buffer[: self._start]
            self._start = 0
        self._buffer += data

    def next_payload(self) -> bytes | None:
        """Give the next whole payload, or None until more bytes are fed."""
        while True:
            at = self._start
            if len(self._buffer) - at < HEADER:
                return None
            length = int.from_bytes(self._buffer[at : at + 3], "little")
            if self._size + length > self._limit:
                raise PacketTooLarge
            if len(self._buffer) - at < HEADER + length:
                return None
            self.sequence = (self._buffer[at + 3] + 1) & 0xFF
            part = bytes(self._buffer[at + HEADER : at + HEADER + length])
            self._start = at + HEADER + length
            if length == MAX_PACKET_PAYLOAD or self._parts:
                self._parts.append(part)
                self._size += length
                if length == MAX_PACKET_PAYLOAD:
                    continue
                part = b"".join(self._parts)
                self._parts.clear()
                self._size = 0
            return part

    @property
    def buffered(self) -> int:
        """Bytes that wait to be read as packets."""
        return len(self._buffer) - self._start

    def take_rest(self) -> bytes:
        """Hand over the bytes not yet read as packets, and forget them."""
        rest = bytes(self._buffer[self._start :])
        self._buffer.clear()
        self._start = 0
        return rest
