"""Windows and numbers that see an ENUM or a SET as its number where it is a text elsewhere, or the other way round.

What MIN, MAX and their like give of one is a text; in a temporary table it is an ENUM again, and a window that is
sorted by it goes by its number. MySQL's MAX(e) OVER (ORDER BY e) is not the greatest text: it is the last of the frame
(Item_sum_hybrid in sql/item_sum.cc).
"""

from collections.abc import Iterator

from engine.translate.members import TEXTS_OF_LISTED
from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr, walk
from engine.translate.walks import Gathered

_NUMBERS = frozenset({"number_of_text", "text_to_signed", "text_to_unsigned", "text_to_decimal"})
_EXTREMES = frozenset({"min", "max"})
# What gives one of the values that it reads.
_CHOOSING = _EXTREMES | {
    "any",
    "any_same",
    "group_value",
    "lag",
    "lead",
    "first_value",
    "last_value",
    "nth_value",
    WINDOW,
}


def require_listed_windows(statement: Gathered) -> None:
    """Refuse windows whose order or whose MIN or MAX depends on what an ENUM or a SET is there. Raises Refused."""
    if WINDOW not in statement.ops or not statement.ops & TEXTS_OF_LISTED:
        return
    origins = Origins(statement.queries)
    for node in statement.nodes:
        if node.op != WINDOW or not isinstance(node.value, tuple):
            continue
        keys = node.args[1 + int(node.value[0]) :]
        if any(_is_listed(key, origins) for key in keys):
            refuse("a window in the order of what is chosen of an ENUM or a SET is not supported")
        function = node.args[0]
        if function.op in _EXTREMES and keys and keys[0] in {arg for text in _texts(function) for arg in text.args}:
            refuse("MIN or MAX of an ENUM or a SET in a window in its order is not supported")


def require_listed_numbers(statement: Gathered) -> None:
    """Refuse to read as a number what MIN, MAX and their like give of an ENUM or a SET, here or in a derived table:
    '10' is 10, or the number of the member where the plan has stored it. Raises Refused."""
    if not statement.ops & _NUMBERS or not statement.ops & TEXTS_OF_LISTED:
        return
    origins = Origins(statement.queries)
    for node in statement.nodes:
        if node.op in _NUMBERS and any(_is_listed(part, origins) for part in _chosen(node.args[0])):
            refuse("MIN or MAX of an ENUM or SET is read as a number")


def _chosen(expr: Expr) -> Iterator[Expr]:
    """Give a value, or what it is chosen among, of which IF and its like read the number themselves."""
    if expr.op not in ("case", "coalesce"):
        yield expr
        return
    for arg in expr.args[len(expr.args) // 2 :] if expr.op == "case" else expr.args:
        yield from _chosen(arg)


def _texts(expr: Expr) -> list[Expr]:
    return [part for part in walk(expr) if part.op in TEXTS_OF_LISTED]


def _is_listed(expr: Expr, origins: Origins) -> bool:
    """Tell whether a value is an ENUM or a SET in a temporary table."""
    while expr.op in _CHOOSING:
        expr = expr.args[0]
    if expr.op == "scalar" and isinstance(expr.value, Block):
        return _is_listed(expr.value.outputs[0].expr, origins)
    inner = origins.output(expr) if expr.op == "column" else None
    return expr.op in TEXTS_OF_LISTED if inner is None else _is_listed(inner, origins)
