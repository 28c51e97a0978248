"""Doubles: what is certain to the last bit, and what is certain only once it is rounded.

A sum of doubles depends on the order of rows, a logarithm on the server's C library. Such values are *loose*: the
engine knows two bounds between which the server's value lies. Where both bounds give the same (because the sum is
exact in any order, or because ROUND or a comparison makes them equal) that is the answer, elsewhere the query fails
and the backend answers.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from sqlglot import exp

from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_double, as_number
from engine.translate.checks.fixed_decimals import has_decimals_of_pi, is_spelled
from engine.translate.given import answered
from engine.translate.literals import NULL_LITERAL, is_literal
from engine.translate.nodes import child, kind, only
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr, TableSource, is_stored, walk
from engine.translate.types import DOUBLE, EXACT, WHOLE, Family

Rule = Callable[[Binder, exp.Expression], Expr]

LEAVES = frozenset({"double_sum", "average_double", "spread", "libm"})
NEIGHBOURS = frozenset({"lag", "lead", "first_value", "last_value", "nth_value"})
# Operations whose value is loose when an argument is; all others settle what they are given.
_CARRYING = frozenset(
    {"double_add", "double_subtract", "double_multiply", "double_divide", "nonzero", "negate", "case", "coalesce"}
    | {"square_root", "abs", "least", "greatest", "plain_zero"}
)
_KEEPS_WHOLE = frozenset({"double_add", "double_subtract", "double_multiply"})
_SPREADS: dict[type[exp.Expression], tuple[bool, bool]] = {  # (of a sample, the square root of it)
    exp.StddevPop: (False, True),
    exp.StddevSamp: (True, True),
    exp.VariancePop: (False, False),
    exp.Variance: (True, False),
}


def is_loose(expr: Expr) -> bool:
    """Tell whether only bounds of a value are known."""
    if expr.op == WINDOW:
        function = expr.args[0]
        return function.op in LEAVES or (function.op in NEIGHBOURS and is_loose(function.args[0]))
    return expr.op in LEAVES or (expr.op in _CARRYING and any(is_loose(arg) for arg in expr.args))


def stored_again(binder: Binder, rounded: Expr) -> Expr:
    """Mark a rounded double: MariaDB rounds it again, to 17 digits at most, when its plan stores it."""
    if binder.context.backend == "mysql" or rounded.type.family is not Family.DOUBLE:
        return rounded
    return Expr("storable", replace(DOUBLE, fixed=True), (rounded,))


def whole_again(binder: Binder, value: Expr) -> Expr:
    """Mark a whole number that FLOOR gives, or that is calculated of such and whole constants, as histograms do with
    `FLOOR(x / 10.0) * 10.0`: a table of MariaDB's keeps it as it is, but for -0, which fails."""
    if binder.context.backend == "mysql":
        return value
    calculated = value.op in _KEEPS_WHOLE and all(map(_is_whole, value.args)) and any(map(is_kept_whole, value.args))
    if value.op != "double_floor" and not calculated:
        return value
    return stored_again(binder, Expr("plain_zero", value.type, (value,)))


def is_kept_whole(value: Expr) -> bool:
    """Tell whether `whole_again` has marked a value."""
    return value.op == "storable" and value.args[0].op == "plain_zero"


def _is_whole(value: Expr) -> bool:
    while value.op == "to_double":
        (value,) = value.args
    if is_literal(value):
        return bool(answered(_has_no_fraction, value))
    return value.type.family in WHOLE or is_kept_whole(value)


def _has_no_fraction(value: object) -> bool:
    return isinstance(value, int | float | Decimal) and value == value // 1


def of_spelled(quotient: Expr) -> Expr:
    """Mark a quotient of texts that MariaDB takes for numbers without decimals, as it takes those that HEX,
    DATE_FORMAT, CAST and GROUP_CONCAT write: it has a fixed number of decimals then."""
    for part in walk(quotient) if quotient.type.family is Family.DOUBLE else ():
        if part.op == "number_of_text" and is_spelled(part):
            return quotient.typed(replace(DOUBLE, fixed=True))
    return quotient


def require_stored_alike(expr: Expr) -> None:
    """Refuse a value that MariaDB may round once more on its way; raises Refused."""
    if expr.op == "group_value" and is_kept_whole(expr.args[0]):
        return
    fixed = [part for part in walk(expr) if part.type.fixed]
    if has_decimals_of_pi(expr):
        refuse("a double with a fixed number of decimals may be rounded when it is stored")
    if fixed and not (is_kept_whole(expr) and all(map(is_kept_whole, fixed))):
        refuse("a double with a fixed number of decimals may be rounded when it is stored")


def require_sorted_alike(expr: Expr) -> None:
    """Refuse a key of an order, or what a window function is of, that MariaDB keeps in a table with fewer decimals than
    it has: FLOAT(7,2) * 1.5. What ROUND has made keeps its order, and sums are kept as they are. Raises Refused."""
    while expr.op in ("to_double", "plain_zero", "group_value"):
        expr = expr.args[0]
    if expr.op != "storable" and not is_stored(expr) and not is_loose(expr):
        require_stored_alike(expr)


def require_distinct_alike(expr: Expr) -> None:
    """Refuse a value of which MariaDB keeps the different ones in a table with fewer decimals than it has: of
    COUNT(DISTINCT d2 * 0.37) those that are equal to two are one. Raises Refused."""
    while expr.op in ("to_double", "plain_zero"):
        (expr,) = expr.args
    if expr.op != "storable" and not is_stored(expr):
        require_stored_alike(expr)


def require_ordered_alike(block: Block) -> None:
    """Refuse an order by such a key where MariaDB may sort rows that it has kept in a table. Raises Refused."""
    if block.grouped or block.distinct or not isinstance(block.source, TableSource):
        for item in block.order:
            require_sorted_alike(item.expr)


def total(value: Expr, distinct: bool) -> Expr:
    """SUM of doubles: certain where no partial sum can be rounded. Of groups of -0 alone MySQL makes -0, or 0."""
    value = as_double(value)
    if not is_loose(value):
        value = Expr("plain_zero", value.type, (value,))
    return Expr("double_sum", DOUBLE, (value,), value=distinct)


def average(value: Expr, distinct: bool, count: Expr) -> Expr:
    """AVG of doubles: their sum divided by their count."""
    return Expr("double_divide", DOUBLE, (total(value, distinct), as_double(count)))


def spread(binder: Binder, node: exp.Expression) -> Expr:
    """STD, STDDEV_SAMP, VAR_POP, …: the server updates a mean row by row, in doubles. MariaDB's have a fixed number of
    decimals where their argument has one (Item_sum_variance::fix_length_and_dec in sql/item_sum.cc)."""
    only(node, "this")
    value = as_number(binder.expr(child(node)), kind(node))
    if value.type.family is Family.NULL:
        refuse(f"{kind(node)} of NULL is not supported")
    fixed = binder.context.backend == "mariadb" and (value.type.family in EXACT or value.type.fixed)
    return Expr("spread", replace(DOUBLE, fixed=fixed), (as_double(value),), value=_SPREADS[type(node)])


def _libm(name: str) -> Rule:
    """A function of one double whose last digits are the C library's."""

    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        return libm(name, binder.expr(child(node)))

    return rule


def libm(name: str, *arguments: Expr) -> Expr:
    """Call a function of the C library; its value is loose."""
    values = [as_number(argument, name.upper()) for argument in arguments]
    if any(value.type.family is Family.NULL for value in values):
        return NULL_LITERAL
    return Expr("libm", DOUBLE, tuple(as_double(value) for value in values), value=name)


def _power(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this", "expression")
    return libm("pow", binder.expr(child(node)), binder.expr(child(node, "expression")))


def _logarithm(binder: Binder, node: exp.Expression) -> Expr:
    """LOG(x), LOG(base, x)."""
    only(node, "this", "expression")
    first = binder.expr(child(node))
    if node.args.get("expression") is None:
        return libm("ln", first)
    if not is_literal(first):
        refuse("LOG to a base that is not a literal is not supported")
    base, value = libm("ln", first), libm("ln", binder.expr(child(node, "expression")))
    if value.type.family is Family.NULL:
        return NULL_LITERAL
    if first.value in (2, 10):
        return libm(f"log{first.value}", value.args[0])
    return Expr("double_divide", DOUBLE, (value, base))


def _scaled(factor: float) -> Rule:
    """DEGREES and RADIANS are one multiplication."""

    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this")
        value = as_number(binder.expr(child(node)), kind(node))
        if value.type.family is Family.NULL:
            return NULL_LITERAL
        constant, nothing = (Expr("literal", DOUBLE, value=number) for number in (factor, 0.0))
        return Expr("double_add", DOUBLE, (Expr("double_multiply", DOUBLE, (as_double(value), constant)), nothing))

    return rule


def _pi(binder: Binder, node: exp.Expression) -> Expr:
    only(node)
    return Expr("pi", DOUBLE)


def _two(name: str) -> Rule:
    def rule(binder: Binder, node: exp.Expression) -> Expr:
        only(node, "this", "expression")
        if node.args.get("expression") is None:
            return libm(name, binder.expr(child(node)))
        return libm("atan2", binder.expr(child(node)), binder.expr(child(node, "expression")))

    return rule


SPREADS: dict[type[exp.Expression], Rule] = dict.fromkeys(_SPREADS, spread)
NODES: dict[type[exp.Expression], Rule] = {
    exp.Pow: _power,
    exp.Exp: _libm("exp"),
    exp.Ln: _libm("ln"),
    exp.Log: _logarithm,
    exp.Sin: _libm("sin"),
    exp.Cos: _libm("cos"),
    exp.Tan: _libm("tan"),
    exp.Cot: _libm("cot"),
    exp.Asin: _libm("asin"),
    exp.Acos: _libm("acos"),
    exp.Atan: _two("atan"),
    exp.Atan2: _two("atan2"),
    exp.Degrees: _scaled(180 / math.pi),
    exp.Radians: _scaled(math.pi / 180),
    exp.Pi: _pi,
}
