"""Compressed binlog content: MySQL's transaction payload (zstd), MariaDB's compressed events (zlib). Sans-IO."""

import io
import zlib

import zstandard

from base.errors import MalformedPacket
from wire.integers import read_bytes, read_int, read_lenenc

MAX_PAYLOAD = 1 << 32  # bytes one compressed transaction or event may become

_END, _SIZE, _TYPE, _UNCOMPRESSED_SIZE = 0, 1, 2, 3
_ZSTD, _NONE = 0, 255


def unpack_transaction_payload(body: bytes) -> bytes:
    """Give the events inside a TRANSACTION_PAYLOAD event's body, one behind the other, without checksums.

    Raises MalformedPacket. Source: "Transaction_payload_event" of the MySQL source documentation.
    """
    fields: dict[int, int] = {}
    at = 0
    while True:
        kind, at = read_lenenc(body, at)
        if kind == _END:
            break
        length, at = read_lenenc(body, at)
        if kind is None or length is None:
            raise MalformedPacket("transaction payload")
        if kind in (_SIZE, _TYPE, _UNCOMPRESSED_SIZE):
            fields[kind] = read_lenenc(body, at)[0] or 0
        _, at = read_bytes(body, at, length)
    size = fields.get(_UNCOMPRESSED_SIZE, 0)
    payload, _ = read_bytes(body, at, fields.get(_SIZE, len(body) - at))
    method = fields.get(_TYPE)
    if method == _NONE:
        return payload
    if method != _ZSTD or size > MAX_PAYLOAD:
        raise MalformedPacket("transaction payload")
    try:
        with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(payload), read_across_frames=True) as stream:
            events = stream.read(size + 1)
    except zstandard.ZstdError:
        raise MalformedPacket("transaction payload") from None
    if len(events) != size:
        raise MalformedPacket("transaction payload")
    return events


def unpack_mariadb(data: bytes) -> bytes:
    """Uncompress the tail of a MariaDB compressed event; raises MalformedPacket.

    The head byte is 0x80 | algorithm << 4 | width of the length that follows, big-endian; algorithm 0 is zlib.
    """
    head, at = read_int(data, 0, 1)
    raw, at = read_bytes(data, at, head & 0x07)
    size = int.from_bytes(raw, "big")
    if head & 0xF0 != 0x80 or size > MAX_PAYLOAD:
        raise MalformedPacket("compressed event")
    decompressor = zlib.decompressobj()
    try:
        plain = decompressor.decompress(data[at:], size + 1)
    except zlib.error:
        raise MalformedPacket("compressed event") from None
    if len(plain) != size:
        raise MalformedPacket("compressed event")
    return plain
