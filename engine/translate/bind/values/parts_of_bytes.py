"""Parts of a column's bytes: LEFT, RIGHT, SUBSTRING and CHAR_LENGTH count bytes there, LIKE and REPLACE compare them.

A part of a column has the binary collation as the column has it: both servers then compare it with a literal by bytes
(Item_func_left and its kin take the collation of their first argument). LOWER and UPPER leave bytes as they are.
"""

from engine.collate import presence
from engine.translate.bind.values import text
from engine.translate.given import answered
from engine.translate.literals import is_literal, is_text
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, is_stored
from engine.translate.types import BOOL, INT, Family, Type
from statements.context import SessionContext

_BYTES = Type(Family.BINARY)
_PARTS = frozenset({"bytes_cut", "bytes_replaced"})
_SIDES = {"LEFT": False, "RIGHT": True}
_CUTS = frozenset({"SUBSTRING", "SUBSTR", "MID"})
_SAME = frozenset({"LOWER", "LCASE", "UPPER", "UCASE"})
_COUNTS = frozenset({"CHAR_LENGTH", "CHARACTER_LENGTH"})


def are_of_column(value: Expr) -> bool:
    """Tell whether a value is the bytes of a stored column, or a part of them."""
    return value.type.family is Family.BINARY and (is_stored(value) or value.op in _PARTS)


def called(name: str, args: list[Expr]) -> Expr | None:
    """A function of a column's bytes; None where it is none of those that are known. Raises Refused."""
    if not args or not are_of_column(args[0]):
        return None
    if name in _SAME:
        return args[0]
    if name in _COUNTS:
        return Expr("blob_length", INT, (args[0],))
    if name == "REPLACE" and all(is_text(arg) for arg in args[1:]):
        if answered(_size, args[2]) > answered(_size, args[1]):
            refuse("REPLACE of bytes by more of them is not supported")
        return Expr("bytes_replaced", _BYTES, tuple(args))
    numbers = [_whole(arg) for arg in args[1:]]
    if None in numbers:
        return None
    if name in _SIDES:
        return _cut(args[0], _SIDES[name], 0, max(0, numbers[0] or 0))
    if name not in _CUTS:
        return None
    begin, count = numbers[0] or 0, numbers[1] if len(numbers) > 1 else None
    if begin == 0 or (count is not None and count <= 0):
        return _cut(args[0], False, 0, 0)
    return _cut(args[0], begin < 0, abs(begin) if begin < 0 else begin - 1, count)


def _whole(expr: Expr) -> int | None:
    known = expr.value if is_literal(expr) else None
    return known if isinstance(known, int) and not isinstance(known, bool) else None


def _size(text: str) -> int:
    return len(text.encode())


def _cut(value: Expr, from_end: bool, begin: int, count: int | None) -> Expr:
    """Bytes from a place on, counted from the end or after so many of the beginning; all for no count."""
    return Expr("bytes_cut", _BYTES, (value,), value=(from_end, begin, count))


def like(value: Expr, pattern: Expr, escape: str) -> Expr | None:
    """A column's bytes LIKE a literal: byte by byte, `_` is one (my_wildcmp_bin). None for others."""
    if not are_of_column(value) or not is_text(pattern) or not pattern.type.coercible:
        return None
    return Expr("bytes_like", BOOL, (value, pattern), value=escape)


def as_char(value: Expr, collation: str) -> Expr | None:
    """CAST(bytes AS CHAR): the text that the bytes are in UTF-8; where they are none the servers warn, and the engine
    fails. None for others."""
    charset = collation.split("_", 1)[0]
    return _text(value, charset, collation) if are_of_column(value) and charset == "utf8mb4" else None


def converted(value: Expr, charset: str, context: SessionContext) -> Expr | None:
    """CONVERT(bytes USING utf8mb4), in the same way."""
    if not are_of_column(value) or charset != "utf8mb4":
        return None
    return _text(value, charset, text.default_collation(charset, context))


def _text(value: Expr, charset: str, collation: str) -> Expr:
    type_ = Type(Family.STRING, collation=collation, charset=charset, presence=presence.ANYTHING)
    return Expr("bytes_as_text", type_, (value,))


def beside(value: Expr, others: list[Expr]) -> list[Expr]:
    """Make bytes of the literals beside a column's bytes in BETWEEN and IN, where the column's collation is all's."""
    if not are_of_column(value):
        return others
    return [bytes_of_literal(other) if is_text(other) and other.type.coercible else other for other in others]


def bytes_of_literal(literal: Expr) -> Expr:
    """The bytes of a text literal; raises Refused where they are not the engine's."""
    if literal.type.explicit or literal.type.charset not in ("utf8mb4", "utf8mb3", "utf8"):
        refuse("a binary string is compared with a text of another character set")
    return Expr("as_bytes", _BYTES, (literal,))
