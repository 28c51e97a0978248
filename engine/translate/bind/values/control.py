"""Conditionals and casts: CASE, IF, COALESCE, NULLIF, GREATEST, LEAST, ROUND and friends, CAST."""

import re
from collections.abc import Callable
from dataclasses import replace

from engine.translate import literals
from engine.translate.bind.numbers import (
    as_condition,
    as_double,
    as_number,
    as_value,
    is_zero,
    operand,
    require_one_text,
)
from engine.translate.bind.values import answers, text
from engine.translate.bind.values.compare import as_datetime, compare, require_one_collation
from engine.translate.checks.signed_room import noting_room, with_signed_room
from engine.translate.given import answered
from engine.translate.literals import NULL_LITERAL, is_literal
from engine.translate.members import LISTED, as_number_of, spelled
from engine.translate.refusal import refuse
from engine.translate.tree import Expr, walk
from engine.translate.types import (
    APPROXIMATE,
    BIGINT,
    DOUBLE,
    EXACT,
    MAX_SCALE,
    NULL,
    TEMPORAL,
    UBIGINT,
    WHOLE,
    Family,
    Type,
    decimal,
    unify,
    unify_strings,
    whole_digits,
)
from statements.schema import WIDEST_DECIMAL

_WHOLE_TEXT = re.compile(r"[0-9]{1,15}|-[0-9]{1,15}")
_MOST_TEXTS = 4  # of GREATEST and LEAST: each one is compared with all before it


def convert(expr: Expr, type_: Type) -> Expr:
    """Bring one alternative to the type of them all; raises Refused when that is not exact."""
    expr = expr if type_.family is Family.BOOL else as_value(expr)
    family = expr.type.family
    if family is Family.NULL:
        return expr
    if type_.family is Family.DOUBLE:
        return as_double(expr)
    if type_.family is Family.DATETIME:
        return as_datetime(expr)
    if type_.family is Family.DECIMAL:
        expr = with_signed_room(expr)
    if type_.family is Family.DECIMAL and family in WHOLE and not type_.frac and type_.digits <= WIDEST_DECIMAL:
        return Expr("to_decimal", type_, (expr,))  # signed and unsigned ones: DuckDB would keep them in 64 bits
    return expr


def alternatives(values: list[Expr], what: str) -> tuple[Type, tuple[Expr, ...]]:
    """Give the common type of alternatives, and each brought to it."""
    values = as_texts(values, what)
    type_ = noting_room(unify([value.type for value in values], what), values)
    if type_.family is Family.DECIMAL and len({v.type.frac for v in values if not _is_zero(v)}) > 1:
        type_ = replace(type_, vague=True)
    if type_.family is Family.BOOL and any(value.type.family is Family.NULL for value in values):
        type_ = replace(BIGINT, digits=1)
    return type_, tuple(convert(value, type_) for value in values)


def as_texts(values: list[Expr], what: str) -> list[Expr]:
    """Spell numbers and dates as text where one of several alternatives is a string, as both servers do."""
    strings = [value.type.collation for value in values if value.type.family is Family.STRING]
    if not strings or len(strings) == len(values):
        return values
    return [text.as_string(value, what, strings[0] or "") for value in values]


def _is_zero(value: Expr) -> bool:
    """Tell whether a value is NULL or the literal 0, whose decimals change no result."""
    return value.type.family is Family.NULL or (is_literal(value) and answered(is_zero, value))


def case(conditions: list[Expr], results: list[Expr], default: Expr, what: str = "CASE") -> Expr:
    """CASE WHEN … THEN … ELSE … END."""
    type_, values = alternatives([*results, default], what)
    if type_.family is Family.NULL:
        return NULL_LITERAL
    mixed = {(value.type.frac, value.type.scale) for value in values if value.type.family is not Family.NULL}
    if type_.family is Family.DECIMAL and (len(mixed) > 1 or any(value.type.unpadded for value in values)):
        type_ = replace(type_, unpadded=True)
    return Expr("case", type_, (*(as_condition(c) for c in conditions), *values))


def written_apart(chosen: Expr) -> Expr:
    """Mark what MySQL's CASE or IF chooses among doubles and decimals: as a text it is what was chosen, 2.50 and not
    2.5 (Item_func_if::val_str in sql/item_cmpfunc.cc)."""
    if chosen.op != "case" or chosen.type.family is not Family.DOUBLE:
        return chosen
    differs = any(map(_was_decimal, chosen.args[len(chosen.args) // 2 :]))
    return chosen.typed(replace(chosen.type, chosen=True)) if differs else chosen


def _was_decimal(value: Expr) -> bool:
    """Tell whether a double that is chosen is made of a decimal."""
    if value.op == "case":
        return any(map(_was_decimal, value.args[len(value.args) // 2 :]))
    return value.type.chosen or (value.op in text.AS_DOUBLES and value.args[0].type.family is Family.DECIMAL)


def coalesce(values: list[Expr]) -> Expr:
    """COALESCE and IFNULL."""
    type_, converted = alternatives(values, "COALESCE")
    return NULL_LITERAL if type_ == NULL else Expr("coalesce", type_, converted)


def nullif(left: Expr, right: Expr, side: Callable[[Expr], Expr] | None = None) -> Expr:
    """NULLIF(left, right): the type is the left one's; `side` makes of each what is compared."""
    left = spelled(as_value(left))
    sides = answers.unquoted(left, right)
    equal = compare("eq", *(map(side, sides) if side is not None else sides))
    return Expr("case", left.type, (equal, NULL_LITERAL, left))


def extreme(operation: str, values: list[Expr], is_mariadb: bool = False) -> Expr:
    """GREATEST or LEAST: NULL when one is NULL; values of one kind only. MariaDB compares, and goes on with, all digits
    of a quotient (`Item_func_min_max::val_decimal_native`), and shows it in the scale of all."""
    if all(value.type.family is Family.STRING for value in values) and len(values) <= _MOST_TEXTS:
        return _extreme_text(operation, values)
    type_, converted = alternatives(values, operation.upper())
    if is_mariadb and type_.family is Family.DECIMAL:
        type_ = replace(type_, unpadded=False)
    if type_.family in (Family.STRING, Family.BINARY, Family.NULL) or (
        type_.vague and type_.frac != type_.scale and (not is_mariadb or any(value.type.vague for value in values))
    ):
        refuse(f"{operation.upper()} of {type_.family.value} values is not supported")
    if len({v.type.family for v in converted}) > 1 and type_.family not in EXACT:
        refuse(f"{operation.upper()} of mixed values is not supported")
    return Expr(operation, type_, tuple(map(_one_zero, converted)))


def _one_zero(value: Expr) -> Expr:
    """Let a double fail where it is -0: it equals 0, and which of both is shown is the server's choice."""
    if value.type.family not in APPROXIMATE or value.op == "to_double" or is_literal(value):
        return value
    return Expr("plain_zero", value.type, (value,))


def _extreme_text(operation: str, values: list[Expr]) -> Expr:
    """The servers give different ones of texts that are equal in different spellings: those fail."""
    require_one_collation(values, operation.upper())
    best, *others = values
    for other in others:
        type_ = unify_strings([best.type, other.type], operation.upper())
        above, below = (other, best) if operation == "greatest" else (best, other)
        same = Expr("same_text", type_, (best, other))
        best = case([compare("gt", other, best), compare("lt", other, best)], [above, below], same, operation.upper())
    return best


def round_to(operation: str, expr: Expr, places: Expr | None) -> Expr:
    """ROUND or TRUNCATE of exact numbers to a constant number of places."""
    expr = as_number(expr, operation.upper())
    if expr.type.family is Family.NULL:
        return expr
    count = 0 if places is None else places.value
    if (places is not None and not is_literal(places)) or not isinstance(count, int) or isinstance(count, bool):
        refuse(f"{operation.upper()} to a number of places that is not an integer constant is not supported")
    if expr.type.family in APPROXIMATE:
        if abs(count) > 22:  # powers of ten up to there are doubles
            refuse(f"{operation.upper()} of a double to {count} places is not supported")
        return Expr(f"double_{operation}", DOUBLE, (as_double(expr),), value=count)
    if -18 <= count < 0:
        return _round_before_point(operation, expr, -count)
    if expr.type.family in WHOLE and count >= 0:
        whole = UBIGINT if expr.type.unsigned else BIGINT
        type_ = replace(whole, digits=expr.type.digits, characters=expr.type.characters)
        return Expr("whole", type_, (expr,))
    if not 0 <= count <= MAX_SCALE:
        refuse(f"{operation.upper()} to {count} places is not supported")
    return Expr(operation, decimal(whole_digits(expr.type) + 1 + count, count), (expr,), value=count)


def _round_before_point(operation: str, expr: Expr, zeros: int) -> Expr:
    if expr.type.frac != expr.type.scale:
        refuse(f"{operation.upper()} of a quotient to negative places is not supported")
    if expr.type.family in WHOLE:
        type_ = replace(UBIGINT if expr.type.unsigned else BIGINT, digits=expr.type.digits)
    else:
        type_ = decimal(whole_digits(expr.type) + 1, 0)
    return Expr(f"{operation}_before_point", type_, (expr,), value=zeros)


def floor_or_ceil(operation: str, expr: Expr) -> Expr:
    """FLOOR or CEILING: of a decimal it is an integer when it is sure to fit."""
    expr = as_number(expr, operation.upper())
    if expr.type.family is Family.NULL or expr.type.family in WHOLE:
        return Expr("whole", replace(expr.type, digits=20), (expr,)) if expr.type.family in WHOLE else expr
    if expr.type.family in APPROXIMATE:
        return Expr(f"double_{operation}", DOUBLE, (as_double(expr),))
    whole = whole_digits(expr.type) + 1
    if whole <= 18:
        return Expr(operation, BIGINT, (expr,))
    if not expr.type.frac:  # DuckDB's makes a double of a literal of this length
        return expr.typed(decimal(whole, 0))
    return Expr(operation, decimal(whole, 0), (expr,))


def absolute(expr: Expr) -> Expr:
    """ABS."""
    expr = as_number(expr, "ABS")
    if expr.type.family is Family.FLOAT:
        expr = as_double(expr)
    if expr.type.family in WHOLE:
        return expr if expr.type.unsigned else Expr("int_abs", replace(BIGINT, room=expr.type.room), (expr,))
    return expr if expr.type.family is Family.NULL else Expr("abs", replace(expr.type, unpadded=False), (expr,))


def sign(expr: Expr) -> Expr:
    """SIGN."""
    expr = as_number(expr, "SIGN")
    if expr.op == "bit_number":
        refuse("SIGN is applied to a BIT(64)")  # of its first bit MariaDB makes the sign where the plan stores it
    return expr if expr.type.family is Family.NULL else Expr("sign", replace(BIGINT, digits=1), (expr,))


AVERAGE = "average"  # of AVG: MySQL takes the double next to it for an integer, 2.5 for 2 (Item_sum_avg::val_int)


def to_integer(expr: Expr, unsigned: bool) -> Expr:
    """CAST(expr AS SIGNED or UNSIGNED); decimals round half away from zero, but for AVERAGE."""
    if expr.op == "json_part":
        return Expr("json_integer", UBIGINT if unsigned else BIGINT, expr.args, expr.value)
    if expr.type.family is Family.STRING and not is_literal(expr):
        require_one_text(expr)
        return Expr("text_to_unsigned" if unsigned else "text_to_signed", UBIGINT if unsigned else BIGINT, (expr,))
    written = literals.text_of(expr)
    if written is not None and not _WHOLE_TEXT.fullmatch(written):
        refuse("CAST of a text that is no whole number gives a warning")
    if expr.type.family in TEMPORAL and not expr.type.fsp:
        expr = operand(expr, "CAST")
    if expr.type.family in LISTED:
        expr = as_number_of(expr)
    expr = as_number(expr, "CAST AS SIGNED")
    if expr.type.family is Family.NULL:
        return expr
    if expr.type.family in APPROXIMATE:
        return Expr("double_to_int", UBIGINT if unsigned else BIGINT, (as_double(expr),))
    if _is_average(expr) and not unsigned:
        return Expr("double_to_int", BIGINT, (as_double(expr),))
    if expr.op == "case" and any(map(_is_average, walk(expr))):
        refuse("an integer is made of an average that a condition chose")
    if expr.type.frac != expr.type.scale:
        expr = Expr("round", decimal(expr.type.digits, 0), (expr,), value=0)
    if _is_cut_seconds(expr) and not unsigned:
        expr = Expr("truncate", decimal(expr.type.digits, 0), (expr,), value=0)
    elif not _is_cut_seconds(expr):
        require_no_cut_seconds(expr)
    return Expr("to_unsigned" if unsigned else "to_signed", UBIGINT if unsigned else BIGINT, (expr,))


def _is_average(expr: Expr) -> bool:
    return expr.op == "quotient" and expr.value == AVERAGE  # of others the value may be any text of the statement


def _is_cut_seconds(expr: Expr) -> bool:
    """Tell whether MySQL cuts a number where it takes it as a signed integer: UNIX_TIMESTAMP() with a fraction gives
    its seconds then (Item_timeval_func::val_int), all other decimals are rounded."""
    return expr.op == "unix_time_fraction" and isinstance(expr.value, tuple) and bool(expr.value[1])


def require_no_cut_seconds(expr: Expr) -> None:
    """Refuse such seconds where it depends on what is between whether they are cut or rounded: IF and CASE hand
    the question on, COALESCE does not, a derived table does when it is merged. Raises Refused."""
    if expr.type.family is Family.DECIMAL and any(_is_cut_seconds(part) for part in walk(expr)):
        refuse("UNIX_TIMESTAMP with a fraction of a second is not supported in this place")


def to_decimal(expr: Expr, digits: int, scale: int) -> Expr:
    """CAST(expr AS DECIMAL(digits, scale)); what does not fit fails in the engine."""
    if expr.type.family is Family.STRING and not is_literal(expr) and digits <= 38:
        require_one_text(expr)
        return Expr("text_to_decimal", decimal(digits, scale), (expr,))
    if expr.op == "json_part" and digits <= 38:
        return Expr("json_decimal", decimal(digits, scale), expr.args, expr.value)
    expr = as_number(expr, "CAST AS DECIMAL")
    if expr.type.family is Family.NULL:
        return expr
    if digits > 38:
        refuse("a decimal of more than 38 digits is not supported")
    if expr.type.family in APPROXIMATE:
        return Expr("double_to_decimal", decimal(digits, scale), (as_double(expr),))
    return Expr("to_decimal", decimal(digits, scale), (expr,))


def to_double(expr: Expr) -> Expr:
    """CAST(expr AS DOUBLE)."""
    expr = as_number(expr, "CAST AS DOUBLE")
    return expr if expr.type.family is Family.NULL else as_double(expr)


def is_truth(expr: Expr, wanted: bool) -> Expr:
    """expr IS TRUE or IS FALSE."""
    condition = as_condition(expr)
    return Expr("is_true" if wanted else "is_false", condition.type, (condition,))
