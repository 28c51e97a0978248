"""Decimals of user variables as texts on MariaDB, which writes 38 digits behind the point: refused.

CONCAT(@d + 1), CONCAT(ABS(@d)) and CONCAT(-@d) are 2.25 with 36 zeros behind it on 10.11; the tree knows 30, as MySQL
has them.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import Expr, walk
from engine.translate.types import Family
from engine.translate.walks import Gathered


def require_no_variable_text(statement: Gathered) -> None:
    """Refuse texts made of decimals of user variables. Raises Refused."""
    if "decimal_to_text" in statement.ops and any(
        _is_variable(part) for node in statement.nodes if node.op == "decimal_to_text" for part in walk(node)
    ):
        refuse("MariaDB writes decimals of user variables with more digits")


def _is_variable(expr: Expr) -> bool:
    """Tell whether a literal is a variable's value: of other decimals each digit of the type is one of the value."""
    return expr.op == "literal" and expr.type.family is Family.DECIMAL and expr.type.frac < expr.type.scale
