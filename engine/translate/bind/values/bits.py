"""Bit operators: on integers seen as 64 unsigned bits."""

from collections.abc import Callable

from sqlglot import exp

from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values import control
from engine.translate.literals import NULL_LITERAL, integer
from engine.translate.members import LISTED, numbered, numbers_of_bytes
from engine.translate.nodes import child, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import UBIGINT, WHOLE, Family

Rule = Callable[[Binder, exp.Expression], Expr]


def _integer(value: Expr) -> Expr:
    value = numbered(as_value(value))
    if value.type.family in LISTED:
        return value.typed(UBIGINT)
    if value.type.family is Family.DECIMAL:
        return control.to_integer(value, unsigned=False)  # rounded
    if value.type.family not in WHOLE and value.type.family is not Family.NULL:
        refuse(f"a bit operator is applied to a {value.type.family.value}")
    return value


def _binary(op: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expression")
        written = numbers_of_bytes(*(binder.expr(child(node, name)) for name in ("this", "expression")))
        sides = tuple(_integer(side) for side in written)
        if any(side.type.family is Family.NULL for side in sides):
            return NULL_LITERAL
        return Expr(op, UBIGINT, sides)

    return rule


_OF_INT, _LOW = 9, (1 << 32) - 1  # digits that 32 bits hold; the bits of a distance that MariaDB looks at


def _shift(op: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expression")
        value, distance = (_integer(binder.expr(child(node, name))) for name in ("this", "expression"))
        if Family.NULL in (value.type.family, distance.type.family):
            return NULL_LITERAL
        if binder.context.backend == "mariadb" and distance.type.digits > _OF_INT:
            distance = Expr("bits_and", UBIGINT, (distance, integer(_LOW)))  # Item_func_shift_left::val_int
        return Expr("shifted", UBIGINT, (value, distance), value=op)

    return rule


def _inverted(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    value = _integer(binder.expr(child(node)))
    return NULL_LITERAL if value.type.family is Family.NULL else Expr("bits_not", UBIGINT, (value,))


NODES: dict[type[exp.Expression], Rule] = {
    exp.BitwiseAnd: _binary("bits_and"),
    exp.BitwiseOr: _binary("bits_or"),
    exp.BitwiseXor: _binary("bits_xor"),
    exp.BitwiseNot: _inverted,
    exp.BitwiseLeftShift: _shift("left"),
    exp.BitwiseRightShift: _shift("right"),
}
