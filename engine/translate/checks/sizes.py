"""How many operations an expression has, when all that stands in several places is counted in each.

NULLIF, BETWEEN, FIELD, STRCMP and a CASE with an operand read an argument more than once: each in the next, forty of
them would be looked at a million million times, which a few hundred characters ask for. Sizes are added up as
expressions are made, each part once.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import Expr

_MOST = 10_000  # operations of a short statement
_PER_CHARACTER = 2  # and of each character of a long one: a list of numbers has one for each, and what converts it


class Sizes:
    """The sizes of one statement's expressions."""

    def __init__(self, statement: str) -> None:
        self._most = _MOST + _PER_CHARACTER * len(statement)
        self._known: dict[int, tuple[Expr, int]] = {}  # with the expression, whose number no other has while it is kept

    def require(self, expr: Expr) -> None:
        """Refuse an expression of too many operations; raises Refused."""
        if self._of(expr) > self._most:
            refuse("an expression is too long for the engine")

    def _of(self, expr: Expr) -> int:
        found = self._known.get(id(expr))
        if found is not None:
            return found[1]
        size = 1
        for part in expr.args:
            size += self._of(part)
        self._known[id(expr)] = expr, size
        return size
