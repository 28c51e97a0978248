"""Integers chosen among signed and unsigned ones, for which MySQL counts a digit less than they have.

IF, IFNULL, COALESCE, CASE, GREATEST, LEAST, LAG and LEAD of a TINYINT UNSIGNED and 0 give a signed integer of three
characters, one of which may be a sign: that is two digits. Quotients, averages, products with a decimal and decimals
that such a value is chosen or united with have no more of them where they are kept in a table, by DISTINCT, GROUP BY,
a window or a derived table: IFNULL(stars, 0) / 1 is 99.9999 there for 255. What has a sign of its own has the room.
(Read off MySQL 9.7.4, of every function that gives an integer; of these YEAR alone has no room. MariaDB counts right.)
"""

from collections.abc import Sequence
from dataclasses import replace

from engine.translate.literals import is_literal
from engine.translate.tree import Expr, is_stored
from engine.translate.types import WHOLE, Family, Type

_LONG = frozenset(
    {"int_add", "int_subtract", "int_multiply", "int_negate", "to_signed", "count", "count_all", "count_distinct"}
)
_YEAR_LENGTH = 4


def noting_room(type_: Type, values: Sequence[Expr]) -> Type:
    """Note in the type of a choice how many digits MySQL has for it, where its values may have more."""
    if type_.family is not Family.INT or type_.unsigned or all(map(_is_unsigned, values)):
        return type_
    room = max(map(_length, values)) - 1
    most = max(value.type.room + 1 if value.type.room else _digits(value) * _is_unsigned(value) for value in values)
    return replace(type_, room=room if room < most else 0)


def with_signed_room(value: Expr) -> Expr:
    """Let an integer fail that has more digits than MySQL has for it."""
    if value.type.family not in WHOLE or not value.type.room:
        return value
    return Expr("within", replace(value.type, room=0), (value,), value=value.type.room)


def quotient_with_room(found: Expr, dividend: Expr, more: int = 0) -> Expr:
    """Note the same in the type of a quotient, which fails where it has more; the divisor's decimals give it `more`.

    AVG(DISTINCT) has values that are cut off, other averages and quotients are cut off themselves.
    """
    if found.op != "quotient" or dividend.type.family not in WHOLE or not dividend.type.room:
        return found
    return found.typed(replace(found.type, room=dividend.type.room + more))


def _length(value: Expr) -> int:
    """Count the characters that MySQL surely declares for an integer: some functions' are few, STRCMP's two."""
    if value.type.room:
        return value.type.room + 1
    if _is_unsigned(value):
        return _digits(value)
    return value.type.digits + 1 if is_stored(value) or is_literal(value) or value.op in _LONG else 0


def _digits(value: Expr) -> int:
    return _YEAR_LENGTH if _is_year(value) else value.type.digits


def _is_unsigned(value: Expr) -> bool:
    return value.type.unsigned or value.type.family is Family.NULL or _is_year(value)


def _is_year(value: Expr) -> bool:
    return value.op == "date_part" and value.value == "YEAR"
