"""Decimals that MySQL shows each with its own digits: CASE, IF and NULLIF hand on the value that they choose, so that
IF(a, price, 0) is 9.90 or 0 (Item_func_if::val_decimal and others in sql/item_cmpfunc.cc).

A plan that keeps its rows in a temporary table stores them with the digits of the column, and shows 0.00. Where it is
certain that none does, the alternatives become texts; elsewhere one with other digits than the column fails.
"""

from dataclasses import replace

from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Query, TableSource, walk
from engine.translate.types import EXACT, Family, Type, decimal
from statements.context import SessionContext

_KEYS = frozenset({"group_value", "any", "any_same"})  # computed before rows are grouped
_LOOKED_UP = frozenset({"in_query", "exists"})  # may become a join


def with_own_decimals(expr: Expr, query: Query, context: SessionContext) -> Expr:
    """Give a decimal of several alternatives as MySQL shows it: as texts, or failing; raises Refused for others."""
    if context.stores:
        refuse("MySQL shows decimals of mixed scales each in its own")
    certain = isinstance(query, Block) and not context.cursor and _is_shown_as_computed(expr, query)
    return _spelled(expr, expr.type, certain)


def _is_shown_as_computed(expr: Expr, block: Block) -> bool:
    """Tell whether no plan stores this output before it is shown."""
    if block.distinct or block.rollup or block.buffered or block.qualify is not None:
        return False
    shown = [*(output.expr for output in block.outputs), *(item.expr for item in block.order)]
    if any(part.op == WINDOW for one in shown for part in walk(one)):
        return False
    if block.grouped:
        return any(part.op in AGGREGATES - _KEYS for part in walk(expr))
    if not block.order:
        return True
    looked_up = block.where is not None and any(part.op in _LOOKED_UP for part in walk(block.where))
    return isinstance(block.source, TableSource) and not looked_up


def _spelled(expr: Expr, whole: Type, certain: bool) -> Expr:
    if expr.op != "case" or expr.type.family is not Family.DECIMAL:
        refuse("MySQL shows decimals of mixed scales each in its own")
    half = len(expr.args) // 2
    values = tuple(_alternative(value, whole, certain) for value in expr.args[half:])
    type_ = replace(expr.type, family=Family.LONG_DECIMAL, scale=whole.scale) if certain else expr.type
    return Expr("case", replace(type_, unpadded=False), (*expr.args[:half], *values))


def _alternative(value: Expr, whole: Type, certain: bool) -> Expr:
    if value.type.family is Family.NULL:
        return value
    if value.type.unpadded:
        return _spelled(value, whole, certain)
    if value.type.family not in EXACT:
        refuse("MySQL shows decimals of mixed scales each in its own")
    scale = value.type.scale
    if certain:
        shown = Expr("round", decimal(38, scale), (value,), value=scale)
        return Expr("decimal_to_text", replace(whole, family=Family.LONG_DECIMAL), (shown,), value=scale)
    return value if scale == whole.scale else Expr("never", value.type, (value,), value="decimals of mixed scales")
