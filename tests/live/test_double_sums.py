"""Sums and averages of doubles to the last digit: in the order in which each server adds them up."""

import random
from collections.abc import Iterator
from typing import Any

import pymysql
import pytest

from tests.live.offload_kit import rows

pytestmark = pytest.mark.live

KEYS = {
    "whole": "id INT UNSIGNED PRIMARY KEY, part SMALLINT NOT NULL",
    "two": "id INT UNSIGNED, part SMALLINT, PRIMARY KEY (part, id)",
    "day": "id INT UNSIGNED, part DATE, PRIMARY KEY (part, id)",
}
UNKNOWN = {
    "falling": "id INT UNSIGNED, part SMALLINT NOT NULL, PRIMARY KEY (id DESC)",
    "chosen": "id INT UNSIGNED NOT NULL, part SMALLINT NOT NULL, UNIQUE KEY z (id), UNIQUE KEY a (part, id)",
    "parted": "id INT UNSIGNED PRIMARY KEY, part SMALLINT NOT NULL",
    "altered": "id INT UNSIGNED PRIMARY KEY, part SMALLINT NOT NULL",
}
SUMMED = (
    "SELECT SUM(x), AVG(x), COUNT(x), SUM(f), AVG(f) FROM {table}",
    "SELECT SUM(x * f), SUM(x / 3) / COUNT(*), SUM(IF(id % 2, x, -x)) FROM {table} WHERE x > 5",
    "SELECT g, SUM(x), AVG(x * f) FROM {table} GROUP BY g ORDER BY g",
    "SELECT LEFT(g, 1) k, SUM(x) s FROM {table} GROUP BY k HAVING s <> 0 ORDER BY s DESC LIMIT 3",
    "SELECT SUM(x) FROM {table} WHERE id BETWEEN 4000 AND 900000",
    "SELECT DISTINCT SUM(x) FROM {table} GROUP BY id % 9 ORDER BY 1",
    "SELECT STDDEV(x), STDDEV_SAMP(f), VARIANCE(id), VAR_SAMP(x * f) FROM {table}",
    "SELECT g, STDDEV(id), VAR_SAMP(x), SUM(x) FROM {table} GROUP BY g ORDER BY g",
)


@pytest.fixture(scope="module")
def schema(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """Tables of the same rows by several keys, inserted in no order, some of them changed."""
    dice = random.Random(7)
    backend.run("CREATE DATABASE double_sums")
    values = []
    for number in dice.sample(range(1, 1_000_000), 3000):
        x = dice.uniform(-1, 1) * 10 ** dice.randint(-2, 6)
        values.append(f"({number}, {{part}}, {x!r}, {dice.random() * 100:.2f}, '{dice.choice('abcd')}{number % 3}')")
    for table, key in (KEYS | UNKNOWN).items():
        columns = f"{key}, x DOUBLE, f FLOAT, g VARCHAR(9)"
        further = "PARTITION BY HASH (id) PARTITIONS 3" if table == "parted" else ""
        backend.run(f"CREATE TABLE double_sums.{table} ({columns}) {further}")
        parts = [f"'2024-01-{dice.randint(1, 28):02}'" if table == "day" else str(dice.randint(-9, 9)) for _ in values]
        text = ", ".join(row.format(part=part) for row, part in zip(values, parts, strict=True))
        backend.run(f"INSERT INTO double_sums.{table} VALUES {text}")
    for table in KEYS | UNKNOWN:
        warmfront_instance.wait_until_loaded("double_sums", table)
        backend.run(f"UPDATE double_sums.{table} SET x = x * 1.1 WHERE id % 7 = 0")
        backend.run(f"DELETE FROM double_sums.{table} WHERE id % 11 = 0")
    yield "double_sums"
    backend.run("DROP DATABASE double_sums")


@pytest.mark.parametrize("table", KEYS)
def test_doubles_are_added_up_as_the_server_does(
    backend: Any, warmfront_instance: Any, schema: str, table: str
) -> None:
    options: dict[str, Any] = {"database": schema, "autocommit": None}
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        rows(proxied, "SET use_secondary_engine = FORCED")
        for statement in SUMMED:
            text = statement.format(table=table)
            for _ in range(2):  # the second time in order at once
                assert rows(proxied, text) == rows(direct, text), text


@pytest.mark.parametrize("table", UNKNOWN)
def test_where_the_order_is_not_known_the_server_answers(
    backend: Any, warmfront_instance: Any, schema: str, table: str
) -> None:
    options: dict[str, Any] = {"database": schema, "autocommit": None}
    if table == "altered":
        backend.run(f"ALTER TABLE {schema}.{table} DROP PRIMARY KEY, ADD PRIMARY KEY (id DESC)")
        warmfront_instance.wait_until_loaded(schema, table)
    statement = f"SELECT SUM(x), AVG(x) FROM {table}"
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        rows(proxied, "SET secondary_engine_cost_threshold = 0")
        for _ in range(2):
            assert rows(proxied, statement) == rows(direct, statement)
        rows(proxied, "SET use_secondary_engine = FORCED")
        with pytest.raises(pymysql.err.MySQLError, match="last digits of a double are not certain"):
            rows(proxied, statement)


def test_groups_that_are_read_backwards_are_added_up_backwards(
    backend: Any, warmfront_instance: Any, schema: str
) -> None:
    """MySQL's plan says so; MariaDB's does not, and rows that it groups as they come are left to it."""
    options: dict[str, Any] = {"database": schema, "autocommit": None}
    sums = {}
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        rows(proxied, "SET secondary_engine_cost_threshold = 0")
        for direction in ("ASC", "DESC"):
            statement = f"SELECT part, SUM(x), AVG(x) FROM two WHERE part > -5 GROUP BY part ORDER BY part {direction}"
            for _ in range(2):
                found = rows(direct, statement)
                assert rows(proxied, statement) == found
            sums[direction] = sorted(found)
    assert sums["ASC"] != sums["DESC"]


JOINED = (
    "SELECT SUM(f.x), AVG(f.x) FROM f STRAIGHT_JOIN a ON a.id = f.a_id",
    "SELECT a.s, SUM(f.x), AVG(a.w * f.x) FROM f STRAIGHT_JOIN a ON a.id = f.a_id GROUP BY a.s ORDER BY a.s",
    "SELECT a.s, SUM(f.x) FROM f STRAIGHT_JOIN a ON a.id = f.a_id WHERE a.w > 0 GROUP BY a.s ORDER BY SUM(f.x), a.s",
    "SELECT a.s, SUM(f.x) FROM f STRAIGHT_JOIN a ON a.id = f.a_id WHERE a.w > 0 GROUP BY a.s ORDER BY a.s LIMIT 9",
    "SELECT a.s, f.day, AVG(f.x) FROM f JOIN a ON a.id = f.a_id AND a.w > 0 GROUP BY a.s, f.day ORDER BY 1, 2",
    "SELECT SUM(f.x) FROM f LEFT JOIN a ON a.id = f.a_id WHERE a.w IS NULL OR a.w > 0",
    "SELECT SUM(f.x) FROM a STRAIGHT_JOIN f FORCE INDEX (along) ON a.id = f.a_id",
    "SELECT LEFT(a.s, 1) c, SUM(f.x) FROM a STRAIGHT_JOIN f FORCE INDEX (along) ON a.id = f.a_id GROUP BY c ORDER BY c",
    "SELECT SUM(l.v), SUM(l.v * f.x) FROM f STRAIGHT_JOIN l FORCE INDEX (PRIMARY) ON l.f_id = f.id",
    "SELECT SUM(l.v) FROM a STRAIGHT_JOIN f FORCE INDEX (along) ON a.id = f.a_id"
    " STRAIGHT_JOIN l FORCE INDEX (PRIMARY) ON l.f_id = f.id",
    "SELECT SUM(f.x) FROM f FORCE INDEX (named) STRAIGHT_JOIN a ON a.id = f.a_id",
    "SELECT f.name, f.a_id, SUM(f.x) FROM f FORCE INDEX (named) WHERE f.name = 'c' GROUP BY f.name, f.a_id ORDER BY 2",
    "SELECT SUM(y.x), AVG(y.x) FROM (SELECT x, day FROM f WHERE a_id > 3) y WHERE y.day > '2024-01-07'",
    "WITH y AS (SELECT x, a_id n FROM f) SELECT s, SUM(x) FROM y STRAIGHT_JOIN a ON a.id = y.n GROUP BY a.s ORDER BY 1",
    "SELECT f.a_id, SUM(f.x) FROM f FORCE INDEX (along) GROUP BY f.a_id ORDER BY f.a_id",
    "SELECT f.a_id, AVG(f.x) FROM f FORCE INDEX (along) WHERE f.day > '2024-01-09' GROUP BY f.a_id ORDER BY 1",
    "SELECT SUM(f.x) FROM f FORCE INDEX (along) WHERE f.a_id = 5",
    "SELECT SUM(f.x) FROM f WHERE f.id > (SELECT AVG(id) FROM a) AND f.a_id NOT IN (SELECT id FROM a b WHERE w > 0)",
)
ENDS = (
    " JOIN hidden h ON h.id = f.a_id",
    " JOIN a b ON b.w < f.x",
    " JOIN (SELECT id FROM a GROUP BY w, id) g USING (id)",
)


@pytest.fixture(scope="module")
def star(backend: Any, warmfront_instance: Any) -> Iterator[str]:
    """Two tables and what they refer to, with indexes that are made before the load and after it."""
    dice = random.Random(11)
    backend.run("CREATE DATABASE double_star")
    for table, columns in {
        "a": "id INT PRIMARY KEY, s VARCHAR(9), w DOUBLE, KEY (s, id)",
        "f": "id BIGINT UNSIGNED PRIMARY KEY, a_id INT, day DATE, name VARCHAR(9), x DOUBLE, KEY along (a_id, day)",
        "l": "f_id BIGINT UNSIGNED, line TINYINT, v DOUBLE, PRIMARY KEY (f_id, line)",
    }.items():
        backend.run(f"CREATE TABLE double_star.{table} ({columns})")
    names = ["ab", "Ab", "b", "bé", "BE", "c"]
    keys = dice.sample(range(1, 1_000_000), 2000)
    rows_of = {
        "a": [(number, dice.choice("xyz"), dice.uniform(-1, 1)) for number in dice.sample(range(100), 60)],
        "f": [
            (
                key,
                dice.randint(0, 99),
                f"2024-01-{dice.randint(1, 28):02}",
                dice.choice(names),
                dice.uniform(-1, 1) * 1e6,
            )
            for key in keys
        ],
        "l": [(key, line, dice.uniform(0, 1e5)) for key in keys[:900] for line in dice.sample(range(5), 2)],
    }
    for table, made in rows_of.items():
        backend.run(f"INSERT INTO double_star.{table} VALUES {', '.join(map(str, made))}")
    for table in rows_of:
        warmfront_instance.wait_until_loaded("double_star", table)
    backend.run("CREATE INDEX named ON double_star.f (name, a_id)")
    backend.run("UPDATE double_star.f SET x = x * 1.1, a_id = (a_id + 7) % 100 WHERE id % 7 = 0")
    yield "double_star"
    backend.run("DROP DATABASE double_star")


@pytest.mark.parametrize("statement", JOINED)
def test_doubles_of_joined_tables_are_added_up_as_the_server_does(
    backend: Any, warmfront_instance: Any, star: str, statement: str
) -> None:
    options: dict[str, Any] = {"database": star, "autocommit": None}
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        rows(proxied, "SET use_secondary_engine = FORCED")
        for _ in range(2):
            assert rows(proxied, statement) == rows(direct, statement)


def test_an_index_of_other_columns_gives_another_order(backend: Any, warmfront_instance: Any, star: str) -> None:
    options: dict[str, Any] = {"database": star, "autocommit": None}
    statement = "SELECT day, SUM(x), AVG(x) FROM f FORCE INDEX (other) GROUP BY day ORDER BY day"
    with backend.connect(**options) as direct, warmfront_instance.connect(**options) as proxied:
        rows(proxied, "SET use_secondary_engine = FORCED")
        for change in (
            "ADD INDEX other (day, a_id)",
            "DROP INDEX other, ADD INDEX other (day, name)",
            "ADD COLUMN n INT, ADD INDEX more (n), RENAME INDEX other TO older, ADD INDEX other (day, a_id, name)",
        ):
            rows(direct, f"ALTER TABLE f {change}")
            warmfront_instance.wait_until_loaded(star, "f")
            for _ in range(2):
                assert rows(proxied, statement) == rows(direct, statement), change
        rows(direct, "CREATE INDEX falling ON f (day, a_id DESC)")
        fallen = statement.replace("other", "falling")
        rows(proxied, "SET use_secondary_engine = ON")
        assert rows(proxied, fallen) == rows(direct, fallen)
