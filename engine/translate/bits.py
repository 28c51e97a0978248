"""Bit operators: on integers seen as 64 unsigned bits."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.translate.literals import NULL_LITERAL
from engine.translate.nodes import child, only, whole_number
from engine.translate.numbers import as_value
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import UBIGINT, WHOLE, Family

if TYPE_CHECKING:
    from engine.translate.binder import Binder

Rule = Callable[["Binder", exp.Expression], Expr]


def _integer(value: Expr) -> Expr:
    value = as_value(value)
    if value.type.family not in WHOLE and value.type.family is not Family.NULL:
        refuse(f"a bit operator is applied to a {value.type.family.value}")
    return value


def _binary(op: str) -> Rule:
    def rule(binder: "Binder", node: exp.Expression) -> Expr:
        only(node, "this", "expression")
        sides = tuple(_integer(binder.expr(child(node, name))) for name in ("this", "expression"))
        if any(side.type.family is Family.NULL for side in sides):
            return NULL_LITERAL
        return Expr(op, UBIGINT, sides)

    return rule


def _shift(op: str) -> Rule:
    def rule(binder: "Binder", node: exp.Expression) -> Expr:
        only(node, "this", "expression")
        count = whole_number(child(node, "expression"), "the distance of a shift")
        value = _integer(binder.expr(child(node)))
        if count > 63:
            refuse("a shift by more than 63 bits is not supported")
        return NULL_LITERAL if value.type.family is Family.NULL else Expr(op, UBIGINT, (value,), value=count)

    return rule


def _inverted(binder: "Binder", node: exp.Expression) -> Expr:
    only(node, "this")
    value = _integer(binder.expr(child(node)))
    return NULL_LITERAL if value.type.family is Family.NULL else Expr("bits_not", UBIGINT, (value,))


NODES: dict[type[exp.Expression], Rule] = {
    exp.BitwiseAnd: _binary("bits_and"),
    exp.BitwiseOr: _binary("bits_or"),
    exp.BitwiseXor: _binary("bits_xor"),
    exp.BitwiseNot: _inverted,
    exp.BitwiseLeftShift: _shift("bits_left"),
    exp.BitwiseRightShift: _shift("bits_right"),
}
