"""Times beside a text: MySQL reads the text as a time for a column's sake only.

Of any other TIME (NULLIF, MAX, a sub-query's) it compares the spelling, as texts: '-838:59:59' is not less than
'-12:00:00', and '100:00:00' is less than '20:00:00'. MariaDB compares times.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import Expr, is_stored


def beside_text(time: Expr, written: Expr) -> tuple[Expr, Expr]:
    """Compare a time with one that was written as a text; remembers that where the time is no column."""
    return time, written if is_stored(time) else Expr("time_of_text", written.type, (written,))


def require_times_of_columns(ops: frozenset[str], backend: str) -> None:
    """Refuse a statement in which MySQL compares a time's spelling; `ops` are all its operations. Raises Refused."""
    if backend == "mysql" and "time_of_text" in ops:
        refuse("a time that is no column is compared with a text")
