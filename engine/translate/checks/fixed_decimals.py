"""Doubles with a number of decimals, as FLOAT(7,2) and what is computed of it: both servers compare two such numbers up
to half a unit of the last of all their decimals (Arg_comparator::compare_real_fixed in MySQL's sql/item_cmpfunc.cc).

0.1 + 0.2 = 0.3 is true there. What ROUND gives is the double next to a decimal, and equal exactly where it is near. A
stored value is not: of -0.3 a DOUBLE(9,2) has -1 + 0.7 (Field_real::truncate), a FLOAT has 24 bits of it. Such columns
are compared with one another, as they have the same of the same number, and with whole numbers, which they have right.
"""

from engine.translate.literals import is_literal
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr, is_stored, walk
from engine.translate.types import EXACT, WHOLE, Family

_CALCULATING = frozenset(
    {"double_add", "double_subtract", "double_multiply", "double_divide", "negate", "case", "coalesce", "min", "max"}
    | {"any", "group_value", "plain_zero", "abs", "double_sum", "spread"}
)
_SPELLING = frozenset({"hex", "format_date", "format_time", "group_concat", "group_concat_distinct"})
_TAKING = frozenset({"plain_zero", "max", "min", "group_value"})


def require_exact(left: Expr, right: Expr) -> None:
    """Raise Refused where two numbers that are compared as doubles may be equal without being the same."""
    sides = (left, right)
    if all(side.type.family in EXACT or _has_decimals(side) for side in sides):
        if all(_is_nearest(side) for side in sides) or _are_alike(left, right):
            return
        refuse("numbers of FLOAT(M,D), or computed of a fixed number of decimals, are equal when they are near")


def require_exact_beside_text(number: Expr, text: Expr) -> None:
    """Raise Refused where a number and a text may be equal without being the same: MariaDB takes texts that are made of
    numbers and the like for numbers without decimals."""
    if is_spelled(text) and _has_decimals(number) and not is_literal(number):
        refuse("numbers of FLOAT(M,D), or computed of a fixed number of decimals, are equal when they are near")


def is_spelled(text: Expr) -> bool:
    """Tell whether a text is, or may be made of, what HEX, DATE_FORMAT, CAST and GROUP_CONCAT write: MariaDB compares
    it with exact numbers as well up to half a unit of their last decimal, 2 = CAST('2.225' AS CHAR) is true."""
    return any(
        part.op in _SPELLING or part.op.endswith("_to_text") or (part.op == "column" and not is_stored(part))
        for part in walk(text)
    )


def _has_decimals(expr: Expr) -> bool:
    """Tell whether the server knows, or may know, how many decimals a double has."""
    return is_literal(expr) or any(part.type.fixed or _reads_decimals(part) for part in walk(expr))


def _reads_decimals(expr: Expr) -> bool:
    query = expr.value if expr.op == "scalar" else None
    return isinstance(query, Block) and any(_has_decimals(output.expr) for output in query.outputs)


def has_decimals_of_pi(expr: Expr) -> bool:
    """Tell whether a double is calculated of PI(), which has six decimals, and of others whose number is known: it is
    3.141593 as a text, and MariaDB's tables may keep fewer digits of it."""
    return any(part.op == "pi" for part in walk(expr)) and _are_known(expr)


def _are_known(expr: Expr) -> bool:
    if expr.op in _CALCULATING:
        return all(_are_known(arg) for arg in expr.args if arg.type.family is not Family.BOOL)
    if expr.op == WINDOW:
        return _are_known(expr.args[0])
    return expr.op == "pi" or expr.op == "to_double" or is_literal(expr) or expr.type.family in EXACT


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
