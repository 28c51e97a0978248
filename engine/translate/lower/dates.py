"""DuckDB for weeks, names of days, months between dates and UNIX times."""

from collections.abc import Callable
from typing import cast

from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr

Writer = Callable[[Lowering, Expr], str]

# calc_week in mysys/my_time.cc: by the weekday of the date and the day of the year, as arithmetic.
_FOURTH = "make_date(year({0}), 1, 4)"
_SUNDAYS = "((dayofyear({0}) + 6 - dayofweek({0})) // 7)"
_SUNDAYS_BEFORE = "((dayofyear({0}) + dayofyear(make_date(year({0}) - 1, 12, 31)) + 6 - dayofweek({0})) // 7)"
_MONDAYS = "((dayofyear({0}) + 7 - isodow({0})) // 7)"
_MONDAYS_BEFORE = "((dayofyear({0}) + dayofyear(make_date(year({0}) - 1, 12, 31)) + 7 - isodow({0})) // 7)"
# The Sunday that begins week 1 of a year, when that week has at least four days in the year.
_SUNDAY_START = "(make_date({0}, 1, 4) - CAST(dayofweek(make_date({0}, 1, 4)) AS INTEGER))"


def _sunday_year_week() -> str:
    starts = [_SUNDAY_START.format(f"(year({{0}}) + {step})") for step in (-1, 0, 1)]
    number = "year({{0}}) * 100 + {step} + (CAST({{0}} AS DATE) - {start}) // 7 + 1"
    written = [number.format(step=step, start=start) for step, start in zip((-100, 0, 100), starts, strict=True)]
    return (
        f"(CASE WHEN CAST({{0}} AS DATE) < {starts[1]} THEN {written[0]}"
        f" WHEN CAST({{0}} AS DATE) >= {starts[2]} THEN {written[2]} ELSE {written[1]} END)"
    )


_SUNDAY_YEAR_WEEK = _sunday_year_week()
_WEEKS = {
    "week_0": _SUNDAYS,
    "week_1": "((CAST({0} AS DATE) - (" + _FOURTH + " - CAST(isodow(" + _FOURTH + ") - 1 AS INTEGER)) + 7) // 7)",
    "week_2": f"(CASE WHEN {_SUNDAYS} > 0 THEN {_SUNDAYS} ELSE {_SUNDAYS_BEFORE} END)",
    "week_3": "week({0})",
    "week_4": f"((CAST({{0}} AS DATE) - {_SUNDAY_START.format('year({0})')} + 7) // 7)",
    "week_5": _MONDAYS,
    "week_6": f"({_SUNDAY_YEAR_WEEK} % 100)",
    "week_7": f"(CASE WHEN {_MONDAYS} > 0 THEN {_MONDAYS} ELSE {_MONDAYS_BEFORE} END)",
    "year_week_6": _SUNDAY_YEAR_WEEK,
    "year_week_7": (
        f"(CASE WHEN {_MONDAYS} > 0 THEN year({{0}}) * 100 + {_MONDAYS}"
        f" ELSE year({{0}}) * 100 - 100 + {_MONDAYS_BEFORE} END)"
    ),
    "year_week_2": (
        f"(CASE WHEN {_SUNDAYS} > 0 THEN year({{0}}) * 100 + {_SUNDAYS}"
        f" ELSE year({{0}}) * 100 - 100 + {_SUNDAYS_BEFORE} END)"
    ),
    "year_week_3": "(isoyear({0}) * 100 + week({0}))",
    "to_days": "(CAST({0} AS DATE) - DATE '0001-01-01' + 366)",
    "dayname": "dayname({0})",
    "monthname": "monthname({0})",
}


def week_number(op: str, sql: str) -> str:
    """Write a number of a week; `op` names it with its mode."""
    return _WEEKS[op].replace("{0}", sql)


def _week(op: str) -> Writer:
    return lambda low, expr: week_number(op, low.expr(expr.args[0]))


def _months_between(low: Lowering, expr: Expr) -> str:
    """Whole months: the last one counts when the later time of its month is not before the earlier one's."""
    begin, end = (low.expr(arg) for arg in expr.args)
    forward = _months(begin, end)
    backward = _months(end, begin)
    return f"(CASE WHEN {end} >= {begin} THEN {forward} // {expr.value} ELSE -({backward} // {expr.value}) END)"


def _months(begin: str, end: str) -> str:
    count = f"((year({end}) - year({begin})) * 12 + month({end}) - month({begin})"
    inside = [f"(epoch_us({side}) - epoch_us(date_trunc('month', {side})))" for side in (begin, end)]
    return f"{count} - CASE WHEN {inside[1]} < {inside[0]} THEN 1 ELSE 0 END)"


def _digits_joined(low: Lowering, expr: Expr) -> str:
    first, *others = (low.expr(arg) for arg in expr.args)
    for other in others:
        first = f"({first} * 100 + {other})"
    return first


def unsure(moment: str) -> str:
    """What was not asked about a zone: moments before 1970-01-03 and after 2038-01-16 fail (a branch of CASE)."""
    known = "BETWEEN TIMESTAMP '1970-01-03 00:00:00' AND TIMESTAMP '2038-01-17 00:00:00'"
    return f"{moment} NOT {known} THEN error('a time beyond what is known of its zone')"


def _unix_time(low: Lowering, expr: Expr) -> str:
    zone, last, outside = cast("tuple[int | str, int, str]", expr.value)
    moment = low.expr(expr.args[0])
    sql = f"(epoch_us({low.to_utc(moment, zone)}) // 1000000)"
    checked = f"CASE WHEN {sql} NOT BETWEEN 0 AND {last} THEN {outside} ELSE {sql} END"
    return f"({checked})" if isinstance(zone, int) else f"(CASE WHEN {unsure(moment)} ELSE {checked} END)"


def _unix_time_fraction(low: Lowering, expr: Expr) -> str:
    zone, _ = cast("tuple[int | str, bool]", expr.value)
    fsp, sql = expr.type.scale, f"epoch_us({low.to_utc(low.expr(expr.args[0]), zone)})"
    cut = f"CAST({sql} // {10 ** (6 - fsp)} AS DECIMAL(38, 0)) * 0.{'0' * (fsp - 1)}1"
    failure = "error('a time out of range')"
    return f"(CASE WHEN {sql} NOT BETWEEN 172800000000 AND 2147299200000000 THEN {failure} ELSE {cut} END)"


def _zoned(low: Lowering, expr: Expr) -> str:
    """A stored moment in the session's time zone, which has a name."""
    sql = low.expr(expr.args[0])
    return f"(CASE WHEN {unsure(sql)} ELSE {low.from_utc(sql, str(expr.value))} END)"


def _make_date(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    century = f"{sql} + CASE WHEN {sql} < 70 THEN 2000 WHEN {sql} < 100 THEN 1900 ELSE 0 END"
    days = int(str(expr.value)) - 1
    return f"(CASE WHEN {sql} BETWEEN 0 AND 9999 THEN make_date(CAST({century} AS BIGINT), 1, 1) + {days} END)"


def _number_to_date(low: Lowering, expr: Expr) -> str:
    """The number YYYYMMDD; the server reads shorter and longer ones in other ways, and has warnings for some."""
    sql = f"CAST({low.expr(expr.args[0])} AS BIGINT)"
    made = f"make_date({sql} // 10000, {sql} // 100 % 100, {sql} % 100)"
    failure = "error('a number that is no date of eight digits')"
    return f"(CASE WHEN {sql} BETWEEN 10000101 AND 99991231 THEN {made} WHEN {sql} IS NOT NULL THEN {failure} END)"


DATE_OPS: dict[str, Writer] = {
    "number_to_date": _number_to_date,
    **{op: _week(op) for op in _WEEKS},
    "months_between": _months_between,
    "digits_joined": _digits_joined,
    "months_joined": _digits_joined,
    "make_date": _make_date,
    "unix_time": _unix_time,
    "unix_time_fraction": _unix_time_fraction,
    "zoned": _zoned,
}
