"""JSON compared with a literal: document->'path' = 'text', = true, > 3.

MySQL compares JSON values by type before it compares them by value: a text is no number and larger than each, null is
smaller. So only a part of the literal's own kind is compared with it. Texts are compared as they are, in any collation.
"""

import re

from engine.translate.literals import is_literal
from engine.translate.tree import Expr
from engine.translate.types import BOOL, EXACT, Family

_MIRRORED = {"eq": "eq", "ne": "ne", "lt": "gt", "le": "ge", "gt": "lt", "ge": "le"}
_DIGITS = 15  # that a double and a decimal have alike
# What a moment, a time or bytes look like in a document, where they are of a type of their own.
TYPED = re.compile(r"-?\d+[:-]|base64:")


def compared(operator: str, left: Expr, right: Expr) -> Expr | None:
    """Compare a part of a document with a literal; None when it is not that, or is not known to be exact."""
    if right.op == "json_part" and operator in _MIRRORED:
        return compared(_MIRRORED[operator], right, left) if left.op != "json_part" else None
    if left.op != "json_part" or operator not in _MIRRORED or not is_literal(right):
        return None
    family, value = right.type.family, right.value
    is_equality = operator in ("eq", "ne")
    if family is Family.STRING and is_equality and isinstance(value, str) and not TYPED.match(value):
        return Expr("json_compared", BOOL, left.args, value=(left.value, operator, value))
    if family is Family.BOOL and is_equality:
        return Expr("json_compared", BOOL, left.args, value=(left.value, operator, bool(value)))
    if family in EXACT and family is not Family.BOOL and right.type.digits <= _DIGITS:
        return Expr("json_compared", BOOL, left.args, value=(left.value, operator, value))
    return None
