"""Time zones: TIMESTAMP columns, stored in UTC, as the session sees them."""

import re

from engine.translate.tree import Expr
from engine.translate.types import Family
from statements.context import SessionContext

_OFFSET = re.compile(r"([+-])(\d{1,2}):(\d\d)\Z")


def session_zone(context: SessionContext) -> int | str:
    """Give the session's fixed offset from UTC in seconds, or the name of a zone that changes over the year."""
    zone = context.system_time_zone if context.time_zone.upper() == "SYSTEM" else context.time_zone
    if zone.upper() in ("UTC", "GMT", "ETC/UTC", "ETC/GMT"):
        return 0
    seconds = parse_offset(zone)
    return context.time_zone if seconds is None else seconds


def parse_offset(zone: str) -> int | None:
    """Read '+hh:mm' in seconds; None for names."""
    found = _OFFSET.match(zone)
    if not found:
        return None
    seconds = int(found[2]) * 3600 + int(found[3]) * 60
    return -seconds if found[1] == "-" else seconds


def zone_shift(column: Expr, context: SessionContext) -> Expr:
    """Bring a TIMESTAMP column to the session's time zone."""
    offset = session_zone(context)
    if isinstance(offset, str):
        return Expr("zoned", column.type, (column,), value=offset)
    operation = "add_seconds" if column.type.family is Family.DATETIME else "packed_add_seconds"
    return column if offset == 0 else Expr(operation, column.type, (column,), value=offset)
