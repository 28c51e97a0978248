"""Which decimals may be UNSIGNED to the servers."""

from engine.translate.tree import Expr
from engine.translate.types import WHOLE

_SIGNED = frozenset({"sum", "sum_distinct"})  # read off MySQL 9.7 and MariaDB 10.11, of columns of every kind


def is_unsigned(expr: Expr) -> bool:
    """Tell whether a number may be UNSIGNED: a column, or what is made of one. Sums, and averages, never are."""
    if expr.op in _SIGNED:
        return False
    own = expr.type.positive or (expr.type.family in WHOLE and expr.type.unsigned)
    return own or any(map(is_unsigned, expr.args))
