"""TIMESTAMP columns in a session whose time zone has summer time: what the server does with their local time, and
what with the moment that it stores.

Where an hour is turned back two moments have one local time. MySQL looks for a constant in an index by the moment that
it makes of it, and sorts and groups by the moment, but compares and computes by the local time. So only what is the
same either way is translated.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Protocol

from engine.translate.literals import is_literal
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr
from engine.translate.types import Family
from engine.translate.walks import Gathered, expressions

ZONED = "zoned"
_COMPARED = frozenset({"eq", "ne", "null_safe_eq", "lt", "le", "gt", "ge", "in"})
# What is computed from the local time of each row.
_COMPUTED = frozenset(
    {
        "count", "date_difference", "date_part", "date_shift", "datetime_to_text", "day_of_week", "day_of_year",
        "dayname", "digits_joined", "elapsed", "format_date", "is_null", "last_day", "max", "min", "monthname",
        "months_joined",
        "months_between", "other_zone", "time_of_day", "to_date", "to_days", "to_seconds", "weekday",
        *(f"week_{mode}" for mode in range(8)), *(f"year_week_{mode}" for mode in range(8)),
    }
)  # fmt: skip


class Zones(Protocol):
    """What is asked of the lowering."""

    def is_certain(self, zone: str, local: datetime) -> bool:
        """Tell whether a local time is that of one moment."""

    def is_certain_moment(self, zone: str, second: int) -> bool:
        """Tell whether the local time of a moment, in seconds of UTC since 1970, is that of no other."""


def require_certain_uses(statement: Gathered, zones: Zones) -> None:
    """Refuse what depends on how the server finds such a value, and sort by its moment; raises Refused."""
    if ZONED not in statement.ops:
        return
    for part in statement.queries:
        stored = part is not statement.queries[0] or not isinstance(part, Block) or part.distinct
        if stored and any(output.expr.op == ZONED for output in part.outputs):
            _refuse("passes through a temporary table")
        for item in part.order:
            if item.expr.op == ZONED:
                (item.expr,) = item.expr.args
        if isinstance(part, Block) and any(key.op == ZONED for key in part.groups):
            _refuse("is grouped by")
        for expr in expressions(part):
            for node in _walk(expr):
                _check(node, zones)


def _walk(expr: Expr) -> Iterator[Expr]:
    yield expr
    for arg in expr.args:
        if expr.op == WINDOW and _has_zoned(arg):
            _refuse("is in a window")
        yield from _walk(arg)


def _has_zoned(expr: Expr) -> bool:
    return expr.op == ZONED or any(_has_zoned(arg) for arg in expr.args)


def _check(node: Expr, zones: Zones) -> None:
    if node.op == ZONED and node.type.family is not Family.DATETIME:
        _refuse("may be zero")
    found = next((arg for arg in node.args if arg.op == ZONED), None)
    if found is None or node.op in _COMPUTED:
        return
    if node.op not in _COMPARED:
        _refuse("is used in this way")
    for other in node.args:
        if other is not found and not _is_certain(other, str(found.value), zones):
            _refuse("is compared with what is no constant, or with a time that there is twice or not at all")


def _is_certain(other: Expr, zone: str, zones: Zones) -> bool:
    if other.op == "from_unix_time":  # as Grafana writes the ends of a dashboard's time
        (second,) = other.args
        return is_literal(second) and isinstance(second.value, int) and zones.is_certain_moment(zone, second.value)
    return is_literal(other) and isinstance(other.value, datetime) and zones.is_certain(zone, other.value)


def _refuse(what: str) -> None:
    refuse(f"a TIMESTAMP in a time zone with summer time {what}")
