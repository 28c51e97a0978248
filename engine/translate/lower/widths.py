"""Decimal widths in DuckDB: where it would drop decimals to stay within 38 digits, values are cast first, and
where a product is to have more than 18 of them."""

from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr, is_stored
from engine.translate.types import EXACT, Family

MAX_WIDTH = 38
_SHORT = 18  # digits in 64 bits; two such are multiplied into one such
_SAME = frozenset(
    {"group_value", "any", "min", "max", "negate", "nonzero", "certain_zero", "abs"}
    | {"lag", "lead", "first_value", "last_value", "nth_value"}
)


def width(expr: Expr) -> int:
    """Give at least the digits of the DuckDB type of an exact number."""
    if expr.type.family is not Family.DECIMAL:
        return min(expr.type.digits, 20)
    if expr.op == "literal" or is_stored(expr):
        return expr.type.digits
    if expr.op in _SAME:
        return width(expr.args[0])
    if expr.op in ("decimal_add", "decimal_subtract"):
        return min(MAX_WIDTH, common_width(expr.args) + 1)
    if expr.op == "decimal_multiply":
        return min(MAX_WIDTH, sum(_factor_widths(expr)))
    return MAX_WIDTH


def _factor_widths(product: Expr) -> list[int]:
    """Count the digits of both factors; where the product may need more than 64 bits, the wider one has more too."""
    shorter, wider = sorted(width(arg) for arg in product.args)
    return [shorter, wider if shorter + wider <= _SHORT else max(wider, _SHORT + 1)]


def multiplied(low: Lowering, expr: Expr) -> str:
    """Write a product: of 18 digits where both factors have no more, unless this statement's are known to be longer, or
    one may be when rows have left."""
    written = [low.expr(arg) for arg in expr.args]
    shorter, wider = _factor_widths(expr)
    if shorter + wider > _SHORT and (low.sends_early or low.is_wide()):
        at = 0 if width(expr.args[0]) > width(expr.args[1]) else 1
        written[at] = f"CAST({written[at]} AS DECIMAL({wider}, {expr.args[at].type.frac}))"
    return f"({' * '.join(written)})"


def common_width(exprs: tuple[Expr, ...]) -> int:
    """Count the digits that hold all of several exact numbers."""
    return max(width(e) - e.type.frac for e in exprs) + max(e.type.frac for e in exprs)


def aligned(low: Lowering, exprs: tuple[Expr, ...]) -> list[str]:
    """Write values that DuckDB brings to one type; decimals it would cut are cast, and fail when they do not fit."""
    written = [low.expr(expr) for expr in exprs]
    exact = tuple(e for e in exprs if e.type.family in EXACT)
    if all(e.type.frac == 0 for e in exact) or common_width(exact) <= MAX_WIDTH:
        return written
    scale = max(e.type.frac for e in exact)
    return [
        f"CAST({sql} AS DECIMAL({MAX_WIDTH}, {scale}))" if expr in exact else sql
        for sql, expr in zip(written, exprs, strict=True)
    ]
