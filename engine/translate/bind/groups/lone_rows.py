"""Windows over a result of one row, which MySQL 9.7 does not make where it knows beforehand that there is one.

So it does in the one group of all rows, where what GROUP BY is by is constant, and where each table gives one row, by
a unique key or LIMIT 1. There AVG(x) OVER (…) of exact numbers shows 0.0000 where the frame has none but NULLs (IS NULL
is true of it all the same, and a derived table has NULL), a frame of rows before or behind the current one has it as
its only row, quotients are not kept in a table, so that they have all their digits, and every window IS NULL, though
it shows a value. Such a row fails here.
"""

from engine.translate.bind.groups.aggregates import COUNT
from engine.translate.bind.groups.frames import is_apart
from engine.translate.bind.kept.groups import keeps_groups, may_be_one_row
from engine.translate.tree import WINDOW, Block, Expr, OrderItem, Output, rebuild, walk

_FRAMELESS = frozenset({"row_number", "rank", "dense_rank", "percent_rank", "cume_dist", "ntile", "lag", "lead"})
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
        several = Expr("of_several", value.type, (rebuild(value, _guarded), _ALL_ROWS))
        return Expr(expr.op, expr.type, (several,), value=expr.value)
    if expr.op != "quotient" or any(side.op != WINDOW for side in expr.args):
        return None
    total, counted = expr.args
    return Expr(
        expr.op, expr.type, (_guarded(total) or total, Expr("of_rows", COUNT, (counted, _ALL_ROWS))), expr.value
    )


def _is_of_several(window: Expr) -> bool:
    """Tell whether a window has something else for a lone row."""
    function = window.args[0]
    if any(arg.type.frac != arg.type.scale for arg in function.args):
        return True
    assert isinstance(window.value, tuple)
    return function.op not in _FRAMELESS and is_apart(window.value[-1])
