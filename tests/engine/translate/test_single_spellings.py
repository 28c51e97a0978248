"""Groups of columns in which no two texts that are equal are spelled differently, and how that is found out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from engine.catalog import CatalogView, LoadedTable, State
from engine.collate.presence import of_text
from engine.translate.translator import Translation, translate
from engine.translating.spellings import Spellings
from statements.context import SessionContext
from tests.engine.translate.conftest import MODE, T
from tests.engine.translate.test_guarded import GENERAL, general_ci
from wire.constants import FieldType
from wire.responses import ColumnDefinition

KEY = "lower(v)"
TEXT, NUMBER = ColumnDefinition("a", FieldType.VAR_STRING), ColumnDefinition("n", FieldType.LONGLONG)


def entry(**facts: Any) -> LoadedTable:
    """Table t whose texts are of letters in both cases."""
    columns = tuple(replace(c, collation=GENERAL) if c.name == "a" else c for c in T.columns)
    of_letters = {"a": of_text("abAB")}
    return replace(
        LoadedTable(1, replace(T, columns=columns), '"s"."t"', State.AVAILABLE, rows=4, presence=of_letters), **facts
    )


def made(statement: str, single: bool, *definitions: ColumnDefinition) -> str:
    """Translate where every column that is asked for has one spelling, or none has."""
    context = SessionContext(1, schema="s", sql_mode=MODE, collation_connection=GENERAL)
    view = CatalogView({("s", "t"): entry()})
    asked: list[tuple[str, str, str, str]] = []

    def are_single(*question: str) -> bool:
        asked.append(question)  # type: ignore[arg-type]
        return single

    found = translate(
        statement, context, view, definitions or [TEXT, NUMBER], lambda *_: general_ci(), are_single=are_single
    )
    assert isinstance(found, Translation), found
    assert set(asked) <= {('"s"."t"', "a", KEY, "")}
    return found.sql


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT a, COUNT(*) FROM t GROUP BY a",
        "SELECT a, COUNT(DISTINCT a) FROM t GROUP BY a",
        "SELECT a, RANK() OVER (PARTITION BY a ORDER BY id) FROM t",
        "SELECT x, SUM(n) FROM (SELECT a x, 1 n FROM t WHERE id > 1) d GROUP BY x",
        "SELECT t1.a, COUNT(*) FROM t t0 LEFT JOIN t t1 ON t1.id = t0.i GROUP BY t1.a",
    ],
)
def test_bytes_tell_groups_apart_where_each_text_has_one_spelling(statement):
    types = [TEXT, replace(NUMBER, type=FieldType.NEWDECIMAL) if "SUM" in statement else NUMBER]
    assert "lower(" in made(statement, False, *types)
    assert "lower(" not in made(statement, True, *types)


def test_one_statement_has_one_answer():
    context = SessionContext(1, schema="s", sql_mode=MODE, collation_connection=GENERAL)
    answers = iter([False, True, True, True, True, True, True, True])
    found = translate(
        "SELECT a, COUNT(DISTINCT a), MIN(a) FROM t GROUP BY a ORDER BY a",
        context,
        CatalogView({("s", "t"): entry()}),
        [TEXT, NUMBER, TEXT],
        lambda *_: general_ci(),
        are_single=lambda *_: next(answers),
    )
    assert isinstance(found, Translation)
    assert 'GROUP BY lower(t1."a")' in found.sql
    assert len(list(answers)) == 7


def test_two_columns_are_never_compared_by_bytes():
    joined = "SELECT t0.a, COUNT(*) FROM t t0 JOIN t t1 ON t0.a = t1.a GROUP BY t0.a"
    assert made(joined, True).count("lower(") == 2


@pytest.mark.parametrize("value", ["CONCAT(a, 'B')", "COALESCE(a, 'B')", "LEFT(a, 1)"])
def test_what_is_computed_of_a_column_may_have_other_spellings(value):
    statement = f"SELECT {value}, COUNT(*) FROM t GROUP BY {value}"
    assert made(statement, True) == made(statement, False)


def test_columns_of_a_union_have_no_one_column_behind_them():
    statement = "SELECT x, COUNT(*) FROM (SELECT a x FROM t UNION ALL SELECT 'aB' FROM t) d GROUP BY x"
    assert made(statement, True) == made(statement, False)


@pytest.fixture
def rows() -> Callable[..., duckdb.DuckDBPyConnection]:
    """A table with these texts."""

    def table(*texts: str | None) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect()
        connection.execute("CREATE SCHEMA s; CREATE TABLE s.t (a VARCHAR)")
        for text in texts:
            connection.execute("INSERT INTO s.t VALUES (?)", [text])
        return connection

    return table


def ask(spellings: Spellings, of: LoadedTable, connection: duckdb.DuckDBPyConnection) -> bool:
    """Ask of column a."""
    return spellings.are_single(CatalogView({("s", "t"): of}), connection, '"s"."t"', "a", KEY)


@pytest.mark.parametrize(
    ("texts", "single"),
    [
        (("a", "b", "a", None), True),
        (("a", "A"), False),
        (("aB", "b", "ab"), False),
        ((), True),
        ((None,), True),
        (("",), True),
    ],
)
def test_the_rows_tell_whether_each_text_has_one_spelling(rows, texts, single):
    spellings, of, connection = Spellings(), entry(), rows(*texts)
    assert [ask(spellings, of, connection) for _ in range(3)] == [False, single, single]


def test_an_answer_holds_until_the_table_changes(rows):
    spellings, of, connection = Spellings(), entry(), rows("a", "b")
    assert [ask(spellings, of, connection) for _ in range(2)] == [False, True]
    connection.execute("INSERT INTO s.t VALUES ('A')")
    changed = replace(of)  # what the store makes of an entry whose rows have changed, even into as many
    assert [ask(spellings, changed, connection) for _ in range(3)] == [False, False, False]
    connection.execute("DELETE FROM s.t WHERE a = 'A'")
    assert [ask(spellings, replace(of), connection) for _ in range(1)] == [False]


def test_an_older_snapshot_is_not_answered_by_a_newer_one(rows):
    spellings, old, new = Spellings(), entry(), entry()
    before, after = rows("a", "A"), rows("a")
    assert [ask(spellings, new, after) for _ in range(2)] == [False, True]
    assert [ask(spellings, old, before) for _ in range(6)] == [False] * 6
    assert [ask(spellings, new, after) for _ in range(8)] == [*[False] * 7, True]


def test_a_table_that_changes_often_is_read_less_and_less(rows, monkeypatch):
    spellings, connection, reads = Spellings(), rows("a"), []
    monkeypatch.setattr("engine.translating.spellings.read_single", lambda *question: reads.append(question) or True)
    for asked, read in ((3, 1), (3, 1), (4, 2), (7, 2), (8, 3)):  # in each state of the table, and all reads until then
        of = entry()
        assert [ask(spellings, of, connection) for _ in range(asked)].count(True) <= 2
        assert len(reads) == read
    assert all(ask(spellings, of, connection) for _ in range(20))
    of = entry()
    assert [ask(spellings, of, connection) for _ in range(2)] == [False, True]  # what was read served often


@pytest.mark.parametrize("facts", [{"rows": 1 << 40}, {"id": 1 << 40}, {"store_name": "elsewhere"}])
def test_large_tables_files_and_unknown_tables_are_not_read(rows, facts):
    spellings, of, connection = Spellings(), entry(**facts), rows("a")
    assert [ask(spellings, of, connection) for _ in range(3)] == [False] * 3
