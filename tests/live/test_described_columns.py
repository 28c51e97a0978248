"""The flags of columns whose rows pass a temporary table of the server's: those of its fields."""

from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.live

SCHEMA = "described_columns"
COLUMNS = "a.id, n, u, z, ts, dt, e, j, s, k, t2, bn, b.id, b.v"
STATEMENTS = (
    f"SELECT {COLUMNS} FROM a JOIN b ON a.id = b.v ORDER BY a.s, b.v, a.id",
    f"SELECT {COLUMNS}, bt FROM a JOIN b ON a.id = b.v ORDER BY a.id, b.id",
    f"SELECT {COLUMNS} FROM a LEFT JOIN b ON a.id = b.v ORDER BY b.id, a.n",
    f"SELECT {COLUMNS}, COUNT(*) FROM a JOIN b ON a.id = b.v GROUP BY {COLUMNS} ORDER BY a.id",
    f"SELECT {COLUMNS}, ROW_NUMBER() OVER (ORDER BY a.id) FROM a JOIN b ON a.id = b.v ORDER BY a.id",
    "SELECT * FROM (SELECT DISTINCT id, ts, dt, n FROM a) q ORDER BY id",
    "SELECT a.id, SUM(v) OVER (PARTITION BY a.id), ts FROM a JOIN b ON a.id = b.v ORDER BY 1",
    "SELECT id, ts, bt FROM a ORDER BY id",
    "SELECT k, MAX(x), MIN(y) FROM (SELECT k, SUM(n) > 2 x, LENGTH(MAX(s)) y FROM a GROUP BY k, n) q GROUP BY k",
    "WITH q AS (SELECT k, MAX(u) + 1 x, HEX(MAX(n)) y FROM a GROUP BY k, n) SELECT k, MAX(x), MAX(y) FROM q GROUP BY k",
    "SELECT HEX(s) FROM a UNION ALL SELECT REPEAT(s, 300) FROM a",
)


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    moment = "NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP"
    backend.run(f"DROP DATABASE IF EXISTS {SCHEMA}")
    backend.run(f"CREATE DATABASE {SCHEMA}")
    backend.run(
        f"CREATE TABLE {SCHEMA}.a (id INT AUTO_INCREMENT PRIMARY KEY, n INT NOT NULL, u INT NOT NULL UNIQUE, "
        f"z INT(6) ZEROFILL, ts TIMESTAMP {moment}, dt DATETIME {moment}, e ENUM('a','b') NOT NULL, j YEAR NOT NULL, "
        "bt BIT(3) NOT NULL, s VARCHAR(9) NOT NULL, k INT, KEY (k), t2 TIMESTAMP NULL, bn VARBINARY(5) NOT NULL)"
    )
    backend.run(f"CREATE TABLE {SCHEMA}.b (id INT PRIMARY KEY, v INT NOT NULL)")
    rows = ",".join(f"({i},{i},1,'a',3,2020,'s{i % 3}',{i},'b')" for i in range(1, 9))
    backend.run(f"INSERT INTO {SCHEMA}.a (n, u, z, e, bt, j, s, k, bn) VALUES {rows}")
    backend.run(f"INSERT INTO {SCHEMA}.b VALUES {','.join(f'({i},{i})' for i in range(1, 9))}")
    for table in "ab":
        warmfront_instance.wait_until_loaded(SCHEMA, table)
    yield SCHEMA
    backend.run(f"DROP DATABASE {SCHEMA}")


def described(connection: Any, statement: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        fields = connection._result.fields
    return [(f.name, f.org_table, f.org_name, f.type_code, f.length, f.scale, hex(f.flags)) for f in fields]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_columns_are_described_as_the_server_does(
    backend: Any, warmfront_instance: Any, schema: str, statement: str
) -> None:
    with backend.connect(database=schema) as direct:
        expected = described(direct, statement)
    with warmfront_instance.connect(database=schema) as through:
        through.query("SET use_secondary_engine = FORCED")
        assert described(through, statement) == expected
