"""FLOATs that the servers keep as DOUBLEs, and show with a DOUBLE's digits: 0.30000001192092896 for 0.3.

A FLOAT is a column, or what NULLIF, IF, CASE, COALESCE, GREATEST or a UNION makes of such columns. In groups, MIN and
MAX of what is no column of a table itself are DOUBLEs to MySQL, though PREPARE tells FLOAT (`Item_sum_hybrid` makes its
field by its result, not by its type); to MariaDB they and the values of windows are DOUBLEs everywhere.
"""

from engine.translate.bind.numbers import as_double
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, is_stored, walk
from engine.translate.types import Family

_EXTREMES = frozenset({"min", "max"})


def as_kept(value: Expr, backend: str) -> Expr:
    """Give what MIN, MAX or a window of a value is made of: on MariaDB a DOUBLE of a computed FLOAT."""
    if backend == "mysql" or value.type.family is not Family.FLOAT or value.op == "column":
        return value
    return as_double(value)


def require_kept_columns(block: Block) -> None:
    """Refuse MySQL's MIN and MAX of a FLOAT in groups, where it is not a table's own column. Raises Refused."""
    shown = [output.expr for output in block.outputs if _is_float(output.expr)]
    for node in (node for expr in shown for node in walk(expr)):
        if node.op in _EXTREMES and _is_float(node) and not is_stored(_plain(node.args[0])):
            refuse("MIN or MAX of a FLOAT that is not a table's own column is a DOUBLE in groups")


def _is_float(expr: Expr) -> bool:
    return expr.type.family is Family.FLOAT or expr.type.single


def _plain(value: Expr) -> Expr:
    return value.args[0] if value.op == "plain_zero" else value
