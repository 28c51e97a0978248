"""MySQL's JSON: the copy's text is the server's own, from the log as from the snapshot."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.copying import Copy, settings_for

pytestmark = pytest.mark.live

SCHEMA = "json_test"
# Expressions for documents with what the text of JSON cannot write: opaque values and their limits.
EXPRESSIONS = (
    "NULL",
    "'null'",
    "'{}'",
    "'[]'",
    "'\"\"'",
    "'true'",
    "'-0.0'",
    "CAST(1.10 AS JSON)",
    "CAST(18446744073709551615 AS JSON)",
    "CAST(-9223372036854775808 AS JSON)",
    "JSON_ARRAY(-32768, -32769, 32767, 32768, 65535, 65536, -2147483648, 2147483648, 4294967295, 4294967296)",
    "JSON_ARRAY(0.0, 1e0, 1e14, 1e15, 123456789012345678e0, 0.1e0, 1e-14, 1e-15, 1.5e300, 5e-324, 1.79e308)",
    "JSON_ARRAY(0.00, -0.5, 12345678901234567890123456789012345.123456789012345678901234567890, -999999999.0)",
    "JSON_ARRAY(CAST(-99999999999999999999999999999999999999999999999999999999999999999 AS DECIMAL(65)), 0.1000000000)",
    "JSON_OBJECT('d', DATE'2020-01-02', 'n', DATE'9999-12-31', 'y', CAST(2020 AS YEAR))",
    "JSON_OBJECT('t', TIME'-838:59:59', 'u', TIME'-00:00:00.000001', 'v', TIME'23:59:59.5', 'z', TIME'00:00:00')",
    "JSON_OBJECT('a', TIMESTAMP'1000-01-01 00:00:00', 'b', TIMESTAMP'9999-12-31 23:59:59.999999', 'c', NOW())",
    "JSON_ARRAY(b'101', x'00ff', CAST('' AS BINARY), CAST(REPEAT('x', 56) AS BINARY), CAST(REPEAT('x', 57) AS BINARY))",
    "JSON_ARRAY(CAST(REPEAT('x', 58) AS BINARY), CAST(REPEAT('yz', 200) AS BINARY))",
    "JSON_OBJECT('g', ST_GeomFromText('POINT(1 2)'))",
    "JSON_QUOTE(CONCAT(CHAR(34, 92, 1, 31, 127, 10, 9, 13, 8, 12, 0 USING utf8mb4), '/é😀'))",
    "JSON_OBJECT('aa', 1, 'b', 2, '', 3, 'é', 4, REPEAT('k', 300), 5, CHAR(10 USING utf8mb4), 6)",
    "JSON_ARRAY(REPEAT('x', 127), REPEAT('x', 128), REPEAT('y', 70000), 1, 2, 70000, 4294967295, true, null)",
    "JSON_OBJECT('k1', REPEAT('y', 40000), 'k2', REPEAT('z', 40000), 'n', -5, 'm', 70000, 'o', JSON_ARRAY(1, 'x'))",
    "CONCAT(REPEAT('[', 100), REPEAT(']', 100))",
    "CONCAT(REPEAT('{\"a\":', 99), '7', REPEAT('}', 99))",
)


def document(rng: random.Random, depth: int = 0) -> Any:
    """Something that JSON can hold."""
    kind = rng.randrange(8 if depth < 4 else 6)
    if kind == 6:
        return [document(rng, depth + 1) for _ in range(rng.randrange(6))]
    if kind == 7:
        return {text(rng): document(rng, depth + 1) for _ in range(rng.randrange(6))}
    bits = rng.randrange(1, 64)
    whole = rng.randrange(-(1 << bits), 1 << bits)
    return (None, rng.random() < 0.5, whole, rng.uniform(-1, 1) * 10.0 ** rng.randrange(-20, 20), text(rng), whole / 8)[
        kind
    ]


def text(rng: random.Random) -> str:
    """A short string of anything."""
    return "".join(rng.choice('abcdeäß日😀"\\\n\t\x01 /') for _ in range(rng.choice((0, 1, 2, 5, 9, 300))))


@pytest.fixture(scope="module")
def server(backend: Any) -> Iterator[Any]:
    backend.run(f"DROP DATABASE IF EXISTS {SCHEMA}")
    backend.run(f"CREATE DATABASE {SCHEMA} CHARACTER SET utf8mb4")
    yield backend
    backend.run(f"DROP DATABASE {SCHEMA}")


@pytest.fixture(scope="module")
def copy(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    made = Copy(settings_for(server.upstream, Path(tmp_path_factory.mktemp("json"))))
    yield made
    made.stop()


def test_documents_of_every_kind(server: Any, copy: Copy) -> None:
    # MariaDB's JSON is text, and no deeper than 32 levels.
    other = ("CAST(", "ST_", "CONCAT(REPEAT")
    expressions = [e for e in EXPRESSIONS if not server.is_mariadb or not any(word in e for word in other)]
    rng = random.Random(5)
    with server.connect(charset="utf8mb4") as connection, connection.cursor() as cursor:
        for name in ("logged", "loaded"):
            cursor.execute(f"CREATE TABLE {SCHEMA}.{name} (id INT PRIMARY KEY, j JSON)")
        copy.load(SCHEMA, "logged")
        for number, expression in enumerate(expressions):
            cursor.execute(f"INSERT INTO {SCHEMA}.logged VALUES ({number}, {expression})")
        cursor.executemany(
            f"INSERT INTO {SCHEMA}.logged VALUES (%s, %s)",
            [(number, json.dumps(document(rng))) for number in range(1000, 3000)],
        )
        assert copy.difference(connection, SCHEMA, "logged") == ""
        cursor.execute(f"INSERT INTO {SCHEMA}.loaded SELECT * FROM {SCHEMA}.logged")
        copy.load(SCHEMA, "loaded")
        assert copy.difference(connection, SCHEMA, "loaded") == ""
        cursor.execute(f"UPDATE {SCHEMA}.logged SET id = id + 5000, j = JSON_SET(j, '$.a', id) WHERE id % 2")
        cursor.execute(f"DELETE FROM {SCHEMA}.logged WHERE id % 5 = 0")
        assert copy.difference(connection, SCHEMA, "logged") == ""
    assert copy.answer(SCHEMA, "logged") == "AVAILABLE"
