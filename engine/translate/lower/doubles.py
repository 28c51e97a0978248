"""DuckDB for doubles: MySQL's rounding, and values of which only bounds are certain (see `bind.doubles`).

How far an unordered sum of n doubles can be from another order's is at most 2 (n - 1) u times the sum of magnitudes,
with u = 2^-53 (Higham, Accuracy and Stability of Numerical Algorithms, 4.2). Where every value is a multiple of 2^-k
and the magnitudes add up to less than 2^(53-k), each partial sum is a double: the sum is exact in any order.

The mean that MySQL's variance updates row by row is off by at most u M (n / 2 + 7), M the largest magnitude; summing
what that does to (x - old mean) (x - new mean) gives a relative error below 4 (n + 16) u (1 + M / deviation).
The engine merges partial variances, with an error of the same kind: three times that is taken.

Functions of the C library are within one unit of the last place of the true value on every common one: eight are taken.

Where a statement asks models no server has another value, and each of these is its own bounds.
"""

import re
from collections.abc import Callable
from typing import cast

from engine.deviations import Squares
from engine.translate.bind.kept.doubles import LEAVES, is_loose
from engine.translate.lower import intervals
from engine.translate.lower.intervals import pair
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.lower.over import over, over_partition
from engine.translate.lower.rounding import half_even
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Expr, is_stored

Writer = Callable[[Lowering, Expr], str]
_CHOOSING = frozenset({"case", "coalesce", "greatest", "least", "scalar"})
_UNCERTAIN = "error('the last digits of a double are not certain')"
BY_KEY = "unless rows are taken in the order of their key"  # what fails so is tried again in that order
_OUT_OF_RANGE = "error('a number is out of range')"
_NEGATIVE_ZERO = "error('a negative zero')"
_PER_ROW = "2.6e-16"  # 2 u, and room for the rounding of the bounds
_PER_CHANGE = "4.8e-16"  # the same of rows that enter and leave
_EXACT = f"{1 << 53}.0"
_GRAINS = (0, 10, 20, 32, 44)  # values are looked at as multiples of 2^-k for these k
_LEAST_PLAIN = "1e-4"  # smaller numbers have an exponent as text
_FIELD = re.compile(r"(?<=[a-z\]])\.([a-z]+)\b")
_NEIGHBOURS = {"lag": ", {}", "lead": ", {}", "nth_value": ", {}", "first_value": "", "last_value": ""}


def _let(body: str, **values: str) -> str:
    """Name values, each written once, for a formula: e.name."""
    named = ", ".join(f"'{name}': {sql}" for name, sql in values.items())
    body = _FIELD.sub(r"['\1']", body)  # a dotted name is looked for among the columns in HAVING
    return f"list_transform([{{{named}}}], lambda e: {body})[1]"


def bounds(low: Lowering, expr: Expr) -> str:
    """Write a struct of the least and the greatest that a value can be: .l and .h."""
    if is_loose(expr):
        return _BOUNDS[expr.op](low, expr)
    return _let(pair("e.x", "e.x"), x=low.expr(expr))


def settled(low: Lowering, expr: Expr, function: str = "{0}", same: str = "{0}") -> str:
    """Write a function that never falls of a loose value; it fails where the bounds give what is not the `same`."""
    bottom, top = (function.format(end) for end in ("e.p.l", "e.p.h"))
    agreed = f"{same.format(bottom)} = {same.format(top)} AND isfinite(e.p.l)"
    return _let(
        f"CASE WHEN e.p.l IS NULL THEN NULL WHEN {agreed} THEN {bottom} ELSE {_uncertain(low)} END", p=bounds(low, expr)
    )


def _uncertain(low: Lowering) -> str:
    """Fail; where doubles may be added up in the backend's order, so that the statement is tried again that way."""
    return _UNCERTAIN.replace("')", f" {BY_KEY}')") if low.key_order and not low.is_ordered() else _UNCERTAIN


def bare(low: Lowering, expr: Expr) -> str:
    """Write a loose value where every digit counts; raises Refused for those that are never certain."""
    for part in [] if low.asks_models else _loose_parts(expr):
        if part.op == "spread" and not low.key_order:
            refuse("the last digits of STDDEV or VARIANCE depend on the order of rows, unless they are rounded")
        if part.op == "libm" and part.value != "pow":
            refuse(f"the last digits of {str(part.value).upper()} depend on the C library, unless they are rounded")
    around, low.shows_digits = low.shows_digits, True
    written = settled(low, expr)
    low.shows_digits = around
    return written


def _loose_parts(expr: Expr) -> list[Expr]:
    if not is_loose(expr):
        return []
    return [*([expr] if expr.op in LEAVES else []), *(part for arg in expr.args for part in _loose_parts(arg))]


def compared(low: Lowering, expr: Expr, sign: str) -> str:
    """Write a comparison of two doubles, one of them loose: it fails where the bounds do not decide."""
    missing = "e.a.l IS NULL OR e.b.l IS NULL"
    if sign in ("<", "<=", ">", ">="):
        ends = ("h", "l") if sign in ("<", "<=") else ("l", "h")
        surely, maybe = (f"e.a.{one} {sign} e.b.{other}" for one, other in (ends, ends[::-1]))
        cases = f"WHEN {missing} THEN NULL WHEN {surely} THEN TRUE WHEN NOT ({maybe}) THEN FALSE"
    else:
        apart, same = "e.a.h < e.b.l OR e.b.h < e.a.l", "e.a.l = e.a.h AND e.b.l = e.b.h"
        null = "(e.a.l IS NULL AND e.b.l IS NULL)" if sign == "IS NOT DISTINCT FROM" else "NULL"
        equal, other = ("FALSE", "TRUE") if sign == "<>" else ("TRUE", "FALSE")
        cases = f"WHEN {missing} THEN {null} WHEN {apart} THEN {other} WHEN {same} THEN {equal}"
    infinite = "NOT isfinite(e.a.l + e.a.h) OR NOT isfinite(e.b.l + e.b.h)"
    body = f"CASE WHEN {infinite} THEN {_OUT_OF_RANGE} {cases} ELSE {_uncertain(low)} END"
    return _let(body, a=bounds(low, expr.args[0]), b=bounds(low, expr.args[1]))


def _own(made: str) -> str:
    """Bounds that are the value itself."""
    return _let(pair("e.y", "e.y"), y=made)


def _sum(low: Lowering, expr: Expr, window: Expr | None = None) -> str:
    (arg,), distinct = expr.args, "DISTINCT " if expr.value else ""
    each = "" if window is None else f" {over(low, window)}"
    if low.asks_models:
        return _own(f"sum({distinct}{low.expr(arg)}){each}")
    whole, rate = each, _PER_ROW
    if window is not None and _moves(window):  # what leaves the frame may be subtracted
        whole, rate = f" {over_partition(low, window)}", _PER_CHANGE
    if is_loose(arg):
        if distinct:
            refuse("SUM(DISTINCT) of a value whose last digits are not certain is not supported")
        row = bounds(low, arg)
        size = f"sum(greatest(abs({row}.l), abs({row}.h))){whole}"
        return _let(
            pair("e.b - e.r", "e.t + e.r"),
            b=f"sum({row}.l){each}",
            t=f"sum({row}.h){each}",
            r=f"{size} * count({row}.l){whole} * {rate}",
        )
    guarded = window is None and arg.op == "plain_zero"  # -0 matters only where all are
    sql = low.expr(arg.args[0] if guarded else arg)
    zeros = f"max(CASE WHEN {sql} <> 0 THEN 2 WHEN signbit({sql}) THEN 1 ELSE 0 END)"
    if window is None and low.key_order and not distinct and low.is_ordered():
        made = _own(f"sum({sql} {in_order(low)})")
        return f"(CASE WHEN {zeros} = 1 THEN {_NEGATIVE_ZERO} ELSE {made} END)" if guarded else made
    grain = " ".join(f"WHEN {_scaled(sql, k)} = trunc({_scaled(sql, k)}) THEN {k}" for k in _GRAINS)
    fails, found = (f"WHEN e.z = 1 THEN {_NEGATIVE_ZERO} ", {"z": zeros}) if guarded else ("", {})
    return _let(
        f"CASE {fails}WHEN e.s * pow(2.0, e.k) < {_EXACT} THEN {pair('e.t', 'e.t')} "
        f"ELSE {pair(f'e.t - e.s * e.n * {rate}', f'e.t + e.s * e.n * {rate}')} END",
        t=f"sum({distinct}{sql}){each}",
        s=f"sum({distinct}abs({sql})){whole}",
        n=f"count({distinct}{sql}){whole}",
        k=f"max(CASE {grain} WHEN {sql} IS NOT NULL THEN 2000 END){whole}",
        **found,
    )


def in_order(low: Lowering) -> str:
    """Write ORDER BY of an aggregate as the backend reads rows, where `low.key_order` is known."""
    return f"ORDER BY {', '.join(f'{key} {way}' for key, way in first_row(low))}"


def first_row(low: Lowering) -> list[tuple[str, str]]:
    """Give the keys of the order in which the backend reads, each with its way, as an index has them."""
    return [(low.order_key(key), "ASC NULLS FIRST") for key in low.key_order]


def _moves(window: Expr) -> bool:
    """Tell whether rows leave the frame of a window."""
    _, _, frame = cast("tuple[int, tuple[bool, ...], str]", window.value)
    return bool(frame) and "BETWEEN UNBOUNDED PRECEDING" not in frame


def _over(low: Lowering, expr: Expr) -> str:
    """A sum or a deviation over a window, or a value of another row."""
    function = expr.args[0]
    if function.op in _NEIGHBOURS:
        row, place = bounds(low, function.args[0]), _NEIGHBOURS[function.op].format(function.value)
        bottom, top = (f"{function.op}({row}.{end}{place}) {over(low, expr)}" for end in "lh")
        return _let(pair("e.b", "e.t"), b=bottom, t=top)
    return _spread(low, function, expr) if function.op == "spread" else _sum(low, function, expr)


def _scaled(sql: str, k: int) -> str:
    return f"({sql} * {1 << k}.0)" if k else sql


def _average(low: Lowering, expr: Expr) -> str:
    """AVG of exact numbers as a double: the sum divided in doubles, or the decimal, whose later digits are cut, or
    with a second argument what a table may have of it."""
    total, count = (low.expr(side) for side in expr.args[0].args)
    sides = [low.expr(Expr("text_to_double", expr.type, (arg,))) for arg in expr.args]
    sides.append(f"(CAST(CAST({total} AS VARCHAR) AS DOUBLE) / nullif(CAST({count} AS DOUBLE), 0))")
    named = dict(zip("abc", sides, strict=False))
    all_of = ", ".join(f"e.{name}" for name in named)
    return _let(pair(f"least({all_of})", f"greatest({all_of})"), **named)


def _spread(low: Lowering, expr: Expr, window: Expr | None = None) -> str:
    sample, root = cast("tuple[bool, bool]", expr.value)
    each = "" if window is None else f" {over(low, window)}"
    if low.asks_models:
        return _own(f"{'stddev' if root else 'var'}_{'samp' if sample else 'pop'}({low.expr(expr.args[0])}){each}")
    if is_loose(expr.args[0]):
        refuse("STDDEV or VARIANCE of a value whose last digits are not certain is not supported")
    sql = low.expr(expr.args[0])
    if window is None and low.key_order and (low.shows_digits or low.is_ordered()):
        return _spread_in_order(low, sql, sample, root)
    ends = [f"e.v * (1 {sign} e.r)" for sign in "-+"]
    either = pair(*(f"sqrt({end})" if root else end for end in ends))
    body = (
        f"CASE WHEN e.n < {2 if sample else 1} THEN NULL WHEN e.same THEN {pair('0.0', '0.0')}"
        f" WHEN e.r < 0.01 THEN {either} ELSE {_uncertain(low)} END"
    )
    least, greatest, count = (f"{name}({sql}){each}" for name in ("min", "max", "count"))
    deviation = f"nullif(stddev_pop({sql}){each}, 0.0)"
    return _let(
        body,
        n=count,
        v=f"var_{'samp' if sample else 'pop'}({sql}){each}",
        r=f"({count} + 16) * 1.4e-15 * (1 + greatest(abs({least}), abs({greatest})) / {deviation})",
        same=f"({least} = {greatest})",
    )


def _spread_in_order(low: Lowering, sql: str, sample: bool, root: bool) -> str:
    """The servers' recurrence over the rows in their order: to the last digit theirs."""
    low.functions[Squares.function] = Squares()
    values = f"list({sql} {in_order(low)})"
    variance = "e.s / (e.n - 1)" if sample else "e.s / e.n"
    made = f"sqrt({variance})" if root else variance
    missing = f"WHEN e.n < {2 if sample else 1} THEN NULL WHEN e.n = 1 THEN {pair('0.0', '0.0')}"
    body = f"CASE {missing} ELSE {pair(made, made)} END"
    return _let(body, s=f"{Squares.function}({values})", n=f"count({sql})")


def _libm(low: Lowering, expr: Expr) -> str:
    name = str(expr.value)
    if low.asks_models:
        return _own(f"{name}({', '.join(low.expr(arg) for arg in expr.args)})")
    if any(is_loose(arg) for arg in expr.args):
        body = intervals.body(name, _uncertain(low))
        if body is None:
            refuse(f"{name.upper()} of a value whose last digits are not certain is not supported")
        return _let(body, **{place: bounds(low, arg) for place, arg in zip("xy", expr.args, strict=False)})
    arguments = [low.expr(arg) for arg in expr.args]
    made, room = f"{name}({', '.join(arguments)})", "abs(e.y) * 1.8e-15"
    if name == "pow":  # whole numbers to the power of whole numbers are exact as long as doubles hold them
        return _let(
            f"CASE WHEN e.a = trunc(e.a) AND e.b = trunc(e.b) AND e.b >= 0 AND abs(e.y) < {_EXACT}"
            f" THEN {pair('e.y', 'e.y')} ELSE {pair(f'e.y - {room}', f'e.y + {room}')} END",
            y=made, a=arguments[0], b=arguments[1],
        )  # fmt: skip
    return _let(pair(f"e.y - {room}", f"e.y + {room}"), y=made)


def _both(body: str) -> Callable[[Lowering, Expr], str]:
    """An operation on two values that never falls in one of the corners of their bounds."""
    return lambda low, expr: _let(body, a=bounds(low, expr.args[0]), b=bounds(low, expr.args[1]))


def _corners(sign: str) -> str:
    made = ", ".join(f"e.a.{one} {sign} e.b.{other}" for one in "lh" for other in "lh")
    known = "e.a.l IS NOT NULL AND e.b.l IS NOT NULL"  # LEAST passes over NULLs
    return f"CASE WHEN {known} THEN {pair(f'least({made})', f'greatest({made})')} END"


def _case(low: Lowering, expr: Expr) -> str:
    half = len(expr.args) // 2
    *ends, last = (bounds(low, value) for value in expr.args[half:])
    conditions = (low.expr(condition) for condition in expr.args[:half])
    branches = " ".join(f"WHEN {sql} THEN {end}" for sql, end in zip(conditions, ends, strict=True))
    return f"(CASE {branches} ELSE {last} END)"


def _coalesce(low: Lowering, expr: Expr) -> str:
    *ends, last = (bounds(low, value) for value in expr.args)
    for end in reversed(ends):
        last = _let("CASE WHEN e.a.l IS NULL THEN e.b ELSE e.a END", a=end, b=last)
    return last


def _one(body: str) -> Callable[[Lowering, Expr], str]:
    return lambda low, expr: _let(body, p=bounds(low, expr.args[0]))


def _extreme(low: Lowering, expr: Expr) -> str:
    """LEAST or GREATEST, NULL where one is."""
    *ends, last = (bounds(low, value) for value in expr.args)
    for end in reversed(ends):
        ways = (f"{expr.op}(e.a.{side}, e.b.{side})" for side in "lh")
        last = _let(f"CASE WHEN e.a.l IS NOT NULL AND e.b.l IS NOT NULL THEN {pair(*ways)} END", a=end, b=last)
    return last


_BOUNDS: dict[str, Callable[[Lowering, Expr], str]] = {
    "double_sum": _sum,
    "average_double": _average,
    "spread": _spread,
    "libm": _libm,
    WINDOW: _over,
    "double_add": _both(pair("e.a.l + e.b.l", "e.a.h + e.b.h")),
    "double_subtract": _both(pair("e.a.l - e.b.h", "e.a.h - e.b.l")),
    "double_multiply": _both(_corners("*")),
    "double_divide": _both(
        f"CASE WHEN e.a.l IS NOT NULL AND e.b.l <= 0 AND e.b.h >= 0 THEN {_UNCERTAIN} ELSE {_corners('/')} END"
    ),
    "square_root": _one(
        f"CASE WHEN e.p.l >= 0 THEN {pair('sqrt(e.p.l)', 'sqrt(e.p.h)')} WHEN e.p.h >= 0 THEN {_UNCERTAIN} END"
    ),
    "abs": _one(
        "CASE WHEN e.p.l IS NOT NULL THEN "
        + pair("abs(greatest(e.p.l, -e.p.h, 0.0))", "greatest(abs(e.p.l), abs(e.p.h))")
        + " END"
    ),
    "least": _extreme,
    "greatest": _extreme,
    "plain_zero": _one(
        "CASE WHEN e.p.l = 0 AND e.p.h = 0 AND '-0.0' NOT IN (CAST(e.p.l AS VARCHAR), CAST(e.p.h AS VARCHAR)) THEN e.p"
        f" WHEN e.p.l <= 0 AND e.p.h >= 0 THEN {_UNCERTAIN} ELSE e.p END"
    ),
    "nonzero": _one(f"CASE WHEN e.p.l <= 0 AND e.p.h >= 0 THEN {_UNCERTAIN} ELSE e.p END"),
    "case": _case,
    "coalesce": _coalesce,
    "negate": _one(pair("-e.p.h", "-e.p.l")),
}


def _monotone(template: str, same: str = "{0}") -> Writer:
    """A function that never falls: of a loose value it is certain where both bounds give the `same`."""

    def write(low: Lowering, expr: Expr) -> str:
        (arg,) = expr.args
        made = template.replace("{v}", str(expr.value))
        return settled(low, arg, made, same) if is_loose(arg) else made.format(low.expr(arg))

    return write


def _round(truncated: bool) -> Writer:
    """my_double_round in sql/item_func.cc; `value` is the number of decimals."""

    def write(low: Lowering, expr: Expr) -> str:
        places = int(str(expr.value))
        tens = f"CAST(1e{abs(places)} AS DOUBLE)"
        moved = f"({{0}} * {tens})" if places > 0 else f"({{0}} / {tens})"
        cut = f"trunc({moved})" if truncated else half_even(moved)
        back = f"({cut} / {tens})" if places > 0 else f"({cut} * {tens})"
        made = f"(CASE WHEN isfinite({moved}) THEN {back} ELSE {{0}} END)" if places > 0 else back
        return _monotone(made, same="CAST({0} AS VARCHAR)")(low, expr)  # -0 and 0 are not

    return write


def _to_integer(low: Lowering, expr: Expr) -> str:
    """Round half to even; what leaves BIGINT gives a warning on the server and fails here. So does half of what may be
    a decimal to the server, which is rounded away from zero: an average that a table has, and what CASE, IF or
    COALESCE choose, also behind a derived table or a sub-query, whose own integer is asked for."""
    whole = f"CAST({half_even('{0}')} AS {'UBIGINT' if expr.type.unsigned else 'BIGINT'})"
    (arg,) = expr.args
    behind = arg.op == "column" and not is_stored(arg)
    if arg.op in _CHOOSING or behind or (arg.op == "average_double" and len(arg.args) > 1):
        whole = f"(CASE WHEN abs({{0}}) % 1 = 0.5 THEN error('half of a number is rounded') ELSE {whole} END)"
    return _monotone(whole)(low, expr)


def _to_decimal(low: Lowering, expr: Expr) -> str:
    """The shortest decimal digits that read back as the double are rounded half away from zero.

    DuckDB 1.5 reads digits with an exponent wrongly: it keeps too many of a large number, and makes one of 9.5e-25.
    """
    digits, scale = expr.type.digits, expr.type.scale
    read = f"CAST(CAST({{0}} AS VARCHAR) AS DECIMAL({digits}, {scale}))"
    plain = f"{{0}} IS NULL OR {{0}} = 0 OR abs({{0}}) >= {_LEAST_PLAIN}"
    large = f"WHEN abs({{0}}) >= 1e{digits - scale} THEN error('a number is too large for the decimal')"
    small = f"WHEN abs({{0}}) < 5e-{scale + 1} THEN CAST(0 AS DECIMAL({digits}, {scale}))"
    failure = "error('a small number is made a decimal')"
    return _monotone(f"(CASE {large} WHEN {plain} THEN {read} {small} ELSE {failure} END)")(low, expr)


def _shown(low: Lowering, expr: Expr) -> str:
    """A double shown with a fixed number of decimals: loose bounds may differ behind them."""
    return settled(low, expr.args[0], same=f"printf('%.{expr.value}f', {{0}})")


def _modulo(low: Lowering, expr: Expr) -> str:
    left, right = (low.expr(arg) for arg in expr.args)
    return f"({left} % NULLIF({right}, 0))"


def _storable(low: Lowering, expr: Expr) -> str:
    """A double that a table may round once more, to as many decimals as `expr.value` says."""
    failure = "error('a number may be stored with fewer digits')"
    vanishing = "" if expr.value is None else f" OR ({{0}} < 0 AND {{0}} > -0.51 * 1e-{expr.value})"
    return once(
        low.expr(expr.args[0]),
        lambda sql: f"(CASE WHEN abs({sql}) >= 1e15{vanishing.format(sql)} THEN {failure} ELSE {sql} END)",
    )


def _text(low: Lowering, expr: Expr) -> str:
    """The shortest digits, where MySQL writes them without an exponent; others fail."""
    sql = low.expr(expr.args[0])
    plain = f"abs({sql}) BETWEEN 1e-4 AND 1e14"
    written = f"regexp_replace(CAST({sql} AS VARCHAR), '[.]0$', '')"
    failure = "error('a double may be written otherwise')"
    plain = f"{plain} OR CAST({sql} AS VARCHAR) = '0.0'"
    return f"(CASE WHEN {sql} IS NULL THEN NULL WHEN {plain} THEN {written} ELSE {failure} END)"


def _plain_zero(low: Lowering, expr: Expr) -> str:
    """Which zero of a group with -0 is shown is a matter of the order of rows."""
    negative = "{0} = 0 AND CAST({0} AS VARCHAR) = '-0.0'"
    return once(
        low.expr(expr.args[0]),
        lambda sql: f"(CASE WHEN {negative.format(sql)} THEN {_NEGATIVE_ZERO} ELSE {sql} END)",
    )


DOUBLE_OPS: dict[str, Writer] = {
    **dict.fromkeys(LEAVES, bare),
    "pi": lambda low, expr: "pi()",
    "double_round": _round(truncated=False),
    "double_truncate": _round(truncated=True),
    "double_floor": _monotone("floor({0})"),
    "double_ceil": _monotone("ceil({0})"),
    "double_to_int": _to_integer,
    "double_to_decimal": _to_decimal,
    "double_modulo": _modulo,
    "shown_double": _shown,
    "double_to_text": _text,
    "plain_zero": _plain_zero,
    "storable": _storable,
}
