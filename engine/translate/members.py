"""Types that are kept in another form than they are shown in: ENUM, SET, BIT, addresses, long decimals.

ENUM and SET are their numbers where MySQL sorts, groups and counts them, and their texts everywhere else.
"""

import re
import uuid
from dataclasses import replace
from typing import cast

from engine.collate import presence
from engine.translate.literals import integer
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import COMPARED_CHARSETS, UBIGINT, Family, Type
from statements.schema import Column

LISTED = frozenset({Family.ENUM, Family.SET})
TEXTS_OF_LISTED = frozenset({"enum_text", "set_text"})
# Equal where their texts are; the order of the texts is another than MySQL's.
UNORDERED = frozenset({Family.ADDRESS, Family.LONG_DECIMAL})
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_INET4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(?:\.(?!\Z)|\Z)){4}\Z")
# COLUMN_TYPE is in utf8mb3: "?" may stand for any character of these.
_WIDER = frozenset({"utf8mb4", "utf16", "utf16le", "utf32"})
_READS_BYTES = frozenset({Family.INT, Family.BOOL, Family.BIT})
_EXACT_BITS = 53  # of a double, as which MySQL compares a SET with a number


def listed_type(column: Column) -> Type:
    """Give the type of an ENUM or SET column."""
    members = column.members
    lossy = column.charset in _WIDER and any("?" in member for member in members)
    if column.charset is None or column.charset == "binary" or lossy:
        members = ()
    held = presence.union(*(presence.of_text(member) for member in members), presence.of_text(","))
    family = Family(column.type)
    return Type(
        family,
        digits=len(column.members),
        collation=column.collation,
        charset=column.charset,
        presence=held,
        members=members,
    )


def spelled(expr: Expr) -> Expr:
    """Turn an ENUM or SET into its text; leave all else. Raises Refused when the members are not known."""
    if expr.type.family not in LISTED:
        return expr
    if not expr.type.members:
        refuse(f"the backend does not tell the members of this {expr.type.family.value}")
    family = Family.STRING if expr.type.charset in COMPARED_CHARSETS else Family.OTHER_TEXT
    type_ = replace(expr.type, family=family, digits=0, members=())
    return Expr(f"{expr.type.family.value}_text", type_, (expr,), value=expr.type.members)


def numbered(expr: Expr) -> Expr:
    """See a BIT as the integer that it is, one of 64 bits as a `bit_number`; leave all else."""
    if expr.type.family is not Family.BIT:
        return expr
    number = replace(UBIGINT, digits=expr.type.digits)
    return Expr("bit_number", number, (expr,)) if number == UBIGINT else expr.typed(number)


def numbers_of_bytes(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Read a literal of bytes beside an integer or a BIT as a number; raises Refused beyond what a double holds."""
    sides = []
    for one, other in ((left, right), (right, left)):
        reads = one.op == "bytes" and other.type.family in _READS_BYTES
        sides.append(_number_of_bytes(one) if reads else one)
    return sides[0], sides[1]


def _number_of_bytes(literal: Expr) -> Expr:
    number = int.from_bytes(cast(bytes, literal.value))
    if not literal.value or number >> _EXACT_BITS:
        refuse("a literal of bytes is compared as a number that is not exact")
    return integer(number)


def as_number_of(expr: Expr) -> Expr:
    """See an ENUM or SET as its number, to be compared with one; raises Refused where that is not exact."""
    if expr.type.family is Family.SET and expr.type.digits > _EXACT_BITS:
        refuse("a SET of more than 53 members is compared with a number")
    return expr.typed(UBIGINT)


def address(text: str, type_: Type) -> Expr:
    """Read a literal that is compared with a UUID or INET4 column; raises Refused for other forms."""
    if type_.charset == "uuid" and _UUID.match(text):
        return Expr("literal", type_, value=str(uuid.UUID(text)))
    if type_.charset == "inet4" and _INET4.match(text):
        return Expr("literal", type_, value=text)
    return refuse(f"a column of type {type_.charset} is compared with this text")


def require_order(type_: Type, what: str) -> None:
    """Refuse to sort what the engine does not sort as MySQL does; raises Refused."""
    if type_.family in UNORDERED and type_.charset != "uuid":
        refuse(f"{what} a {type_.family.value} is not supported")
