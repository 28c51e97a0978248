"""The translator without a server: what MySQL's rules give, and what is refused by name."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from engine.translate.bind.numbers import quotient_digits
from engine.translate.refusal import Refusal, Refused
from engine.translate.translator import Translation
from engine.translate.types import Family, Type, decimal, unify
from statements.function_list import entries
from wire.constants import FieldType

Run = Callable[..., Translation | Refusal]

Rows = Callable[..., list[tuple[Any, ...]]]
LONG, DEC, STR, DATE, DBL = (
    FieldType.LONGLONG,
    FieldType.NEWDECIMAL,
    FieldType.VAR_STRING,
    FieldType.DATE,
    FieldType.DOUBLE,
)


def _dec(*scales: int) -> list[tuple[FieldType, int]]:
    return [(DEC, scale) for scale in scales]


def test_integers_are_widened(rows: Rows) -> None:
    assert rows("SELECT i + 1 FROM t ORDER BY id", (LONG, 0)) == [(11,), (-6,), (None,), (2147483648,)]


def test_unsigned_below_zero_fails_in_the_engine(rows: Rows) -> None:
    with pytest.raises(duckdb.Error):
        rows("SELECT ub - 2 FROM t", (LONG, 0))


def test_bigint_overflow_fails_in_the_engine(rows: Rows) -> None:
    with pytest.raises(duckdb.Error):
        rows("SELECT ub + 1 FROM t", (LONG, 0))


def test_division_has_four_more_decimals_and_is_null_by_zero(rows: Rows) -> None:
    found = rows("SELECT i / 3, d / 7, i / 0 FROM t WHERE id < 3 ORDER BY id", *_dec(4, 6, 4))
    assert found == [
        (Decimal("3.3333"), Decimal("0.150000"), None),
        (Decimal("-2.3333"), Decimal("-0.150000"), None),
    ]


def test_servers_round_quotients_in_different_places(rows: Rows) -> None:
    statement = "SELECT (1 / 3) * 3 FROM t WHERE id = 1"
    assert rows(statement, *_dec(4)) == [(Decimal("0.9999"),)]
    assert rows(statement, *_dec(4), backend="mariadb") == [(Decimal("1.0000"),)]


@pytest.mark.parametrize(
    ("left", "right", "increment", "digits"),
    [(0, 0, 4, 9), (2, 0, 4, 9), (2, 2, 4, 18), (10, 0, 4, 18), (9, 0, 4, 18), (0, 0, 10, 18), (4, 1, 4, 18)],
)
def test_digits_of_a_quotient(left: int, right: int, increment: int, digits: int) -> None:
    assert quotient_digits(decimal(20, left), decimal(20, right), increment) == digits


def test_average_is_a_decimal(rows: Rows) -> None:
    assert rows("SELECT AVG(d), SUM(i), COUNT(i) FROM t", (DEC, 6), (DEC, 0), (LONG, 0)) == [
        (Decimal("0.000000"), Decimal("2147483650"), 3)
    ]


def test_nulls_come_first_and_last(rows: Rows) -> None:
    assert rows("SELECT i FROM t ORDER BY i", (LONG, 0)) == [(None,), (-7,), (10,), (2147483647,)]
    assert rows("SELECT i FROM t ORDER BY i DESC", (LONG, 0))[-1] == (None,)


def test_truth_values_are_integers(rows: Rows) -> None:
    assert rows("SELECT i > 0, (i > 0) + 1 FROM t ORDER BY id", (LONG, 0), (LONG, 0))[0] == (1, 2)


def test_intervals_clamp_to_the_month(rows: Rows) -> None:
    found = rows("SELECT dt + INTERVAL 1 MONTH FROM t WHERE id = 1", (DATE, 0))
    assert str(found[0][0]) == "2024-02-29"


def test_constants_are_folded(run: Run) -> None:
    found = run("SELECT id FROM t WHERE dt <= DATE '1998-12-01' - INTERVAL '90' DAY")
    assert isinstance(found, Translation)
    assert "DATE '1998-09-02'" in found.sql
    assert "INTERVAL" not in found.sql.upper()


def test_tables_read_are_named(run: Run) -> None:
    found = run("SELECT t.id FROM t JOIN u ON t.id = u.id WHERE EXISTS (SELECT 1 FROM u)")
    assert isinstance(found, Translation)
    assert found.tables == (("s", "t"), ("s", "u"))


def test_timestamps_are_shifted_to_the_session_zone(run: Run) -> None:
    statement = "SELECT id FROM t WHERE ts > '2024-01-01'"
    shifted = run(statement, time_zone="+02:00")
    assert isinstance(shifted, Translation)
    assert "to_seconds(7200)" in shifted.sql
    unknown = "time zone Europe/Berlin is not known, or not yet: it is read at first use"
    assert run(statement, time_zone="Europe/Berlin") == Refusal(unknown)


def test_group_keys_that_the_primary_key_determines_are_dropped(run: Run) -> None:
    found = run("SELECT COUNT(*) FROM t GROUP BY id, a, dt")
    assert isinstance(found, Translation)
    assert found.sql.endswith('GROUP BY t1."id"')


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("SELECT js FROM t", "column js is not in the engine: type json"),
        ("SELECT * FROM t", "column js is not in the engine: type json"),
        ("SELECT id FROM missing", "table s.missing is not loaded"),
        ("SELECT id FROM l", "table s.l is being loaded"),
        ("SELECT id FROM t LIMIT 1 OFFSET 2", "LIMIT without ORDER BY depends on the order of rows"),
        ("SELECT id FROM t WHERE EXP(db)", "the last digits of EXP depend on the C library, unless they are rounded"),
        ("SELECT id = i = 1 FROM t", "comparisons in a row without parentheses are not certain to be read alike"),
        ("SELECT -dt FROM t", "minus is applied to a date"),
        ("SELECT id FROM t WHERE dt", "a date is used as a condition"),
        ("SELECT id FROM t WHERE dt IN (a, a)", "a date is compared with a string"),
        ("SELECT '5x' + i FROM t", "a string that is not a plain number is used as a number"),
        ("SELECT id FROM t WHERE i = '5x'", "a number is compared with a string that is not a plain number"),
        ("SELECT id FROM t WHERE dt = '1/2/2024'", None),
        ("SELECT db & 1 FROM t", "a bit operator is applied to a double"),
        ("SELECT CONV(id, 16, 2) FROM t", "CONV between these bases is not supported"),
        ("SELECT NOSUCH(id) FROM t", "function NOSUCH is not supported"),
        ("SELECT id FROM t WHERE i = ?", "a parameter has no value"),
        ("SELECT id, i FROM t", "the backend and the engine see different numbers of columns"),
        ("SELECT d FROM t", "the backend gives column c another type than decimal"),
        ("UPDATE t SET i = 1", "only SELECT is supported"),
        ("SELECT id FROM t, u", "the column name id is not unique"),
        ("SELECT t.id FROM t, t", "the table name t is not unique"),
        ("SELECT id FROM t GROUP BY a WITH ROLLUP", None),
        ("SELECT id FROM t WHERE i IN (SELECT i FROM u ORDER BY id LIMIT 1)", None),
        ("SELECT 1/*!80000 +1 */ FROM t", "version comments (/*! */) are code only the server can read"),
    ],
)
def test_refusals_are_named(run: Run, statement: str, reason: str | None) -> None:
    found = run(statement)
    assert isinstance(found, Refusal)
    if reason is not None:
        assert found.reason == reason


def test_functions_that_are_not_offloaded_are_refused(run: Run) -> None:
    names = [name for name, (kind, _) in entries().items() if kind == "never"]
    assert [name for name in names if not isinstance(run(f"SELECT id FROM t WHERE {name}(i) > 1"), Refusal)] == []


@pytest.mark.parametrize(
    "context",
    [
        {"sql_mode": "ANSI_QUOTES"},
        {"sql_mode": "HIGH_NOT_PRECEDENCE"},
        {"sql_mode": "NO_UNSIGNED_SUBTRACTION"},
        {"sql_mode": "PAD_CHAR_TO_FULL_LENGTH"},
        {"sql_select_limit": 10},
    ],
)
def test_session_settings_that_change_answers_are_refused(run: Run, context: dict[str, Any]) -> None:
    assert isinstance(run("SELECT id FROM t", **context), Refusal)


def test_columns_outside_of_groups_are_refused_when_not_determined(run: Run) -> None:
    assert run("SELECT i FROM t GROUP BY a", sql_mode="") == Refusal("the column i is not in GROUP BY")
    assert isinstance(run("SELECT i FROM t GROUP BY id", sql_mode=""), Translation)


def test_strings_of_a_binary_collation_group_by_bytes(rows: Rows) -> None:
    assert sorted(rows("SELECT a FROM t WHERE a IS NOT NULL GROUP BY a", (STR, 0))) == [("B",), ("a",), ("ab",)]


def test_deep_nesting_is_refused(run: Run) -> None:
    assert isinstance(run("SELECT " + "(" * 5000 + "1" + ")" * 5000), Refusal)


def test_long_chains_are_no_problem(run: Run) -> None:
    found = run("SELECT id FROM t WHERE " + " OR ".join(f"id = {n}" for n in range(500)))
    assert isinstance(found, Translation)


@pytest.mark.parametrize(
    "text",
    [
        "HEX(" * 30 + "a" + ")" * 30,
        "REPEAT(REPEAT(REPEAT(a, i), 1000), 1000)",
        "REPLACE(REPLACE(REPLACE(REPLACE(a, 'x', a), 'x', REPEAT(a, 900)), 'x', REPEAT(a, 900)), 'x', a)",
        "(SELECT MAX(x) FROM (SELECT REPEAT(y, 1000) x FROM (SELECT REPEAT(a, 1000) y FROM t) p) q)",
    ],
)
def test_texts_that_may_be_longer_than_a_packet_are_refused(run: Run, text: str) -> None:
    refused = run(f"SELECT COUNT(*) FROM t WHERE {text} IS NULL")
    assert isinstance(refused, Refusal)
    assert refused.reason == "a text may grow longer than the server allows"


@pytest.mark.parametrize("text", ["HEX(HEX(a))", "REPEAT(a, i)", "CONCAT(a, REPEAT(a, 100))", "REPLACE(a, 'b', a)"])
def test_texts_of_some_length_are_not(run: Run, text: str) -> None:
    assert isinstance(run(f"SELECT COUNT(*) FROM t WHERE {text} IS NULL"), Translation)


def test_the_text_of_a_long_sum_of_doubles_grows_with_its_length(run: Run) -> None:
    made = [run(f"SELECT COUNT(*) FROM t WHERE {' + '.join(['db'] * count)} > 1") for count in (20, 40)]
    lengths = [len(one.sql) for one in made if isinstance(one, Translation)]
    assert len(lengths) == 2
    assert lengths[1] < 3 * lengths[0]


def test_an_expression_that_would_be_written_too_often_is_refused(run: Run) -> None:
    refused = run(f"SELECT COUNT(*) FROM t WHERE {'ROUND(' * 16}db{', 1)' * 16} > 1")
    assert isinstance(refused, Refusal)
    assert refused.reason == "an expression is too long for the engine"


def test_year_beside_a_short_unsigned_integer_is_refused() -> None:
    year = Type(Family.YEAR, unsigned=True, digits=4)
    with pytest.raises(Refused, match="YEAR and TINYINT UNSIGNED"):
        unify([year, Type(Family.INT, unsigned=True, digits=3)], "UNION")
    assert unify([year, Type(Family.INT, digits=3)], "UNION").family is Family.INT


def test_number_that_the_parser_joins_with_another_is_refused(run: Run) -> None:
    refused = run("SELECT 1e0+2 FROM t", (DBL, 31))
    assert isinstance(refused, Refusal)
    assert "without a space" in refused.reason
    assert not isinstance(run("SELECT 1e0 + 2, 1.5e-3 FROM t", (DBL, 31), (DBL, 31)), Refusal)
