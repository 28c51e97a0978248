"""Times of day and spans: TIME values, ADDTIME, TIMEDIFF, SEC_TO_TIME, periods, CONVERT_TZ between fixed offsets."""

from collections.abc import Callable

from sqlglot import exp

from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.temporal.dates import as_date_value
from engine.translate.bind.temporal.zones import parse_offset
from engine.translate.bind.values.compare import as_datetime
from engine.translate.bind.values.control import round_to, to_integer
from engine.translate.checks.few_digits import as_int
from engine.translate.literals import NULL_LITERAL, is_literal, text_of
from engine.translate.nodes import child, only
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, DATE, WHOLE, Family, Type, datetime_type, decimal

Rule = Callable[[Binder, exp.Expression], Expr]
Call = Callable[[Binder, list[exp.Expression]], Expr]
_MOMENTS = frozenset({Family.DATETIME, Family.TIME})
_MICROSECONDS = 6  # decimals
_SECONDS = 10  # digits before the point of TIME_TO_SEC
PARTS = {"HOUR": 3_600_000_000, "MINUTE": 60_000_000, "SECOND": 1_000_000, "MICROSECOND": 1}


def time_type(fsp: int) -> Type:
    """Make a TIME type."""
    return Type(Family.TIME, fsp=fsp)


def _integer(binder: Binder, node: exp.Expression, what: str) -> Expr:
    value = as_value(binder.expr(node))
    if value.type.family is Family.DECIMAL and value.type.scale == value.type.frac == 0:
        return to_integer(value, unsigned=False)  # FLOOR(minute / 15) * 15
    if value.type.family not in WHOLE:
        refuse(f"{what} of a {value.type.family.value} is not supported")
    return value


def part(unit: str, value: Expr) -> Expr | None:
    """HOUR, MINUTE, SECOND, MICROSECOND of a TIME; None for other values."""
    if value.type.family is not Family.TIME or is_literal(value):
        return None
    return Expr("time_part", BIGINT, (value,), value=(PARTS[unit], 0 if unit == "HOUR" else 60, unit))


def _of_day(value: Expr) -> Expr:
    """The time of a moment; of a time it is no column any more, which MySQL compares with a text as texts."""
    if value.type.family is Family.TIME and not is_literal(value):
        return Expr("same", value.type, (value,))
    if value.type.family is Family.DATETIME and not is_literal(value):
        return Expr("time_of_day", time_type(value.type.fsp), (value,))
    raise Refused(f"TIME of a {value.type.family.value} is not supported")


def to_time(value: Expr, fsp: int) -> Expr:
    """CAST(value AS TIME(fsp)); raises Refused where digits would be rounded off."""
    text = text_of(value)
    if text is not None:
        found = literals.as_time(text)
        return found if found.type.fsp == fsp else refuse("TIME of a text with a fraction is not supported")
    found = _of_day(value)
    if found.type.fsp > fsp:
        refuse("CAST AS TIME that rounds fractional seconds is not supported")
    return found.typed(time_type(fsp))


def _time(binder: Binder, node: exp.Expression) -> Expr:
    only(node, "this")
    value = binder.expr(child(node))
    return to_time(value, value.type.fsp)


def _made(binder: Binder, node: exp.Expression) -> Expr:
    """MAKETIME(hour, minute, second) of integers."""
    only(node, "hour", "min", "sec")
    parts = tuple(_integer(binder, child(node, name), "MAKETIME") for name in ("hour", "min", "sec"))
    return Expr("make_time", time_type(0), parts)


def _seconds_as_time(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    value = as_value(binder.expr(arguments[0]))
    if value.type.family in WHOLE:
        return Expr("seconds_as_time", time_type(0), (value,))
    if isinstance(arguments[0], exp.Avg) and value.op == "quotient":
        return _average_as_time(binder, value)
    if value.type.family is not Family.DECIMAL or value.type.frac != value.type.scale or value.type.scale > 6:
        refuse(f"SEC_TO_TIME of a {value.type.family.value} is not supported")
    return Expr("seconds_as_time", time_type(value.type.scale), (value,))


def _average_as_time(binder: Binder, value: Expr) -> Expr:
    """An average ends where the servers end it for a TIME: MySQL has rounded its seconds to microseconds before, and
    sends all of these in the binary protocol, unless a table has kept the time."""
    type_, scale = time_type(value.type.scale), literals.integer(value.type.scale)
    if binder.context.backend == "mysql":
        value = round_to("round", value, literals.integer(_MICROSECONDS))
    ended = Expr("seconds_as_time", type_, (round_to("truncate", value, scale),))
    if binder.context.backend != "mysql" or binder.context.protocol == "text":
        return ended
    return Expr("agreed", type_, (ended, Expr("seconds_as_time", type_, (value,))))


def _time_as_seconds(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """TIME_TO_SEC: MySQL leaves the fraction out, MariaDB keeps it."""
    value = _of_day(binder.expr(arguments[0]))
    if value.type.fsp and binder.context.backend != "mysql":
        # Whole seconds have no decimals where they are calculated with, others six.
        return Expr("time_as_fraction", decimal(_SECONDS + value.type.fsp, value.type.fsp, vague=True), (value,))
    return Expr("time_as_seconds", BIGINT, (value,))


def _added(name: str, sign: int) -> Call:
    """ADDTIME and SUBTIME of a moment or time and a time."""

    def call(binder: Binder, arguments: list[exp.Expression]) -> Expr:
        value, span = binder.expr(arguments[0]), binder.expr(arguments[1])
        text = text_of(span)
        span = span if text is None else literals.as_time(text)
        if value.type.family not in _MOMENTS or is_literal(value) or span.type.family is not Family.TIME:
            refuse(f"{name} of a {value.type.family.value} and a {span.type.family.value} is not supported")
        fsp = max(value.type.fsp, span.type.fsp)
        return Expr("time_added", Type(value.type.family, fsp=fsp), (value, span), value=sign)

    return call


def _difference(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """TIMEDIFF of two moments or two times."""
    left, right = (binder.expr(argument) for argument in arguments)
    text = text_of(right)
    if text is not None:
        right = literals.as_time(text) if left.type.family is Family.TIME else literals.as_temporal(text)
    if left.type.family not in _MOMENTS or right.type.family is not left.type.family or is_literal(left):
        refuse(f"TIMEDIFF of a {left.type.family.value} and a {right.type.family.value} is not supported")
    return Expr("time_difference", time_type(max(left.type.fsp, right.type.fsp)), (left, right))


def _to_seconds(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    value = as_date_value(binder.expr(arguments[0]), "TO_SECONDS")
    return NULL_LITERAL if value.type.family is Family.NULL else Expr("to_seconds", BIGINT, (as_datetime(value),))


def _from_days(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    return Expr("from_days", DATE, (_integer(binder, arguments[0], "FROM_DAYS"),))


def _period(op: str) -> Call:
    def call(binder: Binder, arguments: list[exp.Expression]) -> Expr:
        found = Expr(op, BIGINT, tuple(_of_periods(binder, argument, op.upper()) for argument in arguments))
        return as_int(found) if binder.context.backend == "mariadb" else found

    return call


def _of_periods(binder: Binder, node: exp.Expression, what: str) -> Expr:
    """A number, also one that is written as text."""
    value = binder.expr(node)
    return to_integer(value, False) if value.type.family is Family.STRING else _integer(binder, node, what)


def _other_zone(binder: Binder, node: exp.Expression) -> Expr:
    """CONVERT_TZ between constant zones: offsets written as '+hh:mm', or names that the server knows."""
    only(node, "source_tz", "target_tz", "timestamp")
    value = binder.expr(child(node, "timestamp"))
    if (text := text_of(value)) is not None:
        value = literals.as_temporal(text)
    if value.type.family is Family.STRING and not is_literal(value):
        is_whole = value.op == "format_date" and binder.context.backend == "mariadb"
        value = Expr("text_to_moment", datetime_type(0 if is_whole else _MICROSECONDS), (value,))
    if value.type.family not in (Family.DATE, Family.DATETIME):
        refuse(f"CONVERT_TZ of this {value.type.family.value} is not supported")
    zones = [_zone(binder.expr(child(node, name))) for name in ("source_tz", "target_tz")]
    return Expr("other_zone", as_datetime(value).type, (as_datetime(value),), value=(*zones, binder.context.backend))


def _zone(written: Expr) -> int | str:
    name = text_of(written)
    if not name or not name.isascii():
        refuse("CONVERT_TZ with time zones that are not constants is not supported")
    offset = parse_offset(name)
    return name if offset is None else offset


NODES: dict[type[exp.Expression], Rule] = {
    exp.Time: _time,
    exp.TimeFromParts: _made,
    exp.ConvertTimezone: _other_zone,
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {
    "SEC_TO_TIME": (1, 1, _seconds_as_time),
    "TIME_TO_SEC": (1, 1, _time_as_seconds),
    "ADDTIME": (2, 2, _added("ADDTIME", 1)),
    "SUBTIME": (2, 2, _added("SUBTIME", -1)),
    "TIMEDIFF": (2, 2, _difference),
    "TO_SECONDS": (1, 1, _to_seconds),
    "FROM_DAYS": (1, 1, _from_days),
    "PERIOD_ADD": (2, 2, _period("period_add")),
    "PERIOD_DIFF": (2, 2, _period("period_diff")),
}
