"""Years that MySQL keeps in a YEAR: what YEAR() makes of a date passes through a UNION as one, and 9999 is 0000 then.

YEAR(), and IF, COALESCE, MAX and the like of it, are of type YEAR to MySQL 9.7, an INT to MariaDB. A set operation
makes a field of the type of all its queries, which holds 0 and 1901 to 2155 only; DISTINCT and GROUP BY make an INT.
"""

from engine.translate.origins import Origins
from engine.translate.tree import Block, Expr, Query, Recursion, SetOperation
from engine.translate.types import Family
from engine.translate.walks import Gathered

_PASSING = frozenset(
    {"any", "case", "chosen", "coalesce", "greatest", "group_value", "lag", "lead", "least", "max", "min", "window"}
)


def keep_years(whole: Gathered) -> None:
    """Let such years fail that the field does not hold."""
    origins = Origins(whole.queries)
    for query in whole.queries:
        if isinstance(query, SetOperation):
            for side in (query.left, query.right):
                _keep(side, origins)
        for _, common in query.ctes:
            if isinstance(common, Recursion):
                _keep(common.first, origins)


def _keep(query: Query, origins: Origins) -> None:
    for output in query.outputs if isinstance(query, Block) else ():
        if _is_made_year(output.expr, origins):
            output.expr = Expr("fits_year", output.expr.type, (output.expr,))


def _is_made_year(expr: Expr, origins: Origins) -> bool:
    """Tell whether a value may be a year that YEAR() has made; telling so of others does no harm."""
    if expr.op == "date_part":
        return expr.value == "YEAR"
    if expr.op == "column":
        inner = origins.output(expr)
        return inner is not None and inner is not expr and _is_made_year(inner, origins)
    if expr.op == "scalar" and isinstance(expr.value, Block):
        return _is_made_year(expr.value.outputs[0].expr, origins)
    if expr.type.family not in (Family.INT, Family.YEAR) or expr.op not in _PASSING:
        return False
    return any(_is_made_year(arg, origins) for arg in expr.args)
