"""Windows over a result of one row, which MySQL 9.7 does not make where it knows beforehand that there is one.

So it does in the one group of all rows, where what GROUP BY is by is constant, and where each table gives one row, by
a unique key or LIMIT 1. There AVG(x) OVER (…) of exact numbers shows 0.0000 where the frame has none but NULLs (IS NULL
is true of it all the same, and a derived table has NULL), a frame of rows before or behind the current one has it as
its only row, quotients are not kept in a table, so that they have all their digits, and every window IS NULL, though
it shows a value. NULLIF, GREATEST and LEAST ask twice for what they give, and an aggregate over a window counts the
row as often: NULLIF(SUM(x) OVER (), 0) is 2 * x. Such a row fails here.
"""

from dataclasses import replace

from engine.translate.bind.groups.aggregates import COUNT
from engine.translate.bind.groups.frames import is_apart
from engine.translate.bind.kept.groups import keeps_groups, may_be_one_row
from engine.translate.literals import NULL_LITERAL
from engine.translate.tree import WINDOW, Block, Expr, OrderItem, Output, rebuild, walk
from engine.translate.types import APPROXIMATE

_FRAMELESS = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"})
_NULLIF = 3  # parts of the CASE that NULLIF is
_ALL_ROWS = Expr(WINDOW, COUNT, (Expr("count_all", COUNT),), value=(0, (), ""))


def guard_lone_rows(block: Block, backend: str) -> None:
    """Let windows fail that may be a lone row's on MySQL, and give it something else."""
    if backend != "mysql":
        return
    items: list[Output | OrderItem] = [*block.outputs, *block.order]
    if not any(part.op == WINDOW for item in items for part in walk(item.expr)):
        return
    if keeps_groups(block) if block.groups else not (block.grouped or may_be_one_row(block)):
        return
    for item in items:
        item.expr = rebuild(item.expr, _guarded)


def _guarded(expr: Expr) -> Expr | None:
    if expr.op == WINDOW:
        return Expr("of_several", expr.type, (expr, _ALL_ROWS)) if _is_of_several(expr) else None
    if expr.op == "is_null" and any(part.op == WINDOW for part in walk(expr.args[0])):
        (value,) = expr.args
        return Expr(expr.op, expr.type, (_of_several(value),), value=expr.value)
    if _asks_twice(expr):
        return replace(expr, args=(_of_several(expr.args[0]), *(rebuild(arg, _guarded) for arg in expr.args[1:])))
    if expr.op != "quotient" or any(side.op != WINDOW for side in expr.args):
        return None
    total, counted = expr.args
    return Expr(
        expr.op, expr.type, (_guarded(total) or total, Expr("of_rows", COUNT, (counted, _ALL_ROWS))), expr.value
    )


def _of_several(value: Expr) -> Expr:
    return Expr("of_several", value.type, (rebuild(value, _guarded), _ALL_ROWS))


def _asks_twice(expr: Expr) -> bool:
    """Tell whether this is NULLIF, GREATEST or LEAST of a window's aggregate."""
    if expr.op == "case" and (expr.args[1:2] != (NULL_LITERAL,) or len(expr.args) != _NULLIF):
        return False
    if expr.op not in ("case", "greatest", "least") or (expr.op != "case" and expr.type.family in APPROXIMATE):
        return False  # MySQL asks for doubles once
    asked = expr.args[-1:] if expr.op == "case" else expr.args
    return any(part.op == WINDOW and part.args[0].op not in _FRAMELESS for arg in asked for part in walk(arg))


def _is_of_several(window: Expr) -> bool:
    """Tell whether a window has something else for a lone row."""
    function = window.args[0]
    if any(arg.type.frac != arg.type.scale for arg in function.args):
        return True
    assert isinstance(window.value, tuple)
    return function.op not in _FRAMELESS and is_apart(window.value[-1])
