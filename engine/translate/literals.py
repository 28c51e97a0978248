"""Literals: what a constant is worth, and exact folding of text to the type it is compared with."""

import re
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal

from base.decimals import negated
from engine.collate.presence import of_text
from engine.translate.given import answered
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr
from engine.translate.types import BOOL, DATE, DOUBLE, NULL, Family, Type, datetime_type, decimal

_DATE = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)\Z")
_DATETIME = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)[ T](\d\d?):(\d\d?)(?::(\d\d?)(?:\.(\d{1,6}))?)?\Z")
_DIGITS = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d))?\Z")
_TIME = re.compile(r"(-?)(\d{1,3}):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?\Z")
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?\Z")
_APPROXIMATE = re.compile(r"(\d+\.?\d*|\.\d+)[eE][+-]?\d+\Z")
_EXACT_DIGITS = 15  # decimal digits that a double holds without loss

NULL_LITERAL = Expr("literal", NULL)


def integer(value: int) -> Expr:
    """Make an integer literal; beyond BIGINT it is unsigned, beyond that a decimal."""
    digits = len(str(abs(value)))
    if -(1 << 63) <= value < 1 << 63:
        return Expr("literal", Type(Family.INT, digits=digits), value=value)
    if 0 <= value < 1 << 64:
        return Expr("literal", Type(Family.INT, unsigned=True, digits=digits), value=value)
    return exact(Decimal(value))


def exact(value: Decimal) -> Expr:
    """Make a decimal literal with the digits as written; raises Refused past 38."""
    _, digits, exponent = value.as_tuple()
    scale = max(0, -int(exponent))
    count = max(len(digits), scale + 1)
    if count > 38:
        refuse("a decimal literal has more than 38 digits")
    return Expr("literal", decimal(count, scale), value=value)


def number(text: str) -> Expr:
    """Read an unsigned number as MySQL types it: integer, decimal, or double when it has an exponent. Raises Refused
    for what the parser takes with it: it reads `1e0+2` as one number."""
    if text.isdigit():
        return integer(int(text))
    if "e" in text.lower():
        if not _APPROXIMATE.match(text):
            refuse("a sign follows a number with an exponent without a space")
        return Expr("literal", DOUBLE, value=float(text))
    return exact(Decimal(text))


def string(text: str, collation: str) -> Expr:
    """Make a string literal; `collation` is the connection's."""
    charset = collation.split("_", 1)[0]
    type_ = Type(Family.STRING, collation=collation, charset=charset, presence=of_text(text), coercible=True)
    return Expr("literal", type_, value=text)


def truth(value: bool) -> Expr:
    """Make TRUE or FALSE."""
    return Expr("literal", BOOL, value=value)


def day(value: date) -> Expr:
    """Make a DATE literal."""
    return Expr("literal", DATE, value=value)


def moment(value: datetime, fsp: int = 0) -> Expr:
    """Make a DATETIME literal."""
    return Expr("literal", datetime_type(fsp), value=value)


def negate(literal: Expr) -> Expr:
    """Give minus a number literal."""
    value = literal.value
    if isinstance(value, bool):
        return integer(-int(value))
    if isinstance(value, int):
        return integer(-value)
    if isinstance(value, Decimal):
        # A user variable's has all the decimals of its type, which MySQL shows once it has calculated with them.
        return Expr("literal", replace(literal.type, unpadded=False), value=negated(value))
    if isinstance(value, float):
        return Expr("literal", DOUBLE, value=-value)
    raise Refused("minus is applied to a value that is not a number")


def is_literal(expr: Expr) -> bool:
    """Tell whether an expression is a constant."""
    return expr.op == "literal"


def text_of(expr: Expr) -> str | None:
    """Give the text of a string literal; None for anything else."""
    return str(expr.value) if is_text(expr) else None


def is_text(expr: Expr) -> bool:
    """Tell whether an expression is a string literal."""
    return is_literal(expr) and answered(_is_string, expr)


def _is_string(value: object) -> bool:
    return isinstance(value, str)


def as_temporal(text: str) -> Expr:
    """Read 'YYYY-M-D', 'YYYY-M-D H:M[:S[.ffffff]]', 'YYYYMMDD' or 'YYYYMMDDHHMMSS' as both servers do without a
    warning (str_to_datetime in MySQL's mysys/my_time.cc); raises Refused on other forms."""
    found = _DATE.match(text) or _DATETIME.match(text) or _DIGITS.match(text)
    if found is None:
        refuse("a date literal is not written as 'YYYY-MM-DD' or 'YYYY-MM-DD HH:MM:SS'")
    year, month, day_, *clock = found.groups()
    try:
        if not clock or clock[0] is None:
            return day(date(int(year), int(month), int(day_)))
        fraction = clock[3] if len(clock) > 3 and clock[3] else ""
        hour, minute, second = (int(part or 0) for part in clock[:3])
        micros = int(fraction.ljust(6, "0"))
        return moment(datetime(int(year), int(month), int(day_), hour, minute, second, micros), len(fraction))
    except ValueError:
        refuse("a date literal is not a valid date")


def read_temporal(literal: Expr) -> Expr:
    """Read a string literal as a date or moment; raises Refused."""
    return as_temporal(str(literal.value))


def dated(literal: Expr) -> Expr:
    """Read the literals YYYYMMDD and YYYYMMDDHHMMSS as a date; raises Refused for other numbers."""
    text = str(literal.value) if is_literal(literal) else ""
    if len(text) not in (8, 14):
        refuse("a date is compared with a number that is not written as one")
    return as_temporal(text)


def read_time(literal: Expr) -> Expr:
    """Read a string literal as TIME; raises Refused."""
    return as_time(str(literal.value))


def as_time(text: str) -> Expr:
    """Read '[-]HH:MM[:SS[.ffffff]]' as TIME in microseconds; raises Refused on other forms."""
    found = _TIME.match(text)
    if not found or int(found[2]) > 838 or int(found[3]) > 59 or int(found[4] or 0) > 59:
        refuse("a time literal is not written as 'HH:MM:SS'")
    fraction = found[5] or ""
    seconds = (int(found[2]) * 60 + int(found[3])) * 60 + int(found[4] or 0)
    micros = seconds * 1_000_000 + int(fraction.ljust(6, "0"))
    return Expr("literal", Type(Family.TIME, fsp=len(fraction)), value=-micros if found[1] else micros)


def plain_number(text: str) -> bool:
    """Tell whether a text is a number that a double holds exactly, written without spaces or exponent."""
    return bool(_NUMBER.match(text)) and sum(c.isdigit() for c in text) <= _EXACT_DIGITS


def as_number(text: str, other: Type) -> Expr:
    """Read a string compared with a number; MySQL compares as doubles, so only what doubles hold exactly is folded."""
    if not plain_number(text):
        refuse("a number is compared with a string that is not a plain number")
    if other.family is Family.DECIMAL and other.digits > _EXACT_DIGITS:
        refuse("a long decimal is compared with a string")
    negative = text.startswith("-")
    literal = number(text.lstrip("-"))
    return negate(literal) if negative else literal


def read_number(literal: Expr, other: Type) -> Expr:
    """Read a string literal that is compared with a number of this type; raises Refused."""
    return as_number(str(literal.value), other)


def midnight(literal: Expr) -> Expr:
    """Turn a DATE literal into the DATETIME at its start."""
    value = literal.value
    if isinstance(value, date) and not isinstance(value, datetime):
        return moment(datetime.combine(value, time()))
    return literal
