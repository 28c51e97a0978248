"""Parameters of COM_STMT_EXECUTE: read from bytes, and written as typed literals into the statement's text. Sans-IO.

Source: "COM_STMT_EXECUTE" and "Binary Protocol Value" of the MySQL protocol documentation.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from struct import unpack_from

from base.errors import MalformedPacket
from wire.constants import FieldType
from wire.integers import read_bytes, read_int, read_lenenc, read_lenenc_bytes

_UNSIGNED = 0x80
_INTEGERS = {
    **{FieldType.TINY: 1, FieldType.SHORT: 2, FieldType.YEAR: 2},
    **{FieldType.LONG: 4, FieldType.INT24: 4, FieldType.LONGLONG: 8},
}
_WIDTHS: dict[int, int] = {int(kind): size for kind, size in _INTEGERS.items()} | {4: 4, 5: 8}  # FLOAT, DOUBLE
_MOMENTS = frozenset({FieldType.DATE, FieldType.DATETIME, FieldType.TIMESTAMP, FieldType.TIME})
STRINGS = frozenset({FieldType.VARCHAR, FieldType.VAR_STRING, FieldType.STRING, FieldType.ENUM, FieldType.SET})
BLOBS = frozenset({FieldType.TINY_BLOB, FieldType.MEDIUM_BLOB, FieldType.LONG_BLOB, FieldType.BLOB})
# Which MySQL 9.7 refuses as "Incorrect arguments to mysqld_stmt_execute", and MariaDB takes.
_REFUSED = frozenset({FieldType.YEAR, FieldType.INT24, FieldType.ENUM, FieldType.SET})
_DECIMALS = frozenset({FieldType.DECIMAL, FieldType.NEWDECIMAL})
_DECIMAL = re.compile(rb"-?(?:\d+(?:\.\d*)?|\.\d+)")
_WHOLE_DOUBLES = 1 << 53  # up to here each whole number is a double
_FLAG_READ_ONLY, _FLAG_PARAMETER_COUNT = 0x01, 0x08  # of the cursor's kinds only this one is there


class NotALiteral(Exception):
    """A value that has no literal of the same type and value."""


@dataclass(frozen=True, slots=True)
class Execute:
    """A COM_STMT_EXECUTE. `types` are 2 bytes per parameter, None when those of the last execution hold."""

    statement_id: int
    cursor: bool
    nulls: bytes
    types: bytes | None
    values: bytes
    attributes: int = 0  # how many stand behind the parameters


def parse_execute(payload: bytes, parameters: int, with_attributes: bool) -> Execute:
    """Read a COM_STMT_EXECUTE of a statement with this many parameters. Raises MalformedPacket.

    `with_attributes` is the capability QUERY_ATTRIBUTES: a count and names stand with the parameters then, whether the
    flag says so or not. Attributes are passed over, they come last; without types of their own they are refused.
    """
    statement_id, at = read_int(payload, 1, 4)
    flags, at = read_int(payload, at, 1)
    _, at = read_int(payload, at, 4)
    named = with_attributes and bool(parameters or flags & _FLAG_PARAMETER_COUNT)
    count = parameters
    if named:
        count, at = read_int(payload, at, 1)
        if not parameters <= count <= 250:
            raise MalformedPacket("query attributes of a prepared statement")
    if not parameters:
        return Execute(statement_id, bool(flags & _FLAG_READ_ONLY), b"", b"", b"")
    nulls, at = read_bytes(payload, at, (count + 7) // 8)
    bound, at = read_int(payload, at, 1)
    if not bound and count > parameters:
        raise MalformedPacket("query attributes of a prepared statement")
    types: bytes | None = None
    if bound:
        parts = []
        for _ in range(count):
            part, at = read_bytes(payload, at, 2)
            parts.append(part)
            if named:
                _, at = read_lenenc_bytes(payload, at)
        types = b"".join(parts[:parameters])
    return Execute(statement_id, bool(flags & _FLAG_READ_ONLY), nulls, types, payload[at:], count - parameters)


def with_types(payload: bytes, parameters: int, types: bytes, with_attributes: bool) -> bytes:
    """Give the same COM_STMT_EXECUTE with the parameters' types in it, for a server that has not been told them."""
    nulls_at = 10
    if with_attributes:
        nulls_at += 1
        parts = [types[at : at + 2] + b"\0" for at in range(0, len(types), 2)]  # each with an empty name
    else:
        parts = [types]
    bound_at = nulls_at + (parameters + 7) // 8
    return payload[:bound_at] + b"\1" + b"".join(parts) + payload[bound_at + 1 :]


def text_start(payload: bytes) -> int:
    """Where the statement begins in a COM_QUERY under QUERY_ATTRIBUTES, behind attributes of any types.

    Raises MalformedPacket.
    """
    count, at = read_lenenc(payload, 1)
    _, at = read_lenenc(payload, at)  # parameter_set_count, always 1
    if not count:
        return at
    nulls, at = read_bytes(payload, at, (count + 7) // 8)
    bound, at = read_int(payload, at, 1)
    if not bound:
        raise MalformedPacket("query attributes")
    types = []
    for _ in range(count):
        kind, at = read_int(payload, at, 2)
        _, at = read_lenenc_bytes(payload, at)
        types.append(kind & 0xFF)
    for number, kind in enumerate(types):
        if kind != FieldType.NULL and not nulls[number // 8] >> (number % 8) & 1:
            at = _behind(payload, at, kind)
    return at


def _behind(payload: bytes, at: int, kind: int) -> int:
    """Where the next value begins."""
    if size := _WIDTHS.get(kind):
        return read_bytes(payload, at, size)[1]
    if kind in _MOMENTS:
        return _short(payload, at)[1]
    return read_lenenc_bytes(payload, at)[1]


def build_literals(
    execute: Execute, types: bytes, backslash_escapes: bool, long_data: Mapping[int, bytes] | None = None
) -> list[str]:
    """Write the parameters as MySQL literals; `long_data` are values that came before, by the parameter's number.

    Raises MalformedPacket and NotALiteral.
    """
    out = []
    long_data = long_data or {}
    at = 0
    for number in range(len(types) // 2):
        kind, flag = types[2 * number], types[2 * number + 1]
        if kind in _REFUSED:
            raise NotALiteral("a type that not every server takes")
        if number in long_data:
            if not takes_long_data(types, number):
                raise NotALiteral("long data of a type that has none")
            out.append(_text(long_data[number], kind, backslash_escapes))
            continue
        if execute.nulls[number // 8] >> (number % 8) & 1:
            out.append("NULL")
            continue
        if kind == FieldType.NULL:
            raise NotALiteral("NULL by its type alone")  # MySQL takes it, MariaDB refuses it
        literal, at = _literal(execute.values, at, kind, bool(flag & _UNSIGNED), backslash_escapes)
        out.append(literal)
    if at != len(execute.values) and not execute.attributes:
        raise MalformedPacket("parameters")
    return out


def takes_long_data(types: bytes, number: int) -> bool:
    """Tell whether a parameter of such a type may have come as long data: else the servers refuse the execution."""
    return types[2 * number] in STRINGS or types[2 * number] in BLOBS


def _literal(data: bytes, at: int, kind: int, unsigned: bool, escapes: bool) -> tuple[str, int]:
    if kind in _INTEGERS:
        raw, at = read_bytes(data, at, _INTEGERS[FieldType(kind)])
        number = int.from_bytes(raw, "little", signed=not unsigned)
        return str(number) if number >= 0 else f"({number})", at
    if kind in (FieldType.FLOAT, FieldType.DOUBLE):
        width, code = (4, "<f") if kind == FieldType.FLOAT else (8, "<d")
        raw, at = read_bytes(data, at, width)
        return _double(unpack_from(code, raw)[0]), at
    if kind in (FieldType.DATE, FieldType.DATETIME, FieldType.TIMESTAMP):
        raw, at = _short(data, at)
        return _moment(raw, kind == FieldType.DATE), at
    if kind == FieldType.TIME:
        raw, at = _short(data, at)
        return _time(raw), at
    value, at = read_lenenc_bytes(data, at)
    if value is None:
        raise MalformedPacket("parameter")
    return _text(value, kind, escapes), at


def as_double(whole: str) -> str:
    """Give the literal of a whole number as a double's. Raises NotALiteral when it is not the same number then."""
    number = int(whole.strip("()"))
    if abs(number) > _WHOLE_DOUBLES:
        raise NotALiteral("not a whole double")
    return _double(float(number))


def _short(data: bytes, at: int) -> tuple[bytes, int]:
    length, at = read_int(data, at, 1)
    return read_bytes(data, at, length)


def _double(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        raise NotALiteral("not a number")
    text = repr(value)
    text = text if "e" in text else f"{text}e0"  # an exponent makes it a double, not a decimal
    return f"({text})" if text.startswith("-") else text


def _moment(raw: bytes, is_date: bool) -> str:
    if len(raw) not in (4, 7, 11):
        raise NotALiteral("zero date")
    date = f"{int.from_bytes(raw[:2], 'little'):04d}-{raw[2]:02d}-{raw[3]:02d}"
    if is_date:
        return f"DATE'{date}'"
    hour, minute, second = raw[4:7] if len(raw) > 4 else (0, 0, 0)
    text = f"{date} {hour:02d}:{minute:02d}:{second:02d}"
    if len(raw) == 11:
        text += f".{int.from_bytes(raw[7:11], 'little'):06d}"
    return f"TIMESTAMP'{text}'"


def _time(raw: bytes) -> str:
    if not raw:
        return "TIME'00:00:00'"
    if len(raw) not in (8, 12):
        raise MalformedPacket("time parameter")
    hours = int.from_bytes(raw[1:5], "little") * 24 + raw[5]
    text = f"{'-' if raw[0] else ''}{hours:02d}:{raw[6]:02d}:{raw[7]:02d}"
    if len(raw) == 12:
        text += f".{int.from_bytes(raw[8:12], 'little'):06d}"
    return f"TIME'{text}'"


def _text(value: bytes, kind: int, escapes: bool) -> str:
    if kind in _DECIMALS:
        if not _DECIMAL.fullmatch(value):
            raise NotALiteral("decimal")
        text = value.decode() if b"." in value else f"{value.decode()}."  # without a point it would be an integer
        return f"({text})" if text.startswith("-") else text
    if kind in BLOBS:
        return f"UNHEX('{value.hex()}')"  # X'35' would be the number 53 beside a number, and the value is the text 5
    if kind not in STRINGS:
        raise NotALiteral("type")
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise NotALiteral("text") from problem
    if "\0" in text:
        raise NotALiteral("text")
    if escapes:
        text = text.replace("\\", "\\\\")
    return "'" + text.replace("'", "''") + "'"
