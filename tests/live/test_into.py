"""SELECT … INTO @variables: the same values, types and character sets as the backend puts there."""

from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

pytestmark = pytest.mark.live

SCHEMA = "put_into"


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    backend.run(f"DROP DATABASE IF EXISTS {SCHEMA}")
    backend.run(f"CREATE DATABASE {SCHEMA}")
    columns = "id INT PRIMARY KEY, u BIGINT UNSIGNED, d DECIMAL(10,3), f DOUBLE, dt DATE, dm DATETIME(2), y YEAR"
    backend.run(f"CREATE TABLE {SCHEMA}.t ({columns}, s VARCHAR(10))")
    values = ",".join(
        f"({i},18446744073709551{600 + i % 16},{i / 8},{i / 7!r},"
        f"'2024-01-0{1 + i % 9}','2024-01-02 03:04:0{i % 10}.25',{1990 + i % 30},'a')"
        for i in range(-500, 500)
    )
    backend.run(f"INSERT INTO {SCHEMA}.t VALUES {values}")
    warmfront_instance.wait_until_loaded(SCHEMA, "t")
    yield SCHEMA
    backend.run(f"DROP DATABASE {SCHEMA}")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    with warmfront_instance.connect(database=schema) as connection:
        yield connection


def run(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return list(cursor.fetchall())


def executions(connection: Any) -> int:
    return int(run(connection, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[0][1])


def described(connection: Any, names: str) -> tuple[Any, ...]:
    """Values, column definitions, character sets and coercibility of the variables."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'@{name}' for name in names)}")
        values = cursor.fetchall()
        fields = [(f.type_code, f.length, f.scale, f.flags, f.charsetnr) for f in connection._result.fields]
        cursor.execute(f"SELECT {', '.join(f'CHARSET(@{n}), COLLATION(@{n}), COERCIBILITY(@{n})' for n in names)}")
        return values, fields, cursor.fetchall()


SET = "@a, @b, @c, @d, @e, @f, @g"
SUMMED = "COUNT(*), SUM(d), MAX(u), MIN(f), MAX(dt), MIN(dm), MAX(y)"


@pytest.mark.parametrize(
    "statement",
    [
        f"SELECT {SUMMED} INTO {SET} FROM t",
        f"SELECT id, d, u, f, dt, dm, y INTO {SET} FROM t WHERE id = -7",
        f"SELECT {SUMMED.replace('COUNT(*)', 'MAX(id)')} INTO {SET} FROM t WHERE id > 900",
        f"SELECT id, -d, u, -f, dt, dm, y INTO {SET} FROM t ORDER BY d DESC LIMIT 1",
    ],
)
def test_variables_are_what_the_backend_makes_them(client: Any, statement: str) -> None:
    found = []
    for use in ("FORCED", "OFF"):
        run(client, f"SET use_secondary_engine = {use}")
        client.query(statement)
        answer = client._result.affected_rows, client._result.message, client._result.warning_count
        counted = run(client, "SELECT ROW_COUNT(), FOUND_ROWS()")
        found.append((answer, counted, described(client, "abcdefg")))
    assert found[0] == found[1]
    assert executions(client) == 1


def test_a_late_into_is_no_other(client: Any, backend: Any) -> None:
    found = []
    for use in ("ON", "OFF"):
        run(client, f"SET use_secondary_engine = {use}")
        client.query("SELECT COUNT(*), SUM(d) FROM t INTO @a, @b")
        found.append((client._result.affected_rows, client._result.warning_count, described(client, "ab")))
    assert found[0] == found[1]
    assert executions(client) == (0 if backend.is_mariadb else 1)  # MariaDB has a warning for it


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("SELECT id INTO @z FROM t", 1172),
        ("SELECT id, u INTO @z FROM t", 1222),
        ("SELECT nowhere INTO @z FROM t", 1054),
    ],
)
def test_errors_are_the_backends_and_nothing_is_set(client: Any, statement: str, number: int) -> None:
    run(client, "SET @z = 'kept'")
    with pytest.raises(pymysql.err.Error) as caught:
        run(client, statement)
    assert caught.value.args[0] == number
    assert executions(client) == 0


def test_no_row_leaves_the_variable_and_warns(client: Any) -> None:
    run(client, "SET @z = 5")
    run(client, "SELECT id INTO @z FROM t WHERE id > 900")
    assert [row[1] for row in run(client, "SHOW WARNINGS")] == [1329]
    assert run(client, "SELECT @z") == [(5,)]


def test_texts_and_files_stay_with_their_reason(client: Any) -> None:
    run(client, "SET use_secondary_engine = FORCED")
    for statement, words in (
        ("SELECT MAX(s) INTO @z FROM t", "a text"),
        ("SELECT id INTO @z FROM t LIMIT 1", "LIMIT without ORDER BY"),
    ):
        with pytest.raises(pymysql.err.Error, match=words):
            run(client, statement)
