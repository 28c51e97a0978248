"""Sums of doubles in the order of the primary key, in which the backend adds them up."""

import re
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from engine.catalog import CatalogView, LoadedTable, State
from engine.translate.lower.doubles import BY_KEY
from engine.translate.translator import Translation, translate
from statements.context import SessionContext
from statements.plans import ROWS, TEMPORARY
from statements.reads import Read
from statements.schema import Column, Index, Partition, Table
from tests.engine.translate.conftest import BIN, MODE
from wire.constants import FieldType
from wire.responses import ColumnDefinition

READS = (Read("t"),)
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
    indexes=(Index("PRIMARY", ("b", "a")), Index("k", ("a", "x")), Index("j", ("a",))),
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
    session = SessionContext(1, schema="s", sql_mode=MODE, collation_connection=BIN, **{"reads": READS, **context})
    view = CatalogView({("s", "t"): LoadedTable(1, table, '"s"."t"', State.AVAILABLE)})
    definitions = [ColumnDefinition("c", FieldType.DOUBLE, decimals=31)]
    found = translate(statement, session, view, definitions, lambda *_: None, is_ordered=lambda: is_ordered)
    assert isinstance(found, Translation), found
    return found.sql


def is_sorted(sql: str) -> bool:
    """Tell whether a sum is ordered by columns."""
    return bool(re.search(r'(?:END\)|sum\([td]\d+\."?\w+"?) ORDER BY [td]\d+\.', sql))


def test_rows_are_added_up_by_their_key_when_any_order_is_not_enough(store: duckdb.DuckDBPyConnection) -> None:
    expected = 0.0
    for *_, value in VALUES:
        expected += value
    assert expected == 2.0**53 + 4
    with pytest.raises(duckdb.InvalidInputException, match=BY_KEY):
        store.execute(made("SELECT SUM(x) FROM t", is_ordered=False)).fetchall()
    assert store.execute(made("SELECT SUM(x) FROM t")).fetchall() == [(expected,)]
    assert is_sorted(made("SELECT SUM(x) FROM t"))
    assert store.execute(made("SELECT AVG(x) FROM t")).fetchall() == [(expected / 5,)]
    assert store.execute(made("SELECT SUM(x) + 1 FROM t")).fetchall() == [(expected + 1,)]
    assert store.execute(made("SELECT SUM(x) FROM t WHERE a < 3")).fetchall() == [(2.0**53 + 4,)]
    grouped = made("SELECT SUM(x) FROM t GROUP BY a HAVING SUM(x) > 2")
    assert sorted(store.execute(grouped).fetchall()) == [(2.0**53,)]


def test_values_that_any_order_gives_are_not_sorted(store: duckdb.DuckDBPyConnection) -> None:
    assert store.execute(made("SELECT SUM(x) FROM t WHERE b <> 2", is_ordered=False)).fetchall() == [(3.0,)]


@pytest.mark.parametrize(
    ("statement", "table", "context"),
    [
        ("SELECT SUM(x) FROM t", TABLE, {"reads": ()}),
        ("SELECT SUM(x) FROM t", TABLE, {"reads": (Read("t", "k"),)}),
        ("SELECT SUM(x) FROM t", TABLE, {"reads": (Read("t", "unknown"),)}),
        ("SELECT SUM(x) FROM t", TABLE, {"reads": (Read("u"),)}),
        ("SELECT SUM(x) FROM t", replace(TABLE, partitions=(Partition("p", "HASH", "a"),)), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, engine="MyISAM"), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, indexes=()), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, indexes=(Index("PRIMARY", ("b", "x")),)), {}),
        ("SELECT SUM(x) FROM t", replace(TABLE, indexes=(Index("j", ("b", "a")),)), {}),
        ("SELECT SUM(x) FROM t GROUP BY a ORDER BY a DESC", TABLE, {"backend": "mariadb"}),
        ("SELECT SUM(x) FROM t WHERE a IN (SELECT t.a FROM t)", TABLE, {}),
        ("SELECT SUM(x) FROM (SELECT DISTINCT x FROM t) y", TABLE, {}),
        ("SELECT SUM(x) FROM (SELECT MAX(x) x FROM t GROUP BY a) y", TABLE, {}),
        ("SELECT SUM(x) FROM (SELECT x FROM t UNION ALL SELECT x FROM t) y", TABLE, {}),
        ("WITH y AS (SELECT x, a FROM t) SELECT SUM(y.x) FROM y JOIN y z ON z.a = y.a", TABLE, {}),
        ("SELECT SUM(y.x) FROM (SELECT x, a FROM t) y JOIN (SELECT a FROM t) z ON z.a = y.a", TABLE, {}),
        ("SELECT SUM(t.x) FROM t JOIN t u ON t.a = u.a", TABLE, {"reads": (Read("t"), Read("u", "i", 1))}),
        ("SELECT SUM(t.x) FROM t JOIN t u ON t.a = u.a", TABLE, {"reads": (Read("t"), Read("v"))}),
        ("SELECT (SELECT SUM(x) FROM t)", TABLE, {}),
        ("SELECT SUM(DISTINCT x) FROM t", TABLE, {}),
    ],
)
def test_elsewhere_the_order_is_not_known(statement: str, table: Table, context: dict[str, Any]) -> None:
    sql = made(statement, table, **context)
    assert not is_sorted(sql)
    assert BY_KEY not in made(statement, table, is_ordered=False, **context) or "DISTINCT" in statement


def order(statement: str, *reads: Read, **context: Any) -> str:
    """What the sum of a statement is ordered by."""
    inside = made(statement, reads=reads, **context).split("ORDER BY ", 1)[1].split(")", 1)[0]
    return inside.replace('"', "").replace(" ASC NULLS FIRST", "")


def test_tables_are_read_one_inside_the_other() -> None:
    joined = "SELECT SUM(t.x) FROM t JOIN t u ON t.a = u.b LEFT JOIN t w ON w.a = u.a"
    assert order(joined, Read("w"), Read("t", "j", 1)) == "t3.b, t3.a, t1.b"
    assert order(joined, Read("u", "j"), Read("t", "PRIMARY", 1), Read("w", is_single=True)) == "t2.a, t2.b, t1.a"
    assert order("SELECT SUM(x) FROM t WHERE a IN (SELECT u.a FROM t u)", Read("t"), Read("u", is_single=True))


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT SUM(y.z) FROM (SELECT x z FROM t) y",
        "WITH y AS (SELECT x z FROM t) SELECT SUM(z) FROM y",
        "WITH y AS (SELECT x FROM t), w AS (SELECT x z FROM y) SELECT SUM(v.z) FROM (SELECT z FROM w) v",
    ],
)
def test_tables_are_read_through_what_is_merged(store: duckdb.DuckDBPyConnection, statement: str) -> None:
    keys = order(statement, Read("t"))
    outermost = re.findall(r"AS (d\d+)\b", made(statement))[-1]  # FROM (…) AS d2, or FROM w1 AS d3
    assert keys == f"{outermost}.c1, {outermost}.c2"
    assert store.execute(made(statement)).fetchall() == [(2.0**53 + 4,)]


@pytest.mark.parametrize(
    ("end", "is_known"),
    [
        ("", True),
        (" GROUP BY u.x", False),
        (" GROUP BY u.x ORDER BY u.x", False),
        (" GROUP BY u.x ORDER BY SUM(t.x)", True),
        (" GROUP BY u.x, t.b ORDER BY u.x", False),
        (" GROUP BY u.x, t.b ORDER BY u.x, SUM(t.x)", True),
        (" GROUP BY u.x, t.b ORDER BY u.x, t.b", True),
        (" GROUP BY u.x, t.b", True),
        (" GROUP BY u.x, u.b", False),
        (" GROUP BY u.x LIMIT 5", True),
        (" GROUP BY u.x ORDER BY u.x LIMIT 5", True),
        (" ORDER BY 1", False),
        (" ORDER BY 1 LIMIT 1", False),
        (" AND t.a IN (SELECT 1)", False),
        (" AND t.a IN (SELECT 1) GROUP BY u.x, t.b", False),
    ],
)
def test_a_guess_serves_where_no_sort_decides(end: str, is_known: bool) -> None:
    reads = Read("t"), Read("u", "j", is_guess=True)
    found = made("SELECT SUM(t.x) FROM t JOIN t u ON t.a = u.b" + end, reads=reads)
    assert is_sorted(found) == is_known


def test_mariadb_groups_by_an_index_forwards() -> None:
    grouped = "SELECT SUM(x) FROM t GROUP BY a ORDER BY a DESC"
    assert order(grouped, Read("t"), backend="mariadb", plan=(TEMPORARY, ROWS))
    assert order("SELECT SUM(x) FROM t GROUP BY a", Read("t", "j"), backend="mariadb", plan=(ROWS,)) == "t1.a, t1.b"
