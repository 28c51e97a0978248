"""Quotients in DuckDB: of small numbers in 64 bits, of others in 128, where a division takes twenty times as long."""

from engine.translate.lower.lowering import Lowering
from engine.translate.tree import WINDOW, Expr, walk

_DIGITS = 18  # of a decimal in 64 bits
_LEAST = 4  # digits before the point, below which it is not worth it
_LONGEST = 600  # characters of an operand, which is written three times
_ONCE = frozenset({WINDOW, "scalar", "exists", "in_query", "any_query", "all_query"})  # not to be computed again


def small_quotient(low: Lowering, expr: Expr, digits: int) -> tuple[str, str] | None:
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
