"""Weeks and calendars: WEEK, YEARWEEK, TO_DAYS, FROM_DAYS, names of days and months, months between dates."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.collate import presence
from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import number_with_seconds
from engine.translate.bind.temporal.dates import as_date_value, format_date, is_ambiguous, part
from engine.translate.bind.temporal.zones import session_zone
from engine.translate.bind.values.compare import as_datetime
from engine.translate.checks.few_digits import spelled_short
from engine.translate.literals import NULL_LITERAL, text_of
from engine.translate.nodes import child, only, undated, whole_number
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, DATE, INT, Family, Type

if TYPE_CHECKING:
    from statements.context import SessionContext

_LETTERS = presence.of_text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_MODES = range(8)
# The last second that UNIX time functions know: 3001-01-18 on 64-bit MySQL since 8.0.28, 2038-01-19 on MariaDB.
LAST_SECOND = {"mysql": 32536771199, "mariadb": 2147483647}
_SECONDS_OF_MARIADB = 17  # digits that UNIX_TIMESTAMP says it has, of which quotients and their whole parts are
_OUTSIDE = {"mysql": "0", "mariadb": "NULL"}  # what UNIX_TIMESTAMP gives for other times
COMPOUND_PARTS = {
    "YEAR_MONTH": ("YEAR", "MONTH"),
    "DAY_HOUR": ("DAY", "HOUR"),
    "DAY_MINUTE": ("DAY", "HOUR", "MINUTE"),
    "DAY_SECOND": ("DAY", "HOUR", "MINUTE", "SECOND"),
    "HOUR_MINUTE": ("HOUR", "MINUTE"),
    "HOUR_SECOND": ("HOUR", "MINUTE", "SECOND"),
    "MINUTE_SECOND": ("MINUTE", "SECOND"),
}


def require_english(context: "SessionContext") -> None:
    """Refuse names of days and months in another language; raises Refused."""
    if context.lc_time_names not in ("en_US", "en_GB"):
        refuse(f"lc_time_names {context.lc_time_names} is not supported")


def _mode(context: "SessionContext", node: exp.Expression | None, default: int) -> int:
    mode = default if node is None else whole_number(node, "the mode of a week")
    if mode not in _MODES:
        refuse(f"weeks of mode {mode} are not supported")
    return mode


def week(binder: Binder, node: exp.Expression) -> Expr:
    """WEEK(date [, mode])."""
    only(node, "this", "mode")
    mode = _mode(binder.context, node.args.get("mode"), binder.context.default_week_format)
    return _numbered(binder.expr(undated(child(node))), f"week_{mode}", INT)


def week_in_mode(value: Expr, mode: int) -> Expr:
    """EXTRACT(WEEK FROM value): `mode` is default_week_format."""
    return _numbered(value, f"week_{mode}", INT)


def week_of_year(binder: Binder, node: exp.Expression) -> Expr:
    """WEEKOFYEAR(date) is WEEK(date, 3)."""
    only(node, "this")
    return _numbered(binder.expr(undated(child(node))), "week_3", INT)


def _year_week(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    mode = _mode(binder.context, arguments[1] if len(arguments) > 1 else None, 0)
    return _numbered(binder.expr(undated(arguments[0])), f"year_week_{mode | 2}", INT)


def _numbered(value: Expr, op: str, type_: Type) -> Expr:
    value = as_date_value(value, "a function of weeks or days")
    return NULL_LITERAL if value.type.family is Family.NULL else Expr(op, type_, (value,))


def _named(op: str) -> Callable[[Binder, list[exp.Expression]], Expr]:
    def rule(binder: Binder, arguments: list[exp.Expression]) -> Expr:
        return named(binder, op, binder.expr(undated(arguments[0])))

    return rule


def named(binder: Binder, op: str, value: Expr) -> Expr:
    """DAYNAME or MONTHNAME in English; raises Refused in other languages."""
    require_english(binder.context)
    collation = binder.context.collation_connection
    text = Type(
        Family.STRING, collation=collation, charset=collation.split("_", 1)[0], presence=_LETTERS, coercible=True
    )
    return _numbered(value, op, text)


def day_name(binder: Binder, node: exp.Expression) -> Expr:
    """DAYNAME(date)."""
    only(node, "this")
    return named(binder, "dayname", binder.expr(undated(child(node))))


def to_days(binder: Binder, node: exp.Expression) -> Expr | None:
    """Read back what the parser makes of TO_DAYS(date); None for other nodes."""
    if not isinstance(node, exp.Add) or not isinstance(node.this, exp.DateDiff):
        return None
    difference = node.this
    begin = difference.args.get("expression")
    if difference.args.get("unit") is None or not isinstance(begin, exp.TsOrDsToDate):
        return None  # written as DATEDIFF
    found = _numbered(binder.expr(undated(child(difference))), "to_days", INT)
    return spelled_short(found, 6) if binder.context.backend == "mariadb" else found


def months_between(unit: str, begin: Expr, end: Expr) -> Expr:
    """TIMESTAMPDIFF in whole months, quarters or years."""
    sides = tuple(as_date_value(side, "TIMESTAMPDIFF") for side in (begin, end))
    if any(side.type.family is Family.NULL for side in sides):
        return NULL_LITERAL
    months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit]
    return Expr("months_between", BIGINT, tuple(as_datetime(side) for side in sides), value=months)


def compound_part(unit: str, expr: Expr) -> Expr:
    """EXTRACT of two units and more: their digits side by side."""
    pieces = tuple(part(name, expr) for name in COMPOUND_PARTS[unit])
    joined = "months_joined" if unit == "YEAR_MONTH" else "digits_joined"
    return NULL_LITERAL if pieces[0].op == "literal" else Expr(joined, INT, pieces)


def _unix_time(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    value = binder.expr(arguments[0])
    if (text := text_of(value)) is not None:
        value = literals.as_temporal(text)
    if value.type.family not in (Family.DATE, Family.DATETIME):
        refuse("UNIX_TIMESTAMP of this value is not supported")
    backend, zone = binder.context.backend, session_zone(binder.context)
    if value.op == "zoned":  # the server gives the moment that it stores
        (value,), zone = value.args, 0
    limits = (zone, LAST_SECOND[backend], _OUTSIDE[backend])
    if value.type.fsp:
        type_ = number_with_seconds(13, value.type.fsp)
        return Expr("unix_time_fraction", type_, (value,), value=(zone, backend == "mysql"))
    type_ = BIGINT if backend == "mysql" else replace(BIGINT, digits=_SECONDS_OF_MARIADB)
    return Expr("unix_time", type_, (as_datetime(value),), value=limits)


def formatted(binder: Binder, value: Expr, written: exp.Expression) -> Expr:
    """DATE_FORMAT(value, 'pattern'); raises Refused where the parser's spelling of the pattern hides MySQL's."""
    if not isinstance(written, exp.Literal):  # of a literal the parser has changed the codes to its own
        refuse("DATE_FORMAT with a format that is not a literal is not supported")
    pattern = binder.expr(written)
    text = text_of(pattern) or ""
    if is_ambiguous(text, binder.statement) or text == "None":  # what the parser makes of an empty pattern
        refuse("this DATE_FORMAT is not supported")
    if any(code in text for code in ("%B", "%b", "%A", "%a")):
        require_english(binder.context)
    return format_date(value, pattern, binder.context.collation_connection)


def _make_date(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """MAKEDATE(year, day): years of two digits are 1970 to 2069, other years than 0 to 9999 give NULL."""
    year, place = binder.expr(arguments[0]), whole_number(arguments[1], "MAKEDATE's day")
    if year.type.family is not Family.INT or not 1 <= place <= 365:
        refuse("MAKEDATE of these arguments is not supported")
    return Expr("make_date", DATE, (year,), value=place)


# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Callable[[Binder, list[exp.Expression]], Expr]]] = {
    "MAKEDATE": (2, 2, _make_date),
    "YEARWEEK": (1, 2, _year_week),
    "MONTHNAME": (1, 1, _named("monthname")),
    "UNIX_TIMESTAMP": (1, 1, _unix_time),
}
