"""DuckDB for numbers, dates, conditions, aggregates and sub-queries: one table from operation to writer."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from engine.collate.rules import quote
from engine.translate.bind.groups.signs import is_unsigned
from engine.translate.given import written
from engine.translate.lower.digits import fraction, power, scaled
from engine.translate.lower.documents import known
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.lower.packed import PACKED_PARTS
from engine.translate.lower.quotients import quotient, rounded_quotient
from engine.translate.lower.widths import MAX_WIDTH, aligned, multiplied
from engine.translate.packed import PACKED
from engine.translate.tree import Expr, Query, Rows
from engine.translate.types import WHOLE, Family, whole_digits

Writer = Callable[[Lowering, Expr], str]
_BIGINT_DIGITS = 18  # that surely fit
_MAX_DIGITS = 38
_OUT_OF_RANGE = "error('a number is out of range')"


def _literal(low: Lowering, expr: Expr) -> str:
    return written(_spelled, expr, expr.type.family) or ""


def _spelled(value: Any, family: Family) -> str:
    if value is None:
        return "CAST(NULL AS BOOLEAN)" if family is Family.BOOL else "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.isoformat(' ')}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, float):
        return f"CAST('{value!r}' AS DOUBLE)"
    text = f"{value:f}" if isinstance(value, Decimal) else str(value)
    return f"({text})" if text.startswith("-") else text


def _column(low: Lowering, expr: Expr) -> str:
    alias, name = cast("tuple[str, str]", expr.value)
    return f'{alias}."' + name.replace('"', '""') + '"'


def _template(template: str) -> Writer:
    """Fill a template with the arguments: {0}, {1}, … and {v} for the value."""
    return lambda low, expr: template.format(*(low.expr(arg) for arg in expr.args), v=expr.value)


def _wide(low: Lowering, expr: Expr, unsigned: bool) -> str:
    """Widen an integer, so that the engine overflows only where MySQL does."""
    sql = low.expr(expr)
    if unsigned or expr.type.unsigned or expr.type.family is Family.DECIMAL:
        return f"CAST({sql} AS HUGEINT)"
    return sql if expr.op.startswith("int_") and expr.op != "int_to_text" else f"CAST({sql} AS BIGINT)"


_NAMED = {"+": "add", "-": "subtract", "*": "multiply"}
_LONG = 19  # digits from which a sum with a value may leave BIGINT


def _integer(operator: str) -> Writer:
    def write(low: Lowering, expr: Expr) -> str:
        unsigned = expr.type.unsigned or any(arg.type.unsigned for arg in expr.args)
        left, right = (_wide(low, arg, unsigned) for arg in expr.args)
        if operator in ("//", "%"):
            right = f"NULLIF({right}, 0)"
        # DuckDB turns 5 + x = 9 into x = 4, which never overflows; it does not look into the operator's other name.
        overflows = operator in _NAMED and any(arg.op != "literal" and arg.type.digits >= _LONG for arg in expr.args)
        sql = f"{_NAMED[operator]}({left}, {right})" if overflows else f"({left} {operator} {right})"
        return f"CAST({sql} AS {'UBIGINT' if expr.type.unsigned else 'BIGINT'})" if unsigned else sql

    return write


def _int_divide(low: Lowering, expr: Expr) -> str:
    left, right = expr.args
    if left.type.family in WHOLE and right.type.family in WHOLE:
        return _integer("//")(low, expr)
    scale = max(left.type.frac, right.type.frac)
    divided = f"({scaled(low, left, scale)} // NULLIF({scaled(low, right, scale)}, 0))"
    made = f"CAST({divided} AS {'UBIGINT' if expr.type.unsigned else 'BIGINT'})"
    if not any(map(is_unsigned, expr.args)):
        return made
    # Error 1690 where it is less than 0, on MariaDB also for some that are cut to 0.
    signs = " * ".join(f"sign({low.expr(side)})" for side in expr.args)
    return f"(CASE WHEN {signs} < 0 THEN {_OUT_OF_RANGE} ELSE {made} END)"


def _int_unary(template: str) -> Writer:
    def write(low: Lowering, expr: Expr) -> str:
        sql = template.format(_wide(low, expr.args[0], False))
        return f"CAST({sql} AS BIGINT)" if expr.args[0].type.unsigned else sql

    return write


def _quotient(low: Lowering, expr: Expr) -> str:
    return quotient(low, expr, expr.type.frac)


def _deciding(low: Lowering, arg: Expr, count: int) -> str:
    """Write a quotient rounded by the digits that decide: one more, if the server computes one more."""
    return rounded_quotient(low, arg, min(count + 1, arg.type.frac), count)


def _round(low: Lowering, expr: Expr) -> str:
    """A cast to fewer decimals rounds half away from zero; of a quotient one more digit decides."""
    count, (arg,) = expr.type.scale, expr.args
    if arg.op == "quotient":
        return _deciding(low, arg, count)
    return f"CAST({low.expr(arg)} AS DECIMAL({_MAX_DIGITS}, {count}))"


def _truncate(low: Lowering, expr: Expr) -> str:
    count, (arg,) = expr.type.scale, expr.args
    if arg.op == "quotient" and arg.type.frac > count:
        return f"CAST({quotient(low, arg, count)} AS DECIMAL({_MAX_DIGITS}, {count}))"
    if arg.type.frac <= count:
        return f"CAST({low.expr(arg)} AS DECIMAL({_MAX_DIGITS}, {count}))"
    cut = f"{scaled(low, arg, arg.type.frac)} // {power(arg.type.frac - count)}"
    return f"(CAST({cut} AS DECIMAL({_MAX_DIGITS}, 0)) * {fraction(count)})"


def _before_point(half: bool) -> Writer:
    """Round or cut digits before the point: half away from zero, on the digits as a whole number."""

    def write(low: Lowering, expr: Expr) -> str:
        (arg,) = expr.args
        digits = arg.type.frac + int(str(expr.value))
        sql = scaled(low, arg, arg.type.frac)
        added = f"CASE WHEN {sql} < 0 THEN -{power(digits)} // 2 ELSE {power(digits)} // 2 END" if half else "0"
        whole = f"(({sql} + {added}) // {power(digits)} * {power(int(str(expr.value)))})"
        if expr.type.family is Family.DECIMAL:
            return f"CAST({whole} AS DECIMAL({_MAX_DIGITS}, 0))"
        return f"CAST({whole} AS {'UBIGINT' if expr.type.unsigned else 'BIGINT'})"

    return write


def _decimal_modulo(low: Lowering, expr: Expr) -> str:
    scale = expr.type.scale
    left, right = (scaled(low, arg, scale) for arg in expr.args)
    return f"(CAST({left} % NULLIF({right}, 0) AS DECIMAL({_MAX_DIGITS}, 0)) * {fraction(scale)})"


def _bits(template: str) -> Writer:
    """Work on the lower 64 bits of wide integers; {v} is the power of two of a shift."""

    def write(low: Lowering, expr: Expr) -> str:
        sides = (f"(CAST({low.expr(arg)} AS HUGEINT) & 18446744073709551615)" for arg in expr.args)
        power_of_two = 1 << int(str(expr.value or 0))
        return f"CAST({template.format(*sides, v=power_of_two)} AS UBIGINT)"

    return write


def _double(operator: str) -> Writer:
    def write(low: Lowering, expr: Expr) -> str:
        left, right = (low.expr(arg) for arg in expr.args)
        sql = f"({left} / NULLIF({right}, 0))" if operator == "/" else f"({left} {operator} {right})"
        return once(sql, lambda v: f"(CASE WHEN isinf({v}) OR isnan({v}) THEN {_OUT_OF_RANGE} ELSE {v} END)")

    return write


def _joined(operator: str) -> Writer:
    return lambda low, expr: "(" + f" {operator} ".join(low.expr(arg) for arg in expr.args) + ")"


def _to_whole(function: str) -> Writer:
    """Write FLOOR or CEILING of a decimal in its own width: DuckDB's has 38 digits before the point, beside which no
    other decimal has any behind it."""

    def write(low: Lowering, expr: Expr) -> str:
        is_decimal = expr.type.family is Family.DECIMAL
        kind = f"DECIMAL({min(expr.type.digits, MAX_WIDTH)}, 0)" if is_decimal else "BIGINT"
        return f"CAST({function}({low.expr(expr.args[0])}) AS {kind})"

    return write


def _case(low: Lowering, expr: Expr) -> str:
    half = len(expr.args) // 2
    conditions, results, default = expr.args[:half], expr.args[half:-1], expr.args[-1]
    *values, last = aligned(low, (*results, default))
    branches = " ".join(
        f"WHEN {low.expr(condition)} THEN {value}" for condition, value in zip(conditions, values, strict=True)
    )
    return f"CASE {branches} ELSE {last} END"


def _agreed(low: Lowering, expr: Expr) -> str:
    one, other = (low.expr(arg) for arg in expr.args)
    failure = "error('a quotient that may be rounded decides')"
    return f"(CASE WHEN ({one}) IS NOT DISTINCT FROM ({other}) THEN ({one}) ELSE {failure} END)"


def _fits_growth(low: Lowering, expr: Expr) -> str:
    source = low.expr(expr.args[1])
    most = f"length({source}) * {expr.value}"
    return once(
        low.expr(expr.args[0]),
        lambda v: f"(CASE WHEN length({v}) > {most} THEN error('a text is too long') ELSE {v} END)",
    )


def _never(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    return f"(CASE WHEN {sql} IS NULL THEN {sql} ELSE error('{expr.value}') END)"


def _coalesce(low: Lowering, expr: Expr) -> str:
    return f"coalesce({', '.join(aligned(low, expr.args))})"


def _extreme(low: Lowering, expr: Expr) -> str:
    args = aligned(low, expr.args)
    nothing = " OR ".join(f"{arg} IS NULL" for arg in args)
    return f"(CASE WHEN {nothing} THEN NULL ELSE {expr.op}({', '.join(args)}) END)"


def _to_decimal(low: Lowering, expr: Expr) -> str:
    (arg,) = expr.args
    sql = _deciding(low, arg, expr.type.scale) if arg.op == "quotient" else low.expr(arg)
    whole = expr.type.digits - expr.type.scale
    made = f"CAST({{0}} AS DECIMAL({expr.type.digits}, {expr.type.scale}))"
    if whole_digits(arg.type) <= whole:
        return made.format(sql)
    return once(sql, lambda value: _kept(made.format(value), f"{value} > -{10**whole} AND {value} < {10**whole}"))


def _kept(cast: str, fits: str) -> str:
    """Write a CAST that fails for what does not fit: of a bare one beside a constant DuckDB compares the number itself,
    `CAST(d AS UBIGINT) > 5` is `d > 5`, and -1 does not fail."""
    return f"(CASE WHEN {fits} THEN {cast} WHEN NOT ({fits}) THEN error('a number is out of range') END)"


def _to_signed(low: Lowering, expr: Expr) -> str:
    (arg,) = expr.args
    if arg.type.family is not Family.DECIMAL or whole_digits(arg.type) <= _BIGINT_DIGITS:
        return f"CAST({low.expr(arg)} AS BIGINT)"
    fits = f"{{0}} BETWEEN {-(2**63)} AND {2**63 - 1}"
    return once(low.expr(arg), lambda value: _kept(f"CAST({value} AS BIGINT)", fits.format(value)))


def _to_unsigned(low: Lowering, expr: Expr) -> str:
    (arg,) = expr.args
    if arg.type.family is not Family.DECIMAL:
        return f"CAST({low.expr(arg)} AS UBIGINT)"
    fits = "{0} > -0.5" if whole_digits(arg.type) <= _BIGINT_DIGITS else f"{{0}} BETWEEN 0 AND {2**64 - 1}"
    return once(low.expr(arg), lambda value: _kept(f"CAST({value} AS UBIGINT)", fits.format(value)))


def _date_number(low: Lowering, expr: Expr) -> str:
    """The digits of a date or time side by side, with its fraction of a second behind the point."""
    (arg,) = expr.args
    sql, fsp = low.expr(arg), arg.type.fsp
    if arg.type.family is Family.TIME:
        seconds = f"(abs({sql}) // 1000000)"
        digits = f"({seconds} // 3600 * 10000 + {seconds} // 60 % 60 * 100 + {seconds} % 60)"
        return f"(CASE WHEN {sql} < 0 THEN -{digits} ELSE {digits} END)"
    if arg.type.family is Family.DATE:
        return f"CAST(strftime({sql}, '%Y%m%d') AS BIGINT)"
    whole = f"strftime({sql}, '%Y%m%d%H%M%S')"
    if not fsp:
        return f"CAST({whole} AS BIGINT)"
    return f"CAST(left(strftime({sql}, '%Y%m%d%H%M%S.%f'), {15 + fsp}) AS DECIMAL({14 + fsp}, {fsp}))"


def _to_int(low: Lowering, expr: Expr) -> str:
    return f"CAST({low.expr(expr.args[0])} AS INTEGER)"


def _shown_year(low: Lowering, expr: Expr) -> str:
    """YEAR() below 1000 is shown without zeros, as MIN of a YEAR column is; the column itself is shown with them."""
    sql = low.expr(expr.args[0])
    return f"(CASE WHEN {sql} < 1000 THEN error('a year below 1000') ELSE {sql} END)"


def _fits_year(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr.args[0])
    return f"(CASE WHEN {sql} <> 0 AND {sql} NOT BETWEEN 1901 AND 2155 THEN {_OUT_OF_RANGE} ELSE {sql} END)"


_PARTS = {
    "YEAR": "year({0})",
    "QUARTER": "quarter({0})",
    "MONTH": "month({0})",
    "DAY": "day({0})",
    "HOUR": "hour({0})",
    "MINUTE": "minute({0})",
    "SECOND": "second({0})",
    "MICROSECOND": "(microsecond({0}) % 1000000)",
}
_STEPS = {
    "MICROSECOND": ("to_microseconds", 1),
    "SECOND": ("to_seconds", 1), "MINUTE": ("to_minutes", 1), "HOUR": ("to_hours", 1), "DAY": ("to_days", 1),
    "WEEK": ("to_days", 7), "MONTH": ("to_months", 1), "QUARTER": ("to_months", 3), "YEAR": ("to_months", 12),
}  # fmt: skip


def _date_part(low: Lowering, expr: Expr) -> str:
    if expr.args[0].type.family in PACKED:
        return PACKED_PARTS[str(expr.value)].format(low.expr(expr.args[0]))
    return _PARTS[str(expr.value)].format(low.expr(expr.args[0]))


def _date_shift(low: Lowering, expr: Expr) -> str:
    base, amount = (low.expr(arg) for arg in expr.args)
    unit, sign = cast("tuple[str, int]", expr.value)
    function, factor = _STEPS[unit]
    width = "BIGINT" if unit == "MICROSECOND" else "INTEGER"  # an hour has more than INTEGER holds
    step = f"{function}(CAST({amount} * CAST({factor * sign} AS {width}) AS {width}))"
    kind = "DATE" if expr.type.family is Family.DATE else "TIMESTAMP"
    moved = f"CAST({base} + {step} AS {kind})"
    return f"(CASE WHEN year({moved}) NOT BETWEEN 1 AND 9999 THEN error('a date leaves its range') ELSE {moved} END)"


def _scalar(low: Lowering, expr: Expr) -> str:
    return f"({low.query(cast(Query, expr.value))})"


def _exists(low: Lowering, expr: Expr) -> str:
    return f"EXISTS ({low.query(cast(Query, expr.value))})"


def _row_in(low: Lowering, expr: Expr) -> str:
    """Some row makes the test true; if none does, but some leaves it unknown, so is the answer."""
    rows = cast(Rows, expr.value)
    source, test = low.source(rows.source), low.expr(expr.args[0])
    found = f"EXISTS (SELECT 1 FROM {source} WHERE {test})"
    if rows.true_only:
        return found
    unknown = f"EXISTS (SELECT 1 FROM {source} WHERE ({test}) IS NULL)"
    return f"(CASE WHEN {found} THEN TRUE WHEN {unknown} THEN NULL ELSE FALSE END)"


def _row_scalar(low: Lowering, expr: Expr) -> str:
    return f"(SELECT {low.expr(expr.args[0])} FROM {low.source(cast(Rows, expr.value).source)})"


def _fits_integer(low: Lowering, expr: Expr) -> str:
    sql, bits = f"CAST({low.expr(expr.args[0])} AS HUGEINT)", int(str(expr.value))
    lowest, highest = (0, 2**bits - 1) if expr.type.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return f"(CASE WHEN {sql} NOT BETWEEN {lowest} AND {highest} THEN {_OUT_OF_RANGE} ELSE {sql} END)"


def _known_member(low: Lowering, expr: Expr) -> str:
    found, value = (low.expr(arg) for arg in expr.args)
    bounds = cast("tuple[Decimal, Decimal] | None", expr.value)
    beyond = f"{value} IS NOT NULL" if bounds is None else f"{value} NOT BETWEEN {bounds[0]} AND {bounds[1]}"
    failure = f"error('a {'value' if bounds is None else 'number'} beyond those of a column with NULL')"
    return f"(CASE WHEN {found} IS NULL AND {beyond} THEN {failure} ELSE {found} END)"


def _unless_beyond(sql: str, digits: int) -> str:
    return f"(CASE WHEN abs({sql}) >= {power(digits)} THEN {_OUT_OF_RANGE} ELSE {sql} END)"


def _unless_longer(sql: str, longest: int) -> str:
    return f"(CASE WHEN length({sql}) > {longest} THEN error('a text is too long') ELSE {sql} END)"


VALUE_OPS: dict[str, Writer] = {
    "row_in": _row_in,
    "row_scalar": _row_scalar,
    "fits_integer": _fits_integer,
    "known_member": _known_member,
    "not_negative": lambda low, expr: once(
        low.expr(expr.args[0]), lambda v: f"(CASE WHEN {v} < 0 THEN {_OUT_OF_RANGE} ELSE {v} END)"
    ),
    **dict.fromkeys(("bit_number", "whole"), lambda low, expr: low.expr(expr.args[0])),
    "within": lambda low, expr: _unless_beyond(low.expr(expr.args[0]), int(str(expr.value))),
    "fits_decimal": lambda low, expr: (
        f"CAST({low.expr(expr.args[0])} AS DECIMAL({expr.type.digits}, {expr.type.scale}))"
    ),
    "fits_growth": _fits_growth,
    "fits_year": _fits_year,
    "fits_text": lambda low, expr: _unless_longer(low.expr(expr.args[0]), int(str(expr.value))),
    "literal": _literal,
    "column": _column,
    "to_int": _to_int,
    "to_double": _template("CAST({0} AS DOUBLE)"),
    "to_float": _template("CAST({0} AS FLOAT)"),
    "text_to_double": _template("CAST(CAST({0} AS VARCHAR) AS DOUBLE)"),
    "to_signed": _to_signed,
    "to_unsigned": _to_unsigned,
    "to_decimal": _to_decimal,
    "int_add": _integer("+"),
    "int_subtract": _integer("-"),
    "int_multiply": _integer("*"),
    "int_divide": _int_divide,
    "int_modulo": _integer("%"),
    "int_negate": _int_unary("(-{0})"),
    "int_abs": _int_unary("abs({0})"),
    "decimal_add": _joined("+"),
    "decimal_subtract": _joined("-"),
    "decimal_multiply": multiplied,
    "decimal_modulo": _decimal_modulo,
    "plain_zero_of": _template("(CASE WHEN {0} = 0 AND {1} < 0 THEN error('a negative zero') ELSE {0} END)"),
    "quotient": _quotient,
    "certain_zero": _template("(CASE WHEN {0} = 0 THEN error('a zero may have other decimals') ELSE {0} END)"),
    "of_rows": _template(
        "(CASE WHEN {0} = 0 AND {1} = 1 THEN error('an average of no values in one row') ELSE {0} END)"
    ),
    "of_several": _template("(CASE WHEN {1} = 1 THEN error('a window over one row') ELSE {0} END)"),
    "nonzero": _template("(CASE WHEN {0} = 0 THEN error('a division by zero') ELSE {0} END)"),
    "date_number": _date_number,
    "double_add": _double("+"),
    "double_subtract": _double("-"),
    "double_multiply": _double("*"),
    "double_divide": _double("/"),
    "square_root": _template("(CASE WHEN {0} >= 0 THEN sqrt({0}) END)"),
    "bits_and": _bits("{0} & {1}"),
    "bits_or": _bits("{0} | {1}"),
    "bits_xor": _bits("xor({0}, {1})"),
    "bits_not": _bits("18446744073709551615 - {0}"),
    "negate": _template("(-{0})"),
    "abs": _template("abs({0})"),
    "sign": _template("sign({0})"),
    "floor": _to_whole("floor"),
    "ceil": _to_whole("ceil"),
    "round": _round,
    "ended": _round,
    "settled": _round,
    "kept_quotient": _round,
    "truncate": _truncate,
    "round_before_point": _before_point(half=True),
    "truncate_before_point": _before_point(half=False),
    "and": _joined("AND"),
    "or": _joined("OR"),
    "not": _template("(NOT {0})"),
    "xor": _template("({0} <> {1})"),
    "is_nonzero": _template("({0} <> 0)"),
    "is_null": lambda low, expr: f"({known(low, expr.args[0])} IS NULL)",
    "is_true": _template("({0} IS TRUE)"),
    "is_false": _template("({0} IS FALSE)"),
    "case": _case,
    "never": _never,
    "agreed": _agreed,
    "coalesce": _coalesce,
    "greatest": _extreme,
    "least": _extreme,
    "to_datetime": _template("CAST({0} AS TIMESTAMP)"),
    "to_date": _template("CAST({0} AS DATE)"),
    "add_seconds": _template("({0} + to_seconds({v}))"),
    "shown_year": _shown_year,
    "date_part": _date_part,
    "date_shift": _date_shift,
    "date_difference": _template("(CAST({0} AS DATE) - CAST({1} AS DATE))"),
    "elapsed": _template("((epoch_us({1}) - epoch_us({0})) // {v})"),
    "day_of_year": _template("dayofyear({0})"),
    "last_day": _template("last_day({0})"),
    "weekday": _template("(isodow({0}) - 1)"),
    "day_of_week": _template("(dayofweek({0}) + 1)"),
    "scalar": _scalar,
    "exists": _exists,
}
