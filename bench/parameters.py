"""Random values for placeholders, as a client binds them, in the place of a statement's literals."""

import random
import re
from dataclasses import dataclass
from struct import pack

from wire.constants import FieldType
from wire.integers import build_lenenc_bytes

# Literals that may stand as placeholders: none with a word before it that makes it a part of something, none of a type.
_LITERAL = re.compile(
    r"(?P<skipped>`[^`]*`|\b(?:DATE|TIME|TIMESTAMP|SEPARATOR|ESCAPE|_\w+|INTERVAL)\s*'(?:[^'\\]|\\.|'')*'|"
    r"\b[xbnXBN]'(?:[^'\\]|\\.|'')*'|\b(?:DECIMAL|CHAR|BINARY|TIME|DATETIME|NOW)\([\d, ]*\)|"
    r"(?:LIMIT|OFFSET)\s+\d+(?:,\s*\d+)?|"  # MySQL takes -1 for an error the first time, and not the second
    r"(?:LIMIT|OFFSET|ROWS|RANGE|BETWEEN|AND|ORDER BY|GROUP BY)\s+\d+\b[\s\w,]*(?:PRECEDING|FOLLOWING|$))|"
    r"(?P<text>'(?:[^'\\]|\\.|'')*')|(?P<number>(?<![\w.])\d+(?:\.\d+)?(?:e-?\d+)?(?![\w.]))",
    re.IGNORECASE,
)
_MINIMUM = {FieldType.TINY: -(1 << 7), FieldType.SHORT: -(1 << 15), FieldType.LONG: -(1 << 31)}
_MINIMUM[FieldType.LONGLONG] = -(1 << 63)
_SIZES = {FieldType.TINY: 1, FieldType.SHORT: 2, FieldType.LONG: 4, FieldType.LONGLONG: 8}
_STRANGE = 0.3  # share of the values that are of any type
_DATED = re.compile(r"'(?:\d{4}-\d\d-\d\d|-?\d+:\d\d:\d\d)")
_NUMBERS = (FieldType.LONGLONG, FieldType.LONGLONG, FieldType.LONG, FieldType.NEWDECIMAL, FieldType.DOUBLE)
_STRINGS = (FieldType.VAR_STRING, FieldType.VAR_STRING, FieldType.VAR_STRING, FieldType.BLOB)
_MOMENTS = (FieldType.DATE, FieldType.DATETIME, FieldType.TIME, FieldType.VAR_STRING)
_DECIMALS = (b"1.50", b"-0.00", b"0.000000000000000000000000000001", b"99999999999999999999.5", b"3", b"-12.25", b".5")
_DOUBLES = (0.0, -0.0, 1.5, -2.25, 0.1, 1e15, 1e300, -7.0, 3.0, 1e-9)
_TEXTS = (
    "", " ", "a", "A", "abc", "a ", "é", "ß", "10", "9x", "1e2", "-3.5", "a%", "_b", "2024-02-29", "it''s", "\\",
    "NULL", "2000-01-01 10:11:12.5", "10:11:12", "日本", "TWO",
)  # fmt: skip
_BYTES = (b"", b"a", b"abc", b"\xff\x00", b"10", b"\xc3\xa9", b" ")
_DAYS = ((2024, 2, 29), (2000, 1, 1), (1970, 1, 1), (9999, 12, 31), (1000, 1, 1), (2023, 12, 31))
_CLOCKS = ((0, 0, 0, 0), (10, 11, 12, 0), (23, 59, 59, 999999), (1, 2, 3, 500000), (0, 0, 0, 1))


@dataclass(frozen=True)
class Bound:
    """A value as COM_STMT_EXECUTE has it: its type with the flag of unsigned ones, bytes, or None for NULL."""

    type: bytes
    value: bytes | None
    shown: str


def with_placeholders(statement: str, chance: random.Random, share: float) -> tuple[str, list[str]]:
    """Give the statement with question marks for a share of its literals, and those literals."""
    literals: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        if found["skipped"] is not None or chance.random() > share:
            return found[0]
        literals.append(found[0])
        return "?"

    return _LITERAL.sub(replaced, statement), literals


def with_variables(statement: str, chance: random.Random, share: float) -> tuple[str, list[str]]:
    """Give the statement with @v0, @v1, … for a share of its literals, and the literals that they are set to."""
    literals: list[str] = []

    def replaced(found: re.Match[str]) -> str:
        if found["skipped"] is not None or chance.random() > share:
            return found[0]
        literals.append(found[0])
        return f"@v{len(literals) - 1}"

    return _LITERAL.sub(replaced, statement), literals


def likely(chance: random.Random, literal: str) -> Bound:
    """Make a value of a type that a client would bind in the place of a literal, or sometimes of any type."""
    if chance.random() < _STRANGE:
        return bound(chance)
    if not literal.startswith("'"):
        return bound(chance, chance.choice(_NUMBERS))
    return bound(chance, chance.choice(_MOMENTS if _DATED.match(literal) else _STRINGS))


def bound(chance: random.Random, kind: FieldType | None = None, unsigned: bool | None = None) -> Bound:
    """Make a value of a type, of any where none is given; one in ten is NULL."""
    kind = chance.choice(_KINDS) if kind is None else kind
    unsigned = kind in _SIZES and chance.random() < 0.3 if unsigned is None else unsigned
    type_ = bytes((kind, 0x80 if unsigned else 0))
    if chance.random() < 0.1:
        return Bound(type_, None, f"{kind.name} NULL")
    value, shown = _value(chance, kind, unsigned)
    return Bound(type_, value, f"{kind.name}{' UNSIGNED' if unsigned else ''} {shown}")


def _value(chance: random.Random, kind: FieldType, unsigned: bool) -> tuple[bytes, str]:
    if size := _SIZES.get(kind):
        least = 0 if unsigned else _MINIMUM[kind]
        number = chance.choice((0, 1, 2, 3, 5, 7, 10, least, least + (1 << (8 * size)) - 1, max(least, -1)))
        return (number % (1 << (8 * size))).to_bytes(size, "little"), str(number)
    if kind in (FieldType.FLOAT, FieldType.DOUBLE):
        value = chance.choice(_DOUBLES)
        value = min(value, 1e30) if kind is FieldType.FLOAT else value
        return pack("<f" if kind is FieldType.FLOAT else "<d", value), repr(value)
    if kind is FieldType.NEWDECIMAL:
        digits = chance.choice(_DECIMALS)
        return build_lenenc_bytes(digits), digits.decode()
    if kind in (FieldType.DATE, FieldType.DATETIME, FieldType.TIME):
        return _moment(chance, kind)
    data = chance.choice(_BYTES) if kind is FieldType.BLOB else chance.choice(_TEXTS).encode()
    return build_lenenc_bytes(data), repr(data)


def _moment(chance: random.Random, kind: FieldType) -> tuple[bytes, str]:
    hour, minute, second, micro = chance.choice(_CLOCKS)
    fraction = micro.to_bytes(4, "little") if micro else b""
    if kind is FieldType.TIME:
        negative, days = chance.random() < 0.3, chance.choice((0, 0, 1, 34))
        data = bytes((negative,)) + days.to_bytes(4, "little") + bytes((hour, minute, second)) + fraction
        return bytes((len(data),)) + data, f"{'-' if negative else ''}{days} {hour}:{minute}:{second}.{micro}"
    year, month, day = chance.choice(_DAYS)
    data = year.to_bytes(2, "little") + bytes((month, day))
    if kind is FieldType.DATETIME:
        data += bytes((hour, minute, second)) + fraction
    return bytes((len(data),)) + data, f"{year}-{month}-{day} {hour}:{minute}:{second}.{micro}"


_KINDS = (
    *_SIZES, FieldType.LONGLONG, FieldType.NEWDECIMAL, FieldType.DOUBLE, FieldType.FLOAT, FieldType.VAR_STRING,
    FieldType.VAR_STRING, FieldType.BLOB, FieldType.DATE, FieldType.DATETIME, FieldType.TIME,
)  # fmt: skip
