"""The first characters of a text file, whatever it is compressed with: to find out how it is to be read."""

import bz2
import zlib
from collections.abc import Callable

import zstandard

from base.errors import LakeError
from lakehouse.definition import Dialect
from lakehouse.places import Found, Places

_READ = 64 << 10  # bytes of a file
_MOST = 1 << 20  # characters of what they stand for

_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xff\x06\x00\x00sNaPpY": "snappy"}


def compression_of(head: bytes) -> str:
    """What a file is compressed with, by its first bytes; "none" for anything else."""
    return next((name for magic, name in _MAGIC.items() if head.startswith(magic)), "none")


def head_of(places: Places, found: Found, dialect: Dialect) -> str:
    """Read the beginning of a text file. Raises LakeError."""
    head = places.read(found, 0, _READ)
    kind = compression_of(head)
    if dialect.compression not in ("auto", kind):
        raise LakeError(f'{found.shown} is not compressed with {dialect.compression}, as "compression" says')
    try:
        data = _EXPANDERS[kind](head)[:_MOST]
    except (OSError, zlib.error, zstandard.ZstdError, ValueError) as error:
        raise LakeError(f"{found.shown} cannot be decompressed: {error}") from None
    text = data.decode("latin-1" if dialect.encoding == "latin1" else "utf-8", "replace")
    return text.removeprefix("\ufeff")


def _snappy(head: bytes) -> bytes:
    raise ValueError("text in snappy's frames is not supported; Parquet and Avro compressed with it are")


_EXPANDERS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda head: head,
    "gzip": lambda head: zlib.decompressobj(31).decompress(head, _MOST),
    "zstd": lambda head: zstandard.ZstdDecompressor().stream_reader(head).read(_READ),
    "bzip2": lambda head: bz2.BZ2Decompressor().decompress(head, _MOST),
    "snappy": _snappy,
}
