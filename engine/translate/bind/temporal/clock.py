"""The time at which the statement begins, as the backend told it: a literal."""

from collections.abc import Callable, Hashable
from datetime import datetime
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.nodes import only, whole_number
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr
from engine.translate.types import BIGINT, Family, Type

if TYPE_CHECKING:
    from statements.context import SessionContext

_EPOCH = datetime(1970, 1, 1)
_NODES: dict[type[exp.Expression], str] = {
    exp.CurrentTimestamp: "NOW",
    exp.Localtime: "NOW",
    exp.Localtimestamp: "NOW",
    exp.CurrentDate: "CURDATE",
    exp.CurrentTime: "CURTIME",
    exp.UtcTimestamp: "UTC_TIMESTAMP",
    exp.UtcDate: "UTC_DATE",
    exp.UtcTime: "UTC_TIME",
}
NODES = frozenset(_NODES)
NAMES = frozenset(_NODES.values())


def bind(binder: Binder, node: exp.Expression) -> Expr:
    """Bind CURRENT_TIMESTAMP, CURRENT_DATE, …; raises Refused when the time is not known."""
    only(node, "this")
    digits = node.args.get("this")
    return value(binder, _NODES[type(node)], [] if digits is None else [digits])


def value(binder: Binder, name: str, arguments: list[exp.Expression]) -> Expr:
    """Give NOW(n), CURDATE(), … as a literal; later digits are cut, as both servers do."""
    digits = whole_number(arguments[0], f"{name}'s argument") if arguments else 0
    if len(arguments) > 1 or digits > 6 or (arguments and name.endswith("DATE")):
        refuse(f"{name} with these arguments is not supported")
    return _of_session(binder, _now, name, digits)


def _of_session(binder: Binder, make: Callable[..., Expr], *facts: Hashable) -> Expr:
    trace = binder.shared.trace
    return make(binder.context, *facts) if trace is None else trace.session(make, *facts)


def _now(context: "SessionContext", name: str, digits: int) -> Expr:
    moment = _read(context.utc_now if name.startswith("UTC_") else context.now)
    if name.endswith("DATE"):
        return literals.day(moment.date())
    unit = 10 ** (6 - digits)
    cut = moment.replace(microsecond=moment.microsecond // unit * unit)
    if name.endswith("TIME"):
        passed = cut - datetime(cut.year, cut.month, cut.day)
        micros = passed.seconds * 1_000_000 + passed.microseconds
        return Expr("literal", Type(Family.TIME, fsp=digits), value=micros)
    return literals.moment(cut, digits)


def unix_time(binder: Binder) -> Expr:
    """UNIX_TIMESTAMP(): whole seconds since 1970."""
    return _of_session(binder, _seconds)


def _seconds(context: "SessionContext") -> Expr:
    seconds = int((_read(context.utc_now) - _EPOCH).total_seconds())
    return Expr("literal", BIGINT, value=seconds)


def _read(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise Refused("the time of the statement is not known") from None
