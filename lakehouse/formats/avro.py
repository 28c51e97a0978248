"""Avro's container, walked block by block.

The column store reads a data file that is cut short or damaged as far as it goes, so its blocks are counted first, and
the records that they say they have. Files of
metadata are expanded here, no block beyond what a file may become, before fastavro takes their records apart.

Source: "Object Container Files" of the Avro specification, version 1.11.
"""

import io
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import fastavro
import zstandard

from base.errors import LakeError
from lakehouse.snappy import plain_block
from lakehouse.stores.places import Found, Places

_MAGIC = b"Obj\x01"
_SYNC = 16  # bytes of the mark behind the header and each block
_BITS = 64  # of a number
_HEAD = 20  # bytes that hold the two numbers before a block
_MOST_TEXTS = 10_000  # keys and values of a header
_LARGEST_BLOCK = 256 << 20  # bytes that a block of a data file may become
_DEFLATED = 1032  # bytes that one of deflate becomes at most
_FRAME = 18  # bytes in which a compressed block says how long it becomes
_WINDOW = 64 << 10  # bytes read together where blocks are walked: small ones are many
_LARGEST_HEADER = 16 << 20
_LARGEST = 256 << 20  # bytes of a file of metadata, and of what is in it


def require_whole_avro(places: Places, found: Found) -> tuple[bytes, int]:
    """Refuse a file whose blocks do not end where it ends; gives its schema and how many records its blocks say that
    they have. Raises LakeError."""
    records = 0
    try:
        data = places.read(found, 0, min(found.size, _LARGEST_HEADER))
        meta, mark, start = _header(data)
        if not _require_substance(json.loads(meta["avro.schema"]), {}):
            raise ValueError("records of nothing")
        codec = meta.get("avro.codec", b"null").decode()
        data, base, at = data[start:], start, 0  # `at` is a place in `data`, which begins at `base` of the file
        while base + at < found.size:
            if at + _HEAD > len(data) and base + len(data) < found.size:
                data, base, at = places.read(found, base + at, _WINDOW), base + at, 0
            count, used = _number(data, at)
            size, used = _number(data, used)
            end, records = used + size, records + count
            if count < 0 or size < 0 or base + end + _SYNC > found.size:
                raise ValueError
            begin = data[used : used + _FRAME]
            if codec != "null" and not _is_modest(begin, size, codec, partial(places.read, found, base + used)):
                raise LakeError(f"{found.shown} has a block that becomes more than {_LARGEST_BLOCK >> 20} MB")
            if end + _SYNC > len(data):
                data, base, end = places.read(found, base + end, _WINDOW), base + end, 0
            if data[end : end + _SYNC] != mark:
                raise ValueError
            at = end + _SYNC
        return meta["avro.schema"], records
    except (ValueError, LookupError, TypeError, RecursionError, zlib.error, zstandard.ZstdError):
        raise LakeError(f"{found.shown} is no Avro file, or is cut short") from None


def _require_substance(schema: Any, named: dict[str, bool]) -> bool:
    """Tell whether a value takes a byte at least. Raises ValueError for arrays of items that take none: their number,
    in a few bytes, may be without end. `named` gets the types that have names."""
    if isinstance(schema, str):
        return named.get(schema, schema != "null")
    if isinstance(schema, list):
        for each in schema:
            _require_substance(each, named)
        return True  # it says which one
    kind, has = schema["type"], True
    if kind == "record":
        parts = [_require_substance(each["type"], named) for each in schema["fields"]]
        has = any(parts)
    elif kind == "array":
        if not _require_substance(schema["items"], named):
            raise ValueError("arrays of nothing")
    elif kind == "map":
        _require_substance(schema["values"], named)
    elif kind == "fixed":
        has = schema["size"] > 0
    elif kind != "enum":
        return _require_substance(kind, named)
    if "name" in schema:
        named[schema["name"]] = has
    return has


def _is_modest(begin: bytes, size: int, codec: str, read: Callable[[int], bytes]) -> bool:
    """Tell whether a block does not become too large: the column store makes all of it at once, whatever its memory.

    `begin` is how it begins, or nothing; `read` gives so many bytes of it.
    """
    if codec == "deflate":
        if size <= _LARGEST_BLOCK // _DEFLATED:
            return True
        return len(zlib.decompressobj(-15).decompress(read(size), _LARGEST_BLOCK + 1)) <= _LARGEST_BLOCK
    if len(begin) < min(size, _FRAME):
        begin = read(min(size, _FRAME))
    if codec == "snappy":
        return _unsigned(begin, 0)[0] <= _LARGEST_BLOCK
    if codec == "zstandard":
        said = zstandard.frame_content_size(begin)  # -1: it does not say
        if said < 0:
            made = zstandard.ZstdDecompressor().stream_reader(read(size)).read(_LARGEST_BLOCK + 1)
            return len(made) <= _LARGEST_BLOCK
        return said <= _LARGEST_BLOCK
    return True  # DuckDB knows no other


def require_alike_avro(found: Sequence[Found], schemas: Sequence[bytes]) -> None:
    """Refuse files that have other columns than the first one, whose schema DuckDB reads all by. Raises LakeError."""
    for file, schema in zip(found, schemas, strict=True):
        if schema != schemas[0] and _fields(file, schema) != _fields(found[0], schemas[0]):
            raise LakeError(
                f"{file.shown} has other columns than {found[0].shown}, or of other types: "
                "Avro files of one table have the same"
            )


def _fields(found: Found, schema: bytes) -> dict[str, str]:
    """The types of a record's fields, whatever their order."""
    try:
        return {str(one["name"]): json.dumps(one["type"], sort_keys=True) for one in json.loads(schema)["fields"]}
    except (ValueError, LookupError, TypeError, RecursionError):
        raise LakeError(f"{found.shown} has no records: its schema has no fields") from None


def read_records(places: Places, found: Found) -> tuple[dict[str, Any], Iterator[dict[str, Any]]]:
    """Read a file of metadata: the schema of its records, and these; logical types are left as they are stored.

    Raises LakeError, the iterator as well.
    """
    if found.size > _LARGEST:
        raise LakeError(f"{found.shown} is too large for a list of files")
    data = places.read(found, 0, found.size)
    try:
        meta, mark, at = _header(data)
        schema = _plain(json.loads(meta["avro.schema"]))
        parsed = fastavro.parse_schema(schema)
        expand = _EXPANDERS[meta.get("avro.codec", b"null").decode()]
    except Exception as error:  # whatever a damaged header brings about
        raise LakeError(f"{found.shown} is no Avro file: {type(error).__name__}") from None
    return schema, _records(found, data, at, mark, parsed, expand)


def _records(
    found: Found, data: bytes, at: int, mark: bytes, schema: Any, expand: Callable[[bytes, int], bytes]
) -> Iterator[dict[str, Any]]:
    total = 0
    try:
        while at < len(data):
            count, at = _number(data, at)
            size, at = _number(data, at)
            if size < 0 or data[at + size : at + size + _SYNC] != mark:
                raise ValueError("a block is cut short")
            block = expand(data[at : at + size], _LARGEST - total)
            total += len(block)
            if count < 0 or count > len(block):
                raise ValueError("records without bytes")
            source = io.BytesIO(block)
            for _ in range(count):
                record: Any = fastavro.schemaless_reader(source, schema, None)
                yield record
            at += size + _SYNC
    except Exception as error:  # whatever a damaged block brings about in the decoder
        raise LakeError(f"{found.shown} is damaged, or no list of files: {error}") from None


def _plain(schema: Any) -> Any:
    """A schema without logical types; raises ValueError for arrays of nothing, which a few bytes make endless."""
    if isinstance(schema, list):
        return [_plain(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("type") in ("array", "map"):
        items = schema.get("items", schema.get("values"))
        if items == "null" or (isinstance(items, dict) and (items.get("type") == "null" or items.get("fields") == [])):
            raise ValueError("arrays of nothing")
    return {key: _plain(value) for key, value in schema.items() if key != "logicalType"}


def _inflated(data: bytes, most: int) -> bytes:
    made = zlib.decompressobj(-15).decompress(data, most + 1)
    if len(made) > most:
        raise ValueError("its blocks become too large")
    return made


def _unsnapped(data: bytes, most: int) -> bytes:
    return plain_block(data[:-4], most)  # a checksum is behind


def _unzipped(data: bytes, most: int) -> bytes:
    made = zstandard.ZstdDecompressor().stream_reader(data).read(most + 1)
    if len(made) > most:
        raise ValueError("its blocks become too large")
    return made


_EXPANDERS: dict[str, Callable[[bytes, int], bytes]] = {
    "null": lambda data, most: data,
    "deflate": _inflated,
    "snappy": _unsnapped,
    "zstandard": _unzipped,
}


def _header(data: bytes) -> tuple[dict[str, bytes], bytes, int]:
    """What the header says, the mark, and where the first block begins; raises ValueError and IndexError."""
    if not data.startswith(_MAGIC):
        raise ValueError
    at = len(_MAGIC)
    texts: list[bytes] = []
    while (count := _number(data, at))[0]:  # a map: counted runs of keys and values, and an empty one
        pairs, at = count
        if pairs < 0:
            pairs, (_, at) = -pairs, _number(data, at)
        if len(texts) + 2 * pairs > _MOST_TEXTS:
            raise ValueError
        for _ in range(2 * pairs):
            length, at = _number(data, at)
            if length < 0:
                raise ValueError
            texts.append(data[at : at + length])
            at += length
    at = count[1]
    mark = data[at : at + _SYNC]
    if len(mark) < _SYNC:
        raise ValueError
    return dict(zip((key.decode() for key in texts[::2]), texts[1::2], strict=True)), mark, at + _SYNC


def _number(data: bytes, at: int) -> tuple[int, int]:
    """A long, in zigzag; raises as `_unsigned`."""
    value, at = _unsigned(data, at)
    return (value >> 1) ^ -(value & 1), at


def _unsigned(data: bytes, at: int) -> tuple[int, int]:
    """Groups of seven bits; raises IndexError at the end of the data, ValueError when there are too many."""
    value = shift = 0
    while shift < _BITS:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            return value, at
    raise ValueError("a number is too long")
