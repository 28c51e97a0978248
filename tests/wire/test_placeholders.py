"""Literals in the place of question marks."""

import pytest

from wire.parameters import NotALiteral
from wire.placeholders import fill_placeholders


def test_placeholders() -> None:
    text = "SELECT '?', `?`, ? /* ? */ FROM t WHERE a = ? -- ?\n AND b = \"?\" # ?"
    assert fill_placeholders(text, ["1", "'x'"]) == (
        "SELECT '?', `?`, 1 /* ? */ FROM t WHERE a = 'x' -- ?\n AND b = \"?\" # ?"
    )
    for wrong in (["1"], ["1", "2", "3"]):
        with pytest.raises(NotALiteral):
            fill_placeholders(text, wrong)


@pytest.mark.parametrize(
    ("statement", "filled"),
    [
        ("SELECT a, ? FROM t ORDER BY ?", "SELECT a, 1 FROM t ORDER BY COALESCE(2)"),
        (
            "SELECT a FROM t ORDER BY a DESC, (?) LIMIT ?, ?",
            "SELECT a FROM t ORDER BY a DESC, (COALESCE(1)) LIMIT 2, 3",
        ),
        ("SELECT a FROM t GROUP BY a, /* , */ ? HAVING a IN (?, ?)", None),
        ("SELECT a FROM t ORDER BY FIELD(a, ?, ?), ?", "SELECT a FROM t ORDER BY FIELD(a, 1, 2), COALESCE(3)"),
        ("SELECT a FROM t GROUP BY ROLLUP (a, ?), ?", "SELECT a FROM t GROUP BY ROLLUP (a, COALESCE(1)), COALESCE(2)"),
        ("SELECT GROUP_CONCAT(a ORDER BY ?, b), ? FROM t", "SELECT GROUP_CONCAT(a ORDER BY COALESCE(1), b), 2 FROM t"),
        ("SELECT a FROM t ORDER BY `by`, 'BY', a + ?, ?", "SELECT a FROM t ORDER BY `by`, 'BY', a + 1, COALESCE(2)"),
    ],
)
def test_a_number_is_no_position_to_mysql(statement: str, filled: str | None) -> None:
    numbers = [str(number) for number in range(1, statement.count("?") + 1)]
    plain = fill_placeholders(statement, numbers)
    assert "COALESCE" not in plain
    filled = filled or "SELECT a FROM t GROUP BY a, /* , */ COALESCE(1) HAVING a IN (2, 3)"
    assert fill_placeholders(statement, numbers, positions=False) == filled
    texts = [f"'{number}'" for number in numbers]
    assert fill_placeholders(statement, texts, positions=False) == fill_placeholders(statement, texts)
