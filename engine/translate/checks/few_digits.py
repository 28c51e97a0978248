"""Integers for which MariaDB counts fewer digits than they have, so that its temporary tables have no room for them.

ASCII is declared with three characters, of which one may be a sign: the average of 117 that is kept in a table is
99.9999. ORD has seven, PERIOD_ADD six, and `a DIV b` those that `a` has before its point, whatever `b` is: they are
kept as an INT, 4036991104 as 2147483647. As a text such a number has those digits: -128 DIV 1 of a TINYINT is -12,
and 838 hours are 83. As a decimal, beside one or as an average, it has no more either: TO_DAYS has six, TO_SECONDS
eleven, HOUR of a time two. A window gives constants and truths a digit less than they have, for a sign: LEAD(10) OVER
… / 1 is 9.9999, and AVG(MAX(10)) OVER () too. So do ABS, ROUND and their like of a truth, and NULLIF. Which plan
keeps rows in a table is the server's choice (read off 10.11.19, of every function that gives an integer).
"""

from dataclasses import replace

from engine.translate.literals import is_literal
from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, SetOperation, is_stored, walk
from engine.translate.types import EXACT, WHOLE, Family, whole_digits
from engine.translate.walks import Gathered

_FEW_DIGITS = ("bit_count", "period_add", "year_week", "ascii", "ord")
_SIGNED_DAYS = frozenset({"day_of_week", "weekday"})  # one character, taken for that of a sign
_MOSTLY_ENOUGH = {"to_days": 6, "to_seconds": 11}  # digits of functions few of whose values have more
_HOURS = 2
_CHOICES = frozenset({"case", "coalesce", "greatest", "least"})
_CHOOSING = _CHOICES | {"int_to_text", "decimal_to_text", "round", "settled"}
_AROUND = frozenset({"within", "round", "round_before_point", "ended", "settled", "to_decimal"})
_HANDING = _CHOICES | _AROUND | {"whole", "int_negate", "int_abs", "min", "max", "group_value", "any", "any_same"}
_NEIGHBOURS = frozenset({"lag", "lead", "first_value", "last_value", "nth_value"})
_HANDED_ON = _NEIGHBOURS | {"min", "max"}
_CALCULATIONS = frozenset(
    f"{kind}_{name}" for kind in ("int", "decimal") for name in ("add", "subtract", "multiply", "modulo")
)
# Characters that a function has as a dividend of DIV, where that is fewer than its values may have.
_DIVIDENDS = {"to_days": 6, "to_seconds": 11, "bit_count": 1, "year_week": 5}
_NEUTRAL = _CALCULATIONS | _CHOICES | {"int_negate", "negate", "abs", "literal", "within"}
_LONGEST = 19  # digits of a BIGINT, as TIMESTAMPDIFF is one
_OF_TRUTH = 1  # character of an integer that MariaDB takes for a sign
_INT_DIGITS = 9  # that an INT has room for, whatever they are


def require_counted(value: Expr) -> None:
    """Refuse a value whose average MariaDB cuts off. Raises Refused."""
    if _counts_few_digits(value) or _may_be_cut(value):
        refuse("MariaDB cuts off an average of this function where it is kept in a table")


def require_counted_dividend(value: Expr) -> None:
    """Refuse a dividend whose quotient MariaDB cuts off. Raises Refused."""
    if any(_has_few_digits(part) for part in _leaves(value)):
        refuse("MariaDB cuts off a quotient of this function where it is kept in a table")
    if _may_be_cut(value):
        refuse("MariaDB cuts off a quotient of a window of constants, or of a truth in a function")


def with_room(value: Expr) -> Expr:
    """Let an integer fail that has more digits than MariaDB has for it as part of an average, a quotient or a decimal:
    one of DIV has one less than its dividend. Raises Refused where these digits are not known."""
    if value.op == "int_divide":
        return value if value.type.unsigned else _within(value, _dividend_digits(value) - 1)
    leaves = _leaves(value)
    if value.op in _CHOICES and any(part.op == "int_divide" for part in leaves):
        refuse("a quotient or an average of DIV in a condition is not supported")
    known = [_usual_digits(part) for part in leaves]
    if not any(known):
        return value
    return _within(value, max(digits or part.type.digits for digits, part in zip(known, leaves, strict=True)))


def beside_decimal(value: Expr) -> Expr:
    """The same of an integer that is calculated with beside a decimal. Raises Refused for functions whose values
    mostly have more digits."""
    if value.type.family not in WHOLE or is_literal(value):
        return value
    if _may_be_cut(value, truths=False):
        refuse("MariaDB cuts off a window of constants beside decimals")
    if any(_has_few_digits(part) for part in _leaves(value)):
        refuse("MariaDB cuts off this function beside decimals where it is kept in a table")
    return with_room(value)


def as_int(value: Expr) -> Expr:
    """Let a value fail for which the INT has no room that MariaDB keeps it in: of ORD, PERIOD_ADD and DIV by what may
    be less than 1. Raises Refused where the dividend's digits are not known."""
    if value.op != "int_divide":
        return _within(value, _INT_DIGITS)
    if value.args[1].type.family in WHOLE or _dividend_digits(value) > _INT_DIGITS:
        return value
    return _within(value, _INT_DIGITS)


def of_truth(value: Expr) -> Expr:
    """Note in the type of an integer that it is a truth through a function for which MariaDB counts no digit of it."""
    if value.type.family in WHOLE and any(leaf.op == "to_int" for leaf in _leaves(value)):
        return spelled_short(value, _OF_TRUTH)
    return value


def spelled_short(value: Expr, room: int) -> Expr:
    """Note in an integer's type how many characters MariaDB has for it as a text, where values may have more."""
    return value.typed(replace(value.type, characters=room)) if room else value


def spelled_short_quotient(divided: Expr) -> Expr:
    """The same of a DIV."""
    return spelled_short(divided, _characters(_inner(divided).args[0]))


def _characters(dividend: Expr) -> int:
    """Count the digits of a dividend, which DIV as a text has as characters, the sign one of them; 0 where there is
    no sign, or nothing is known to have too few."""
    parts = _numbers(dividend)
    few = [digits for name, digits in _DIVIDENDS.items() if any(part.op.startswith(name) for part in parts)]
    if few or dividend.type.unsigned or not all(part.op in _NEUTRAL or is_stored(part) for part in parts):
        return min(few, default=0)
    stored = [whole_digits(part.type) for part in parts if is_stored(part) and part.type.family in EXACT]
    if stored and not any(stored):
        refuse("MariaDB has no room for a DIV of decimals without digits before the point")
    literals = [whole_digits(part.type) for part in parts if is_literal(part) and part.type.family in EXACT]
    return min(max(stored or literals or [0]), _LONGEST)


def _numbers(expr: Expr) -> list[Expr]:
    """An expression and all below it but conditions."""
    return [expr, *(part for arg in expr.args if arg.type.family is not Family.BOOL for part in _numbers(arg))]


def with_text_room(text: Expr, number: Expr) -> Expr:
    """Let the text of an integer fail that has more characters than MariaDB may have for it."""
    rooms = _rooms(number)
    if not any(noted for noted, _ in rooms):
        rooms = [(part.type.characters, part.type.digits) for part in _leaves(number)]
        if not any(noted for noted, _ in rooms):
            return text
    most = max(noted or digits for noted, digits in rooms)
    return Expr("fits_text", text.type, (text,), value=most)


def _rooms(value: Expr) -> list[tuple[int, int]]:
    """What is noted, on a guard or on what it is around, of the values that a value may be, and their digits."""
    if not value.type.characters and value.op in _AROUND:
        return _rooms(value.args[0])
    if not value.type.characters and value.op in _CHOICES:
        return [room for arg in value.args for room in _rooms(arg)]
    return [(value.type.characters, value.type.digits)]


def require_room_for_choices(statement: Gathered) -> None:
    """Refuse conditions and UNIONs that give such an integer or a decimal, for the decimal has its digits; and ORD as
    text, of which there are seven characters. Raises Refused."""
    for query in statement.queries:
        if isinstance(query, SetOperation):
            for sides in zip(query.left.outputs, query.right.outputs, strict=True):
                _require_one_sign([side.expr for side in sides])
    if not statement.ops & _CHOOSING:
        return
    for node in statement.nodes:
        if node.op in _CHOICES or (node.op == "round" and node.type.family is Family.DECIMAL):  # a UNION rounds
            parts = _leaves(node)
            if node.type.family is not Family.DECIMAL and not any(part.type.unsigned for part in parts):
                continue  # else it is a decimal there
            if _may_be_cut(node, truths=False):
                refuse("MariaDB cuts off a window of constants beside decimals")
            for part in parts:
                if part.op == "int_divide" or _has_few_digits(part) or _usual_digits(part):
                    refuse("MariaDB cuts off this function beside decimals where it is kept in a table")
        elif node.op == "int_to_text" and _inner(node.args[0]).op == "ord":
            refuse("MariaDB cuts off ORD as a text where it is kept in a table")
        elif node.op == "decimal_to_text" and _inner(node.args[0]).op == WINDOW:
            refuse("MariaDB cuts off a window's decimal as a text")  # -0.5 of a DECIMAL(1,1)


def require_counted_behind(statement: Gathered) -> None:
    """Refuse averages and quotients of such functions that are columns of derived tables: these are merged. Raises
    Refused."""
    if "quotient" not in statement.ops:
        return
    origins = Origins(statement.queries)
    for node in statement.nodes:
        if node.op == "quotient":
            for part in (leaf for arg in node.args[0].args or node.args[:1] for leaf in _leaves(arg)):
                shown = origins.output(part) if part.op == "column" else None
                while shown is not None and shown.op == "column":
                    shown = origins.output(shown)
                if shown is not None and any(_has_few_digits(inner) or _is_cut(inner) for inner in walk(shown)):
                    refuse("MariaDB cuts off an average of this function where it is kept in a table")


def _require_one_sign(sides: list[Expr]) -> None:
    """A UNION of such an integer and an unsigned one is a decimal too."""
    parts = [part for side in sides for part in _leaves(side)]
    few = any(part.op == "int_divide" or _has_few_digits(part) or _usual_digits(part) for part in parts)
    if few and any(part.type.unsigned for part in (*sides, *parts)):
        refuse("MariaDB cuts off this function beside unsigned integers in a UNION")


def _inner(value: Expr) -> Expr:
    """What a guard is around."""
    while value.op in _AROUND:
        value = value.args[0]
    return value


def _within(value: Expr, digits: int) -> Expr:
    return Expr("within", value.type, (value,), value=max(digits, 0))


def _dividend_digits(divided: Expr) -> int:
    """Count the digits before the point that the dividend of DIV surely has in MariaDB's reckoning."""
    dividend = divided.args[0]
    if dividend.op == "elapsed":
        return _LONGEST
    parts = list(walk(dividend))
    if not all(part.op in _CALCULATIONS or is_literal(part) or is_stored(part) for part in parts):
        refuse("MariaDB does not count the digits of this DIV")
    return min(max((whole_digits(part.type) for part in parts if is_stored(part)), default=1), _LONGEST)


def _leaves(value: Expr) -> list[Expr]:
    """The values that a value may be, also those that MIN, MAX, a window or a sub-query takes, or their opposites."""
    if value.op == "scalar" and isinstance(value.value, Block | SetOperation):
        return _leaves(value.value.outputs[0].expr)
    if value.op == WINDOW or value.op in _NEIGHBOURS:
        return _leaves(value.args[0]) if value.args else [value]
    if value.op not in _HANDING:
        return [value]
    return [leaf for arg in value.args if arg.type.family is not Family.BOOL for leaf in _leaves(arg)]


def _counts_few_digits(value: Expr) -> bool:
    """Tell whether MariaDB counts fewer digits than a value has: of a calculation of constants (9 DIV 1, ROUND(7, 2))
    it may have none."""
    parts = list(walk(value))
    if any(_has_few_digits(part) for part in parts):
        return True
    extremes = [part for part in parts if part.op in ("min", "max") and part.type.family in WHOLE]  # beside OVER
    if any(map(_hands_on_short, extremes)):
        return True
    return not is_literal(value) and all(part.op != "column" and part.op not in AGGREGATES for part in parts)


def _has_few_digits(expr: Expr) -> bool:
    return expr.op.startswith(_FEW_DIGITS) or expr.op in _SIGNED_DAYS


def _may_be_cut(value: Expr, truths: bool = True) -> bool:
    """Tell whether a value may be that of a window or a function with too few digits: of `truths`, where they count."""
    if value.op == "scalar" and isinstance(value.value, Block | SetOperation):
        return _may_be_cut(value.value.outputs[0].expr, truths)
    if _is_cut(value, truths) or value.op not in _HANDING:
        return _is_cut(value, truths)
    return any(_may_be_cut(arg, truths) for arg in value.args if arg.type.family is not Family.BOOL)


def _is_cut(expr: Expr, truths: bool = True) -> bool:
    """Tell whether a window gives a constant or a truth that has more digits than the columns beside it, or a function
    a truth."""
    if expr.type.family not in WHOLE:
        return False
    if expr.type.characters == _OF_TRUTH and _inner(expr).op != "int_divide":
        return truths
    return expr.op == WINDOW and expr.args[0].op in _HANDED_ON and _hands_on_short(expr, truths)


def _hands_on_short(expr: Expr, truths: bool = True) -> bool:
    """Tell whether what an integer is taken from is a constant, or a truth, that has more digits than the columns."""
    leaves = _leaves(expr)
    stored = max((whole_digits(leaf.type) for leaf in leaves if is_stored(leaf)), default=0)
    constants = (max(whole_digits(leaf.type), 1) for leaf in leaves if is_literal(leaf))
    return any(digits > stored for digits in constants) or (truths and any(leaf.op == "to_int" for leaf in leaves))


def _usual_digits(expr: Expr) -> int:
    """Count the digits that MariaDB has for a function few of whose values have more; 0 for all else. A time may have
    838 hours."""
    hours = expr.op == "time_part" and isinstance(expr.value, tuple) and expr.value[-1] == "HOUR"
    return _HOURS if hours else _MOSTLY_ENOUGH.get(expr.op, 0)
