"""Doubles rounded to whole numbers as the C library's rint does: halves to even.

DuckDB's round_even looks for a half in the product with ten, which is rounded itself: of 1123929052508270.5 it makes
1123929052508271.
"""


def half_even(sql: str) -> str:
    """Write rint(sql) of a double: a fraction is exact, and so is a half of the number."""
    fraction = f"abs({sql}) - floor(abs({sql}))"
    return f"(CASE {fraction} WHEN CAST(0.5 AS DOUBLE) THEN round({sql} / 2) * 2 ELSE round({sql}) END)"
