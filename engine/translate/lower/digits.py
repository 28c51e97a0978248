"""Powers of ten in DuckDB, and exact numbers as whole ones: times a power of ten."""

from engine.translate.lower.lowering import Lowering
from engine.translate.lower.once import once
from engine.translate.tree import Expr

_LONG = 9  # decimals of a number of which all that is usual has room beside them twice
_LONGEST = 19  # decimals that have room twice themselves


def power(exponent: int) -> str:
    """Write 10^exponent as a HUGEINT."""
    return f"CAST('1{'0' * exponent}' AS HUGEINT)" if exponent > 17 else "1" + "0" * exponent


def fraction(exponent: int) -> str:
    """Write 10^-exponent as a decimal."""
    return "0." + "0" * (exponent - 1) + "1" if exponent else "1"


def scaled(low: Lowering, expr: Expr, digits: int) -> str:
    """Write an exact number times 10^digits as a HUGEINT; it has no more decimals than that."""
    sql = low.expr(expr)
    if digits == 0 or expr.type.frac == 0:
        whole = f"CAST({sql} AS HUGEINT)"
        return whole if digits == 0 else f"({whole} * {power(digits)})"
    if not _LONG < digits <= _LONGEST:
        return f"CAST({sql} * {power(digits)} AS HUGEINT)"
    # The product would have twice the decimals: 18 of them leave no room for 100.
    return once(
        sql,
        lambda v: f"(CAST(trunc({v}) AS HUGEINT) * {power(digits)} + CAST({v} % 1 * {power(digits)} AS HUGEINT))",
    )
