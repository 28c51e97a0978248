"""Numbers of dates and times that a condition chose: refused, for the servers make their own of them.

Where CASE, IF, COALESCE, IFNULL or NULLIF give a point in time or a time, the number of it is not always its digits:
MySQL 9.7 has eight digits for a DATE beside a DATETIME, MariaDB 10.11 loses the sign of a negative TIME
(NULLIF(TIME '-01:30:00', 1) + 0 is 13000). A column of a derived table may be such a choice or not, by what the
optimizer makes of it.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import is_stored
from engine.translate.types import Family
from engine.translate.walks import Gathered

_CHOOSING = frozenset({"case", "coalesce", "column"})


def require_no_chosen_time(statement: Gathered) -> None:
    """Refuse a statement that makes a number of such a value. Raises Refused."""
    if "date_number" not in statement.ops:
        return
    for node in statement.nodes:
        if node.op != "date_number" or node.args[0].type.family is Family.DATE:
            continue
        (value,) = node.args
        if value.op in _CHOOSING and not is_stored(value):
            refuse("a number is made of a time that a condition chose")
