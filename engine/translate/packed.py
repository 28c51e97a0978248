"""Dates that may be zero or partial, as in 0000-00-00: integers that sort as MySQL sorts, of which little is known.

They are shown, counted, compared and sorted by. Where a statement does more with them, its columns of them are
*unpacked*: dates like all others, of which those fail that are zero, partial or in no calendar. What is compared or
asked for its year is the integer still, of which each has one.
"""

import re
from datetime import date, datetime
from typing import cast

from engine.translate.given import answered, derived
from engine.translate.literals import as_temporal, is_literal, is_text
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import Family, Type
from statements.schema import Column

PACKED = frozenset({Family.PACKED_DATE, Family.PACKED_DATETIME})
_KNOWN = frozenset({Family.DATE, Family.DATETIME})
_ZERO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?: 00:00:00(?:\.0{1,6})?)?\Z")
_MOST_DAYS = 31


def packed_type(column: Column) -> Type:
    """Give the type of a DATE, DATETIME or TIMESTAMP column that is kept packed."""
    family = Family.PACKED_DATE if column.type == "date" else Family.PACKED_DATETIME
    return Type(family, fsp=column.fsp, required=not column.nullable)


def pack(year: int, month: int, day: int, clock: int = 0, micros: int = 0) -> int:
    """Pack a date and a clock in seconds as MySQL does inside: TIME_to_longlong_datetime_packed()."""
    clock = clock // 3600 << 12 | clock // 60 % 60 << 6 | clock % 60
    return ((year * 13 + month << 5 | day) << 17 | clock) << 24 | micros


def unpacked(packed: Expr) -> Expr:
    """Make a date or datetime of one that may be zero; such a one fails."""
    family = Family.DATE if packed.type.family is Family.PACKED_DATE else Family.DATETIME
    return Expr("unpacked", Type(family, fsp=packed.type.fsp), (packed,))


def within(expr: Expr) -> Expr:
    """Give what was unpacked; anything else as it is."""
    return expr.args[0] if expr.op == "unpacked" else expr


def is_packed_pair(left: Expr, right: Expr) -> bool:
    """Tell whether two values are compared as packed ones: one is, or was before it was unpacked beside a date."""
    if left.op != "unpacked":
        left, right = right, left
    if left.op != "unpacked":
        return left.type.family in PACKED or right.type.family in PACKED
    return is_text(right) or is_literal(right) or right.type.family is left.type.family


def _is_date(value: object) -> bool:
    return isinstance(value, date)


def _packed(literal: Expr, type_: Type) -> Expr:
    return Expr("literal", type_, value=_packed_value(cast(date, literal.value)))


def _packed_value(value: date | datetime) -> int:
    if not isinstance(value, datetime):
        return pack(value.year, value.month, value.day)
    clock = (value.hour * 60 + value.minute) * 60 + value.second
    return pack(value.year, value.month, value.day, clock, value.microsecond)


def is_partial(text: str) -> bool:
    """Tell whether a text is a date without a day or month, as in 0000-00-00."""
    found = _ZERO.match(text)
    return found is not None and not (int(found[2]) and int(found[3]))


def _read(literal: Expr) -> Expr:
    """Read a date literal, which may be zero or partial; raises Refused."""
    text = str(literal.value)
    found = _ZERO.match(text)
    year, month, day = (int(part) for part in found.groups()) if found else (1, 1, 1)
    if month and day:
        return as_packed(as_temporal(text))
    if month > 12 or day > _MOST_DAYS:
        refuse("a date literal is not a valid date")
    return Expr("literal", Type(Family.PACKED_DATETIME), value=pack(year, month, day))


def as_packed(expr: Expr) -> Expr:
    """Pack a date or datetime; raises Refused for other values."""
    expr = within(expr)
    if expr.type.family in PACKED:
        return expr
    if is_text(expr):
        return derived(_read, expr)
    if expr.type.family not in _KNOWN:
        refuse(f"a date that may be zero is compared with a {expr.type.family.value}")
    family = Family.PACKED_DATE if expr.type.family is Family.DATE else Family.PACKED_DATETIME
    type_ = Type(family, fsp=expr.type.fsp)
    if is_literal(expr) and answered(_is_date, expr):
        return derived(_packed, expr, type_)
    return Expr("to_packed", type_, (expr,))


def require_comparable(value: Expr) -> Expr:
    """Give a value that IS NULL asks about: a zero date of a NOT NULL column is NULL to the server; raises Refused."""
    value = within(value)
    if value.type.family in PACKED and value.type.required:
        refuse("IS NULL of a date that may be zero and must not be NULL is not supported")
    return value
