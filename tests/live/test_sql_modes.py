"""Sessions whose SQL modes spell statements in another way."""

import functools
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.live.test_cursors import Talker

pytestmark = pytest.mark.live

_ASKED = {
    "ANSI_QUOTES": (
        'SELECT "g" AS "the ""g""", COUNT(*) "n" FROM "names" AS "x" GROUP BY "x"."g" ORDER BY "g"',
        """SELECT "id", 'a "b"' FROM "modes"."names" WHERE "s" = 'rot' ORDER BY "id" """,
        'SELECT id, "id" FROM names ORDER BY id',
    ),
    "PIPES_AS_CONCAT": (
        "SELECT id, s || '-' || g FROM names ORDER BY id",
        "SELECT s || '!' k, COUNT(*) FROM names WHERE s || g LIKE 'r' || '%' GROUP BY k ORDER BY k",
        "SELECT COUNT(*) FROM names WHERE 'a' || s",
    ),
    "ANSI": ('SELECT "s" || \'/\' || "g" "t" FROM "names" ORDER BY "id"',),
    "": (
        'SELECT id, "id" FROM names ORDER BY id',
        "SELECT COUNT(*) FROM names WHERE id = 1 || g = 2",
    ),
}


@pytest.fixture
def table(backend: Any, warmfront_instance: Any) -> Iterator[Any]:
    backend.run("DROP DATABASE IF EXISTS modes")
    backend.run("CREATE DATABASE modes CHARACTER SET utf8mb4")
    backend.run("CREATE TABLE modes.names (id INT PRIMARY KEY, s VARCHAR(20), g INT)")
    backend.run("INSERT INTO modes.names VALUES (1, 'rot', 1), (2, 'blau', 2), (3, NULL, 2), (4, 'rot', NULL)")
    warmfront_instance.wait_until_loaded("modes", "names")
    yield warmfront_instance
    backend.run("DROP DATABASE modes")


def _answer(cursor: Any, statement: str, use: str) -> Any:
    cursor.execute(f"SET use_secondary_engine = {use}")
    cursor.execute(statement)
    return cursor.fetchall(), cursor.description


@pytest.mark.parametrize("mode", list(_ASKED))
def test_statements_mean_what_the_mode_says(table: Any, mode: str) -> None:
    with table.connect(database="modes") as connection, connection.cursor() as cursor:
        cursor.execute(f"SET sql_mode = '{mode}'")
        for statement in _ASKED[mode]:
            try:
                found = _answer(cursor, statement, "FORCED")
            except pymysql.err.OperationalError as problem:
                assert "'a' || s" in statement, problem  # noqa: PT017
                continue
            assert found == _answer(cursor, statement, "OFF")


def test_a_name_in_quotes_is_none_without_the_mode(table: Any) -> None:
    """The same text in two sessions, one after the other."""
    asked = 'SELECT id, "s" FROM names ORDER BY id'
    connect = functools.partial(table.connect, database="modes")
    with connect() as one, connect() as other, one.cursor() as quoting, other.cursor() as plain:
        quoting.execute("SET sql_mode = 'ANSI_QUOTES'")
        for _ in range(2):
            assert _answer(quoting, asked, "FORCED")[0][0] == (1, "rot")
            assert _answer(plain, asked, "FORCED")[0][0] == (1, "s")
        with pytest.raises(pymysql.err.ProgrammingError):
            _answer(plain, 'SELECT id FROM "names"', "FORCED")
        quoting.execute("SET use_secondary_engine = FORCED")
        quoting.execute('EXPLAIN SELECT "g", COUNT(*) FROM "names" GROUP BY "g"')
        assert "RAPID" in str(quoting.fetchall())


_STATES = {
    "names in quotes": (
        ("SET sql_mode = 'ANSI_QUOTES'",),
        'SELECT "g", COUNT(*) FROM "names" GROUP BY "g" ORDER BY "g"',
    ),
    "read only": (("SET SESSION TRANSACTION READ ONLY", "START TRANSACTION"), "SELECT COUNT(*) FROM names"),
    "no autocommit": (("SET autocommit = 0",), "SELECT COUNT(*) FROM names"),
}


@pytest.mark.parametrize("state", list(_STATES))
def test_the_status_tells_of_the_session_as_the_server_does(backend: Any, table: Any, state: str) -> None:
    """MariaDB's Connector/ODBC quotes names by SERVER_STATUS_ANSI_QUOTES."""
    settings, asked = _STATES[state]
    told = []
    for side, use in ((backend, "SET @x = 1"), (table, "SET use_secondary_engine = FORCED")):
        with side.connect(database="modes", autocommit=None) as connection:
            talker = Talker(connection, 0)
            found = []
            for statement in (use, *settings, use, asked):
                talker.send(b"\x03" + statement.encode())
                found.append(talker.until_end(2))
            told.append(found)
    assert told[0] == told[1]


_DESCRIBED = (
    'SELECT "g", MAX(b) FROM (SELECT "g", "id" AS b FROM "names") d GROUP BY "g" ORDER BY "g"',
    "SELECT DISTINCT MIN(a) FROM (SELECT id AS a, g FROM names) d GROUP BY g ORDER BY 1",
    'SELECT "g", COUNT(*) FROM "names" GROUP BY "g" ORDER BY COUNT(*), "g"',
    'SELECT "id" FROM "names" UNION SELECT "g" FROM "names" ORDER BY 1',
)


@pytest.mark.parametrize("asked", _DESCRIBED)
def test_columns_are_described_by_the_plan_in_a_session_of_names_in_quotes(
    backend: Any, table: Any, asked: str
) -> None:
    """What passes a temporary table is described by its fields: only the plan tells what does."""
    if backend.is_mariadb:
        pytest.skip("whose plan has the names as they are in JSON's texts")
    told = []
    for side, use in ((backend, "SET @x = 1"), (table, "SET use_secondary_engine = FORCED")):
        with side.connect(database="modes") as connection:
            talker = Talker(connection, 0)
            found = []
            for statement in (use, "SET sql_mode = 'ANSI_QUOTES'", asked):
                talker.send(b"\x03" + statement.encode())
                found.append(talker.until_end(2))
            told.append(found)
    assert told[0] == told[1]
