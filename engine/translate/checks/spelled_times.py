"""Times beside a text: MySQL reads the text as a time for a column's sake only.

Of any other TIME (NULLIF, MAX, a sub-query's) it compares the spelling, as texts: '-838:59:59' is not less than
'-12:00:00', and '100:00:00' is less than '20:00:00'. So it does with a column where the order of rows is compared, not
where rows are equal, which it takes apart first. MariaDB compares times. The time of a moment has two digits for each
part, and beside a text that has as many it is the same either way. A text that ends before, as '05:00' does, is less
than all times that begin with it.
"""

import re
from collections.abc import Iterable

from engine.translate.given import answered
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, Query, is_stored
from engine.translate.types import Family
from engine.translate.walks import change

_BEGINNING = re.compile(r"\d\d:[0-5]\d(?::[0-5]\d(?:\.(\d+))?)?\Z", re.ASCII)
_MINUTES = len("hh:mm")
_ABOVE = frozenset({"gt", "ge"})
_TURNED = {"gt": "lt", "ge": "le", "lt": "gt", "le": "ge"}
_OF_DAY = re.compile(r"\d\d:\d\d:\d\d(?:\.(\d+))?\Z", re.ASCII)


def _is_of_day(text: object, decimals: int) -> bool:
    """Tell whether a text has two digits for hours, minutes and seconds, and so many decimals."""
    found = _OF_DAY.match(str(text))
    return found is not None and len(found[1] or "") == decimals


def _is_beginning(text: object, decimals: int) -> bool:
    """Tell whether a text is what a time with so many decimals may begin with, and no whole one."""
    found = _BEGINNING.match(str(text))
    return found is not None and len(found[1] or "") < decimals + (len(str(text)) == _MINUTES)


def is_alike(time: Expr, written: Expr) -> bool:
    """Tell whether a time and the text literal beside it compare alike as times and as texts."""
    return time.op == "time_of_day" and bool(answered(_is_of_day, written, time.type.fsp))


def is_before(time: Expr, written: Expr) -> bool:
    """Tell whether the text literal beside a time is the beginning of such times."""
    return time.op == "time_of_day" and bool(answered(_is_beginning, written, time.type.fsp))


def beside_text(time: Expr, read: Expr, written: Expr) -> tuple[Expr, Expr]:
    """Compare a time with one that was `written` as a text and `read`; remembers that where the time is no column, and
    not the same as a text."""
    if is_alike(time, written) or is_stored(time):
        return time, read
    return time, Expr("time_of_text", read.type, (read,), value=is_before(time, written))


def compare_spelled(queries: Iterable[Query]) -> None:
    """Compare times of moments with the beginnings of times as MySQL does, as texts."""
    for query in queries:
        change(query, _spelled)


def _spelled(test: Expr) -> Expr | None:
    begun = [arg for arg in test.args if arg.op == "time_of_text" and arg.value]
    operator = _TURNED.get(test.op) if test.args[:1] == tuple(begun) else test.op
    if not begun or operator not in _TURNED:  # equal is what IN and CASE look for, as times
        return None
    time = next(arg for arg in test.args if arg not in begun)
    return Expr("ge" if operator in _ABOVE else "lt", test.type, (time, *begun[0].args))


def in_rows(test: Expr, written: bool) -> Expr:
    """A comparison of a part of rows by their order; `written` tells that one side was written as a text."""
    return Expr("time_of_text", test.type, (test,)) if written and _has_time(test) else test


def _has_time(test: Expr) -> bool:
    return any(side.type.family is Family.TIME for side in test.args)


def require_times_of_columns(ops: frozenset[str], backend: str) -> None:
    """Refuse a statement in which MySQL compares a time's spelling; `ops` are all its operations. Raises Refused."""
    if backend == "mysql" and "time_of_text" in ops:
        refuse("a time that is no column is compared with a text")
