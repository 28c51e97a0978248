"""TABLE_MAP events: the shape of the rows that follow, with the optional metadata. Sans-IO.

Source: "Table_map_event" of the MySQL source documentation.
"""

from dataclasses import dataclass, replace

from base.errors import MalformedPacket
from wire.constants import FieldType
from wire.integers import read_bytes, read_int, read_lenenc, read_lenenc_bytes

BLOB_COMPRESSED = 140  # MariaDB
VARCHAR_COMPRESSED = 141  # MariaDB

_TWO_BYTES_LITTLE = {FieldType.VARCHAR, FieldType.BIT, VARCHAR_COMPRESSED}
_TWO_BYTES_BIG = {
    FieldType.NEWDECIMAL,
    FieldType.STRING,
    FieldType.VAR_STRING,
    FieldType.ENUM,
    FieldType.SET,
}
_ONE_BYTE = {
    FieldType.FLOAT,
    FieldType.DOUBLE,
    FieldType.TINY_BLOB,
    FieldType.MEDIUM_BLOB,
    FieldType.LONG_BLOB,
    FieldType.BLOB,
    FieldType.GEOMETRY,
    FieldType.JSON,
    FieldType.VECTOR,
    FieldType.TIMESTAMP2,
    FieldType.DATETIME2,
    FieldType.TIME2,
    BLOB_COMPRESSED,
}
_NUMERIC = {
    FieldType.TINY,
    FieldType.SHORT,
    FieldType.INT24,
    FieldType.LONG,
    FieldType.LONGLONG,
    FieldType.NEWDECIMAL,
    FieldType.FLOAT,
    FieldType.DOUBLE,
    FieldType.YEAR,  # which is unsigned
}
# Columns that have a character set in the metadata. Only MariaDB counts GEOMETRY, which is a blob inside.
_CHARACTER = {
    FieldType.STRING,
    FieldType.VAR_STRING,
    FieldType.VARCHAR,
    FieldType.BLOB,
    FieldType.VECTOR,
    BLOB_COMPRESSED,
    VARCHAR_COMPRESSED,
}
_MARIADB_CHARACTER = _CHARACTER | {FieldType.GEOMETRY}


@dataclass(frozen=True, slots=True)
class MapColumn:
    """One column of a TABLE_MAP. `type` is the real type: ENUM and SET, not the STRING they travel as.

    `meta` is by type: precision << 8 | scale, bytes at most of a (VAR)CHAR, width of a BLOB's length, digits of
    fractional seconds, bytes of an ENUM or SET, bytes << 8 | bits of a BIT. The rest is None or empty without
    binlog_row_metadata=FULL (signedness and charset are always logged by MySQL).
    """

    type: int
    meta: int
    nullable: bool
    name: str | None = None
    unsigned: bool | None = None
    charset: int | None = None  # collation id
    members: tuple[bytes, ...] = ()  # of an ENUM or SET
    visible: bool = True


@dataclass(frozen=True, slots=True)
class TableMap:
    """A TABLE_MAP event. `primary_key` holds column positions; empty without a key or without full metadata."""

    table_id: int
    schema: str
    name: str
    columns: tuple[MapColumn, ...]
    primary_key: tuple[int, ...] = ()


def parse_table_map(body: bytes, is_mariadb: bool = False) -> TableMap:
    """Read a TABLE_MAP event's body; raises MalformedPacket."""
    table_id, at = read_int(body, 0, 6)
    schema, at = _read_name(body, at + 2)
    name, at = _read_name(body, at)
    count, at = read_lenenc(body, at)
    types, at = read_bytes(body, at, count or 0)
    metas, at = read_lenenc_bytes(body, at)
    columns = _read_columns(types, metas or b"")
    nulls, at = read_bytes(body, at, (len(types) + 7) // 8)
    columns = [replace(c, nullable=bool(nulls[i // 8] >> (i % 8) & 1)) for i, c in enumerate(columns)]
    primary_key = _read_optional(body, at, columns, _MARIADB_CHARACTER if is_mariadb else _CHARACTER)
    return TableMap(table_id, schema, name, tuple(columns), primary_key)


def _read_name(body: bytes, at: int) -> tuple[str, int]:
    length, at = read_int(body, at, 1)
    name, at = read_bytes(body, at, length)
    return name.decode("utf-8", "surrogateescape"), at + 1


def _read_columns(types: bytes, metas: bytes) -> list[MapColumn]:
    columns = []
    at = 0
    for kind in types:
        meta = 0
        if kind in _TWO_BYTES_LITTLE:
            meta, at = read_int(metas, at, 2)
        elif kind in _TWO_BYTES_BIG:
            raw, at = read_bytes(metas, at, 2)
            kind, meta = _real_type(kind, raw)
        elif kind in _ONE_BYTE:
            meta, at = read_int(metas, at, 1)
        elif kind == FieldType.TYPED_ARRAY:
            raise MalformedPacket("table map (typed array)")
        columns.append(MapColumn(kind, meta, True))
    if at != len(metas):
        raise MalformedPacket("table map")
    return columns


def _real_type(kind: int, raw: bytes) -> tuple[int, int]:
    """STRING hides ENUM and SET, and lengths over 255 in two inverted bits of the type byte."""
    first, second = raw
    if kind == FieldType.NEWDECIMAL:
        return kind, first << 8 | second
    if first & 0x30 != 0x30:
        return first | 0x30, second | ((first & 0x30) ^ 0x30) << 4
    return (first or kind), second


def _read_optional(body: bytes, at: int, columns: list[MapColumn], with_charset: set[int]) -> tuple[int, ...]:
    """Put the optional metadata fields into `columns` and give the primary key."""
    key: tuple[int, ...] = ()
    numeric = [i for i, c in enumerate(columns) if c.type in _NUMERIC]
    character = [i for i, c in enumerate(columns) if c.type in with_charset]
    while at < len(body):
        field, at = read_int(body, at, 1)
        value, at = read_lenenc_bytes(body, at)
        value = value or b""
        if field == 1:
            for i, bit in zip(numeric, _bits(value), strict=False):
                columns[i] = replace(columns[i], unsigned=bit)
        elif field in (2, 3):
            for i, charset in zip(character, _charsets(value, field == 2, len(character)), strict=False):
                columns[i] = replace(columns[i], charset=charset)
        elif field == 4:
            for i, name in enumerate(_strings(value)[: len(columns)]):
                columns[i] = replace(columns[i], name=name.decode("utf-8", "surrogateescape"))
        elif field in (5, 6):
            wanted = FieldType.SET if field == 5 else FieldType.ENUM
            holders = [i for i, c in enumerate(columns) if c.type == wanted]
            for i, members in zip(holders, _member_lists(value), strict=False):
                columns[i] = replace(columns[i], members=members)
        elif field == 8:
            key = tuple(_integers(value))
        elif field == 9:
            key = tuple(_integers(value)[::2])
        elif field == 12:
            for i, bit in zip(range(len(columns)), _bits(value), strict=False):
                columns[i] = replace(columns[i], visible=bit)
    return key


def _bits(value: bytes) -> list[bool]:
    """Bits from the most significant of the first byte on."""
    return [bool(byte >> bit & 1) for byte in value for bit in range(7, -1, -1)]


def _integers(value: bytes) -> list[int]:
    numbers = []
    at = 0
    while at < len(value):
        number, at = read_lenenc(value, at)
        numbers.append(number or 0)
    return numbers


def _strings(value: bytes) -> list[bytes]:
    texts = []
    at = 0
    while at < len(value):
        text, at = read_lenenc_bytes(value, at)
        texts.append(text or b"")
    return texts


def _member_lists(value: bytes) -> list[tuple[bytes, ...]]:
    lists = []
    at = 0
    while at < len(value):
        count, at = read_lenenc(value, at)
        members = []
        for _ in range(count or 0):
            member, at = read_lenenc_bytes(value, at)
            members.append(member or b"")
        lists.append(tuple(members))
    return lists


def _charsets(value: bytes, defaulted: bool, count: int) -> list[int]:
    """Collation ids: one default with (index, id) exceptions, or one per column."""
    numbers = _integers(value)
    if not defaulted or not numbers:
        return numbers
    ids = [numbers[0]] * count
    for index, charset in zip(numbers[1::2], numbers[2::2], strict=False):
        if index < count:
            ids[index] = charset
    return ids
