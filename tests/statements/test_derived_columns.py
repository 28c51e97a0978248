"""What is prepared beside a statement to know how it describes its columns."""

from dataclasses import dataclass

import pytest

from statements.derived_columns import DerivedColumn, Question, derived_questions


@dataclass
class Told:
    type: int = 3
    length: int = 11
    decimals: int = 0
    flags: int = 0
    charset: int = 63


@pytest.mark.parametrize(
    ("statement", "text", "places"),
    [
        ("SELECT x, MAX(a) FROM (SELECT 1 x, 2 a) y GROUP BY x", "SELECT a FROM (SELECT 1 x, 2 a) y", (1,)),
        (
            "SELECT MIN( DISTINCT y.a ) AS `the least`, COUNT(*), max(`b c`) m FROM (SELECT 1 a) y WHERE a > 1",
            "SELECT y.a, `b c` FROM (SELECT 1 a) y",
            (0, 2),
        ),
        (
            "WITH y AS (SELECT MAX(b) a FROM t) SELECT MAX(a) FROM y",
            "WITH y AS (SELECT MAX(b) a FROM t) SELECT a FROM y",
            (0,),
        ),
        ("SELECT /* one, two */ MAX(a) FROM (SELECT ')' a) y;", "SELECT a FROM (SELECT ')' a) y", (0,)),
        (
            "SELECT CONCAT('a, b', x), MAX(a) 'm' FROM (SELECT 1) y JOIN z ON y.a = z.a ORDER BY 2",
            "SELECT a FROM (SELECT 1) y JOIN z ON y.a = z.a",
            (1,),
        ),
    ],
)
def test_columns_of_derived_tables_are_asked_for(statement: str, text: str, places: tuple[int, ...]) -> None:
    (asked,) = derived_questions(statement, "mysql")
    assert " ".join(asked.text.split()) == text
    assert asked.places == places


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT MAX(a) FROM t",
        "SELECT x, MAX(a + 1) FROM (SELECT 1 x, 2 a) y GROUP BY x",
        "SELECT y.*, MAX(a) FROM (SELECT 1 a, 2 b) y",
        "SELECT MAX(a) OVER w FROM (SELECT 1 a) y WINDOW w AS (ORDER BY a)",
        "SELECT MAX(a) OVER (ORDER BY a) FROM (SELECT 1 a) y",
        "(SELECT MAX(a) FROM (SELECT 1 a) y)",
        "SELECT MAX(a) FROM (SELECT 1 a) y UNION SELECT 2",
        "SELECT 'MAX(a) FROM (SELECT 1 a) y'",
        "TABLE t",
        "",
    ],
)
def test_nothing_else_is_asked(statement: str) -> None:
    assert derived_questions(statement, "mysql") == ()


@pytest.mark.parametrize(
    ("statement", "sides"),
    [
        ("SELECT a FROM t UNION ALL SELECT b FROM u;", ["SELECT a FROM t", "SELECT b FROM u"]),
        ("(SELECT a FROM t LIMIT 1) UNION ALL SELECT 'UNION'", ["(SELECT a FROM t LIMIT 1)", "SELECT 'UNION'"]),
        (
            "WITH y AS (SELECT 1 a UNION SELECT 2) SELECT a FROM y UNION ALL SELECT b FROM y",
            [
                "WITH y AS (SELECT 1 a UNION SELECT 2) SELECT a FROM y",
                "WITH y AS (SELECT 1 a UNION SELECT 2) SELECT b FROM y",
            ],
        ),
        ("SELECT a FROM t UNION ALL SELECT b FROM u ORDER BY 1", []),
        ("SELECT a FROM t UNION ALL SELECT b FROM u UNION SELECT 1", []),
        ("SELECT a FROM t EXCEPT ALL SELECT b FROM u", []),
        (" UNION ALL ".join(["SELECT 1"] * 9), []),
    ],
)
def test_sides_of_a_union_are_asked_for(statement: str, sides: list[str]) -> None:
    assert [" ".join(asked.text.split()) for asked in derived_questions(statement, "mariadb")] == sides
    assert derived_questions(statement, "mysql") == ()


def test_what_is_told_stands_beside_its_place() -> None:
    assert Question("", (2,)).columns([Told()]) == (DerivedColumn(2, 3, 11, 0, 0, 63),)
    assert [column.place for column in Question("").columns([Told(), Told()])] == [0, 1]
    assert Question("", (2,)).columns([Told(), Told()]) == ()
