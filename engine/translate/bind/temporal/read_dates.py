"""STR_TO_DATE: a constant pattern becomes a regular expression and the parts of the date in its groups.

Texts of another form give NULL and a warning on the server: they fail in the engine. Names are English in every
session. Source: extract_date_time in sql/item_timefunc.cc.
"""

import datetime
import re

from sqlglot import exp

from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.temporal.dates import is_ambiguous
from engine.translate.bind.values import text
from engine.translate.nodes import child, only
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import DATE, Family, datetime_type

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def _names(names: tuple[str, ...], length: int | None = None) -> str:
    return f"(?i:{'|'.join(name[:length] for name in names)})"


# Codes in the parser's spelling: the part of the date, and its form. Of two digits one will do where no others follow.
_TWO = "[0-9]{2}"
_READ = {
    "%Y": ("year", "[1-9][0-9]{3}"),
    "%y": ("short_year", _TWO),
    "%m": ("month", _TWO),
    "%-m": ("month", "[0-9]{1,2}"),
    "%B": ("month_name", _names(MONTHS)),
    "%b": ("month_short", _names(MONTHS, 3)),
    "%d": ("day", _TWO),
    "%-d": ("day", "[0-9]{1,2}"),
    "%j": ("day_of_year", "[0-9]{3}"),
    "%A": ("weekday", _names(DAYS)),
    "%a": ("weekday_short", _names(DAYS, 3)),
    "%X": ("sunday_year", "[1-9][0-9]{3}"),
    "%V": ("sunday_week", _TWO),
    "%G": ("monday_year", "[1-9][0-9]{3}"),
    "%v": ("monday_week", _TWO),
    "%H": ("hour", _TWO),
    "%-H": ("hour", "[0-9]{1,2}"),
    "%I": ("half_hour", _TWO),
    "%-I": ("half_hour", "[0-9]{1,2}"),
    "%p": ("half", "(?i:AM|PM)"),
    "%M": ("minute", _TWO),
    "%S": ("second", _TWO),
    "%f": ("micros", "[0-9]{1,6}"),
}
_BETWEEN = "./-:,_T "  # what may stand between the parts
_YEARS, _MONTHS = {"year", "short_year"}, {"month", "month_name", "month_short"}
_WEEKDAYS = {"weekday", "weekday_short"}
_CLOCK = ("minute", "second", "micros")
_ORDER = ("year", "month", "day", "hour", "minute", "second")
_TIMES = {"hour", "half_hour", "half", *_CLOCK}


def bind(binder: Binder, node: exp.Expression) -> Expr:
    """STR_TO_DATE(text, 'pattern'); raises Refused for patterns that leave a part of the date open."""
    only(node, "this", "format")
    value, written = binder.expr(child(node)), child(node, "format")
    if not isinstance(written, exp.Literal) or is_ambiguous(written.name, binder.statement):
        refuse("this STR_TO_DATE is not supported")
    if value.type.family is Family.INT:
        value = text.as_string(value, "STR_TO_DATE", binder.context.collation_connection)
    if value.type.family is not Family.STRING:
        refuse(f"STR_TO_DATE of this {value.type.family.value} is not supported")
    form, parts = _form(written.name)
    timed = _require_whole(parts)
    if value.op == "literal":
        return _constant(str(value.value), form, parts, timed)
    type_ = datetime_type(6 if "micros" in parts else 0) if timed else DATE
    return Expr("read_date", type_, (value,), value=(form, tuple(parts)))


def _constant(written: str, form: str, parts: list[str], timed: bool) -> Expr:
    """The date that a literal is, as BI tools write the bounds of a filter; raises Refused where it is none."""
    found = re.fullmatch(form, written)
    if found is None or not set(parts) <= {"year", "month", "day", "hour", *_CLOCK}:
        refuse("STR_TO_DATE of this literal is not supported")
    read = dict(zip(parts, found.groups(), strict=True))
    micros = read.pop("micros", None)
    year, month, day, hour, minute, second = (int(read.get(part, 0)) for part in _ORDER)
    try:
        read_moment = datetime.datetime(year, month, day, hour, minute, second, int((micros or "").ljust(6, "0")))
    except ValueError:
        refuse("STR_TO_DATE of this literal is not supported")
    return literals.moment(read_moment, 0 if micros is None else 6) if timed else literals.day(read_moment.date())


def _require_whole(parts: list[str]) -> bool:
    """Require one date, and no more than a time after it; tells whether there is a time. Raises Refused."""
    dated = {part for part in parts if part not in _TIMES}
    by_month = len(dated & _YEARS) == 1 and len(dated & _MONTHS) == 1 and "day" in dated
    by_day = len(dated & _YEARS) == 1 and "day_of_year" in dated and not dated & _MONTHS
    by_week = any({f"{first}_year", f"{first}_week"} == dated - _WEEKDAYS for first in ("sunday", "monday"))
    known = _YEARS | _WEEKDAYS | (_MONTHS | {"day"} if by_month else {"day_of_year"})
    whole = dated <= known if by_month or by_day else by_week and bool(dated & _WEEKDAYS)
    hours = [part for part in parts if part in ("hour", "half_hour")]
    clock = [part for part in _CLOCK if part in parts]
    # AM and PM stand behind the hour that they are of; minutes without hours, and the like, are no time.
    halves = "half" not in parts or ("half_hour" in parts and parts.index("half") > parts.index("half_hour"))
    if not whole or len(hours) > 1 or clock != list(_CLOCK[: len(clock)]) or (clock and not hours) or not halves:
        refuse("this STR_TO_DATE is not supported")
    return bool(hours)


def _form(pattern: str) -> tuple[str, list[str]]:
    """Give a regular expression of a pattern and the parts of the date in its groups; raises Refused."""
    parts: list[str] = []
    pieces: list[str] = []
    tokens = re.findall(r"%-?.|[^%]", pattern)
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token in _BETWEEN:
            pieces.append(re.escape(token))
            continue
        part, form = _READ.get(token, ("", ""))
        # A word goes on as long as letters do.
        if not part or part in parts or (form.startswith("(?i:") and following == "T"):
            refuse("this STR_TO_DATE is not supported")
        parts.append(part)
        loose = form == _TWO and part != "short_year" and not following.startswith("%")
        pieces.append(f"({'[0-9]{1,2}' if loose else form})")
    return "".join(pieces), parts
