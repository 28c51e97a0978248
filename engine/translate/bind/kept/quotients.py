"""Aggregates of quotients on MariaDB, which keeps all digits of a division until something stores it.

Where the rows come sorted by the keys, or there are none, SUM adds all digits that a division has. Where the groups are
made in a temporary table, the sum is a field of it with the quotient's scale, and is rounded there at each row
(`Item_sum_sum::update_field`, `Item_sum_avg::update_field` in sql/item_sum.cc); so it is where rows of a join wait in
such a table to be sorted. MIN and MAX are the same either way where they are shown. Which of these it is the plan
tells; without one an expression must be the same each way, or it fails.

MySQL rounds a quotient wherever it is made.
"""

from collections.abc import Iterator
from dataclasses import replace

from engine.translate.bind.kept.averages import put
from engine.translate.bind.numbers import settled
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr, OrderItem, Output, walk
from statements.context import SessionContext
from statements.plans import SCAN, TEMPORARY

_OPS = frozenset({"sum", "min", "max"})
_DOUBLES = frozenset({"average_double", "to_double", "text_to_double"})


def keep_quotients(block: Block, context: SessionContext, outermost: bool) -> None:
    """Give the aggregates of quotients of a block the digits that MariaDB has of them. Raises Refused."""
    if context.backend != "mariadb" or not block.grouped:
        return
    items: list[Output | OrderItem] = [*block.outputs, *block.order]
    exprs = [*(item.expr for item in items), *([block.having] if block.having is not None else [])]
    found = {part: _rounded(part) for expr in exprs for part in walk(expr) if _is_of_quotient(part)}
    if not found:
        return
    nodes = [part for expr in exprs for part in walk(expr)]
    if block.qualify is not None or any(part.op == WINDOW for part in nodes):
        refuse("a quotient is compared or aggregated")
    if any(part.op in _DOUBLES and any(inner in found for inner in walk(part)) for part in nodes):
        refuse("an aggregate of quotients is used as a double")
    plan = context.plan if outermost else ()
    if plan and TEMPORARY not in plan:
        return
    certain = SCAN in plan and bool(block.groups) and not block.rollup
    for item in items:
        item.expr = put(item.expr, found, context) if certain else _same(item.expr, found, context)
    if block.having is not None:
        having = block.having
        block.having = put(having, found, context) if certain else _same(having, found, context)


def _is_of_quotient(expr: Expr) -> bool:
    return expr.op in _OPS and expr.args[0].type.frac > expr.args[0].type.scale


def _rounded(aggregate: Expr) -> Expr:
    """The aggregate of what a field of its argument's scale holds."""
    (value,) = aggregate.args
    held = Expr("kept_quotient", replace(value.type, frac=value.type.scale, vague=False), (value,))
    return Expr(aggregate.op, replace(aggregate.type, frac=aggregate.type.scale, vague=False), (held,))


def _same(expr: Expr, found: dict[Expr, Expr], context: SessionContext) -> Expr:
    """An expression whose aggregates have all digits, were rounded at each row, or once they were known."""
    if not any(part in found for part in walk(expr)):
        return expr
    made = settled(expr)
    for way in _ways(found):
        other = settled(put(expr, way, context))
        if other != made:
            made = Expr("agreed", made.type, (made, other))
    return made


def _ways(found: dict[Expr, Expr]) -> Iterator[dict[Expr, Expr]]:
    yield found
    yield {part: settled(part) for part in found}
