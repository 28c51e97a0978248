"""SELECT … INTO @variables is taken apart where it is plain."""

import pytest

from statements.into import may_set_variables, read_into


@pytest.mark.parametrize(
    ("statement", "query", "variables"),
    [
        ("SELECT a, b INTO @x, @y FROM t", "SELECT a, b FROM t", ["@x", "@y"]),
        ("SELECT a FROM t WHERE b INTO @`x y`", "SELECT a FROM t WHERE b ", ["@`x y`"]),
        ("SELECT '@' FROM t LIMIT 1 INTO @'q'", "SELECT '@' FROM t LIMIT 1 ", ["@'q'"]),
    ],
)
def test_plain_forms_are_read(statement: str, query: str, variables: list[str]) -> None:
    assert read_into(statement) == (query, variables)
    assert may_set_variables(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a INTO OUTFILE '/x' FROM t",
        "SELECT a INTO x FROM t",
        "SELECT a INTO @x, y FROM t",
        "SELECT 'into @x' FROM t",
        "SELECT a FROM t INTO @x FOR UPDATE",
        "SELECT a INTO @@x FROM t",
    ],
)
def test_other_forms_are_left_whole(statement: str) -> None:
    assert read_into(statement) is None
