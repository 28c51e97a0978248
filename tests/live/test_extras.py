"""QUALIFY, CUBE, TABLESAMPLE, HLL(): the engine's own, with the backend's names, types, grants and errors."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

pytestmark = pytest.mark.live

SCHEMA = "extras"


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    backend.run(f"DROP DATABASE IF EXISTS {SCHEMA}")
    backend.run(f"CREATE DATABASE {SCHEMA}")
    backend.run(f"CREATE TABLE {SCHEMA}.t (id INT PRIMARY KEY, g INT, h DATE NOT NULL, v DECIMAL(8,2))")
    values = ",".join(f"({i},{'NULL' if i % 9 == 0 else i % 5},'2024-01-0{1 + i % 3}',{i / 8})" for i in range(1000))
    backend.run(f"INSERT INTO {SCHEMA}.t VALUES {values}")
    warmfront_instance.wait_until_loaded(SCHEMA, "t")
    yield SCHEMA
    backend.run(f"DROP DATABASE {SCHEMA}")


@pytest.fixture
def client(warmfront_instance: Any, schema: str) -> Iterator[Any]:
    with warmfront_instance.connect(database=schema) as connection:
        yield connection


def run(connection: Any, statement: str) -> tuple[list[Any], list[tuple[Any, ...]]]:
    """The columns' descriptions but for their names' digits, and the rows."""
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return [(c[0], c[1]) for c in cursor.description or ()], list(cursor.fetchall())


def executions(connection: Any) -> int:
    return int(run(connection, "SHOW SESSION STATUS LIKE 'Secondary_engine_execution_count'")[1][0][1])


RANKED = "SELECT id, g, RANK() OVER (PARTITION BY g ORDER BY v DESC) r FROM t"
CUBED = [
    "SELECT g, h, COUNT(*) n, SUM(v) s FROM t GROUP BY g, h",
    "SELECT g, NULL, COUNT(*), SUM(v) FROM t GROUP BY g",
    "SELECT NULL, h, COUNT(*), SUM(v) FROM t GROUP BY h",
    "SELECT NULL, NULL, COUNT(*), SUM(v) FROM t",
]


@pytest.mark.parametrize(
    ("statement", "same"),
    [
        (f"{RANKED} QUALIFY r <= 2", f"SELECT * FROM ({RANKED}) x WHERE r <= 2"),
        (f"{RANKED} WHERE id > 100 QUALIFY r = 1 ORDER BY id LIMIT 3", None),
        (
            "SELECT g, COUNT(*) c FROM t GROUP BY g QUALIFY ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC, g) < 3",
            "SELECT g, c FROM (SELECT g, COUNT(*) c, ROW_NUMBER() OVER (ORDER BY COUNT(*) DESC, g) r FROM t"
            " GROUP BY g) x WHERE r < 3",
        ),
        (f"SELECT COUNT(*) FROM ({RANKED} QUALIFY r = 1) x", f"SELECT COUNT(*) FROM ({RANKED}) x WHERE r = 1"),
        ("SELECT g, h, COUNT(*) n, SUM(v) s FROM t GROUP BY CUBE (g, h)", " UNION ALL ".join(CUBED)),
        ("SELECT g, COUNT(*) n FROM t GROUP BY ROLLUP (g)", "SELECT g, COUNT(*) n FROM t GROUP BY g WITH ROLLUP"),
        ("SELECT COUNT(*) FROM t TABLESAMPLE BERNOULLI (100)", "SELECT COUNT(*) FROM t"),
        ("SELECT COUNT(*) FROM t x TABLESAMPLE SYSTEM (0)", "SELECT COUNT(*) FROM t WHERE FALSE"),
        ("SELECT g, HLL(h) AS k FROM t GROUP BY g", "SELECT g, COUNT(DISTINCT h) AS k FROM t GROUP BY g"),
    ],
)
def test_they_answer_what_plain_sql_answers(client: Any, statement: str, same: str | None) -> None:
    columns, rows = run(client, statement)
    if "ROLLUP" not in statement:
        assert executions(client) == 1
    run(client, "SET use_secondary_engine = OFF")
    if same is None:
        assert [row[2] for row in rows] == [1, 1, 1]
        return
    expected, answer = run(client, same)
    assert Counter(rows) == Counter(answer)
    assert [name for name, _ in columns] == [name for name, _ in expected]


def test_a_sample_is_a_part(client: Any) -> None:
    counted = run(client, "SELECT COUNT(*) FROM t TABLESAMPLE BERNOULLI (50)")[1][0][0]
    assert 300 < counted < 700


def test_a_column_is_called_as_it_was_written(client: Any) -> None:
    assert [name for name, _ in run(client, "SELECT HLL(g), hll( id ) + 1, g FROM t GROUP BY g LIMIT 1")[0]][::2] == [
        "HLL(g)",
        "g",
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM t QUALIFY id > 3",
        "SELECT nowhere, RANK() OVER (ORDER BY id) r FROM t QUALIFY r < 3",
        "SELECT id, RANK() OVER (ORDER BY id) r FROM t QUALIFY nowhere < 3",
        "SELECT COUNT(*) FROM t TABLESAMPLE SYSTEM (101)",
        "SELECT HLL(id) FROM missing",
        "SELECT g, COUNT(*) FROM t GROUP BY CUBE (g), h",
    ],
)
def test_what_the_engine_cannot_run_ends_with_the_backends_error(client: Any, backend: Any, statement: str) -> None:
    errors = []
    for connection in (client, backend.connect(database=SCHEMA)):
        with pytest.raises(pymysql.err.Error) as caught:
            run(connection, statement)
        errors.append(caught.value.args)
    assert errors[0] == errors[1]
    run(client, "SET use_secondary_engine = FORCED")
    with pytest.raises(pymysql.err.Error):
        run(client, statement)


def test_grants_hold_for_columns_of_the_condition(client: Any, backend: Any, warmfront_instance: Any) -> None:
    backend.run("DROP USER IF EXISTS partly@'%'")
    backend.run("CREATE USER partly@'%' IDENTIFIED BY 'p'")
    backend.run(f"GRANT SELECT (id, g) ON {SCHEMA}.t TO partly@'%'")
    with warmfront_instance.connect(user="partly", password="p", database=SCHEMA) as partly:
        assert run(partly, "SELECT id FROM t QUALIFY RANK() OVER (ORDER BY id) < 3")[1] == [(0,), (1,)]
        with pytest.raises(pymysql.err.Error):
            run(partly, "SELECT id FROM t QUALIFY RANK() OVER (ORDER BY v) < 3")
        assert executions(partly) == 1
    backend.run("DROP USER partly@'%'")


def test_a_word_of_the_backends_own_is_left_alone(client: Any, backend: Any) -> None:
    run(client, "CREATE FUNCTION hll(x INT) RETURNS INT DETERMINISTIC RETURN -x")
    assert run(client, "SELECT hll(5), MAX(hll(id)) FROM t")[1] == [(-5, 0)]
    run(client, "DROP FUNCTION hll")
    if backend.is_mariadb:
        assert run(client, "SELECT COUNT(*) FROM t qualify")[1] == [(1000,)]
