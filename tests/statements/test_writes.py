"""INSERT … SELECT is taken apart where it is plain, and left whole otherwise."""

import pytest

from statements.facts import statement_facts
from statements.writes import (
    leaves_rows_open,
    marked_outputs,
    may_create_from_query,
    may_insert_query,
    read_create_select,
    read_insert,
    without_rows,
)


@pytest.mark.parametrize(
    ("statement", "head", "target", "columns", "query"),
    [
        ("INSERT INTO t SELECT 1", "INSERT INTO t", ("", "t"), None, "SELECT 1"),
        ("insert t(a, `b``c`)\n(select 1, 2);", "insert t(a, `b``c`)", ("", "t"), ("a", "b`c"), "(select 1, 2)"),
        ("INSERT INTO `x y`.t (a)WITH c AS (SELECT 1) TABLE c", "INSERT INTO `x y`.t (a)", ("x y", "t"), ("a",), None),
        ("INSERT INTO t TABLE u", "INSERT INTO t", ("", "t"), None, "TABLE u"),
        ("INSERT INTO selects SELECT 1", "INSERT INTO selects", ("", "selects"), None, "SELECT 1"),
    ],
)
def test_plain_forms_are_read(
    statement: str, head: str, target: tuple[str, str], columns: tuple[str, ...] | None, query: str | None
) -> None:
    found = read_insert(statement)
    assert found is not None
    assert (found.head, (found.schema, found.table), found.columns) == (head, target, columns)
    assert found.query == (query or statement[len(head) :])


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO t VALUES (1)",
        "INSERT INTO t (a) VALUES (1), (2)",
        "INSERT INTO t (a) VALUES ((SELECT 1))",
        "INSERT INTO t SET a = (SELECT 1)",
        "INSERT IGNORE INTO t SELECT 1",
        "INSERT LOW_PRIORITY INTO t SELECT 1",
        "INSERT INTO t PARTITION (p) SELECT 1",
        "INSERT /* x */ INTO t SELECT 1",
        "INSERT INTO t () SELECT 1",
        "REPLACE INTO t SELECT 1",
        "UPDATE t SET a = (SELECT 1)",
    ],
)
def test_other_forms_are_left_whole(statement: str) -> None:
    assert read_insert(statement) is None


@pytest.mark.parametrize(
    ("text", "may"),
    [
        (b"INSERT INTO t SELECT 1", True),
        (b"insert into `a`.`b` (x, y) (select 1, 2)", True),
        (b"INSERT INTO t (a) VALUES (1)", False),
        (b"INSERT INTO t VALUES ('select')", False),
    ],
)
def test_the_first_look_sees_what_may_be_one(text: bytes, may: bool) -> None:
    assert may_insert_query(text) is may


def test_a_limit_needs_an_order() -> None:
    assert leaves_rows_open(statement_facts("SELECT a FROM t LIMIT 3"))
    assert not leaves_rows_open(statement_facts("SELECT a FROM t ORDER BY a LIMIT 3"))
    assert not leaves_rows_open(statement_facts("SELECT a FROM t WHERE a IN (SELECT b FROM u LIMIT 1)"))


@pytest.mark.parametrize(
    ("statement", "read"),
    [
        ("create table t as select 1", ("create table t ", "", "t", "select 1")),
        (
            "CREATE TABLE IF NOT EXISTS `a b`.c (PRIMARY KEY (id)) ENGINE=InnoDB AS (SELECT id FROM x);",
            ("CREATE TABLE IF NOT EXISTS `a b`.c (PRIMARY KEY (id)) ENGINE=InnoDB ", "a b", "c", "(SELECT id FROM x)"),
        ),
        (
            "create table t (a int)\nwith x as (select 1) select * from x",
            ("create table t (a int)\n", "", "t", "with x as (select 1) select * from x"),
        ),
        ("create table t (select 1)", ("create table t ", "", "t", "(select 1)")),
        ("create table tselect (a int)", None),
        ("create table t like u", None),
        ("create table t ignore select 1", None),
        ("create table t comment 'as select 1' as select 1", None),
        ("create table t (a int) partition by hash(a) as select 1", None),
        ("create temporary table t as select 1", None),
        ("create or replace table t as select 1", None),
    ],
)
def test_create_table_is_taken_apart(statement: str, read: tuple[str, str, str, str] | None) -> None:
    found = read_create_select(statement)
    assert (found and (found.head, found.schema, found.table, found.query)) == read
    assert read is None or may_create_from_query(statement.encode())


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("SELECT a FROM t", "SELECT a FROM t\nLIMIT 0"),
        ("SELECT a FROM t -- all", "SELECT a FROM t -- all\nLIMIT 0"),
        ("SELECT a FROM t ORDER BY a LIMIT 5, 6", "SELECT a FROM t ORDER BY a LIMIT 0"),
        ("SELECT a FROM t ORDER BY a LIMIT 5 -- few", None),
        ("(SELECT a FROM t ORDER BY a LIMIT 3)", "(SELECT a FROM t ORDER BY a LIMIT 3)\nLIMIT 0"),
    ],
)
def test_a_query_is_asked_for_no_rows(query: str, asked: str | None) -> None:
    assert without_rows(query, statement_facts(query)) == asked


@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("SELECT a, ?, b + ?, ? AS x FROM t WHERE c = ?", {1, 3}),
        ("SELECT *, ? FROM t", set()),
        ("SELECT ? FROM t UNION SELECT ? FROM u", set()),
        ("WITH c AS (SELECT ? AS y FROM t) SELECT y, ? FROM c", {1}),
    ],
)
def test_columns_that_are_a_marker_alone_are_counted(query: str, places: set[int]) -> None:
    assert marked_outputs(query) == places
