"""Arithmetic: MySQL's result types, scales, overflow and division made explicit."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import product

from engine.translate.given import answered, derived
from engine.translate.literals import is_literal, is_text, negate, plain_number
from engine.translate.members import numbered
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import WINDOW, Expr, walk
from engine.translate.types import (
    APPROXIMATE,
    BIGINT,
    DOUBLE,
    EXACT,
    INT,
    MAX_SCALE,
    NULL,
    TEMPORAL,
    UBIGINT,
    WHOLE,
    Family,
    Type,
    decimal,
    whole_digits,
)

_WORD = 9  # decimal digits in a word of MySQL's decimals
_EXACT_DIGITS = 15
_ROUNDS = frozenset({"round", "truncate", "to_decimal"})
# What a sub-query, MIN, MAX or a window gives is kept in a cache, out of which MariaDB reads an unsigned integer as a
# signed one (Item_cache_int::val_real), as it does BIT_OR (Item_sum_bit) and a BIT(64) (Field_bit::val_real); in its
# temporary tables it is unsigned again.
_READ_SIGNED = frozenset({"bit_number", "scalar", "min", "max", "bits_all", "bits_any", "bits_odd", WINDOW})
_SIGNED_DIGITS = 18


def as_value(expr: Expr) -> Expr:
    """Turn a truth value into the integer MySQL makes of it; leave all else."""
    if expr.type.family is Family.BOOL:
        return Expr("to_int", replace(INT, digits=1), (expr,))
    return expr


def as_condition(expr: Expr) -> Expr:
    """Make a truth value of an expression used as a condition; raises Refused for dates."""
    family = expr.type.family
    if family is Family.BOOL:
        return expr
    if family is Family.NULL:
        return expr.typed(Type(Family.BOOL, digits=1))
    if family in EXACT or family in APPROXIMATE or family is Family.BIT:
        return Expr("is_nonzero", Type(Family.BOOL, digits=1), (expr,))
    if family is Family.STRING:
        return Expr("is_nonzero", Type(Family.BOOL, digits=1), (number_of_text(expr),))
    raise Refused(f"a {family.value} is used as a condition")


def as_number(expr: Expr, what: str) -> Expr:
    """Require a number; a string is read as a double. Raises Refused for dates and others."""
    expr = numbered(as_value(expr))
    family = expr.type.family
    if family in EXACT or family in APPROXIMATE or family is Family.NULL:
        return expr
    if family is Family.STRING:
        return number_of_text(expr)
    if family is Family.ANSWER:
        return Expr("answer_number", DOUBLE, (expr,))
    if expr.op == "json_part" and what not in _OF_DOCUMENTS:
        return Expr("json_number", DOUBLE, expr.args, expr.value)
    raise Refused(f"{what} is applied to a {family.value}")


# Which read a document's number as an integer or a decimal; all else reads it as the double that it is.
_OF_DOCUMENTS = frozenset({"CAST AS SIGNED", "CAST AS DECIMAL", "FORMAT"})
WITH_CONSTANT, WITH_VALUE = "constant", "value"
_GATHERED = frozenset({"group_concat", "group_concat_apart", "group_concat_distinct"})


def require_one_text(expr: Expr) -> None:
    """Refuse LEAST and GREATEST of texts that are read as numbers: MariaDB compares them as numbers then."""
    if any(part.op == "same_text" for part in walk(expr)):
        refuse("LEAST or GREATEST of texts is read as a number")


def number_of_text(expr: Expr, compared: str = "") -> Expr:
    """Read a string as a double; what gives a warning on the backend fails in the engine. `compared` is with what:
    WITH_CONSTANT, or WITH_VALUE for anything else, whose index may then be looked up by what an integer makes of it."""
    if not is_text(expr):
        require_one_text(expr)
        if expr.op in _GATHERED:  # MariaDB's number of it has no decimals
            refuse("a number is made of what GROUP_CONCAT gives")
        return Expr("number_of_text", DOUBLE, (expr,), compared)
    return derived(_read_number, expr)


def _read_number(literal: Expr) -> Expr:
    text = str(literal.value)
    if not plain_number(text):
        refuse("a string that is not a plain number is used as a number")
    return Expr("literal", DOUBLE, value=float(text))


def operand(expr: Expr, what: str) -> Expr:
    """Require an operand of arithmetic: dates and times are numbers made of their digits."""
    family, fsp = expr.type.family, expr.type.fsp
    if family not in TEMPORAL or (family is Family.TIME and fsp):
        return as_number(expr, what)
    if is_literal(expr):
        refuse(f"{what} is applied to a {family.value} literal")
    if not fsp:
        return Expr("date_number", BIGINT, (expr,))
    return Expr("date_number", number_with_seconds(14, fsp), (expr,))


def number_with_seconds(digits: int, fsp: int) -> Type:
    """The number that both servers make of a time: without decimals where it has no microseconds (date2my_decimal in
    sql-common/my_time.cc), as a division shows, which computes fewer digits then."""
    return decimal(digits + fsp, fsp, vague=True)


def as_double(expr: Expr) -> Expr:
    """Convert a number to DOUBLE: exactly, correctly rounded, or between bounds. Raises Refused where the digits that
    are converted are a matter of the server's plan."""
    if expr.type.family is Family.DOUBLE:
        return expr
    if expr.op == "settled":  # as a double it is not rounded
        return as_double(expr.args[0])
    if _has_average(expr):
        return _average_as_double(expr)
    if expr.op == "date_number" and expr.args[0].type.family is Family.TIME and expr.args[0].op == WINDOW:
        refuse("a window's TIME is used as a double")  # beside another window MariaDB reads it without its sign
    if expr.type.vague and expr.type.frac != expr.type.scale:
        refuse("a quotient of mixed scales is used as a double")
    expr = _of_certain_sign(expr)
    if expr.type.family is Family.DECIMAL and (expr.type.digits > _EXACT_DIGITS or expr.type.frac > expr.type.scale):
        return Expr("text_to_double", DOUBLE, (expr,))  # one rounding, of all digits
    return Expr("to_double", DOUBLE, (expr,))


def _of_certain_sign(expr: Expr) -> Expr:
    """Let an integer fail that MariaDB may take for one of the other sign where it becomes a double: GREATEST and LEAST
    compare doubles then."""
    if expr.op in ("greatest", "least"):
        return replace(expr, args=tuple(_of_certain_sign(arg) for arg in expr.args))
    if expr.op in _READ_SIGNED and may_be_cached_signed(expr.type):
        return Expr("within", expr.type, (expr,), value=_SIGNED_DIGITS)
    if expr.op == "date_number" and _is_extreme_time(expr.args[0]):
        return Expr("not_negative", expr.type, (expr,))
    return expr


def _is_extreme_time(expr: Expr) -> bool:
    """Tell whether this is MIN or MAX of times that are computed: kept in a table of groups, MariaDB reads -1 as the
    double 16777215 (three bytes without a sign), other than those of a column."""
    return expr.op in ("min", "max") and expr.type.family is Family.TIME and expr.args[0].op != "column"


def may_be_cached_signed(type_: Type) -> bool:
    """Tell whether MariaDB may take such an integer of a sub-query for a negative one where it becomes a double."""
    return type_.unsigned and type_.digits > _SIGNED_DIGITS


def _has_average(expr: Expr) -> bool:
    """Tell whether a value is an average or, chosen or calculated of one, has its unrounded digits."""
    if not any(_is_average(part) for part in walk(expr)):
        return False
    return expr.type.frac > expr.type.scale or _is_average(expr) or expr.op in ("case", "nonzero")


def _is_average(expr: Expr) -> bool:
    if expr.op != "quotient":
        return False
    counted = expr.args[1].args[0] if expr.args[1].op == WINDOW else expr.args[1]
    return counted.op in ("count", "count_distinct")


def _average_as_double(expr: Expr) -> Expr:
    """AVG of exact numbers as a double is the sum divided by the count in doubles (Item_sum_avg::val_real), but where
    the server keeps groups in a table it is the decimal, with fewer digits. IF, CASE and NULLIF hand it through."""
    if _is_average(expr):
        return Expr("average_double", DOUBLE, (expr,))
    if expr.op == "nonzero":  # a quotient of bounds fails where 0 is between them
        return _average_as_double(expr.args[0])
    if expr.op == "case":
        half = len(expr.args) // 2
        return Expr("case", DOUBLE, (*expr.args[:half], *(as_double(value) for value in expr.args[half:])))
    return refuse("an average that was calculated with is used as a double")


def arithmetic(operator: str, left: Expr, right: Expr, increment: int, settles: bool = False) -> Expr:
    """Apply +, -, *, /, div or mod; `increment` is div_precision_increment, `settles` says that the value is rounded to
    its scale at once."""
    left, right = operand(left, f"the operator {operator}"), operand(right, f"the operator {operator}")
    if NULL in (left.type, right.type):
        return Expr("literal", NULL)
    if left.type.family in APPROXIMATE or right.type.family in APPROXIMATE:
        if operator == "div":
            refuse("DIV of doubles is not supported")
        if operator == "mod":
            return Expr("double_modulo", DOUBLE, (as_double(left), as_double(right)))
        return Expr(f"double_{operator}", DOUBLE, (as_double(left), as_double(right)))
    _require_settled(left, right)
    if operator == "divide":
        return quotient(left, right, increment, settles)
    return _EXACT_RULES[operator](left, right, increment)


def negated(expr: Expr) -> Expr:
    """Give minus an expression."""
    expr = as_number(expr, "minus")
    if is_literal(expr) and expr.type.family is not Family.NULL:
        return derived(negate, expr)
    if expr.type.family in WHOLE:
        return Expr("int_negate", BIGINT, (expr,))
    if expr.type.family is Family.FLOAT:
        expr = as_double(expr)
    return Expr("negate", replace(expr.type, unpadded=False), (expr,))


def is_zero(value: object) -> bool:
    """Tell whether a literal's value is 0."""
    return value == 0


def compared(expr: Expr) -> Expr:
    """Round a quotient to its scale for a comparison on MariaDB, which does so for one of decimals only."""
    if expr.type.frac == expr.type.scale:
        return expr
    return Expr("settled", decimal(expr.type.digits, expr.type.scale), (expr,), value=expr.type.scale)


def divisor(expr: Expr) -> Expr:
    """Let a division by zero fail, which gives a warning under ERROR_FOR_DIVISION_BY_ZERO; raises Refused for 0."""
    expr = operand(expr, "a division")
    if not is_literal(expr):
        return Expr("nonzero", expr.type, (expr,))
    if answered(is_zero, expr):
        refuse("a division by zero gives a warning")
    return expr


def quotient_digits(left: Type, right: Type, increment: int) -> int:
    """Count the decimals MySQL computes in left / right (do_div_mod in strings/decimal.cc); later ones are cut."""
    left_words, right_words = -(-left.frac // _WORD) * _WORD, -(-right.frac // _WORD) * _WORD
    extra = max(0, increment - (left_words - left.frac + right_words - right.frac))
    return -(-(left_words + right_words + extra) // _WORD) * _WORD


def settled(expr: Expr) -> Expr:
    """Round a quotient to its scale; leave all else."""
    if expr.type.frac == expr.type.scale:
        return expr
    return Expr("round", decimal(expr.type.digits, expr.type.scale), (expr,), value=expr.type.scale)


def _is_certain_quotient(left: Type, right: Type, increment: int, settles: bool) -> bool:
    """Tell whether a quotient is the same however many decimals its sides have in a row: where as many are computed, or
    where it is rounded to fewer at once, for which only the next digit counts."""
    if any(side.vague and side.frac != side.scale for side in (left, right)):
        return False
    given = [range(side.frac + 1) if side.vague else (side.frac,) for side in (left, right)]
    counts = {
        quotient_digits(replace(left, frac=above), replace(right, frac=below), increment)
        for above, below in product(*given)
    }
    return len(counts) == 1 or (settles and min(counts) > left.scale + increment)


def quotient(left: Expr, right: Expr, increment: int, settles: bool = False) -> Expr:
    """Divide exact numbers: a decimal of the left scale + increment that carries more digits until settled."""
    if (left.type.vague or right.type.vague) and not _is_certain_quotient(left.type, right.type, increment, settles):
        refuse("values of different scales are divided")
    left, right = (side.args[0] if side.op == "ended" else side for side in (left, right))
    scale = min(left.type.scale + increment, MAX_SCALE)
    frac = max(quotient_digits(left.type, right.type, increment), scale)
    carries = is_ended(left) or is_ended(right)
    if carries and frac == scale:  # cut there, or, by the zeros that it may have more, rounded
        refuse("a quotient of a quotient is not certain in its last digit")
    type_ = decimal(left.type.digits + right.type.scale + increment, scale, frac, carries)  # certain where it is shown
    return Expr("quotient", type_, (left, right))


def ended(expr: Expr) -> Expr:
    """Settle a quotient of MariaDB's by a constant that ends within its scale (x / 100): there is nothing to round.

    Its value has more decimals there, all zero; see `quotient`.
    """
    if expr.op != "quotient":
        return expr
    left, right = expr.args
    if not is_literal(right) or left.type.vague or left.type.frac != left.type.scale:
        return expr
    if answered(_inverse_decimals, right) > expr.type.scale - left.type.scale:
        return expr
    return Expr("ended", decimal(expr.type.digits, expr.type.scale), (expr,), value=expr.type.scale)


def is_ended(expr: Expr) -> bool:
    """Tell whether a decimal is made of a quotient that has ended, with what decimals it has, and not rounded since."""
    if expr.op == "ended" or expr.type.family is not Family.DECIMAL or expr.op in _ROUNDS:
        return expr.op == "ended"
    return any(is_ended(arg) for arg in expr.args)


def _inverse_decimals(value: object) -> int:
    """Count the decimals of 1 / value; more than any type has where they do not end."""
    inverse = 1 / Fraction(value) if isinstance(value, int | Decimal) and value else Fraction(1, 3)
    return next((count for count in range(MAX_SCALE + 1) if (inverse * 10**count).denominator == 1), MAX_SCALE + 1)


def _require_settled(*operands: Expr) -> None:
    """Refuse to calculate with a quotient whose digits differ from row to row."""
    if any(o.type.vague and o.type.frac != o.type.scale for o in operands):
        refuse("a quotient of mixed scales is calculated with")


def _add(operator: str, left: Expr, right: Expr) -> Expr:
    a, b = left.type, right.type
    if a.family in WHOLE and b.family in WHOLE:
        return Expr(f"int_{operator}", _whole_type(a, b, max(a.digits, b.digits) + 1), (left, right))
    scale = max(a.scale, b.scale)
    digits = max(whole_digits(a), whole_digits(b)) + scale + 1
    vague = a.vague or b.vague
    return Expr(f"decimal_{operator}", decimal(digits, scale, max(a.frac, b.frac), vague), (left, right))


def _whole_type(left: Type, right: Type, digits: int) -> Type:
    """A BIGINT with at most so many digits."""
    type_ = UBIGINT if left.unsigned or right.unsigned else BIGINT
    return replace(type_, digits=min(digits, type_.digits))


def _multiply(left: Expr, right: Expr, increment: int) -> Expr:
    a, b = left.type, right.type
    if a.family in WHOLE and b.family in WHOLE:
        return Expr("int_multiply", _whole_type(a, b, a.digits + b.digits), (left, right))
    if a.frac + b.frac > MAX_SCALE:
        refuse("a product has more than 30 decimals")
    type_ = decimal(a.digits + b.digits, a.scale + b.scale, a.frac + b.frac, a.vague or b.vague)
    return Expr("decimal_multiply", type_, (left, right))


def _int_divide(left: Expr, right: Expr, increment: int) -> Expr:
    unsigned = left.type.unsigned or right.type.unsigned
    type_ = UBIGINT if unsigned else replace(BIGINT, room=left.type.room)  # MySQL has the dividend's digits for it
    return Expr("int_divide", type_, (left, right))


def _modulo(left: Expr, right: Expr, increment: int) -> Expr:
    a, b = left.type, right.type
    if a.family in WHOLE and b.family in WHOLE:
        return Expr("int_modulo", UBIGINT if a.unsigned else BIGINT, (left, right))
    if a.frac != a.scale or b.frac != b.scale:
        refuse("MOD of a quotient is not supported")
    scale = max(a.scale, b.scale)
    return Expr("decimal_modulo", decimal(max(a.digits, b.digits, scale), scale), (left, right))


_EXACT_RULES = {
    "add": lambda left, right, increment: _add("add", left, right),
    "subtract": lambda left, right, increment: _add("subtract", left, right),
    "multiply": _multiply,
    "div": _int_divide,
    "mod": _modulo,
}
