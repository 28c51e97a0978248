"""Averages over windows of no values in a result of one row, of which MySQL 9.7 makes 0.

AVG(x) OVER (…) of exact numbers is NULL where the frame has none but NULLs. Where MySQL knows beforehand that there is
one row, it keeps none for the windows and shows 0.0000: in the one group of all rows, where what GROUP BY is by is
constant, and where each table gives one row, by a unique key. IS NULL is true of it all the same, and a derived table
has NULL. Such a row fails here.
"""

from engine.translate.bind.groups.aggregates import COUNT
from engine.translate.bind.kept.groups import keeps_groups, may_be_one_row
from engine.translate.tree import WINDOW, Block, Expr, OrderItem, Output, rebuild, walk

_ALL_ROWS = Expr(WINDOW, COUNT, (Expr("count_all", COUNT),), value=(0, (), ""))


def require_average_of_rows(block: Block, backend: str) -> None:
    """Let averages over windows fail that may be a lone row's on MySQL."""
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
    if expr.op != "quotient" or any(side.op != WINDOW for side in expr.args):
        return None
    total, counted = expr.args
    return Expr(expr.op, expr.type, (total, Expr("of_rows", COUNT, (counted, _ALL_ROWS))), expr.value)
