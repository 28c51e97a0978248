"""Times beside a text: MySQL reads the text as a time for a column's sake only.

Of any other TIME (NULLIF, MAX, a sub-query's) it compares the spelling, as texts: '-838:59:59' is not less than
'-12:00:00', and '100:00:00' is less than '20:00:00'. So it does with a column where the order of rows is compared, not
where rows are equal, which it takes apart first. MariaDB compares times. The time of a moment has two digits for each
part, and beside a text that has as many it is the same either way.
"""

import re

from engine.translate.given import answered
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, is_stored
from engine.translate.types import Family

_OF_DAY = re.compile(r"\d\d:\d\d:\d\d(?:\.(\d+))?\Z", re.ASCII)


def _is_of_day(text: object, decimals: int) -> bool:
    """Tell whether a text has two digits for hours, minutes and seconds, and so many decimals."""
    found = _OF_DAY.match(str(text))
    return found is not None and len(found[1] or "") == decimals


def is_alike(time: Expr, written: Expr) -> bool:
    """Tell whether a time and the text literal beside it compare alike as times and as texts."""
    return time.op == "time_of_day" and bool(answered(_is_of_day, written, time.type.fsp))


def beside_text(time: Expr, written: Expr, alike: bool) -> tuple[Expr, Expr]:
    """Compare a time with one that was written as a text; remembers that where the time is no column, and not `alike`
    as text."""
    return time, written if alike or is_stored(time) else Expr("time_of_text", written.type, (written,))


def in_rows(test: Expr, written: bool) -> Expr:
    """A comparison of a part of rows by their order; `written` tells that one side was written as a text."""
    return Expr("time_of_text", test.type, (test,)) if written and _has_time(test) else test


def _has_time(test: Expr) -> bool:
    return any(side.type.family is Family.TIME for side in test.args)


def require_times_of_columns(ops: frozenset[str], backend: str) -> None:
    """Refuse a statement in which MySQL compares a time's spelling; `ops` are all its operations. Raises Refused."""
    if backend == "mysql" and "time_of_text" in ops:
        refuse("a time that is no column is compared with a text")
