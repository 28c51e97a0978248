"""DuckDB for times of day, spans and formats of dates. A TIME is its microseconds."""

from collections.abc import Callable
from typing import cast

from engine.collate.rules import quote
from engine.translate.bind.temporal.dates import CAST
from engine.translate.lower.dates import week_number
from engine.translate.lower.digits import fraction
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.tree import Expr
from engine.translate.types import WHOLE, Family

Writer = Callable[[Lowering, Expr], str]
_LAST_TIME = 3_020_399_000_000  # 838:59:59
# What every server converts to another time zone, and what it does not.
_CONVERTED = ("TIMESTAMP '1970-01-03 00:00:00'", "TIMESTAMP '2038-01-17 00:00:00'")
_UNCONVERTED = "TIMESTAMP '1969-12-30 00:00:00'"
_UNCONVERTED_FROM = {"mysql": "TIMESTAMP '3001-01-21 00:00:00'", "mariadb": "TIMESTAMP '2038-01-21 00:00:00'"}
_OUTSIDE = "error('a time leaves its range')"
_SUFFIX = (
    "(day({0}) || CASE WHEN day({0}) IN (11, 12, 13) THEN 'th' WHEN day({0}) % 10 = 1 THEN 'st'"
    " WHEN day({0}) % 10 = 2 THEN 'nd' WHEN day({0}) % 10 = 3 THEN 'rd' ELSE 'th' END)"
)
# Codes (in the parser's spelling) that strftime does not know, or knows otherwise.
SPECIAL_CODES = {
    "%D": lambda sql: _SUFFIX.format(sql),
    "%U": lambda sql: f"lpad(CAST({week_number('week_0', sql)} AS VARCHAR), 2, '0')",
    "%W": lambda sql: f"lpad(CAST({week_number('week_1', sql)} AS VARCHAR), 2, '0')",
    "%V": lambda sql: f"lpad(CAST({week_number('week_2', sql)} AS VARCHAR), 2, '0')",
    "%v": lambda sql: f"lpad(CAST({week_number('week_3', sql)} AS VARCHAR), 2, '0')",
    "%X": lambda sql: f"lpad(CAST({week_number('year_week_2', sql)} // 100 AS VARCHAR), 4, '0')",
    "%G": lambda sql: f"lpad(CAST({week_number('year_week_3', sql)} // 100 AS VARCHAR), 4, '0')",
}


def _template(template: str) -> Writer:
    return lambda low, expr: template.format(*(low.expr(arg) for arg in expr.args), v=expr.value)


def _within(sql: str) -> str:
    return f"(CASE WHEN abs({sql}) > {_LAST_TIME} THEN {_OUTSIDE} ELSE {sql} END)"


def _part(low: Lowering, expr: Expr) -> str:
    size, _, unit = cast("tuple[int, int, str]", expr.value)
    whole = f"(abs({low.expr(expr.args[0])}) // {size})"
    if unit == "HOUR":
        return whole
    return f"({whole} % {1_000_000 if unit == 'MICROSECOND' else 60})"


def _make(low: Lowering, expr: Expr) -> str:
    hour, minute, second = (f"CAST({low.expr(arg)} AS BIGINT)" for arg in expr.args)
    valid = f"{minute} BETWEEN 0 AND 59 AND {second} BETWEEN 0 AND 59 AND {hour} BETWEEN -838 AND 838"
    passed = f"((abs({hour}) * 60 + {minute}) * 60 + {second}) * 1000000"
    missing = f"{hour} IS NULL OR {minute} IS NULL OR {second} IS NULL"
    signed = f"CASE WHEN {hour} < 0 THEN -({passed}) ELSE {passed} END"
    return f"(CASE WHEN {missing} THEN NULL WHEN {valid} THEN {signed} ELSE {_OUTSIDE} END)"


def _seconds_as_time(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    fits = f"{sql} BETWEEN -3020399 AND 3020399"
    wide = f"CAST({sql} AS BIGINT)" if expr.args[0].type.family in WHOLE else sql  # an INT has no room for microseconds
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {fits} THEN CAST({wide} * 1000000 AS BIGINT) ELSE {_OUTSIDE} END)"


def _as_fraction(low: Lowering, expr: Expr) -> str:
    """Seconds with as many decimals as the time has."""
    parts, fsp = low.expr(expr.args[0]), expr.type.scale
    return f"(CAST({parts} // {10 ** (6 - fsp)} AS DECIMAL(18, 0)) * {fraction(fsp)})"


def _micros(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr)
    return sql if expr.type.family is Family.TIME else f"epoch_us({sql})"


def _added(low: Lowering, expr: Expr) -> str:
    base, span = (_micros(low, arg) for arg in expr.args)
    moved = f"({base} {'+' if expr.value == 1 else '-'} {span})"
    if expr.type.family is Family.TIME:
        return _within(moved)
    moment = f"make_timestamp({moved})"
    return f"(CASE WHEN year({moment}) NOT BETWEEN 1 AND 9999 THEN {_OUTSIDE} ELSE {moment} END)"


def _difference(low: Lowering, expr: Expr) -> str:
    left, right = (_micros(low, arg) for arg in expr.args)
    return _within(f"({left} - {right})")


def _shift(low: Lowering, expr: Expr) -> str:
    base, amount = (low.expr(arg) for arg in expr.args)
    return _within(f"({base} + CAST({amount} AS BIGINT) * {expr.value})")


def _from_days(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    made = f"DATE '0001-01-01' + CAST({sql} - 366 AS INTEGER)"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {sql} BETWEEN 366 AND 3652424 THEN {made} ELSE {_OUTSIDE} END)"


def _months(sql: str) -> str:
    """Months of a period YYYYMM; years of fewer than four digits mean others and fail."""
    valid = f"{sql} BETWEEN 100001 AND 999912 AND {sql} % 100 BETWEEN 1 AND 12"
    months = f"{sql} // 100 * 12 + {sql} % 100 - 1"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {valid} THEN {months} ELSE error('not a period') END)"


def _period_add(low: Lowering, expr: Expr) -> str:
    period, months = (f"CAST({low.expr(arg)} AS BIGINT)" for arg in expr.args)
    total = f"({_months(period)} + {months})"
    failure = "error('a period leaves its range')"
    outside = f"{total} NOT BETWEEN 12000 AND 119999"  # MariaDB counts months in 32 bits
    return f"(CASE WHEN {outside} THEN {failure} ELSE {total} // 12 * 100 + {total} % 12 + 1 END)"


def _period_diff(low: Lowering, expr: Expr) -> str:
    left, right = (_months(f"CAST({low.expr(arg)} AS BIGINT)") for arg in expr.args)
    return f"({left} - {right})"


def _other_zone(low: Lowering, expr: Expr) -> str:
    """Times that the server does not convert stay as they are; where that begins differs, so a margin fails."""
    source, target, backend = cast("tuple[int | str, int | str, str]", expr.value)
    sql = low.expr(expr.args[0])
    known = f"{sql} BETWEEN {_CONVERTED[0]} AND {_CONVERTED[1]}"
    kept = f"{sql} < {_UNCONVERTED} OR {sql} >= {_UNCONVERTED_FROM[backend]}"
    moved = low.from_utc(low.to_utc(sql, source), target)
    return f"(CASE WHEN {known} THEN {moved} WHEN {kept} THEN {sql} WHEN {sql} IS NOT NULL THEN {_OUTSIDE} END)"


def _format(low: Lowering, expr: Expr) -> str:
    """A format cut at the codes that strftime does not write as MySQL does."""
    sql, pattern = low.expr(expr.args[0]), str(expr.value)
    pieces: list[str] = []
    at = start = 0
    while at < len(pattern):
        code = pattern[at : at + 2]
        if pattern[at] != "%" or code not in SPECIAL_CODES:
            at += 2 if pattern[at] == "%" else 1
            continue
        if at > start:
            pieces.append(f"strftime({sql}, {quote(pattern[start:at])})")
        pieces.append(SPECIAL_CODES[code](sql))
        at += 2
        start = at
    if start < len(pattern) or not pieces:
        pieces.append(f"strftime({sql}, {quote(pattern[start:])})")
    return pieces[0] if len(pieces) == 1 else "(" + " || ".join(pieces) + ")"


def _rounded(low: Lowering, expr: Expr) -> str:
    """A moment with fewer digits: MySQL rounds, MariaDB cuts."""
    unit = 10 ** (6 - expr.type.fsp)
    sql = f"(epoch_us({low.expr(expr.args[0])}) + {unit // 2 if expr.value else 0})"
    moment = f"make_timestamp({sql} - ({sql} % {unit} + {unit}) % {unit})"
    return f"(CASE WHEN year({moment}) > 9999 THEN {_OUTSIDE} ELSE {moment} END)"


def _text_to_moment(low: Lowering, expr: Expr) -> str:
    """Texts written as a date, with or without a time to the minute or second; others may give warnings and fail. A
    `value` is the part of a time that they must have, or CAST."""
    sql = low.expr(expr.args[0])
    is_cast = expr.value == CAST
    decimals = r"(\.\d{1,6})?" if expr.type.fsp else r"(\.0{1,6})?" if is_cast else ""
    optional = "" if expr.value and not is_cast else "?"
    time = rf"({'[ T]' if is_cast else ' '}\d\d:\d\d(:\d\d{decimals})?){optional}"
    kind, time = ("DATE", "") if expr.type.family is Family.DATE else ("TIMESTAMP", time)
    matches = f"regexp_full_match({sql}, '[1-9]\\d{{3}}-\\d{{1,2}}-\\d{{1,2}}{time}')"
    failure = "error('a text is not a plain date')"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {matches} THEN CAST({sql} AS {kind}) ELSE {failure} END)"


def _to_text(low: Lowering, expr: Expr) -> str:
    """At least two digits for the hours, and as many decimals as the type has."""
    digits = int(str(expr.value))
    whole = "abs({0}) // 3600000000, abs({0}) // 60000000 % 60, abs({0}) // 1000000 % 60"
    pattern, parts = "%02d:%02d:%02d", [whole]
    if digits:
        pattern, parts = f"{pattern}.%0{digits}d", [whole, f"abs({{0}}) % 1000000 // {10 ** (6 - digits)}"]
    sign = "CASE WHEN {0} < 0 THEN '-' ELSE '' END"
    written = f"({sign} || printf('{pattern}', {', '.join(parts)}))"
    return once(low.expr(expr.args[0]), lambda sql: f"CASE WHEN {sql} IS NOT NULL THEN {written.format(sql)} END")


TIME_OPS: dict[str, Writer] = {
    "time_part": _part,
    "time_of_text": _template("{0}"),
    "within_day": _template(
        "(CASE WHEN {0} BETWEEN 0 AND 86399999999 THEN {1} WHEN {0} IS NOT NULL THEN error('no time of a day') END)"
    ),
    "time_of_day": _template("(epoch_us({0}) - epoch_us(date_trunc('day', {0})))"),
    "make_time": _make,
    "seconds_as_time": _seconds_as_time,
    "time_as_seconds": _template("(CAST(sign({0}) AS BIGINT) * (abs({0}) // 1000000))"),
    "time_as_fraction": _as_fraction,
    "time_added": _added,
    "time_difference": _difference,
    "time_shift": _shift,
    "to_seconds": _template("((epoch_us({0}) + 62167219200000000) // 1000000)"),
    "from_days": _from_days,
    "period_add": _period_add,
    "period_diff": _period_diff,
    "other_zone": _other_zone,
    "format_date": _format,
    "round_moment": _rounded,
    "text_to_moment": _text_to_moment,
    "time_to_text": _to_text,
}
