"""MIN and MAX that the servers read off an index, with a FLOAT's bound rounded to a FLOAT: refused.

`SELECT MAX(f) … WHERE f <= 0.6158` finds the row of 0.6158 where `f` has an index, although that FLOAT is a little more
than the number, and BETWEEN finds none at all (MySQL 9.7.4 and MariaDB 10.11.18); without the index, or with GROUP BY,
it is as everywhere. MariaDB forgets the HAVING of a join without rows where MIN or MAX of an indexed column is in it,
and shows the one row of nothing. The engine does not know of indexes.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import Block, Join, walk
from engine.translate.types import Family

_ENDS = frozenset({"min", "max"})


def require_no_first_of_index(block: Block) -> None:
    """Refuse MIN or MAX of all rows beside a comparison of a FLOAT column. Raises Refused."""
    if block.groups or block.where is None:
        return
    ends = any(part.op in _ENDS for output in block.outputs for part in walk(output.expr))
    if ends and any(part.op == "column" and part.type.family is Family.FLOAT for part in walk(block.where)):
        refuse("the bounds of a FLOAT are rounded where its MIN or MAX is read off an index")


def require_no_lost_having(block: Block) -> None:
    """Refuse HAVING of MariaDB's over MIN or MAX of all rows of a join. Raises Refused."""
    if block.groups or block.having is None or not isinstance(block.source, Join):
        return
    parts = [*(output.expr for output in block.outputs), block.having]
    if any(part.op in _ENDS for expr in parts for part in walk(expr)):
        refuse("MariaDB forgets HAVING over MIN or MAX of a join without rows")
