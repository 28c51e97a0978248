"""Texts made to keep the reader busy: each must be refused, or read, in a moment."""

import time

import pytest

from statements.digest import digest
from statements.facts import statement_facts
from statements.parse import MAX_LENGTH

NEVER_ENDING = {
    "escaped quotes": "SELECT " + "'\\" * 15_000 + " FROM t",
    "open comments": "SELECT " + "/*" * 30_000,
    "open names": "SELECT " + "@`" * 20_001,
    "digits": "SELECT " + "1" * 60_000 + "a'",
    "joins": "SELECT * FROM t " + "JOIN t " * 1000,
    "inner joins": "SELECT * FROM t " + "INNER JOIN t " * 30,
    "aliased joins": "SELECT * FROM t " + "JOIN t AS on " * 30,
    "joins and quoted words": "SELECT * FROM t " + "JOIN t 'on' " * 30,
    "joins and comments": "SELECT * FROM t " + "JOIN t /* on */ -- using\n" * 30,
    "joins behind commas": "SELECT * FROM t" + ", t" * 30 + " JOIN t" * 30,
    "straight joins": "SELECT * FROM t " + "STRAIGHT_JOIN t " * 30,
    "brackets": "SELECT " + "(" * 30_000 + "1" + ")" * 30_000 + " FROM t",
    "square brackets": "SELECT " + "IF[" * 30 + "1" + "]" * 30 + " FROM t",
    "braces": "SELECT " + "{" * 30_000 + "1" + "}" * 30_000 + " FROM t",
    **{
        f"{word} {count}": "SELECT " + f"{word}(" * count + "1" + ")" * count + " FROM t"
        for word in ("DATE", "CHAR", "BINARY", "YEAR", "UUID", "STRUCT", "VECTOR")
        for count in (30, 8_000)
    },
    "types in functions": "SELECT " + "ABS(DATE(1 + " * 30 + "1" + "))" * 30 + " FROM t",
    "functions": "SELECT " + "f(" * 13_000 + "1" + ")" * 13_000 + " FROM t",
    "sub-queries": "SELECT " + "(SELECT " * 7_000 + "1" + ")" * 7_000 + " FROM t",
    "unions": "(" * 4_000 + "SELECT 1" + ") UNION SELECT 1" * 4_000,
    "long": "SELECT COUNT(*) FROM t WHERE a IN (" + "1," * MAX_LENGTH + "1)",
}


@pytest.mark.parametrize("statement", NEVER_ENDING.values(), ids=NEVER_ENDING)
def test_hostile_texts_are_refused_in_a_moment(statement: str) -> None:
    started = time.monotonic()
    assert statement_facts(statement).reason
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM a " + "JOIN b ON a.x = b.x " * 40,
        "SELECT * FROM a " + "LEFT JOIN b USING (x) " * 40,
        "SELECT * FROM a " + "LEFT JOIN b " * 4 + "ON 1 " * 4,
        "SELECT * FROM a " + "CROSS JOIN b " * 40,
        "SELECT * FROM a" + ", b" * 40,
    ],
)
def test_joins_that_people_write_are_read(statement: str) -> None:
    facts = statement_facts(statement)
    assert facts.kind == "select"
    assert facts.reason is None
    assert facts.tables == {("", "a"), ("", "b")}


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT DATE(CHAR(BINARY(YEAR(a)))) FROM t",
        "SELECT " + "ABS(" * 90 + "a" + ")" * 90 + " FROM t",
        "SELECT " + ", ".join(["DATE(a)", "CHAR(b)", "YEAR(c)"] * 50) + " FROM t",
        "SELECT * FROM t WHERE " + "NOT " * 300 + "a",
        "SELECT a" + " + 1" * 300 + " FROM t",
    ],
)
def test_what_people_nest_is_read(statement: str) -> None:
    assert statement_facts(statement).reason is None


def test_a_broken_text_is_refused_with_its_first_reason() -> None:
    assert digest("select /*! 1 */ 'open").refuse == digest("select /*! 1 */ 1").refuse
    assert digest("select 'open").refuse == "a quoted text is not closed"
