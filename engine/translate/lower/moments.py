"""DuckDB for moments made of other values, and for formats of times (see `engine.translate.bind.temporal.moments`)."""

from collections.abc import Callable
from typing import cast

from engine.collate.rules import quote
from engine.translate.lower.dates import unsure
from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr
from engine.translate.types import Family

Writer = Callable[[Lowering, Expr], str]
_INEXACT = "error('a time with more digits than its type')"
# TIME_FORMAT's codes over the hours, minutes, seconds and microseconds of a time.
_TWO = "(CASE WHEN {0} < 10 THEN '0' ELSE '' END || CAST({0} AS VARCHAR))"
_HALF = "(({h} + 11) % 12 + 1)"
_CLOCK = f"{_TWO.format('{m}')} || ':' || {_TWO.format('{s}')}"
_AM = "(CASE WHEN {h} % 24 < 12 THEN 'AM' ELSE 'PM' END)"
_CODES = {
    "H": _TWO.format("{h}"),
    "k": "CAST({h} AS VARCHAR)",
    "h": _TWO.format(_HALF),
    "I": _TWO.format(_HALF),
    "l": f"CAST({_HALF} AS VARCHAR)",
    "i": _TWO.format("{m}"),
    "s": _TWO.format("{s}"),
    "S": _TWO.format("{s}"),
    "f": "lpad(CAST({f} AS VARCHAR), 6, '0')",
    "p": _AM,
    "r": f"{_TWO.format(_HALF)} || ':' || {_CLOCK} || ' ' || {_AM}",
    "T": f"{_TWO.format('{h}')} || ':' || {_CLOCK}",
    "%": "'%'",
}


def _from_unix_time(low: Lowering, expr: Expr) -> str:
    zone, last, outside = cast("tuple[int | str, int, str]", expr.value)
    sql = low.expr(expr.args[0])
    local = _local(low, f"make_timestamp(CAST({sql} AS BIGINT) * 1000000)", zone)
    return f"(CASE WHEN {sql} BETWEEN 0 AND {last} THEN {local} WHEN {sql} IS NOT NULL THEN {outside} END)"


def _from_unix_fraction(low: Lowering, expr: Expr) -> str:
    """Decimals with no more digits than their type says: a quotient may have more, and fails then."""
    zone, last, outside = cast("tuple[int | str, int, str]", expr.value)
    sql, scale = low.expr(expr.args[0]), expr.type.fsp
    exact = f"CAST({sql} AS DECIMAL(38, {scale}))"
    local = _local(low, f"make_timestamp(CAST({exact} * 1000000 AS BIGINT))", zone)
    return (
        f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {sql} < 0 THEN {outside}"
        f" WHEN {sql} > {last} OR {exact} <> {sql} THEN {_INEXACT} ELSE {local} END)"
    )


def _local(low: Lowering, moment: str, zone: int | str) -> str:
    local = low.from_utc(moment, zone)
    return f"CASE WHEN {unsure(moment)} ELSE {local} END" if isinstance(zone, str) else local


def _format_time(low: Lowering, expr: Expr) -> str:
    (value,) = expr.args
    sql = low.expr(value)
    micros = sql if value.type.family is Family.TIME else f"(epoch_us({sql}) - epoch_us(date_trunc('day', {sql})))"
    span = f"abs({micros})"
    parts = {
        "h": f"({span} // 3600000000)",
        "m": f"({span} // 60000000 % 60)",
        "s": f"({span} // 1000000 % 60)",
        "f": f"({span} % 1000000)",
    }
    codes = cast("tuple[tuple[str, str], ...]", expr.value)
    pieces = [_CODES[code].format(**parts) if code else quote(text) for code, text in codes]
    return f"(CASE WHEN {micros} < 0 THEN '-' WHEN {micros} >= 0 THEN '' END || {' || '.join(pieces)})"


def _spelled_moment(low: Lowering, expr: Expr) -> str:
    text, moment = (low.expr(arg) for arg in expr.args)
    stays, fraction = cast("tuple[bool, str | None]", expr.value)
    whole = f"strftime({moment}, '%Y-%m-%d %H:%M:%S{fraction}')"
    if fraction is None:
        whole = "error('the decimals of a time that is added to depend on the plan')"
    if not stays:
        return whole
    return f"(CASE WHEN contains({text}, ' ') THEN {whole} ELSE strftime({moment}, '%Y-%m-%d') END)"


MOMENT_OPS: dict[str, Writer] = {
    "from_unix_time": _from_unix_time,
    "from_unix_fraction": _from_unix_fraction,
    "format_time": _format_time,
    "spelled_moment": _spelled_moment,
}
