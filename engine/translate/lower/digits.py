"""Powers of ten in DuckDB, and exact numbers as whole ones: times a power of ten."""

from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr


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
    return f"CAST({sql} * {power(digits)} AS HUGEINT)"
