"""What a server answers: OK, ERR, EOF, column definitions, prepare-OK. Build and parse; sans-IO."""

from dataclasses import dataclass, replace

from base.errors import MalformedPacket
from wire.constants import Capability, Status
from wire.integers import (
    build_lenenc,
    build_lenenc_bytes,
    read_bytes,
    read_int,
    read_lenenc,
    read_lenenc_bytes,
)

# As plain numbers: a flag's own operators take a microsecond each.
_DEPRECATE_EOF = int(Capability.DEPRECATE_EOF)
_EXTENDED = int(Capability.MARIADB_EXTENDED_METADATA)


@dataclass(frozen=True, slots=True)
class Ok:
    """OK packet, also the one that ends rows under DEPRECATE_EOF."""

    affected_rows: int = 0
    last_insert_id: int = 0
    status: Status = Status.AUTOCOMMIT
    warnings: int = 0
    rest: bytes = b""  # info and session state, as received


@dataclass(frozen=True, slots=True)
class Err:
    """ERR packet."""

    number: int
    sqlstate: str
    message: str


@dataclass(frozen=True, slots=True)
class ColumnDefinition:
    """Protocol::ColumnDefinition41. `decimals` is 31 for "not fixed"; `extended` is MariaDB's metadata."""

    name: str
    type: int
    charset: int = 45
    length: int = 0
    flags: int = 0
    decimals: int = 0
    schema: str = ""
    table: str = ""
    org_table: str = ""
    org_name: str = ""
    catalog: str = "def"
    extended: bytes | None = None

    def renamed(self, name: str) -> "ColumnDefinition":
        """The same definition under another name."""
        return replace(self, name=name)


@dataclass(frozen=True, slots=True)
class PrepareOk:
    """First packet of a prepare's answer."""

    statement_id: int
    columns: int
    parameters: int
    warnings: int


def is_err(payload: bytes) -> bool:
    """Tell whether a server's payload is an ERR packet."""
    return payload[:1] == b"\xff"


def is_eof(payload: bytes) -> bool:
    """Tell whether a payload is a (classic) EOF packet."""
    return payload[:1] == b"\xfe" and len(payload) < 9


def is_end_of_rows(payload: bytes, capabilities: int) -> bool:
    """Tell whether a payload ends a sequence of rows: EOF, or OK with header 0xFE under DEPRECATE_EOF."""
    if capabilities & _DEPRECATE_EOF:
        return payload[:1] == b"\xfe" and len(payload) < 0xFFFFFF
    return is_eof(payload)


def build_ok(ok: Ok, header: int = 0x00) -> bytes:
    """Write an OK packet; `header` 0xFE makes the one that ends rows under DEPRECATE_EOF."""
    return (
        bytes((header,))
        + build_lenenc(ok.affected_rows)
        + build_lenenc(ok.last_insert_id)
        + int(ok.status).to_bytes(2, "little")
        + ok.warnings.to_bytes(2, "little")
        + ok.rest
    )


def parse_ok(payload: bytes) -> Ok:
    """Read an OK packet (header 0x00 or 0xFE)."""
    affected, at = read_lenenc(payload, 1)
    insert_id, at = read_lenenc(payload, at)
    status, at = read_int(payload, at, 2)
    warnings, at = read_int(payload, at, 2)
    return Ok(affected or 0, insert_id or 0, Status(status), warnings, payload[at:])


def build_eof(status: Status, warnings: int = 0) -> bytes:
    """Write a classic EOF packet."""
    return b"\xfe" + warnings.to_bytes(2, "little") + int(status).to_bytes(2, "little")


def build_end_of_rows(status: Status, warnings: int, capabilities: int) -> bytes:
    """Write what ends a sequence of rows for a client with these capabilities."""
    if capabilities & _DEPRECATE_EOF:
        return build_ok(Ok(status=status, warnings=warnings), header=0xFE)
    return build_eof(status, warnings)


def parse_end_of_rows(payload: bytes, capabilities: int) -> tuple[Status, int]:
    """Read status flags and warning count of what ended the rows."""
    if capabilities & _DEPRECATE_EOF:
        ok = parse_ok(payload)
        return ok.status, ok.warnings
    warnings, at = read_int(payload, 1, 2)
    status, at = read_int(payload, at, 2)
    return Status(status), warnings


def build_err(number: int, sqlstate: str, message: str) -> bytes:
    """Write an ERR packet."""
    text = message.encode("utf-8", "replace")[:512]
    return b"\xff" + number.to_bytes(2, "little") + b"#" + sqlstate.encode("ascii")[:5] + text


def parse_err(payload: bytes) -> Err:
    """Read an ERR packet, with or without the SQLSTATE marker."""
    number, at = read_int(payload, 1, 2)
    sqlstate = "HY000"
    if payload[at : at + 1] == b"#":
        sqlstate = payload[at + 1 : at + 6].decode("ascii", "replace")
        at += 6
    return Err(number, sqlstate, payload[at:].decode("utf-8", "replace"))


def build_column_definition(column: ColumnDefinition) -> bytes:
    """Write a column definition."""
    out = b"".join(
        build_lenenc_bytes(text.encode())
        for text in (column.catalog, column.schema, column.table, column.org_table, column.name, column.org_name)
    )
    if column.extended is not None:
        out += build_lenenc_bytes(column.extended)
    return (
        out
        + b"\x0c"
        + column.charset.to_bytes(2, "little")
        + column.length.to_bytes(4, "little")
        + bytes((column.type,))
        + column.flags.to_bytes(2, "little")
        + bytes((column.decimals,))
        + b"\0\0"
    )


def parse_column_definition(payload: bytes, capabilities: int = 0) -> ColumnDefinition:
    """Read a column definition; `capabilities` tell whether MariaDB's extended metadata is in it."""
    at = 0
    texts = []
    for _ in range(6):
        value, at = read_lenenc_bytes(payload, at)
        texts.append((value or b"").decode("utf-8", "replace"))
    extended = None
    if capabilities & _EXTENDED:
        extended, at = read_lenenc_bytes(payload, at)
    fixed, at = read_lenenc_bytes(payload, at)
    if fixed is None or len(fixed) < 10:
        raise MalformedPacket("column definition")
    catalog, schema, table, org_table, name, org_name = texts
    return ColumnDefinition(
        name=name,
        type=fixed[6],
        charset=int.from_bytes(fixed[0:2], "little"),
        length=int.from_bytes(fixed[2:6], "little"),
        flags=int.from_bytes(fixed[7:9], "little"),
        decimals=fixed[9],
        schema=schema,
        table=table,
        org_table=org_table,
        org_name=org_name,
        catalog=catalog,
        extended=extended,
    )


def parse_prepare_ok(payload: bytes) -> PrepareOk:
    """Read the first packet of a prepare's answer."""
    if payload[:1] != b"\0" or len(payload) < 12:
        raise MalformedPacket("prepare OK")
    return PrepareOk(
        int.from_bytes(payload[1:5], "little"),
        int.from_bytes(payload[5:7], "little"),
        int.from_bytes(payload[7:9], "little"),
        int.from_bytes(payload[10:12], "little"),
    )


def build_prepare_ok(answer: PrepareOk) -> bytes:
    """Write the first packet of a prepare's answer."""
    return (
        b"\0"
        + answer.statement_id.to_bytes(4, "little")
        + answer.columns.to_bytes(2, "little")
        + answer.parameters.to_bytes(2, "little")
        + b"\0"
        + answer.warnings.to_bytes(2, "little")
    )


def parse_text_row(payload: bytes, columns: int) -> list[bytes | None]:
    """Read one row of the text protocol: small results only, never the hot path."""
    at = 0
    values: list[bytes | None] = []
    for _ in range(columns):
        value, at = read_lenenc_bytes(payload, at)
        values.append(value)
    if at != len(payload):
        raise MalformedPacket("text row")
    return values


def build_text_row(values: list[bytes | None]) -> bytes:
    """Write one row of the text protocol: small results only, never the hot path."""
    return b"".join(b"\xfb" if value is None else build_lenenc_bytes(value) for value in values)


def parse_query_attributes(payload: bytes, at: int) -> tuple[dict[str, bytes], int]:
    """Read the attributes that stand before a COM_QUERY's text under QUERY_ATTRIBUTES (strings only).

    Returns the attributes by name and the offset of the statement. Raises MalformedPacket.
    """
    count, at = read_lenenc(payload, at)
    _, at = read_lenenc(payload, at)  # parameter_set_count, always 1
    attributes: dict[str, bytes] = {}
    if not count:
        return attributes, at
    nulls, at = read_bytes(payload, at, (count + 7) // 8)
    bound, at = read_int(payload, at, 1)
    if bound != 1:
        raise MalformedPacket("query attributes")
    names = []
    for _ in range(count):
        _, at = read_int(payload, at, 2)
        name, at = read_lenenc_bytes(payload, at)
        names.append((name or b"").decode())
    for i, key in enumerate(names):
        if nulls[i // 8] >> (i % 8) & 1:
            continue
        value, at = read_lenenc_bytes(payload, at)
        attributes[key] = value or b""
    return attributes, at


def build_query_attributes(attributes: dict[str, bytes]) -> bytes:
    """Write string attributes as they stand before a COM_QUERY's text under QUERY_ATTRIBUTES."""
    out = build_lenenc(len(attributes)) + b"\x01"
    if not attributes:
        return out
    out += bytes((len(attributes) + 7) // 8) + b"\x01"
    for name in attributes:
        out += b"\xfe\x00" + build_lenenc_bytes(name.encode())  # MYSQL_TYPE_STRING
    return out + b"".join(build_lenenc_bytes(value) for value in attributes.values())
