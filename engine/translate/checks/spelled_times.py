"""Times beside a text: MySQL reads the text as a time for a column's sake only.

Of any other TIME (NULLIF, MAX, a sub-query's) it compares the spelling, as texts: '-838:59:59' is not less than
'-12:00:00', and '100:00:00' is less than '20:00:00'. So it does with a column where the order of rows is compared, not
where rows are equal, which it takes apart first. MariaDB compares times.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import Expr, is_stored
from engine.translate.types import Family


def beside_text(time: Expr, written: Expr) -> tuple[Expr, Expr]:
    """Compare a time with one that was written as a text; remembers that where the time is no column."""
    return time, written if is_stored(time) else Expr("time_of_text", written.type, (written,))


def in_rows(test: Expr, written: bool) -> Expr:
    """A comparison of a part of rows by their order; `written` tells that one side was written as a text."""
    return Expr("time_of_text", test.type, (test,)) if written and _has_time(test) else test


def _has_time(test: Expr) -> bool:
    return any(side.type.family is Family.TIME for side in test.args)


def require_times_of_columns(ops: frozenset[str], backend: str) -> None:
    """Refuse a statement in which MySQL compares a time's spelling; `ops` are all its operations. Raises Refused."""
    if backend == "mysql" and "time_of_text" in ops:
        refuse("a time that is no column is compared with a text")
