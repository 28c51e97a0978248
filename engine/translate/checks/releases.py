"""Where patch releases of MariaDB that are in use answer differently, so that no one answer is right: refused.

Read off 10.11.18 and 10.11.19 with the same statements. The older one takes both sides of XOR as integers (0.3 XOR 0 is
0), fails with error 1690 where a negative integer is divided by a TIMESTAMP with DIV, and writes -0 where a quotient
without decimals is just below zero, which then is not equal to 0.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import WHOLE, Family

_WHOLE_SIDES = WHOLE | {Family.ENUM, Family.SET, Family.BIT, Family.NULL}


def require_same_xor(*sides: Expr) -> None:
    """Refuse XOR of what may have a fraction. Raises Refused."""
    if any(side.type.family not in _WHOLE_SIDES for side in sides):
        refuse("MariaDB's releases differ in XOR of numbers that may have a fraction")


def require_same_div(divisor: Expr) -> None:
    """Refuse DIV by the number of a point in time. Raises Refused."""
    if divisor.type.family is Family.DATETIME:
        refuse("MariaDB's releases differ in DIV by a TIMESTAMP")


def require_same_quotient(found: Expr) -> None:
    """Refuse a quotient or an average that has no decimals (div_precision_increment 0). Raises Refused."""
    if found.op == "quotient" and not found.type.scale:
        refuse("MariaDB's releases differ in quotients without decimals")
