"""Statements that write a query's rows are taken apart as they are written."""

import pytest

from statements.ml_writes import QueryWrite, read_assignment, read_write


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("INSERT INTO t SELECT 1 FROM u;", ("INSERT INTO t ", "SELECT 1 FROM u", "", "")),
        ("insert t (a, b) (select 1, 2)", ("insert t (a, b) ", "(select 1, 2)", "", "")),
        ("REPLACE INTO t WITH c AS (SELECT 1) SELECT * FROM c", None),
        (
            "INSERT INTO t SELECT f(a) FROM u ON DUPLICATE KEY UPDATE a = 1",
            ("INSERT INTO t ", "SELECT f(a) FROM u", "ON DUPLICATE KEY UPDATE a = 1", ""),
        ),
        (
            "CREATE TABLE `a b`.c (PRIMARY KEY (id)) ENGINE=InnoDB AS SELECT 1 AS id",
            ("CREATE TABLE `a b`.c (PRIMARY KEY (id)) ENGINE=InnoDB ", "SELECT 1 AS id", "", "`a b`.c"),
        ),
        ("CREATE TABLE t SELECT 1", ("CREATE TABLE t ", "SELECT 1", "", "t")),
    ],
)
def test_a_write_of_a_query(text: str, parts: tuple[str, ...] | None) -> None:
    wanted = parts or ("REPLACE INTO t ", "WITH c AS (SELECT 1) SELECT * FROM c", "", "")
    assert read_write(text) == QueryWrite(*wanted)


@pytest.mark.parametrize(
    "text",
    ["INSERT INTO t VALUES (1)", "CREATE TABLE IF NOT EXISTS t SELECT 1", "CREATE VIEW v AS SELECT 1", "SELECT 1", "'"],
)
def test_other_forms_are_left_whole(text: str) -> None:
    assert read_write(text) is None


def test_an_assignment() -> None:
    assert read_assignment("SET @`a b` := (SELECT 1);") == ("@`a b`", "(SELECT 1)")
    assert read_assignment("set @a=f(1)") == ("@a", "f(1)")
    assert read_assignment("SET a = 1") is None
