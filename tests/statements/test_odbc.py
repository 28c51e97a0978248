"""ODBC's literals are read as MySQL's own where their text is a date, a time or a moment."""

import pytest

from statements.parse import NotParsed, parse_statement


@pytest.mark.parametrize(
    ("odbc", "own"),
    [
        ("{d '2024-02-29'}", "DATE '2024-02-29'"),
        ("{D '2024-01-31'}", "DATE '2024-01-31'"),
        ("{ t '23:59:59.5' }", "TIME '23:59:59.5'"),
        ("{ts '2024-01-31 12:00:00'}", "TIMESTAMP '2024-01-31 12:00:00'"),
        ("{Ts '2024-01-31 12:00:00.123456'}", "TIMESTAMP '2024-01-31 12:00:00.123456'"),
    ],
)
def test_a_literal_is_the_servers_own(odbc, own):
    for statement in ("SELECT {} FROM t", "SELECT a FROM t WHERE b > {} AND c IN ({}, NULL)"):
        assert parse_statement(statement.format(odbc, odbc)) == parse_statement(statement.format(own, own))


@pytest.mark.parametrize(
    "odbc",
    [
        "{d '2023-02-29'}",
        "{d '2024-1-1'}",
        "{d '0000-00-00'}",
        "{d '2024-01-31 12:00:00'}",
        "{t '25:00:00'}",
        "{t '-01:00:00'}",
        "{ts '2024-01-31'}",
        "{ts '2024-01-31T12:00:00'}",
        "{ts '2024-01-31 24:00:00'}",
        "{ts '2024-01-31 12:00:00'",
        "{x '2024-01-31'}",
        "{d 20240131}",
    ],
)
def test_what_is_no_date_is_not_read(odbc):
    with pytest.raises(NotParsed):
        parse_statement(f"SELECT {odbc} FROM t")


def test_texts_with_braces_stay():
    tree = parse_statement("SELECT '{d ''2024-01-31''}', a FROM t WHERE b = '{ts '")
    assert "{d '2024-01-31'}" in [literal.this for literal in tree.find_all(type(tree.expressions[0]))]


@pytest.mark.parametrize("written", ["LOWER(HEX(a))", "lcase(hex(a))", "LOWER( Hex (a))"])
def test_lower_hex_is_two_functions(written):
    assert parse_statement(f"SELECT {written} FROM t").sql("mysql") == "SELECT LOWER(HEX(a)) FROM t"
