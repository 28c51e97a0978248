"""Comparisons in a row are of one precedence to the servers, from left to right."""

import pytest

from statements.parse import NotParsed, parse_statement


@pytest.mark.parametrize(
    "condition",
    [
        "a <=> b > c",
        "MAX(a) <=> AVG(b) >= 1.25e0",
        "x AND a <=> b + (c) < 2",
        "a <=> (b) > c",
        "(SELECT a <=> b < c)",
        "a <=> b <=> c > d",
    ],
)
def test_a_tighter_comparison_behind_null_safe_equality_is_not_read(condition: str) -> None:
    with pytest.raises(NotParsed, match="comparisons in a row"):
        parse_statement(f"SELECT {condition} FROM t")


@pytest.mark.parametrize(
    "condition",
    [
        "a <=> (b > c)",
        "a < b <=> c",
        "a <=> b AND c > d",
        "a <=> b, c > d",
        "CASE WHEN a <=> b THEN c > d END",
        "IF(a <=> b, 1, 2) > 1",
        "a <=> b FROM t WHERE c > d",
    ],
)
def test_other_comparisons_are_read(condition: str) -> None:
    parse_statement(f"SELECT {condition} {'' if 'FROM' in condition else 'FROM t'}")
