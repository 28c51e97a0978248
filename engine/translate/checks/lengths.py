"""How long texts may grow in a statement: what may be beyond every packet is left to the server.

HEX doubles a text, REPEAT and REPLACE multiply it, and calls within calls multiply their factors: forty times HEX
around one letter is a text of a terabyte, which the server never makes, as it gives NULL and a warning for each text of
more than max_allowed_packet bytes. Bounds are by types and literals, never by rows; a long stored text counts as one of
a mebibyte, so that it may grow sixteenfold. What is made of one that may be longer fails where it is.
"""

from collections.abc import Callable, Collection, Sequence
from typing import cast

from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, Query, SetOperation, walk
from engine.translate.types import Family
from engine.translate.walks import Gathered, change

_MOST = 16 << 20  # bytes: max_allowed_packet of MariaDB; MySQL's is four times as large
_LONG = 1 << 20  # bytes of a stored text of no declared length
_SHORT = 128  # bytes of what is no text, spelled
_LONG_FAMILIES = frozenset({Family.STRING, Family.BINARY, Family.JSON, Family.ANSWER})
_BYTES = 4  # of a character at most
_ESCAPED = 6  # characters that one may be written with in a document: \\u001f


def _multiplied(expr: Expr, parts: Sequence[int]) -> int:
    """REPEAT: by its count, which fails beyond the most that `expr.value` tells."""
    count, most = expr.args[1], cast("int", expr.value)
    known = count.value if count.op == "literal" and isinstance(count.value, int) else most
    return parts[0] * max(0, min(known, most))


def _replaced(expr: Expr, parts: Sequence[int]) -> int:
    sought, put = expr.args[1], parts[2]
    least = len(str(sought.value)) if sought.op == "literal" else 1
    return parts[0] * max(1, put // max(1, least))


def _matches_replaced(expr: Expr, parts: Sequence[int]) -> int:
    """A match has a character or more, and each of its groups that is put stands for two of the replacement's."""
    _, put = cast("tuple[str, str]", expr.value)
    return parts[0] * max(1, len(put.encode()))


def _times(factor: int) -> Callable[[Expr, Sequence[int]], int]:
    return lambda expr, parts: factor * sum(parts)


def _document(expr: Expr, parts: Sequence[int]) -> int:
    factors = (1 if arg.type.family is Family.JSON else _ESCAPED for arg in expr.args)
    return sum(factor * part for factor, part in zip(factors, parts, strict=False)) + sum(parts[len(expr.args) :])


_GROWTH: dict[str, Callable[[Expr, Sequence[int]], int]] = {
    "repeated": _multiplied,
    "replace": _replaced,
    "regexp_replaced": _matches_replaced,
    "concat": _times(1),
    "concat_with": lambda expr, parts: sum(parts) + parts[0] * len(parts),
    "inserted": _times(1),
    "exported": lambda expr, parts: 64 * sum(parts),
    "hex": _times(2),
    "of_hex": _times(2),
    "base64": _times(2),
    "quoted": _times(2),
    "json_object": _document,
    "json_array": _document,
}
# What gives texts no longer than those it reads, together; whatever else gives a text may give one twice as long.
_STEADY = frozenset(
    {
        "any", "case", "coalesce", "concat", "cut", "empty_unless_null", "fits_packet", "fits_text", "first_value",
        "group_value",
        "lag", "last_value", "lead", "left", "literal", "lower", "max", "min", "nth_value", "reverse", "right",
        "same_text", "scalar", "short_enough", "sized", "substring", "substring_index", "trim_both", "trim_leading",
        "trim_text_both", "trim_text_leading", "trim_text_trailing", "trim_trailing", "trim_word", "upper", "window",
    }
)  # fmt: skip


def require_lengths(whole: Gathered) -> None:
    """Refuse a statement in which a text may be longer than the server makes; raises Refused."""
    if whole.ops & _GROWTH.keys():
        bounds = _Bounds(Origins(whole.queries))
        for node in whole.nodes:
            if node.op in _GROWTH and bounds.of(node) > _MOST:
                refuse("a text may grow longer than the server allows")


def guard_lengths(whole: Gathered, long_columns: Callable[[], Collection[tuple[str, str]]]) -> None:
    """Let what grows fail in rows where it is longer than every packet, if it is made of such columns: (table, column)
    in the store."""
    long = long_columns() if whole.ops & _GROWTH.keys() else ()
    if not long:
        return
    origins = Origins(whole.queries)

    def guarded(expr: Expr) -> Expr | None:
        if expr.op not in _GROWTH or expr.type.family not in (Family.STRING, Family.BINARY):
            return None
        if not any(part.op == "column" and origins.of(part) in long for part in walk(expr)):
            return None
        return Expr("fits_packet", expr.type, (expr,), value=_MOST)

    for query in whole.queries:
        change(query, guarded)


class _Bounds:
    """The most bytes of each expression of a statement."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._known: dict[int, int] = {}

    def of(self, expr: Expr) -> int:
        """The most bytes that an expression's values have."""
        found = self._known.get(id(expr))
        if found is None:
            found = self._known[id(expr)] = self._found(expr)
        return found

    def _found(self, expr: Expr) -> int:
        if expr.op == "literal":
            return _BYTES * len(str(expr.value)) if isinstance(expr.value, str) else _SHORT
        if expr.type.family not in _LONG_FAMILIES:
            return _SHORT
        if expr.op == "column":
            inner = self._origins.output(expr)
            return _stored(expr) if inner is None else self.of(inner)
        parts = [self.of(part) for part in expr.args]
        if isinstance(expr.value, Block | SetOperation):
            parts.append(self._query(expr.value))
        if grown := _GROWTH.get(expr.op):
            return grown(expr, parts)
        return sum(parts) * (1 if expr.op in _STEADY else 2) + _SHORT

    def _query(self, query: Query) -> int:
        if isinstance(query, SetOperation):
            return max(self._query(query.left), self._query(query.right))
        return max(self.of(output.expr) for output in query.outputs)


def _stored(expr: Expr) -> int:
    characters: int = expr.type.characters
    return _BYTES * characters if characters else _LONG
