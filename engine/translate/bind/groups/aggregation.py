"""COUNT, SUM, AVG, MIN, MAX and their like, as a SELECT has them: of its own columns, not of an enclosing one's."""

from sqlglot import exp

from engine.translate.bind.binder import Binder
from engine.translate.bind.groups import aggregates, joined
from engine.translate.bind.kept import doubles
from engine.translate.bind.kept.floats import as_kept
from engine.translate.bind.values import documents
from engine.translate.nodes import child, children, kind, only
from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, Expr, has_aggregate, walk

_OF_QUOTIENTS = exp.Count | exp.Sum | exp.Avg | exp.Min | exp.Max  # see bind/kept/quotients.py


def bind_aggregate(binder: Binder, node: exp.Expression, over: bool = False) -> Expr:
    """Bind COUNT, SUM, AVG, MIN, MAX or ANY_VALUE; raises Refused for arguments of an enclosing SELECT.

    `over` says that a window is computed, whose arguments may be a group's aggregates.
    """
    around, binder.aliases = binder.aliases, "order" if binder.aliases == "having" else binder.aliases
    bound = _aggregate(binder, node, over)  # what it is of is looked for in FROM first
    binder.aliases = around
    binder.scope.aggregates |= not over
    columns = [e for e in walk(bound) if e.op == "column"]
    if columns and not any(binder.scope.owns(column) for column in columns):
        refuse("an aggregate of an enclosing query is not supported")
    if not over and any(has_aggregate(arg) for e in walk(bound) if e.op in AGGREGATES for arg in e.args):
        refuse("an aggregate inside an aggregate is not supported")
    return bound


def _aggregate(binder: Binder, node: exp.Expression, over: bool) -> Expr:
    if isinstance(node, exp.GroupConcat):
        return joined.bind(binder, node)
    if isinstance(node, exp.JSONObjectAgg):
        return documents.objects(binder, node)
    if type(node) in doubles.SPREADS:
        return doubles.spread(binder, node)
    only(node, "this", "expressions")
    inner = child(node)
    if isinstance(node, exp.Count) and isinstance(inner, exp.Star):
        return aggregates.count([], distinct=False)
    distinct = isinstance(inner, exp.Distinct)
    if distinct:
        only(inner, "expressions")
    values = [binder.expr(item) for item in (children(inner) if distinct else [inner, *children(node)])]
    if over or distinct or not isinstance(node, _OF_QUOTIENTS):
        binder.require_settled(*values)
    is_mariadb = binder.context.backend == "mariadb"
    if is_mariadb and distinct and isinstance(node, exp.Count | exp.Sum | exp.Avg):
        for value in values:
            doubles.require_distinct_alike(value)
    if isinstance(node, exp.Count):
        return aggregates.count(values, distinct)
    if len(values) != 1:
        refuse(f"{kind(node)} of several values is not supported")
    if is_mariadb and isinstance(node, exp.Sum | exp.Avg):
        aggregates.require_sum_of_mariadb(values[0], distinct)
    if isinstance(node, exp.Sum):
        return aggregates.total(values[0], distinct)
    if isinstance(node, exp.Avg):
        return aggregates.average(values[0], distinct, binder.context.div_precision_increment, is_mariadb)
    if isinstance(node, exp.AnyValue):
        return aggregates.any_value(values[0])
    if type(node) in aggregates.BIT_SUMS:
        return aggregates.bits(aggregates.BIT_SUMS[type(node)], values[0])
    return aggregates.extreme("min" if isinstance(node, exp.Min) else "max", as_kept(values[0], binder.context.backend))
