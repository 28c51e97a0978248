"""Which numbers may be UNSIGNED to the servers."""

from engine.translate.tree import Expr, walk
from engine.translate.types import WHOLE, Family

_SIGNED = frozenset({"sum", "sum_distinct"})  # read off MySQL 9.7 and MariaDB 10.11, of columns of every kind


def is_unsigned(expr: Expr) -> bool:
    """Tell whether a number may be UNSIGNED: a column, or what is made of one. Sums, and averages, never are."""
    if expr.op in _SIGNED:
        return False
    own = (expr.type.positive and expr.type.family is Family.DECIMAL) or (
        expr.type.family in WHOLE and expr.type.unsigned
    )
    return own or any(map(is_unsigned, expr.args))


def is_of_timestamp(expr: Expr) -> bool:
    """Tell whether a number is made of a TIMESTAMP's, which is UNSIGNED to MariaDB: of a difference below zero it makes
    error 1690, or 0 in its temporary tables where there are parts of a second."""
    return any(part.op == "date_number" and any(p.type.positive for p in walk(part)) for part in walk(expr))
