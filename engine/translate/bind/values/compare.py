"""Comparisons: implicit conversions made explicit, or refused where they are not exact."""

from dataclasses import replace
from functools import partial
from operator import lt

from engine.translate import literals
from engine.translate.bind.numbers import WITH_CONSTANT, WITH_VALUE, as_double, as_value, number_of_text
from engine.translate.bind.values import answers, document_tests, parts_of_bytes
from engine.translate.bind.values.byte_strings import bytes_of
from engine.translate.checks.fixed_decimals import is_spelled, require_exact, require_exact_beside_text
from engine.translate.checks.spelled_times import beside_text, is_alike, is_before
from engine.translate.given import answered, derived
from engine.translate.literals import NULL_LITERAL, is_literal, is_text
from engine.translate.members import LISTED, address, as_number_of, numbered, numbers_of_bytes, require_order, spelled
from engine.translate.packed import PACKED, as_packed, is_packed_pair, is_partial
from engine.translate.refusal import Refused, refuse
from engine.translate.tree import BY_EQUALITY, Expr, is_stored
from engine.translate.types import (
    APPROXIMATE,
    BOOL,
    DATE,
    EXACT,
    NUMERIC,
    TEMPORAL,
    UBIGINT,
    UTF8,
    Family,
    compared_as,
    datetime_type,
    unify_strings,
)

_DAY = len("YYYYMMDD")
_EXACT_DIGITS = 15
_EQUALITY = frozenset({"eq", "ne", "null_safe_eq"})
_READ_AS = {Family.DATE: DATE, Family.DATETIME: datetime_type(6)}
_YEARS = range(1901, 2156)


def compare(operator: str, left: Expr, right: Expr) -> Expr:
    """Compare two values as MySQL does; raises Refused when the conversion is not exact."""
    if (found := document_tests.compared(operator, left, right)) is not None:
        return found
    left, right = numbers_of_bytes(as_value(left), as_value(right))
    left, right = numbered(left), numbered(right)
    if Family.NULL in (left.type.family, right.type.family):
        return _with_null(operator, left, right)
    left, right = paired(left, right)
    if operator not in _EQUALITY:
        require_order(left.type, "comparing the order of")
    return Expr(operator, BOOL, (left, right))


def by_bytes(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Make bytes of a string beside a binary one, as both servers do for `=` and `<`, without padding.

    Not for BETWEEN, IN and CASE, where one collation is found for all values: MySQL 9.7 keeps the column's there. Nor
    for bytes that a function makes: like a literal's, they give way to the collation of a column.
    """
    if {left.type.family, right.type.family} != {Family.STRING, Family.BINARY}:
        return left, right
    if not all(side.type.family is Family.STRING or _holds_bytes(side) for side in (left, right)):
        refuse("a binary string that is computed is compared with a string")
    if left.type.explicit or right.type.explicit:
        refuse("a binary string is compared with a string that has a COLLATE")
    what = "comparing the bytes"
    return (
        left if left.type.family is Family.BINARY else bytes_of(left, what, ""),
        right if right.type.family is Family.BINARY else bytes_of(right, what, ""),
    )


def written_moments(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Read a computed text beside a date as a date, beside a moment as a moment, as both servers do for `=` and `<`.

    Not for IN and CASE, where one type is found for all values, nor for a text BETWEEN dates. A text with a time beside
    a date fails: MySQL 9.7 leaves the time out, MariaDB does not.
    """
    sides = []
    for one, other in ((left, right), (right, left)):
        read = one.type.family is Family.STRING and not is_text(one)
        type_ = _READ_AS.get(other.type.family) if read else None
        sides.append(one if type_ is None else Expr("text_to_moment", type_, (one,)))
    return sides[0], sides[1]


def _holds_bytes(side: Expr) -> bool:
    """Tell whether bytes are a stored column's, or those of CAST AS BINARY."""
    return side.op == "as_bytes" or parts_of_bytes.are_of_column(side)


def _with_null(operator: str, left: Expr, right: Expr) -> Expr:
    if operator != "null_safe_eq":
        return NULL_LITERAL.typed(BOOL)
    if left.type.family is Family.NULL:
        left, right = right, left
    return literals.truth(True) if left.type.family is Family.NULL else Expr("is_null", BOOL, (left,), BY_EQUALITY)


def _yielded(text: Expr, other: Expr) -> Expr:
    """Let a document's text take the collation of a stored column that it is compared with."""
    if not text.type.yielding or not is_stored(other) or other.type.charset not in UTF8:
        return text
    return text.typed(replace(text.type, coercible=True, yielding=False))


def paired(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Convert two values to what MySQL compares them as; raises Refused."""
    left, right = _unlisted(numbered(left), numbered(right))
    a, b = left.type.family, right.type.family
    if Family.ANSWER in (a, b):
        return _answers(left, right)
    if is_packed_pair(left, right):
        return as_packed(left), as_packed(right)
    if a in NUMERIC and b in NUMERIC:
        return _numbers(left, right)
    if a is Family.STRING and b is Family.STRING:
        left, right = answers.beside(left, right.type), answers.beside(right, left.type)
        left, right = _yielded(left, right), _yielded(right, left)
        compared_as(left.type, right.type)
        return left, right
    if a in NUMERIC and a is not Family.YEAR and b is Family.STRING and not is_literal(right):
        return _with_string(left, right)
    if a is Family.STRING:
        right, left = paired(right, left)
        return left, right
    if is_text(right):
        return _with_text(left, right)
    if a in TEMPORAL and b in TEMPORAL:
        return _temporals(left, right)
    for one, other in ((left, right), (right, left)):
        if (
            one.type.family in (Family.DATE, Family.DATETIME)
            and not is_literal(one)
            and other.type.family is Family.INT
        ):
            if not _is_column(one) and answered(_is_day, other) is not (one.type.family is Family.DATE):
                refuse("a date that is computed is compared with a number of another form")
            sides = _temporals(one, derived(literals.dated, other))
            return sides if one is left else sides[::-1]
    if a is Family.BINARY and b is Family.BINARY:
        return left, right
    if a is Family.ADDRESS and left.type == right.type:
        return left, right
    raise Refused(f"a {a.value} is compared with a {b.value}")


def _is_column(expr: Expr) -> bool:
    """Tell whether the server reads a number beside it as a date: MySQL compares computed moments as numbers, of which
    a day's has fewer digits (`convert_constant_arg_to_field` in sql/item_cmpfunc.cc)."""
    return is_stored(expr.args[0] if expr.op in ("zoned", "add_seconds") else expr)


def _is_day(value: object) -> bool:
    """Tell whether a number is written YYYYMMDD."""
    return len(str(value)) == _DAY


def _answers(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Compare an answer's part with another by their spelling, with a number as a number, with a text as a text."""
    kinds = {left.type.family, right.type.family} - {Family.ANSWER}
    if not kinds:
        return left, right
    convert = answers.as_number if kinds <= NUMERIC else answers.as_text
    return paired(*(convert(side) if side.type.family is Family.ANSWER else side for side in (left, right)))


def _unlisted(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Turn an ENUM or SET into its number beside a number, into its text beside all else."""
    sides = []
    for one, other in ((left, right), (right, left)):
        as_number = one.type.family in LISTED and other.type.family in NUMERIC
        sides.append(as_number_of(one) if as_number else spelled(one))
    return sides[0], sides[1]


def _may_be_constant(expr: Expr) -> bool:
    """Tell whether no row may change a value: IS NULL of a column that is NOT NULL is a constant to MySQL."""
    if expr.op in ("column", "group_value"):
        return False
    return expr.op in ("is_null", "is_not_null") or all(map(_may_be_constant, expr.args))


def _numbers(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    for one, other in ((left, right), (right, left)):
        if (
            one.type.family is Family.YEAR
            and _may_be_constant(other)
            and (not is_literal(other) or not answered(_is_year, other))
        ):
            refuse("a YEAR is compared with a constant that is not written as a year")  # 5 is 2005 there
    if left.type.family in EXACT and right.type.family in EXACT:
        if any(e.type.vague and e.type.frac != e.type.scale for e in (left, right)):
            refuse("a quotient of mixed scales is compared")
        return left, right
    require_exact(left, right)
    return as_double(left), as_double(right)


def _is_year(value: object) -> bool:
    return value in _YEARS


def _with_string(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    """Compare a number with a string as doubles, on MariaDB as decimals: the same for at most 15 digits."""
    if left.type.family is Family.DECIMAL and left.type.digits > _EXACT_DIGITS:
        refuse("a long decimal is compared with a string")
    if left.type.frac != left.type.scale:
        refuse("a quotient is compared with a string")
    require_exact_beside_text(left, right)
    number = number_of_text(right, WITH_CONSTANT if is_literal(left) else WITH_VALUE)
    if left.type.family in EXACT and not is_text(right) and is_spelled(right):
        number = Expr("of_places", number.type, (number,), value=left.type.scale)
    return as_double(left), number


def _with_text(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    family = left.type.family
    if family in (Family.DATE, Family.DATETIME):
        if answered(is_partial, right):  # '0000-00-00', which no value here is
            return as_packed(left), as_packed(right)
        return _temporals(left, derived(literals.read_temporal, right))
    if family is Family.TIME:
        read = derived(literals.read_time, right)
        if read.type.fsp > left.type.fsp:  # MySQL rounds it first
            refuse("a time is compared with a literal of more decimals")
        return beside_text(left, read, right)
    if family in (Family.INT, Family.DECIMAL):
        return left, derived(literals.read_number, right, left.type)
    if family in APPROXIMATE:
        right = derived(literals.read_number, right, left.type)
        require_exact(left, right)
        return as_double(left), as_double(right)
    if family is Family.ADDRESS:
        return left, address(str(right.value), left.type)
    raise Refused(f"a {family.value} is compared with a string")


def _temporals(left: Expr, right: Expr) -> tuple[Expr, Expr]:
    families = {left.type.family, right.type.family}
    if len(families) == 1:
        return left, right
    if Family.TIME in families:
        refuse("a time is compared with a date")
    return as_datetime(left), as_datetime(right)


def as_datetime(expr: Expr) -> Expr:
    """Convert a DATE to the DATETIME at its start."""
    if expr.type.family is Family.DATETIME:
        return expr
    if is_literal(expr):
        return derived(literals.midnight, expr)
    return Expr("to_datetime", datetime_type(0), (expr,))


def require_one_collation(values: list[Expr], what: str) -> None:
    """Refuse to compare a first text with others, two by two, where the servers find one collation for them all and it
    is not that of two. Raises Refused."""
    first, *others = [spelled(value).type for value in values]
    others = [other for other in others if other.family is Family.STRING]
    if others and first.family is Family.STRING:
        whole = unify_strings([first, *others], what).collation
        if any(unify_strings([first, other], what).collation != whole for other in others):
            refuse(f"{what} compares two strings in the collation of a third")


def between(value: Expr, low: Expr, high: Expr) -> Expr:
    """value BETWEEN low AND high; all three are compared as one type."""
    require_one_collation([value, low, high], "BETWEEN")
    low, high = parts_of_bytes.beside(value, [low, high])
    if value.type.family in _READ_AS:
        (_, low), (_, high) = written_moments(value, low), written_moments(value, high)
    ends = [compare("ge", value, low), compare("le", value, high)]
    approximate = [side.type.family in APPROXIMATE for end in ends for side in end.args]
    if any(approximate) and not all(approximate):
        refuse("BETWEEN mixes doubles with other numbers")
    compared = {side.type.family for end in ends for side in end.args}
    if Family.STRING in compared and len(compared) > 1:
        refuse("BETWEEN mixes strings with other values")
    written = any(side.type.family is Family.STRING for side in (value, low, high))
    if Family.TIME in compared and written and not _is_between_times(value, low, high):
        refuse("a time is between others that are written as text")  # they are compared as text
    return Expr("and", BOOL, tuple(ends))


def _is_between_times(value: Expr, low: Expr, high: Expr) -> bool:
    """Tell whether a time between text literals is compared as a time, or is the same as a text."""
    if value.op == "column":
        return is_literal(low) and is_literal(high)
    return all(is_text(end) and (is_alike(value, end) or is_before(value, end)) for end in (low, high))


def require_certain_cases(subject: Expr, cases: list[Expr]) -> None:
    """Refuse CASE of a string beside dates, whose spellings MySQL compares: '2024-01-31' is not the midnight that a
    DATETIME is. Beside documents it compares all as one type. Raises Refused."""
    _require_documents_alone(subject, cases, "CASE")
    if subject.type.family is Family.STRING and any(case.type.family in TEMPORAL | PACKED for case in cases):
        refuse("CASE of a string beside dates is not supported")


def equal_bits(left: Expr, right: Expr) -> Expr:
    """left = right as in MySQL's CASE and lists of IN: two integers are equal where their 64 bits are, so that -1 is
    18446744073709551615 (cmp_item_int in sql/item_cmpfunc.h)."""
    left, right = numbered(left), numbered(right)
    for one, other in ((left, right), (right, left)):
        if _is_beyond_bigint(one) and _is_below_zero(other):
            return compare("eq", one, Expr("bits_and", UBIGINT, (other, other)))
    return compare("eq", left, right)


def _is_beyond_bigint(expr: Expr) -> bool:
    type_ = expr.type
    return type_.family is Family.INT and type_.unsigned and (type_.digits >= UBIGINT.digits or is_literal(expr))


def _is_below_zero(expr: Expr) -> bool:
    if expr.type.family is not Family.INT or expr.type.unsigned:
        return False
    return not is_literal(expr) or bool(answered(lt, expr, 0))


def _require_documents_alone(value: Expr, items: list[Expr], what: str) -> None:
    """Refuse a value that is no document beside one among others: MySQL compares it with all of them as one type."""
    documents = [item.type.family is Family.JSON for item in items]
    if any(documents) and value.type.family is not Family.JSON and (what == "CASE" or not all(documents)):
        refuse(f"{what} compares what is no document with documents and others")


def one_of(value: Expr, items: list[Expr], is_mysql: bool) -> Expr:
    """value IN (items). MySQL looks for the bits of integers, but for constants of one type, which it sorts."""
    require_one_collation([value, *items], "IN")
    _require_documents_alone(value, items, "IN")
    items = parts_of_bytes.beside(value, items)
    if len(items) == 1:  # which both servers take for `=`
        value, item = answers.unquoted(value, items[0])
        items = [item]
    sorts = all(is_literal(item) and item.type.family in (Family.INT, Family.NULL) for item in items)
    equal = equal_bits if is_mysql and not sorts and len(items) > 1 else partial(compare, "eq")
    tests = [equal(value, item) for item in items]
    compared = [test for test in tests if test.op == "eq"]
    if len(compared) == len(tests) and all(test.args[0] == compared[0].args[0] for test in compared):
        members = tuple(test.args[1] for test in compared)
        if all(is_literal(member) for member in members) and len({m.type.family for m in members}) == 1:
            return Expr("in", BOOL, (compared[0].args[0], *members))
    return tests[0] if len(tests) == 1 else Expr("or", BOOL, tuple(tests))
