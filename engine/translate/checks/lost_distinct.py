"""Rows of groups that MariaDB's DISTINCT loses, or does not: refused.

MariaDB 10.11 takes an expression of aggregates without a column for a constant, which tells no rows apart: of groups
of one, two and three rows SELECT DISTINCT COUNT(*) + 1 shows one row. And it compares the fields in which it adds up,
not the values: AVG, STDDEV and VARIANCE by themselves are equal where sums and counts are (remove_dup_with_compare in
sql/sql_select.cc). Neither matters where all keys of GROUP BY are shown, which tell the rows apart.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, Block, Expr, has_aggregate, walk

_SUMS = frozenset({"sum", "sum_distinct"})


def require_no_lost_row(block: Block) -> None:
    """Refuse SELECT DISTINCT of such values of groups. Raises Refused."""
    shown = [output.expr for output in block.outputs]
    if not block.distinct or not block.groups or (not block.rollup and all(key in shown for key in block.groups)):
        return
    for expr in shown:
        if expr.op == "spread" or _is_average(expr):
            refuse("MariaDB's DISTINCT tells equal averages of groups apart")
        if expr.op not in AGGREGATES and has_aggregate(expr) and all(part.op != "column" for part in walk(expr)):
            refuse("MariaDB's DISTINCT takes COUNT(*) in an expression for a constant")


def _is_average(expr: Expr) -> bool:
    if expr.op == "double_divide":
        return expr.args[0].op == "double_sum"
    return expr.op == "quotient" and expr.args[0].op in _SUMS and expr.args[1].op.startswith("count")
