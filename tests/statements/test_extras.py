"""What HeatWave adds to MySQL, in the form that another server prepares."""

import pytest

from statements.extras import may_use_extras, preparable


@pytest.mark.parametrize(
    ("statement", "other"),
    [
        ("SELECT a FROM t QUALIFY b < 3", "SELECT a FROM t ORDER BY ( b < 3)"),
        ("SELECT a FROM t QUALIFY (b) < 3 ORDER BY c LIMIT 1", "SELECT a FROM t ORDER BY ( (b) < 3 ),  c LIMIT 1"),
        ("SELECT * FROM (SELECT a FROM t QUALIFY b) x", "SELECT * FROM (SELECT a FROM t ORDER BY ( b) ) x"),
        ("SELECT a FROM t GROUP BY CUBE (a, (b)) HAVING c", "SELECT a FROM t GROUP BY   a, (b) WITH ROLLUP HAVING c"),
        ("SELECT a FROM t x TABLESAMPLE SYSTEM (10) WHERE b", "SELECT a FROM t x   WHERE b"),
        ("SELECT HLL(a), hll ( b ) FROM t", "SELECT COUNT(DISTINCT a), COUNT(DISTINCT  b ) FROM t"),
    ],
)
def test_each_has_a_form_that_can_be_prepared(statement: str, other: str) -> None:
    found = preparable(statement)
    assert found is not None
    assert found.split() == other.split()


@pytest.mark.parametrize("statement", ["SELECT a FROM t", "SELECT `HLL`(a), 'QUALIFY' FROM t", "SELECT cube FROM t"])
def test_other_statements_have_none(statement: str) -> None:
    assert preparable(statement) is None


def test_the_first_look_is_at_words() -> None:
    assert may_use_extras(b"SELECT a FROM t QUALIFY r")
    assert not may_use_extras(b"SELECT rollup FROM t")
