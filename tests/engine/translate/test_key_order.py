"""Sums of doubles in the order of the primary key, in which the backend adds them up."""

from dataclasses import replace
from typing import Any

import duckdb
import pytest

from engine.catalog import CatalogView, LoadedTable, State
from engine.translate.lower.doubles import UNORDERED
from engine.translate.translator import Translation, translate
from statements.context import SessionContext
from statements.plans import GROUPING, GROUPS, KEYED, ROWS, TEMPORARY
from statements.schema import Column, Partition, Table
from tests.engine.translate.conftest import BIN, MODE
from wire.constants import FieldType
from wire.responses import ColumnDefinition

PLAN = (GROUPS, KEYED, ROWS)
TABLE = Table(
    "s",
    "t",
    (
        Column("a", 0, "int", "int", nullable=False),
        Column("b", 1, "int", "int", nullable=False),
        Column("x", 2, "double", "double"),
        Column("v", 3, "varchar", "varchar(9)", nullable=False, charset="utf8mb4", collation=BIN),
    ),
    ("b", "a"),
    rising=True,
)
# One after the other by the key: the ones are lost beside 2^53, unless they come before it.
VALUES = [(2, 1, 1.0), (1, 1, 1.0), (1, 2, 2.0**53), (3, 2, 1.0), (2, 3, 1.0)]


@pytest.fixture
def store() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA s")
    connection.execute("CREATE TABLE s.t (a INTEGER, b INTEGER, x DOUBLE, v VARCHAR)")
    connection.executemany("INSERT INTO s.t VALUES (?, ?, ?, 'v')", [VALUES[place] for place in (4, 2, 0, 3, 1)])
    return connection


def made(statement: str, table: Table = TABLE, is_ordered: bool = True, **context: Any) -> str:
    """Translate a statement of one double."""
    session = SessionContext(1, schema="s", sql_mode=MODE, collation_connection=BIN, **{"plan": PLAN, **context})
    view = CatalogView({("s", "t"): LoadedTable(1, table, '"s"."t"', State.AVAILABLE)})
    definitions = [ColumnDefinition("c", FieldType.DOUBLE, decimals=31)]
    found = translate(statement, session, view, definitions, lambda *_: None, is_ordered=lambda: is_ordered)
    assert isinstance(found, Translation), found
    return found.sql


def test_rows_are_added_up_by_their_key_when_any_order_is_not_enough(store: duckdb.DuckDBPyConnection) -> None:
    expected = 0.0
    for *_, value in VALUES:
        expected += value
    assert expected == 2.0**53 + 4
    with pytest.raises(duckdb.InvalidInputException, match=UNORDERED):
        store.execute(made("SELECT SUM(x) FROM t", is_ordered=False)).fetchall()
    assert store.execute(made("SELECT SUM(x) FROM t")).fetchall() == [(expected,)]
    assert store.execute(made("SELECT AVG(x) FROM t")).fetchall() == [(expected / 5,)]
    assert store.execute(made("SELECT SUM(x) + 1 FROM t")).fetchall() == [(expected + 1,)]
    assert store.execute(made("SELECT SUM(x) FROM t WHERE a < 3")).fetchall() == [(2.0**53 + 4,)]
    grouped = made("SELECT SUM(x) FROM t GROUP BY a HAVING SUM(x) > 2", plan=(GROUPING, KEYED, ROWS))
    assert sorted(store.execute(grouped).fetchall()) == [(2.0**53,)]


def test_values_that_any_order_gives_are_not_sorted(store: duckdb.DuckDBPyConnection) -> None:
    assert store.execute(made("SELECT SUM(x) FROM t WHERE b <> 2", is_ordered=False)).fetchall() == [(3.0,)]


@pytest.mark.parametrize(
    ("statement", "table", "context"),
    [
        ("SELECT SUM(x) FROM t", TABLE, {"plan": (GROUPS, ROWS)}),
        ("SELECT SUM(x) FROM t", TABLE, {"plan": ()}),
        ("SELECT SUM(x) FROM t", replace(TABLE, partitions=(Partition("p", "HASH", "a"),)), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, engine="MyISAM"), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, rising=False), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, primary_key=("v",)), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, primary_key=()), {}),
        ("SELECT SUM(x) FROM t GROUP BY a", TABLE, {"backend": "mariadb"}),
        ("SELECT SUM(x) FROM (SELECT x FROM t) y", TABLE, {}),
        ("SELECT SUM(t.x) FROM t JOIN t u ON t.a = u.a", TABLE, {}),
        ("SELECT (SELECT SUM(x) FROM t)", TABLE, {}),
        ("SELECT SUM(DISTINCT x) FROM t", TABLE, {}),
    ],
)
def test_elsewhere_the_order_is_not_known(statement: str, table: Table, context: dict[str, Any]) -> None:
    sql = made(statement, table, **context)
    assert "ORDER BY" not in sql
    assert UNORDERED not in made(statement, table, is_ordered=False, **context) or "DISTINCT" in statement


def test_on_mariadb_groups_are_made_in_a_temporary_table() -> None:
    plan = (TEMPORARY, KEYED, ROWS)
    assert "ORDER BY" in made("SELECT SUM(x) FROM t GROUP BY a", backend="mariadb", plan=plan)
    assert "ORDER BY" in made("SELECT SUM(x) FROM t", backend="mariadb")
