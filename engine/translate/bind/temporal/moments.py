"""Moments made of other values: TIMESTAMP(a[, b]), FROM_UNIXTIME, a text plus an interval; and TIME_FORMAT."""

import re
from collections.abc import Callable

from sqlglot import exp

from engine.collate import presence
from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.temporal.dates import as_date_value
from engine.translate.bind.temporal.weeks import LAST_SECOND, formatted
from engine.translate.bind.temporal.zones import session_zone
from engine.translate.bind.values.compare import as_datetime
from engine.translate.bind.values.control import to_integer
from engine.translate.literals import is_literal, is_text, text_of
from engine.translate.nodes import child, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import WHOLE, Family, Type, datetime_type

Rule = Callable[[Binder, exp.Expression], Expr]
Call = Callable[[Binder, list[exp.Expression]], Expr]
_NO_TIME = {"mysql": "NULL", "mariadb": "error('a time out of range')"}  # what FROM_UNIXTIME does with others
_TIME_CODES = re.compile(r"%([HkhIlisSfprT%])|([^%]+)")
# Of a code of times: the characters that both servers' temporary tables have for it, and the most that it writes.
_ROOM = {"H": (7, 3), "k": (7, 3), "T": (8, 9), "r": (11, 11), "f": (6, 6), "%": (1, 1)}
_TWO_DIGITS = (2, 2)


def _timestamp(binder: Binder, node: exp.Expression) -> Expr:
    """TIMESTAMP(moment) and TIMESTAMP(moment, time)."""
    only(node, "this", "zone")
    value, span = as_date_value(binder.expr(child(node)), "TIMESTAMP"), node.args.get("zone")
    if value.type.family is Family.NULL:
        return value
    if value.op == "text_to_moment" and (binder.context.backend == "mysql" or value.args[0].op != "format_date"):
        value = Expr(value.op, datetime_type(6), value.args)  # a text may have that many
    moment = as_datetime(value)
    if span is None:
        return moment
    added = binder.expr(span)
    text = text_of(added)
    added = added if text is None else literals.as_time(text)
    if is_literal(moment) or added.type.family is not Family.TIME:
        refuse(f"TIMESTAMP of a {value.type.family.value} and a {added.type.family.value} is not supported")
    return Expr("time_added", datetime_type(max(moment.type.fsp, added.type.fsp)), (moment, added), value=1)


def _from_unix_time(binder: Binder, node: exp.Expression) -> Expr:
    """FROM_UNIXTIME(number [, 'pattern']): NULL outside the times that the server knows. A text is a number of six
    decimals to MySQL, and one that is no whole number fails; MariaDB shows no decimals then."""
    only(node, "this", "format")
    value, pattern = binder.expr(child(node)), node.args.get("format")
    is_shown = binder.context.backend == "mysql" or pattern is not None
    is_written = value.type.family is Family.STRING and not is_text(value) and is_shown
    value = to_integer(value, unsigned=False) if is_written else value
    if value.type.family not in (*WHOLE, Family.DECIMAL) or value.type.scale > 6:
        refuse("FROM_UNIXTIME of this value is not supported")
    backend = binder.context.backend
    limits = (session_zone(binder.context), LAST_SECOND[backend], _NO_TIME[backend])
    op = "from_unix_fraction" if value.type.family is Family.DECIMAL else "from_unix_time"
    moment = Expr(op, datetime_type(6 if is_written else value.type.scale), (value,), value=limits)
    return moment if pattern is None else formatted(binder, moment, pattern)


def _time_format(binder: Binder, arguments: list[exp.Expression]) -> Expr:
    """TIME_FORMAT(time, 'pattern') of codes of times."""
    value, pattern = binder.expr(arguments[0]), arguments[1]
    if not isinstance(pattern, exp.Literal) or not pattern.is_string or not pattern.name:
        refuse("TIME_FORMAT with a format that is not a literal is not supported")
    if "".join(found[0] for found in _TIME_CODES.finditer(pattern.name)) != pattern.name:
        refuse("this TIME_FORMAT is not supported")
    if is_literal(value) or value.type.family not in (Family.TIME, Family.DATETIME):
        refuse(f"TIME_FORMAT of a {value.type.family.value} is not supported")
    codes = tuple((code or "", text or "") for code, text in _TIME_CODES.findall(pattern.name))
    held = presence.of_text("0123456789:-AMP " + pattern.name)
    written = Expr("format_time", _text_type(binder.context.collation_connection, held), (value,), value=codes)
    rooms = [_ROOM.get(code, _TWO_DIGITS) if code else (len(text), len(text)) for code, text in codes]
    room, most = (sum(column) for column in zip(*rooms, strict=True))
    # A temporary table cuts what is longer: the servers count no sign, and two digits for the hours of %T.
    longer = value.type.family is Family.TIME and most + 1 > room
    return Expr("fits_text", written.type, (written,), value=room) if longer else written


def _text_type(collation: str, held: presence.Presence) -> Type:
    charset = collation.split("_", 1)[0]
    return Type(Family.STRING, collation=collation, charset=charset, presence=held, coercible=True)


NODES: dict[type[exp.Expression], Rule] = {
    exp.Timestamp: _timestamp,
    exp.UnixToTime: _from_unix_time,
}
# name -> (least and most arguments, rule)
NAMED: dict[str, tuple[int, int, Call]] = {"TIME_FORMAT": (2, 2, _time_format)}
