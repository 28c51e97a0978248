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
