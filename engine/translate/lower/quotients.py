"""Quotients in DuckDB: of small numbers in 64 bits, of others in 128, where a division takes twenty times as long.

They are cut after as many digits as the backend computes, or, of those, rounded to fewer.
"""

from engine.translate.lower.digits import fraction, power, scaled
from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.tree import WINDOW, Expr, walk

_DIGITS = 18  # of a decimal in 64 bits
_LEAST = 4  # digits before the point, below which it is not worth it
_LONGEST = 600  # characters of an operand, which is written three times
_DOUBLED = 2000  # characters that are written twice; longer ones are computed once, by a lambda
_NEGATIVE_ZERO = "error('a negative zero')"
_ONCE = frozenset({WINDOW, "scalar", "exists", "in_query", "any_query", "all_query"})  # not to be computed again


def quotient(low: Lowering, expr: Expr, digits: int) -> str:
    """Write a division cut after `digits` decimals; overflow fails, division by zero is NULL."""
    whole, small = f"CAST({_long_quotient(low, expr, digits)} AS DECIMAL(38, 0))", _small_quotient(low, expr, digits)
    if small is not None:
        whole = f"CASE WHEN {small[0]} THEN CAST({small[1]} AS DECIMAL(38, 0)) ELSE {whole} END"
    made = _unless_beyond(expr, f"({whole} * {fraction(digits)})")
    return _unless_negative_zero(low, expr, made) if digits >= expr.type.frac else made


def rounded_quotient(low: Lowering, expr: Expr, digits: int, places: int) -> str:
    """Write a division cut after `digits` decimals and rounded to `places`, half away from zero."""
    long = f"CAST({_long_quotient(low, expr, digits)} AS DECIMAL(38, 0)) * {fraction(digits)}"
    long, small = f"CAST({long} AS DECIMAL(38, {places}))", _small_quotient(low, expr, digits)
    if small is None or digits > places + 1:
        made = long
    else:
        condition, whole = small
        if digits > places:
            whole = f"(({whole} + 5 * CAST(sign({whole}) AS BIGINT)) // 10)"
        made = f"CAST({whole} AS DECIMAL(38, 0)) * {fraction(min(digits, places))}"
        made = f"(CASE WHEN {condition} THEN CAST({made} AS DECIMAL(38, {places})) ELSE {long} END)"
    made = _unless_beyond(expr, made)
    return _unless_negative_zero(low, expr, made) if places >= expr.type.frac else made


def _unless_beyond(expr: Expr, made: str) -> str:
    """Let a quotient fail for which the backend counts too few digits, where it has more of them or may be rounded up
    to more (checks/signed_room.py)."""
    if not expr.type.room:
        return made
    most = f"{10**expr.type.room - 1}.99"
    return once(made, lambda v: f"(CASE WHEN abs({v}) > {most} THEN error('a number is cut off') ELSE {v} END)")


def _unless_negative_zero(low: Lowering, expr: Expr, made: str) -> str:
    """Let a quotient of MariaDB's fail that is cut to a zero below nothing: it keeps its sign (do_div_mod in
    strings/decimal.c), is shown as -0.000000000 and is less than 0. Rounding to fewer decimals than it has loses it."""
    if low.backend != "mariadb":
        return made
    sides = " * ".join(f"sign({low.expr(arg)})" for arg in expr.args)
    if len(made) <= _DOUBLED:
        return f"(CASE WHEN {made} = 0 AND {sides} < 0 THEN {_NEGATIVE_ZERO} ELSE {made} END)"
    parts = f"{{'made': {made}, 'sign': {sides}}}"
    checked = f"CASE WHEN e['made'] = 0 AND e['sign'] < 0 THEN {_NEGATIVE_ZERO} ELSE e['made'] END"
    return f"list_transform([{parts}], lambda e: {checked})[1]"


def _long_quotient(low: Lowering, expr: Expr, digits: int) -> str:
    """A division times 10^digits, in 128 bits."""
    left, right = expr.args
    above = scaled(low, left, left.type.frac)
    below = f"NULLIF({scaled(low, right, right.type.frac)}, 0)"
    shift = digits + right.type.frac - left.type.frac
    above = f"({above} * {power(shift)})" if shift > 0 else above
    below = f"({below} * {power(-shift)})" if shift < 0 else below
    return f"({above} // {below})"


def _small_quotient(low: Lowering, expr: Expr, digits: int) -> tuple[str, str] | None:
    """Write when a division can be made in 64 bits, and its value times 10^digits, cut; None where it never can."""
    if any(part.op in _ONCE for part in walk(expr)):
        return None
    left, right = expr.args
    shift = digits + right.type.frac - left.type.frac
    room = [
        _DIGITS - side.type.frac - max(side.type.frac, more)
        for side, more in ((left, max(shift, 0)), (right, max(-shift, 0)))
    ]
    written = [low.expr(left), low.expr(right)]
    if min(room) < _LEAST or max(map(len, written)) > _LONGEST:
        return None
    small = " AND ".join(
        f"{sql} BETWEEN {1 - 10**most} AND {10**most - 1}" for sql, most in zip(written, room, strict=True)
    )
    above, below = (_whole(sql, side.type.frac) for sql, side in zip(written, (left, right), strict=True))
    above = f"{above} * {10**shift}" if shift > 0 else above
    below = f"NULLIF({below}, 0) * {10**-shift}" if shift < 0 else f"NULLIF({below}, 0)"
    return small, f"({above} // ({below}))"


def _whole(sql: str, digits: int) -> str:
    """A decimal times 10^digits."""
    return (
        f"CAST(CAST({sql} AS DECIMAL({_DIGITS}, {digits})) * {10**digits} AS BIGINT)"
        if digits
        else f"CAST({sql} AS BIGINT)"
    )
