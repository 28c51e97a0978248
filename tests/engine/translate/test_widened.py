"""The clock, LIMIT without order, weeks, joined texts and other functions, on four rows without a server."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from engine.translate.refusal import Refusal
from engine.translate.translator import Translation
from wire.constants import FieldType

LONGLONG, DATETIME, DATE, TEXT = FieldType.LONGLONG, FieldType.DATETIME, FieldType.DATE, FieldType.VAR_STRING
CLOCK = {"now": "2024-02-29 23:30:01.987654", "utc_now": "2024-02-29 22:30:01.987654"}
Rows = Callable[..., list[tuple[Any, ...]]]


@pytest.mark.parametrize(
    ("expression", "type_", "expected"),
    [
        ("NOW()", (DATETIME, 0), datetime(2024, 2, 29, 23, 30, 1)),
        ("NOW(3)", (DATETIME, 3), datetime(2024, 2, 29, 23, 30, 1, 987000)),
        ("UTC_TIMESTAMP()", (DATETIME, 0), datetime(2024, 2, 29, 22, 30, 1)),
        ("CURDATE() - INTERVAL 1 YEAR", (DATE, 0), date(2023, 2, 28)),
        ("UNIX_TIMESTAMP()", (LONGLONG, 0), 1709245801),
        ("TIMESTAMPDIFF(MONTH, dt, '2024-03-30')", (LONGLONG, 0), 1),
        ("TIMESTAMPDIFF(MONTH, '2024-03-31', dt)", (LONGLONG, 0), -2),
        ("WEEK(dt, 1)", (LONGLONG, 0), 5),
        ("YEARWEEK(dt)", (LONGLONG, 0), 202404),
        ("TO_DAYS(dt)", (LONGLONG, 0), 739281),
        ("EXTRACT(YEAR_MONTH FROM dt)", (LONGLONG, 0), 202401),
        ("MAKEDATE(YEAR(dt), 60)", (DATE, 0), date(2024, 2, 29)),
        ("STR_TO_DATE(CONCAT(DATE_FORMAT(dt, '%Y-%m'), '-01'), '%Y-%m-%d')", (DATE, 0), date(2024, 1, 1)),
        ("dt + INTERVAL '1 2' DAY_HOUR", (DATETIME, 0), datetime(2024, 2, 1, 2)),
        ("MONTHNAME(dt)", (TEXT, 31), "January"),
        ("LPAD(a, 3, 'xy')", (TEXT, 31), "xya"),
        ("IFNULL(i, 'none')", (TEXT, 31), "10"),
        ("FIELD(a, 'b', 'a')", (LONGLONG, 0), 2),
        ("i & ~8", (LONGLONG, 0), 2),
        ("ROUND(i * 5.5, -1)", (FieldType.NEWDECIMAL, 0), Decimal(60)),
    ],
)
def test_values(rows: Rows, expression: str, type_: tuple[FieldType, int], expected: object) -> None:
    assert rows(f"SELECT {expression} FROM t WHERE id = 1", type_, **CLOCK) == [(expected,)]


def test_the_clock_is_refused_when_the_backend_was_not_asked(run: Callable[..., Any]) -> None:
    assert run("SELECT NOW() FROM t", (DATETIME, 0)) == Refusal("the time of the statement is not known")


def test_limit_without_order_is_for_the_statement_itself(run: Callable[..., Any], rows: Rows) -> None:
    assert len(rows("SELECT id FROM t LIMIT 2")) == 2
    reason = Refusal("LIMIT without ORDER BY depends on the order of rows")
    assert run("SELECT id FROM t LIMIT 2 OFFSET 1") == reason
    assert run("SELECT id FROM (SELECT id FROM t LIMIT 2 OFFSET 1) x") == reason
    with pytest.raises(duckdb.InvalidInputException, match="leaves rows out"):
        rows("SELECT id FROM (SELECT id FROM t LIMIT 2) x")
    assert rows("SELECT COUNT(*) FROM (SELECT id FROM t LIMIT 20) x") == rows("SELECT COUNT(*) FROM t")


def test_having_without_groups_filters_rows(rows: Rows) -> None:
    assert rows("SELECT id k FROM t HAVING k > 3") == [(4,)]


def test_group_concat_needs_an_order_of_all_rows(run: Callable[..., Any], rows: Rows) -> None:
    assert rows("SELECT GROUP_CONCAT(a ORDER BY id DESC SEPARATOR '; ') FROM t", (TEXT, 31)) == [("ab; B; a",)]
    assert isinstance(run("SELECT GROUP_CONCAT(a) FROM t", (TEXT, 31)), Refusal)
    assert run("SELECT JSON_ARRAYAGG(a) FROM t", (TEXT, 31)) == Refusal("JSON_ARRAYAGG depends on the order of rows")
    with pytest.raises(duckdb.InvalidInputException, match="tied"):
        rows("SELECT GROUP_CONCAT(a ORDER BY id - id) FROM t", (TEXT, 31))


def test_names_of_days_are_english(run: Callable[..., Any]) -> None:
    assert isinstance(run("SELECT DAYNAME(dt) FROM t", (TEXT, 31)), Translation)
    assert isinstance(run("SELECT DAYNAME(dt) FROM t", (TEXT, 31), lc_time_names="de_DE"), Refusal)
    assert isinstance(run("SELECT DATE_FORMAT(dt, '%M') FROM t", (TEXT, 31), lc_time_names="de_DE"), Refusal)


def test_rollup_marks_its_sums(rows: Rows) -> None:
    found = rows(
        "SELECT a, GROUPING(a), COUNT(*) FROM t GROUP BY a WITH ROLLUP", (TEXT, 31), (LONGLONG, 0), (LONGLONG, 0)
    )
    assert found[-1] == (None, 1, 4)
    assert sum(flag for _, flag, _ in found) == 1
