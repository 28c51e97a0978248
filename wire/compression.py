"""The compressed protocol: packets of packets, with zlib or Zstandard. Sans-IO.

A compressed packet has 3 bytes of length as sent, a sequence number of its own, and 3 bytes of length as meant, 0 when
it was too short to be worth compressing. What is inside is the plain stream, cut anywhere. Source: "Compressed Packet"
of the MySQL protocol documentation.
"""

import zlib
from typing import Literal

import zstandard

from base.errors import MalformedPacket
from wire.constants import MAX_PACKET_PAYLOAD, Capability

Algorithm = Literal["zlib", "zstd"]

HEADER = 7
_SHORTEST = 50  # bytes; what is shorter goes as it is, as in the server
_ZLIB_LEVEL = 6  # the server's own
_ZSTD_LEVELS = range(1, 23)
_ZSTD_DEFAULT = 3
_ZSTD_MOST = 7  # what a client asks for beyond would keep all others waiting, 100 ms for a piece of 256 KiB


def agreed_algorithm(capabilities: int) -> Algorithm | None:
    """Give what a connection with these capabilities on both sides is compressed with; zlib wins as in the server."""
    if capabilities & Capability.COMPRESS:
        return "zlib"
    return "zstd" if capabilities & Capability.ZSTD_COMPRESSION_ALGORITHM else None


class Codec:
    """One connection's two directions. `level` is what the client asked for; zlib has none to ask for."""

    def __init__(self, algorithm: Algorithm, level: int | None = None) -> None:
        self.algorithm = algorithm
        wanted = level if level in _ZSTD_LEVELS else _ZSTD_DEFAULT
        self.level: int = (wanted or _ZSTD_DEFAULT) if algorithm == "zstd" else _ZLIB_LEVEL  # that was agreed on
        self._packer = zstandard.ZstdCompressor(min(self.level, _ZSTD_MOST)) if algorithm == "zstd" else None
        self._unpacker = zstandard.ZstdDecompressor()
        self._buffer = bytearray()
        self._sequence = 0  # of the next packet we send: one more than the last that came

    def unpack(self, data: bytes) -> bytes:
        """Take received bytes and give the plain ones that are whole by now. Raises MalformedPacket."""
        return b"".join(plain for _, plain in self.unpack_packets(data))

    def unpack_packets(self, data: bytes) -> list[tuple[int, bytes]]:
        """Give the same as `unpack` packet by packet, each with its number. Raises MalformedPacket."""
        self.feed(data)
        out = []
        while (packet := self.next_packet()) is not None:
            out.append(packet)
        return out

    def feed(self, data: bytes) -> None:
        """Add received bytes."""
        self._buffer += data

    def next_packet(self) -> tuple[int, bytes] | None:
        """Give the next packet's number and plain bytes, or None until more is fed. Raises MalformedPacket."""
        buffer = self._buffer
        if len(buffer) < HEADER:
            return None
        size = int.from_bytes(buffer[:3], "little")
        if len(buffer) < HEADER + size:
            return None
        number = buffer[3]
        self._sequence = (number + 1) & 0xFF
        meant = int.from_bytes(buffer[4:HEADER], "little")
        body = bytes(buffer[HEADER : HEADER + size])
        del buffer[: HEADER + size]
        return number, self._inflate(body, meant) if meant else body

    def pack(self, data: bytes | bytearray | memoryview) -> bytes:
        """Give plain bytes as compressed packets."""
        view = memoryview(data)
        if len(view) <= MAX_PACKET_PAYLOAD:
            return self._packet(view)
        starts = range(0, len(view), MAX_PACKET_PAYLOAD)
        return b"".join(self._packet(view[start : start + MAX_PACKET_PAYLOAD]) for start in starts)

    def _packet(self, part: memoryview) -> bytes:
        meant, body = len(part), bytes(part)
        if meant >= _SHORTEST:
            body = self._packer.compress(body) if self._packer else zlib.compress(body, _ZLIB_LEVEL)
        if meant < _SHORTEST or len(body) >= meant:
            meant, body = 0, bytes(part)
        head = len(body).to_bytes(3, "little") + bytes((self._sequence,)) + meant.to_bytes(3, "little")
        self._sequence = (self._sequence + 1) & 0xFF
        return head + body

    def _inflate(self, body: bytes, meant: int) -> bytes:
        """Decompress to exactly `meant` bytes: what claims to be less than it is must not fill the memory."""
        try:
            plain = self._unzstd(body, meant) if self._packer else _unzip(body, meant)
        except (zlib.error, zstandard.ZstdError):
            raise MalformedPacket("compressed data") from None
        if len(plain) != meant:
            raise MalformedPacket("length of compressed data")
        return plain

    def _unzstd(self, body: bytes, meant: int) -> bytes:
        if zstandard.frame_content_size(body) > meant:
            raise MalformedPacket("length of compressed data")
        return self._unpacker.decompress(body, max_output_size=meant)


def _unzip(body: bytes, meant: int) -> bytes:
    unpacker = zlib.decompressobj()
    plain = unpacker.decompress(body, meant)
    if not unpacker.eof and unpacker.decompress(unpacker.unconsumed_tail, 1):
        raise MalformedPacket("length of compressed data")
    return plain
