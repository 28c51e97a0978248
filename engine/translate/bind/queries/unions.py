"""UNION, EXCEPT, INTERSECT: both sides brought to the types MySQL gives the result."""

from dataclasses import replace

from engine.translate.bind.groups.aggregates import one_zero
from engine.translate.bind.kept.doubles import require_stored_alike
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values import text
from engine.translate.bind.values.control import convert
from engine.translate.checks.pushed_conditions import side_types
from engine.translate.literals import is_literal
from engine.translate.refusal import refuse
from engine.translate.tree import UNION_ALIAS, Block, Expr, Output, Query, SetOperation, is_stored
from engine.translate.types import Family, Type, unify

# What is spelled as a text beside texts; of several sides only what none of them has changed.
_SPELLED = frozenset(
    {Family.BOOL, Family.INT, Family.YEAR, Family.DECIMAL, Family.DATE, Family.DATETIME, Family.DOUBLE}
)
_FRACTIONS = frozenset({Family.DECIMAL, Family.DOUBLE})
_KEEPING = frozenset({"sum", "min", "max", "any", "group_value"})
_ALIKE = frozenset({Family.BOOL, Family.INT, Family.YEAR, Family.DATE})


def align(left: Query, right: Query, kind: str, keep_all: bool) -> tuple[list[Output], list[tuple[Type, ...]]]:
    """Convert the outputs of both sides in place; give the columns of the result, and the types that they are made of.

    Without `keep_all` rows are compared: of equal ones the servers may keep another. In a UNION (`kind`) numbers and
    dates of one side are spelled as texts where the other one has texts.
    """
    if len(left.outputs) != len(right.outputs):
        refuse("the sides of a UNION have different numbers of columns")
    outputs = []
    sides = [side_types(left, right, position) for position in range(len(left.outputs))]
    for position, (one, other) in enumerate(zip(left.outputs, right.outputs, strict=True)):
        if kind == "union":
            _spell_beside_texts(left, right, position)
        type_ = _common(as_value(one.expr).type, as_value(other.expr).type)
        if type_.mixed and not keep_all:  # MySQL compares them by one of these where there is a third side
            refuse(f"{kind.upper()} compares texts of different collations")
        for query in (left, right):
            _convert(query, position, type_, keep_all)
        outputs.append(Output(one.name, Expr("column", type_, value=(UNION_ALIAS, f"c{position}"))))
    return outputs, sides


def _common(left: Type, right: Type) -> Type:
    type_ = unify([left, right], "UNION")
    if type_.family is Family.NULL:
        refuse("a column of a UNION is NULL only")
    if type_.family is Family.DECIMAL:
        type_ = replace(type_, frac=type_.scale, vague=False, unpadded=False)
    return replace(type_, coercible=False, explicit=False, characters=0, room=0)


def _spell_beside_texts(left: Query, right: Query, position: int) -> None:
    for query, other in ((left, right), (right, left)):
        theirs = other.outputs[position].expr.type
        if theirs.family is Family.STRING and query.outputs[position].expr.type.family in _SPELLED:
            _spell(query, position, theirs.collation or "")


def _spell(query: Query, position: int, collation: str) -> None:
    output = query.outputs[position]
    if isinstance(query, Block):
        if output.expr.type.family in _FRACTIONS and not _is_kept(as_value(output.expr)):
            refuse("UNION of texts and computed decimals or doubles is not supported")
        output.expr = text.as_string(output.expr, "UNION", collation)
        return
    if output.expr.type.family not in _ALIKE:  # each has its own decimals, which the others' have changed
        refuse(f"UNION of texts and several {output.expr.type.family.value} values is not supported")
    for side in (query.left, query.right):
        _spell(side, position, collation)
    types = [side.outputs[position].expr.type for side in (query.left, query.right)]
    output.expr = output.expr.typed(unify(types, "UNION"))


def _is_kept(expr: Expr) -> bool:
    """Tell whether a value has the decimals that its type says: a product of 0 has none on MySQL, a quotient more."""
    while expr.op in _KEEPING:
        expr = expr.args[0]
    return is_stored(expr) or is_literal(expr)


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
