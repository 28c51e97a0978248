"""The words between SELECT and its list stand in any order."""

import pytest

from statements.parse import parse_statement


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("SELECT SQL_CALC_FOUND_ROWS DISTINCT s FROM t", "SELECT DISTINCT SQL_CALC_FOUND_ROWS s FROM t"),
        (
            "SELECT HIGH_PRIORITY sql_big_result DISTINCT s FROM t",
            "SELECT DISTINCT HIGH_PRIORITY SQL_BIG_RESULT s FROM t",
        ),
        ("SELECT STRAIGHT_JOIN ALL s FROM t", "SELECT STRAIGHT_JOIN s FROM t"),
        ("SELECT SQL_NO_CACHE `distinct` FROM t", "SELECT SQL_NO_CACHE `distinct` FROM t"),
        (
            "SELECT a FROM (SELECT SQL_NO_CACHE DISTINCT a FROM t) AS d",
            "SELECT a FROM (SELECT DISTINCT SQL_NO_CACHE a FROM t) AS d",
        ),
        ("SELECT 'SQL_NO_CACHE', sql_no_cache FROM t", "SELECT 'SQL_NO_CACHE', sql_no_cache FROM t"),
    ],
)
def test_the_order_of_the_words(written: str, read: str) -> None:
    assert parse_statement(written).sql("mysql") == read
