"""Dates: parts, intervals, differences and formats, folded when constant."""

import calendar
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import cast

from sqlglot import exp
from sqlglot.dialects.mysql import MySQL
from sqlglot.time import format_time

from engine.collate import presence
from engine.translate import literals
from engine.translate.bind.binder import Binder
from engine.translate.bind.numbers import as_value
from engine.translate.bind.values.compare import as_datetime
from engine.translate.checks.shifted_texts import OF_ROWS, SHIFTED
from engine.translate.given import answered, derived
from engine.translate.literals import NULL_LITERAL, is_literal, text_of
from engine.translate.nodes import bare
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import Expr, walk
from engine.translate.types import BIGINT, DATE, INT, WHOLE, Family, Type, datetime_type
from statements.digest import spans

_MONTHS = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}
_SECONDS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86400, "WEEK": 604800}
_COMPOUND = {
    "YEAR_MONTH": (12, 1),
    "DAY_HOUR": (86400, 3600),
    "DAY_MINUTE": (86400, 3600, 60),
    "DAY_SECOND": (86400, 3600, 60, 1),
    "HOUR_MINUTE": (3600, 60),
    "HOUR_SECOND": (3600, 60, 1),
    "MINUTE_SECOND": (60, 1),
}
_DATE_PARTS = frozenset({"YEAR", "QUARTER", "MONTH", "DAY"})
CAST = "CAST"  # of texts that are cast it does not matter whether they have a T or zeros behind the point
_CUTTING = frozenset({"round_moment", "text_to_moment"})  # they give no more digits than their type has
_TIME_PARTS = frozenset({"HOUR", "MINUTE", "SECOND", "MICROSECOND"})

# The parser hands over DATE_FORMAT codes as strftime codes; these give the same text (years of four digits).
_FORMATS = frozenset(
    "%" + code
    for code in (
        "Y",
        "m",
        "d",
        "H",
        "M",
        "S",
        "y",
        "j",
        "B",
        "b",
        "A",
        "a",
        "p",
        "I",
        "f",
        "w",
        "%",
        "D",
        "U",
        "W",
        "V",
        "v",
        "X",
        "G",
    )
)
_FORMATS_BARE = frozenset(("%-m", "%-d", "%-H", "%-I"))
_TAKEN = SHIFTED - {"datetime_to_text"}  # of these IF and CASE give a moment
_DIGITS = presence.of_text("0123456789:-. ")
# MySQL reads these as plain characters, but the parser writes its codes so.
_AMBIGUOUS_FORMATS = ("%A", "%B", "%-", "%G")


def is_ambiguous(pattern: str, statement: str) -> bool:
    """Tell whether the parser may have changed a pattern of DATE_FORMAT or STR_TO_DATE to another one."""
    if _has_ambiguous(pattern):
        texts = (statement[begin:end] for begin, end in spans(statement))
        if any(_has_ambiguous(text) and _parsed(text) in (pattern, None) for text in texts):
            return True
    at = 0
    while (at := pattern.find("%", at)) >= 0:
        # Behind a per cent sign written twice MySQL reads a plain character, the parser a code.
        if pattern[at + 1 : at + 2] == "%" and re.match(r"[A-Za-z-]", pattern[at + 2 :]):
            return True
        at += 2
    return False


def _has_ambiguous(text: str) -> bool:
    return any(code in text for code in _AMBIGUOUS_FORMATS)


def _parsed(text: str) -> str | None:
    """Give what the parser makes of a literal where it is a pattern; None for one with a prefix or escapes."""
    quote, inner = text[0], text[1:-1]
    if quote not in "'\"" or "\\" in inner or quote in inner:
        return None
    return cast(str, format_time(inner, MySQL.TIME_MAPPING, MySQL.TIME_TRIE))


def as_date_value(expr: Expr, what: str) -> Expr:
    """Require a DATE or DATETIME; string literals and numbers YYYYMMDD are read as one; raises Refused for others."""
    if literals.is_text(expr):
        return derived(literals.read_temporal, expr)
    if expr.type.family is Family.INT:
        return derived(literals.dated, expr) if is_literal(expr) else Expr("number_to_date", DATE, (as_value(expr),))
    if expr.op == "unpacked":
        return Expr("same", expr.type, (expr,))  # what DATE() and CAST make of a zero date is NULL on MySQL
    if expr.type.family in (Family.DATE, Family.DATETIME, Family.NULL):
        return expr
    if expr.type.family is Family.STRING:
        return Expr("text_to_moment", datetime_type(0), (expr,))
    raise Refused(f"{what} is applied to a {expr.type.family.value}")


def part(unit: str, expr: Expr) -> Expr:
    """EXTRACT(unit FROM expr) and YEAR(), MONTH(), … ."""
    if unit in _TIME_PARTS and expr.type.family is Family.TIME:
        refuse(f"{unit} of a TIME is not supported")
    if unit in _TIME_PARTS and expr.type.family is Family.INT:  # which is read as a time
        refuse(f"{unit} is applied to a {expr.type.family.value}")
    if unit in _TIME_PARTS and literals.is_text(expr) and not answered(_is_timed, expr):
        refuse("a part of a time is asked of a text without one")
    if expr.op == "unpacked" and unit in _TIME_PARTS | _DATE_PARTS:
        return Expr("date_part", INT, expr.args, value=unit)
    expr = as_date_value(expr, unit)
    if expr.type.family is Family.NULL:
        return NULL_LITERAL
    if unit in _TIME_PARTS:
        expr = as_datetime(expr)
    elif unit not in _DATE_PARTS:
        refuse(f"the unit {unit} is not supported")
    return Expr("date_part", INT, (expr,), value=unit)


def _is_timed(text: object) -> bool:
    """Tell whether a text is read as a moment where a time is looked for: MySQL reads '2024-01-31' and, for HOUR,
    '2024-01-31T10:30' as 00:20:24 there."""
    return " " in str(text)


def shifted(binder: Binder, base: exp.Expression, amount: exp.Expression, unit: str, sign: int) -> Expr:
    """base + INTERVAL amount unit, of expressions as they are written."""
    bound, backend = binder.expr(base), binder.context.backend
    if backend == "mysql" and literals.is_text(bound) and _is_shifted(base):
        bound = derived(_with_time, bound)
    if bound.op == "column" and bound.type.family is Family.STRING:
        bound = _read_of_rows(bound, binder.context.collation_connection)
    return shift(bound, binder.expr(amount), unit, sign, backend)


def _read_of_rows(column: Expr, collation: str) -> Expr:
    """See a column of texts as what an interval is added to: the sum is a text of the connection's."""
    type_ = replace(column.type, collation=collation, charset=collation.split("_", 1)[0], coercible=True)
    return Expr(OF_ROWS, type_, (column,))


def _is_shifted(node: exp.Expression) -> bool:
    """Tell whether an expression is itself one with an interval: of a date and an interval MySQL makes a text without a
    time, of that text and another interval one with a time."""
    node = bare(node)
    if isinstance(node, exp.Anonymous):
        return str(node.this).upper() in ("ADDDATE", "SUBDATE")
    return isinstance(node, (exp.DateAdd, exp.DateSub, exp.Add, exp.Sub))


def _with_time(text: Expr) -> Expr:
    value = str(text.value)
    return text if " " in value else replace(text, value=f"{value} 00:00:00")


def shift(base: Expr, amount: Expr, unit: str, sign: int, backend: str) -> Expr:
    """base + INTERVAL amount unit (sign -1: minus), clamped to the month's end as MySQL does."""
    if unit in _COMPOUND:
        amount, unit = _compound(amount, unit)
    if unit == "MICROSECOND" and base.type.family in (Family.DATE, Family.DATETIME) and not is_literal(base):
        return Expr("date_shift", datetime_type(6), (as_datetime(base), _whole(amount)), value=(unit, sign))
    if unit not in _MONTHS and unit not in _SECONDS:
        refuse(f"INTERVAL of unit {unit} is not supported")
    amount = _whole(amount)
    if Family.NULL in (amount.type.family, base.type.family):
        return NULL_LITERAL
    if literals.is_text(base):
        moved = shift(derived(literals.read_temporal, base), amount, unit, sign, backend)
        if is_literal(moved):
            return derived(_as_text, moved, base.type)
        if moved.type.fsp or moved.type.family not in (Family.DATE, Family.DATETIME):
            refuse("a string plus an interval is not supported")
        spelled = "date_to_text" if moved.type.family is Family.DATE else "datetime_to_text"
        return Expr(spelled, replace(base.type, presence=_DIGITS), (moved,), value=moved.type.fsp)
    if base.type.family is Family.STRING:
        fraction: str | None = ""
        if backend != "mysql" and base.op == OF_ROWS:  # six decimals where the plan has kept the text in a table
            fraction = None
        elif backend != "mysql" and base.op != "format_date":  # MariaDB shows six of a text that is made of rows
            if base.op != "concat" or not any(_is_stored(part) for part in walk(base)):
                refuse("an interval is added to a string")
            fraction = ".000000"
        return _text_shifted(base, amount, unit, sign, fraction)
    if base.type.family is Family.TIME and unit in _SECONDS and not is_literal(base):
        shifted = Expr("time_shift", base.type, (base, amount), value=_SECONDS[unit] * 1_000_000 * sign)
        # What comes to nothing from a negative time is -00:00:00 on MariaDB.
        return shifted if backend == "mysql" else Expr("plain_zero_of", base.type, (shifted, base))
    if base.type.family not in (Family.DATE, Family.DATETIME):
        refuse(f"an interval is added to a {base.type.family.value}")
    if unit in ("SECOND", "MINUTE", "HOUR"):
        base = as_datetime(base)
    if is_literal(base) and is_literal(amount):
        return derived(_moved, base, int(str(amount.value)) * sign, unit)
    return Expr("date_shift", base.type, (base, amount), value=(unit, sign))


def _compound(amount: Expr, unit: str) -> tuple[Expr, str]:
    """Read '1-2' YEAR_MONTH, '1 2:3:4' DAY_SECOND, … as months or seconds; raises Refused for other spellings."""
    factors = _COMPOUND[unit]
    found = re.fullmatch(r"(-?)(\d{1,6}(?:[ :-]\d{1,6})*)", text_of(amount) or "")
    numbers = [] if found is None else [int(piece) for piece in re.split("[ :-]", found[2])]
    if found is None or len(numbers) != len(factors):
        refuse(f"this amount of {unit} is not supported")
    total = sum(number * factor for number, factor in zip(numbers, factors, strict=True))
    return literals.integer(-total if found[1] else total), "MONTH" if unit == "YEAR_MONTH" else "SECOND"


def _whole(amount: Expr) -> Expr:
    text = text_of(amount)
    if text is not None and text.strip().lstrip("-").isdigit():
        value = int(text)
        return literals.integer(value)
    if amount.type.family in WHOLE or amount.type.family is Family.NULL:
        return amount
    raise Refused("an interval's amount is not an integer")


def _as_text(moved: Expr, type_: Type) -> Expr:
    """A string plus an interval is a string again; with a fraction its spelling is not certain."""
    value = moved.value
    if isinstance(value, datetime) and value.microsecond:
        refuse("a string with fractional seconds plus an interval is not supported")
    return Expr("literal", type_, value=str(value))


def _is_stored(expr: Expr) -> bool:
    """Tell whether it is a column of a stored table; one of a derived table may be a constant."""
    return expr.op == "column" and isinstance(expr.value, tuple) and str(expr.value[0]).startswith("t")


def _text_shifted(base: Expr, amount: Expr, unit: str, sign: int, fraction: str | None) -> Expr:
    """A text plus an interval is a text: a date stays a date unless hours, minutes or seconds are added, or it has been
    made by an interval itself.

    `fraction` stands behind a time; None where only dates are certain.
    """
    if not base.type.coercible:  # the result is in the connection's collation
        refuse("an interval is added to a string")
    if _may_be_date(base):
        refuse("an interval is added to a date or a text")
    moment = Expr("text_to_moment", datetime_type(0), (base,))
    moved = Expr("date_shift", datetime_type(0), (moment, amount), value=(unit, sign))
    type_ = replace(base.type, presence=_DIGITS)
    stays = unit not in ("SECOND", "MINUTE", "HOUR") and base.op not in SHIFTED
    if fraction is None and not stays:
        refuse("an interval is added to a string")
    return Expr("spelled_moment", type_, (base, moved), value=(stays, fraction))


def _may_be_date(base: Expr) -> bool:
    """Tell whether a text is one of several of which one is a date: MySQL shows the time of that date then, where IF
    or CASE chose it, and of a text that is alike it does not."""
    return base.op == "case" and any(arg.op in _TAKEN or _may_be_date(arg) for arg in base.args)


def _moved(base: Expr, amount: int, unit: str) -> Expr:
    value = base.value
    assert isinstance(value, date)
    try:
        if unit in _MONTHS:
            months = value.year * 12 + value.month - 1 + amount * _MONTHS[unit]
            year, month = divmod(months, 12)
            last = calendar.monthrange(year, month + 1)[1]
            moved = value.replace(year=year, month=month + 1, day=min(value.day, last))
        else:
            moved = value + timedelta(seconds=amount * _SECONDS[unit])
    except (ValueError, OverflowError, calendar.IllegalMonthError):
        refuse("a date leaves the years 1 to 9999")
    return Expr("literal", base.type, value=moved)


def difference(left: Expr, right: Expr) -> Expr:
    """DATEDIFF(left, right): days between the dates, times of day left out."""
    sides = (as_date_value(left, "DATEDIFF"), as_date_value(right, "DATEDIFF"))
    if any(side.type.family is Family.NULL for side in sides):
        return NULL_LITERAL
    return Expr("date_difference", replace(BIGINT, digits=8), sides)  # at most 3652424, and a sign


def to_date(expr: Expr) -> Expr:
    """DATE(expr) and CAST(expr AS DATE)."""
    if expr.type.family is Family.STRING and not is_literal(expr):
        return Expr("text_to_moment", DATE, (expr,))
    expr = as_date_value(expr, "DATE")
    if expr.type.family is not Family.DATETIME:
        return expr
    if is_literal(expr):
        return derived(_date_of, expr)
    return Expr("to_date", DATE, (expr,))


def _date_of(literal: Expr) -> Expr:
    return literals.day(cast(datetime, literal.value).date())


def last_day(expr: Expr) -> Expr:
    """LAST_DAY(expr)."""
    expr = as_date_value(expr, "LAST_DAY")
    return expr if expr.type.family is Family.NULL else Expr("last_day", DATE, (expr,))


def to_datetime(expr: Expr, fsp: int, rounds: bool) -> Expr:
    """CAST(expr AS DATETIME(fsp)): MySQL rounds digits off, MariaDB cuts them; raises Refused for literals."""
    is_text = expr.type.family is Family.STRING
    expr = as_date_value(expr, "CAST AS DATETIME")
    if expr.type.family is Family.NULL:
        return expr
    expr = replace(expr, value=CAST) if expr.op == "text_to_moment" else as_datetime(expr)
    if expr.type.fsp > fsp:
        if is_literal(expr):
            refuse("CAST AS DATETIME that rounds fractional seconds is not supported")
        return Expr("round_moment", datetime_type(fsp), (expr,), value=rounds)
    if expr.op in _CUTTING and not is_text:
        return Expr("same", datetime_type(fsp), (expr,))  # its own digits stay cut off
    return expr.typed(datetime_type(fsp))


def format_date(expr: Expr, pattern: Expr, collation: str) -> Expr:
    """DATE_FORMAT(expr, 'pattern') for codes that do not depend on the locale's week."""
    text = text_of(pattern)
    if not text:
        refuse("DATE_FORMAT with a format that is not a literal is not supported")
    expr = as_date_value(expr, "DATE_FORMAT")
    if expr.type.family is Family.NULL:
        return NULL_LITERAL
    at = 0
    while (at := text.find("%", at)) >= 0:
        length = 3 if text[at : at + 3] in _FORMATS_BARE else 2
        if length == 2 and text[at : at + 2] not in _FORMATS:
            refuse(f"DATE_FORMAT code {text[at : at + 2]} is not supported")
        at += length
    letters = presence.of_text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:" + text + " ")
    type_ = Type(
        Family.STRING, collation=collation, charset=collation.split("_", 1)[0], presence=letters, coercible=True
    )
    return Expr("format_date", type_, (as_datetime(expr),), value=text)


def weekday(expr: Expr, sunday_first: bool) -> Expr:
    """WEEKDAY (Monday 0) or DAYOFWEEK (Sunday 1)."""
    expr = as_date_value(expr, "WEEKDAY")
    if expr.type.family is Family.NULL:
        return expr
    return Expr("day_of_week" if sunday_first else "weekday", INT, (expr,))


def elapsed(unit: str, begin: Expr, end: Expr) -> Expr:
    """TIMESTAMPDIFF of units of fixed length: whole units from begin to end, cut towards zero."""
    if unit not in _SECONDS and unit != "MICROSECOND":
        refuse(f"TIMESTAMPDIFF in {unit} is not supported")
    sides = tuple(as_date_value(side, "TIMESTAMPDIFF") for side in (begin, end))
    if any(side.type.family is Family.NULL for side in sides):
        return NULL_LITERAL
    return Expr("elapsed", BIGINT, tuple(as_datetime(side) for side in sides), value=_micros(unit))


def _micros(unit: str) -> int:
    return 1 if unit == "MICROSECOND" else _SECONDS[unit] * 1_000_000


def day_of_year(expr: Expr) -> Expr:
    """DAYOFYEAR(expr)."""
    expr = as_date_value(expr, "DAYOFYEAR")
    return expr if expr.type.family is Family.NULL else Expr("day_of_year", INT, (expr,))


def _parts(unit: str) -> Callable[[Expr], Expr]:
    return lambda expr: part(unit, _timed(unit, expr) if unit in _TIME_PARTS else expr)


def _timed(unit: str, expr: Expr) -> Expr:
    """Require a time in a text: HOUR, MINUTE and SECOND read '2024-12-30' as 00:20:24."""
    if expr.type.family is Family.STRING and not is_literal(expr):
        return Expr("text_to_moment", datetime_type(0), (expr,), value=unit)
    return expr


# Functions of one date.
FUNCTIONS: dict[str, Callable[[Expr], Expr]] = {
    "YEAR": _parts("YEAR"),
    "QUARTER": _parts("QUARTER"),
    "MONTH": _parts("MONTH"),
    "DAY": _parts("DAY"),
    "DAYOFMONTH": _parts("DAY"),
    "HOUR": _parts("HOUR"),
    "MINUTE": _parts("MINUTE"),
    "SECOND": _parts("SECOND"),
    "MICROSECOND": _parts("MICROSECOND"),
    "DAYOFYEAR": day_of_year,
    "DATE": to_date,
    "LAST_DAY": last_day,
    "WEEKDAY": lambda expr: weekday(expr, sunday_first=False),
    "DAYOFWEEK": lambda expr: weekday(expr, sunday_first=True),
}
