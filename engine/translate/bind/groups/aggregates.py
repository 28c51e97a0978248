"""Aggregates and window functions: result types, and which are the same in any order of rows."""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.translate.bind.kept import doubles
from engine.translate.bind.numbers import as_value, operand, quotient
from engine.translate.bind.values import control
from engine.translate.checks.few_digits import require_counted, with_room
from engine.translate.checks.releases import require_same_quotient
from engine.translate.checks.signed_room import quotient_with_room, with_signed_room
from engine.translate.literals import NULL_LITERAL
from engine.translate.members import require_order, spelled
from engine.translate.packed import within
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, is_stored, walk
from engine.translate.types import (
    APPROXIMATE,
    DOUBLE,
    MAX_SCALE,
    TEMPORAL,
    UBIGINT,
    WHOLE,
    Family,
    Type,
    decimal,
    whole_digits,
)

COUNT = Type(Family.INT, digits=21)
_QUERIES = frozenset({"scalar", "exists", "in_query"})
_WITHOUT_DECIMALS = frozenset({"text_value", "text_part"})  # texts whose number of decimals MariaDB leaves open
_RANKS = frozenset({"row_number", "rank", "dense_rank", "ntile", "percent_rank", "cume_dist"})


def count(values: list[Expr], distinct: bool) -> Expr:
    """COUNT(*) without values, COUNT(value), COUNT(DISTINCT values)."""
    if not values:
        return Expr("count_all", COUNT)
    if not distinct:
        if len(values) != 1:
            refuse("COUNT of several values is not supported")
        return Expr("count", COUNT, (within(as_value(values[0])),))
    if len(values) > 1 and not all(any(part.op == "column" for part in walk(value)) for value in values):
        refuse("COUNT(DISTINCT) of several values, one of them constant, is not supported")  # MySQL overlooks its NULL
    for value in values:
        if value.type.frac != value.type.scale:
            refuse(f"COUNT(DISTINCT) of a {value.type.family.value} is not supported")
    return Expr("count_distinct", COUNT, tuple(one_zero(as_value(value)) for value in values))


def one_zero(value: Expr) -> Expr:
    """Let a double fail where it is -0, which equals 0 but looks different."""
    return Expr("plain_zero", value.type, (value,)) if value.type.family in APPROXIMATE else value


def _summed(value: Expr, what: str) -> Expr:
    """A number to be added up. The number of a stored date is its digits; what MySQL adds for a computed one is not
    (SUM(COALESCE(date, datetime)) is 0, that of CASE has other digits)."""
    if value.type.family in TEMPORAL and not is_stored(value):
        refuse(f"{what} of computed dates and times is not supported")
    return operand(value, what)


def require_sum_of_mariadb(value: Expr, distinct: bool) -> None:
    """Refuse what MariaDB 10.11 adds up in its own way: a text that is computed brings its decimals along (the text of
    AVG(CAST(2 AS CHAR)) is 2.0000), DISTINCT makes doubles of moments with a fraction. Raises Refused."""
    if value.type.family is Family.STRING and not is_stored(value) and value.op not in _WITHOUT_DECIMALS:
        refuse("MariaDB adds up computed texts in its own way")
    if distinct and value.type.family in TEMPORAL and value.type.fsp:
        refuse("MariaDB adds up different moments as doubles")


def total(value: Expr, distinct: bool) -> Expr:
    """SUM: always a decimal for exact numbers."""
    value = _summed(value, "SUM")
    if value.type.family is Family.NULL:
        refuse("SUM of NULL is not supported")
    if value.type.family in APPROXIMATE:
        return doubles.total(value, distinct)
    if distinct and value.type.frac != value.type.scale:
        refuse("SUM(DISTINCT) of a quotient is not supported")
    if value.type.family in WHOLE:
        return Expr("sum_distinct" if distinct else "sum", decimal(value.type.digits + 22, 0), (value,))
    if value.type.vague and value.type.frac != value.type.scale:
        refuse("SUM of a quotient of mixed scales is not supported")
    type_ = decimal(value.type.digits + 22, value.type.scale, value.type.frac, value.type.vague)
    return Expr("sum_distinct" if distinct else "sum", type_, (value,))


def average(value: Expr, distinct: bool, increment: int, is_mariadb: bool) -> Expr:
    """AVG: the quotient of sum and count; its scale is the value's + div_precision_increment."""
    value = _summed(value, "AVG")
    if is_mariadb:
        require_counted(value)
        value = with_room(value)
    elif distinct:
        value = with_signed_room(value)
    counted = Expr("count_distinct" if distinct else "count", COUNT, (value,))
    if value.type.family in APPROXIMATE:
        return doubles.average(value, distinct, counted)
    summed = total(value, distinct)
    if distinct and not is_mariadb:  # different values are held with the decimals of the average
        held = min(summed.type.scale + increment, MAX_SCALE)
        summed = summed.typed(replace(summed.type, frac=max(summed.type.frac, held), vague=False))
    found = quotient(summed, counted, increment)
    whole = whole_digits(value.type) + found.type.scale  # an average is no longer than its values
    found = found.typed(replace(found.type, digits=min(whole, found.type.digits)))
    if is_mariadb:
        require_same_quotient(found)
    else:
        found = quotient_with_room(Expr(found.op, found.type, found.args, value=control.AVERAGE), value)
    if distinct and is_mariadb and value.type.scale and found.type.frac == found.type.scale:
        refuse("the last digit of AVG(DISTINCT) of so many decimals is not certain")  # it is cut, not rounded
    return found


def extreme(operation: str, value: Expr) -> Expr:
    """MIN or MAX."""
    value = spelled(as_value(value))
    require_order(value.type, f"{operation.upper()} of")
    if value.type.family is Family.NULL or (value.type.vague and value.type.frac != value.type.scale):
        refuse(f"{operation.upper()} of this value is not supported")
    type_ = replace(value.type, unpadded=False)  # MySQL keeps it with the digits of the column
    return Expr(operation, type_, (one_zero(value),))


def window(function: Expr, partition: list[Expr], order: list[tuple[Expr, bool]], frame: str) -> Expr:
    """function OVER (PARTITION BY … ORDER BY … frame)."""
    keys = (*partition, *(expr for expr, _ in order))
    for key in keys:
        if key.type.frac != key.type.scale:
            refuse(f"a window over {key.type.family.value} values is not supported")
    shape = (len(partition), tuple(descending for _, descending in order), frame)
    return Expr("window", function.type, (function, *(as_value(key) for key in keys)), value=shape)


def rank(name: str) -> Expr:
    """ROW_NUMBER, RANK, DENSE_RANK, PERCENT_RANK or CUME_DIST."""
    if name in ("percent_rank", "cume_dist"):
        return Expr(name, DOUBLE)
    return Expr(name, Type(Family.INT, unsigned=True, digits=21))


def tile(count: int) -> Expr:
    """NTILE(count)."""
    if count == 0:
        refuse("NTILE's count is not a positive number")
    return Expr("ntile", Type(Family.INT, unsigned=True, digits=21), value=count)


def neighbour(operation: str, value: Expr, distance: int) -> Expr:
    """LAG, LEAD, FIRST_VALUE, LAST_VALUE or NTH_VALUE; `distance` is the place for the last one."""
    value = spelled(as_value(value))
    if value.type.family is Family.NULL:
        return NULL_LITERAL
    return Expr(operation, value.type, (value,), value=distance)


def any_value(value: Expr) -> Expr:
    """ANY_VALUE: certain where all rows of the group have the same value; a constant is one also of no rows."""
    value = one_zero(as_value(value))
    operations = {part.op for part in walk(value)}
    if operations & _QUERIES:
        refuse("ANY_VALUE of a sub-query is not supported")
    if "column" not in operations:
        return value
    if value.type.family is Family.NULL or (value.type.vague and value.type.frac != value.type.scale):
        refuse("ANY_VALUE of this value is not supported")
    return Expr("any_same", value.type, (value,))


def bits(operation: str, value: Expr) -> Expr:
    """BIT_AND, BIT_OR or BIT_XOR of integers seen as 64 bits; decimals are rounded."""
    value = as_value(value)
    if value.type.family is Family.DECIMAL:
        value = control.to_integer(value, unsigned=False)
    if value.type.family not in WHOLE:
        refuse(f"BIT_AND, BIT_OR or BIT_XOR of a {value.type.family.value} is not supported")
    return Expr(operation, UBIGINT, (value,))


BIT_SUMS: dict[type[exp.Expression], str] = {
    exp.BitwiseAndAgg: "bits_all",
    exp.BitwiseOrAgg: "bits_any",
    exp.BitwiseXorAgg: "bits_odd",
}
EXTREMES: dict[str, Callable[[Expr], Expr]] = {
    "MIN": lambda value: extreme("min", value),
    "MAX": lambda value: extreme("max", value),
}
WINDOW_ONLY = _RANKS | {"lag", "lead", "first_value", "last_value", "nth_value"}
