"""DuckDB for STR_TO_DATE: each part is a group of one regular expression."""

from collections.abc import Callable
from typing import cast

from engine.collate.rules import quote
from engine.translate.bind.temporal.read_dates import DAYS, MONTHS
from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr
from engine.translate.types import Family

Writer = Callable[[Lowering, Expr], str]
_WRONG = "error('not a date in this form')"


def _read_date(low: Lowering, expr: Expr) -> str:
    form, parts = cast("tuple[str, tuple[str, ...]]", expr.value)
    sql = low.expr(expr.args[0])
    groups = {part: f"regexp_extract({sql}, {quote(form)}, {place})" for place, part in enumerate(parts, 1)}
    numbers = {part: f"CAST({group} AS BIGINT)" for part, group in groups.items()}
    made = _day(groups, numbers)
    if expr.type.family is not Family.DATE:
        made = f"({made} + {_clock(groups, numbers)})"
    matches = f"regexp_full_match({sql}, {quote(form)})"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {matches} THEN {made} ELSE {_WRONG} END)"


def _day(groups: dict[str, str], numbers: dict[str, str]) -> str:
    for first in ("sunday", "monday"):
        if f"{first}_year" in numbers:
            return _of_week(first, groups, numbers)
    year = numbers.get("year") or _century(numbers["short_year"])
    if "day_of_year" in numbers:
        number = numbers["day_of_year"]
        made = f"make_date({year}, 1, 1) + CAST({number} - 1 AS INTEGER)"
        return f"(CASE WHEN {number} > 0 AND year({made}) = {year} THEN {made} ELSE {_WRONG} END)"
    month = numbers["month"] if "month" in numbers else _named(groups, "month", MONTHS)
    return f"make_date({year}, {month}, {numbers['day']})"


def _century(year: str) -> str:
    return f"({year} + CASE WHEN {year} < 70 THEN 2000 ELSE 1900 END)"


def _named(groups: dict[str, str], what: str, names: tuple[str, ...]) -> str:
    short = f"{what}_short"
    spelled = groups[short] if short in groups else groups[f"{what}_name" if what == "month" else what]
    listed = ", ".join(quote(name[:3] if short in groups else name) for name in names)
    return f"list_position([{listed}], lower({spelled}))"


def _of_week(first: str, groups: dict[str, str], numbers: dict[str, str]) -> str:
    """The day of a week: week 1 has the year's first Sunday, or is ISO's."""
    year, week, weekday = numbers[f"{first}_year"], numbers[f"{first}_week"], _named(groups, "weekday", DAYS)
    begin = f"make_date({year}, 1, 1)"
    if first == "sunday":
        place = f"dayofweek({begin})"
        shift = f"CASE WHEN {place} = 0 THEN 0 ELSE 7 END - {place} + {weekday} % 7"
    else:
        place = f"(isodow({begin}) - 1)"
        shift = f"CASE WHEN {place} <= 3 THEN 0 ELSE 7 END - {place} + {weekday} - 1"
    made = f"{begin} + CAST({shift} + ({week} - 1) * 7 AS INTEGER)"
    return f"(CASE WHEN {week} BETWEEN 1 AND 53 THEN {made} ELSE {_WRONG} END)"


def _clock(groups: dict[str, str], numbers: dict[str, str]) -> str:
    """The time as an interval; what is beyond a day, an hour or a minute fails."""
    if "half_hour" in numbers:
        hour = f"{numbers['half_hour']} % 12"
        hour += f" + CASE WHEN upper({groups['half']}) = 'PM' THEN 12 ELSE 0 END" if "half" in groups else ""
        valid = [f"{numbers['half_hour']} BETWEEN 1 AND 12"]
    else:
        hour, valid = numbers["hour"], [f"{numbers['hour']} < 24"]
    total = f"({hour}) * 3600"
    for part, seconds in (("minute", 60), ("second", 1)):
        if part in numbers:
            total += f" + {numbers[part]} * {seconds}"
            valid.append(f"{numbers[part]} < 60")
    total = f"({total}) * 1000000"
    if "micros" in groups:
        total += f" + CAST(rpad({groups['micros']}, 6, '0') AS BIGINT)"
    return f"to_microseconds(CASE WHEN {' AND '.join(valid)} THEN {total} ELSE {_WRONG} END)"


READ_DATE_OPS: dict[str, Writer] = {"read_date": _read_date}
