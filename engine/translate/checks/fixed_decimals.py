"""Doubles with a number of decimals, as FLOAT(7,2) and what is computed of it: both servers compare two such numbers up
to half a unit of the last of all their decimals (Arg_comparator::compare_real_fixed in MySQL's sql/item_cmpfunc.cc).

0.1 + 0.2 = 0.3 is true there. What ROUND gives is the double next to a decimal, and equal exactly where it is near. A
stored value is not: of -0.3 a DOUBLE(9,2) has -1 + 0.7 (Field_real::truncate), a FLOAT has 24 bits of it. Such columns
are compared with one another, as they have the same of the same number, and with whole numbers, which they have right.
"""

from engine.translate.literals import is_literal
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, walk
from engine.translate.types import EXACT, WHOLE

_TAKING = frozenset({"plain_zero", "max", "min", "group_value"})


def require_exact(left: Expr, right: Expr) -> None:
    """Raise Refused where two numbers that are compared as doubles may be equal without being the same."""
    sides = (left, right)
    if all(side.type.family in EXACT or _has_decimals(side) for side in sides):
        if all(_is_nearest(side) for side in sides) or _are_alike(left, right):
            return
        refuse("numbers of FLOAT(M,D), or computed of a fixed number of decimals, are equal when they are near")


def _has_decimals(expr: Expr) -> bool:
    """Tell whether the server knows, or may know, how many decimals a double has."""
    return is_literal(expr) or any(part.type.fixed or _reads_decimals(part) for part in walk(expr))


def _reads_decimals(expr: Expr) -> bool:
    query = expr.value if expr.op == "scalar" else None
    return isinstance(query, Block) and any(_has_decimals(output.expr) for output in query.outputs)


def _is_nearest(expr: Expr) -> bool:
    """Tell whether a number is a decimal, or the double next to one."""
    if expr.type.family in EXACT:
        return expr.type.frac == expr.type.scale
    return is_literal(expr) or _taken(expr).op == "storable"


def _are_alike(left: Expr, right: Expr) -> bool:
    """Tell whether both are stored values of one type, or one is that or a sum of them, and the other whole."""
    for one, other in ((left, right), (right, left)):
        if other.type.family in WHOLE and (_is_stored(one) or _is_sum(one)):
            return True
    return _is_stored(left) and _is_stored(right) and left.type.family is right.type.family


def _taken(expr: Expr) -> Expr:
    """What a value is one of: MAX gives a value of its column."""
    while expr.op in _TAKING:
        (expr,) = expr.args
    return expr


def _is_stored(expr: Expr) -> bool:
    return _taken(expr).op == "column"


def _is_sum(expr: Expr) -> bool:
    """Tell whether a number is a sum of decimals, of which only bounds are known: it fails near a whole number."""
    return expr.op == "double_sum" and all(_is_nearest(arg) or _is_stored(arg) for arg in expr.args)
