"""Which numbers may be UNSIGNED to the servers."""

from engine.translate.tree import Expr, walk
from engine.translate.types import EXACT, WHOLE, Family

_SIGNED = frozenset({"sum", "sum_distinct"})  # read off MySQL 9.7 and MariaDB 10.11, of columns of every kind


def is_unsigned(expr: Expr) -> bool:
    """Tell whether a number may be UNSIGNED: a column, or what is made of one. Sums, and averages, never are."""
    if expr.op in _SIGNED:
        return False
    own = (expr.type.positive and expr.type.family is Family.DECIMAL) or (
        expr.type.family in WHOLE and expr.type.unsigned
    )
    return own or any(map(is_unsigned, expr.args))


def unless_negative(operator: str, found: Expr, is_mariadb: bool) -> Expr:
    """Let a result below zero fail: of a difference of decimals that are both UNSIGNED MySQL gives error 1690, MariaDB
    makes 0 of it in its temporary tables. To MariaDB the number of a TIMESTAMP is UNSIGNED too.

    Which computed decimals are UNSIGNED is MySQL's to say: all that have such a column in them may be, but for sums.
    """
    negative = operator == "subtract" and found.type.family is Family.DECIMAL and all(map(is_unsigned, found.args))
    if negative or (is_mariadb and found.type.family in EXACT and _is_of_timestamp(found)):
        return Expr("not_negative", found.type, (found,))
    return found


def _is_of_timestamp(expr: Expr) -> bool:
    return any(part.op == "date_number" and any(p.type.positive for p in walk(part)) for part in walk(expr))
