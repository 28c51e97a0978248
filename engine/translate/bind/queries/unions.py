"""UNION, EXCEPT, INTERSECT: both sides brought to the types MySQL gives the result."""

from dataclasses import replace

from engine.translate.bind.groups.aggregates import one_zero
from engine.translate.bind.kept.doubles import require_stored_alike
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values.control import convert
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, Output, Query, SetOperation
from engine.translate.types import Family, Type, unify

UNION_ALIAS = "u"


def align(left: Query, right: Query, keep_all: bool) -> list[Output]:
    """Convert the outputs of both sides in place; give the columns of the result.

    Without `keep_all` rows are compared: of equal ones the servers may keep another.
    """
    if len(left.outputs) != len(right.outputs):
        refuse("the sides of a UNION have different numbers of columns")
    outputs = []
    for position, (one, other) in enumerate(zip(left.outputs, right.outputs, strict=True)):
        type_ = _common(as_value(one.expr).type, as_value(other.expr).type)
        for query in (left, right):
            _convert(query, position, type_, keep_all)
        outputs.append(Output(one.name, Expr("column", type_, value=(UNION_ALIAS, f"c{position}"))))
    return outputs


def _common(left: Type, right: Type) -> Type:
    type_ = unify([left, right], "UNION")
    if type_.family is Family.NULL:
        refuse("a column of a UNION is NULL only")
    if type_.family is Family.DECIMAL:
        type_ = replace(type_, frac=type_.scale, vague=False, unpadded=False)
    return replace(type_, coercible=False, explicit=False, characters=0)


def _require_one_rounding(expr: Expr, type_: Type) -> None:
    """Refuse digits that were cut for some sides of a UNION and are wanted by a further one."""
    while expr.op == "round":  # once for each side that has come
        if expr.args[0].type.frac > expr.type.scale < type_.scale:
            refuse("a quotient is rounded in a UNION of more than two queries")
        expr = expr.args[0]


def _convert(query: Query, position: int, type_: Type, keep_all: bool) -> None:
    output = query.outputs[position]
    require_stored_alike(output.expr)
    if isinstance(query, SetOperation):
        for side in (query.left, query.right):
            _require_one_rounding(side.outputs[position].expr, type_)
        _convert(query.left, position, type_, keep_all)
        _convert(query.right, position, type_, keep_all)
        output.expr = output.expr.typed(type_)
        return
    expr = convert(as_value(output.expr), type_)
    if type_.family is Family.DECIMAL and expr.type.family is not Family.NULL:
        expr = Expr("round", type_, (expr,), value=type_.scale)
    output.expr = expr if keep_all else one_zero(expr)
