"""What conditions spare of a Parquet file: row groups and columns that are not needed are not read."""

import datetime
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.live.conftest import Instance
from tests.live.lake_kit import data, instance, lake

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live

ROWS, GROUP = 100_000, 2_000
COLUMNS = """
 id INT, big BIGINT, amount DECIMAL(12,2), day DATE, at DATETIME(6), name VARCHAR(20),
 exact VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin, pay BIGINT
"""
FULL = "SELECT SUM(pay), MAX(id) FROM lake.sorted WHERE id >= 0"
CONDITIONS = {
    "id": "id = 50123",
    "range": "id BETWEEN 50123 AND 50200",
    "list": "id IN (17, 50123)",
    "big": "big > 99990000000 AND big < 99999000000",
    "decimal": "amount = 50123.25",
    "date": "day = '2105-03-05'",
    "date literal": "day BETWEEN DATE '2105-03-05' AND DATE '2105-03-10'",
    "moment": "at >= '2024-01-02 03:00:00' AND at < '2024-01-02 03:01:00'",
    "exact": "exact = 'n050123'",
    "name": "name = 'N050123'",
}


@pytest.fixture(scope="module")
def sorted_table(instance: Instance, data: Path) -> None:
    """A table whose columns all grow with its rows."""
    first, ids = datetime.datetime(2024, 1, 1), range(ROWS)
    columns = {
        "id": pa.array(ids, pa.int32()),
        "big": pa.array([n * 1_000_000 for n in ids], pa.int64()),
        "amount": pa.array([Decimal(n) + Decimal("0.25") for n in ids], pa.decimal128(12, 2)),
        "day": pa.array([first.date() + datetime.timedelta(n // 2) for n in ids], pa.date32()),
        "at": pa.array([first + datetime.timedelta(seconds=n) for n in ids], pa.timestamp("us")),
        "name": pa.array([f"n{n:06}" for n in ids]),
        "exact": pa.array([f"n{n:06}" for n in ids]),
        "pay": pa.array([n * 12_345_679 for n in ids], pa.int64()),
    }
    pq.write_table(pa.table(columns), data / "sorted.parquet", row_group_size=GROUP, use_dictionary=False)
    instance.run(f"CREATE TABLE lake.sorted {lake(COLUMNS, data / 'sorted.parquet', format='parquet')}")


def bytes_read(instance: Instance, text: str) -> int:
    """What a statement read, as it is told, without what was looked at beforehand."""
    seen = "SELECT QEXEC_TEXT FROM performance_schema.rpd_query_stats WHERE QUERY_TEXT = %s ORDER BY QUERY_ID DESC"
    instance.run(text)
    return int(json.loads(instance.run(seen, text)[0][0])["bytesRead"])


@pytest.mark.parametrize("kind", CONDITIONS)
def test_conditions_reach_the_file(instance: Instance, sorted_table: None, kind: str):
    few = bytes_read(instance, f"SELECT SUM(pay), COUNT(*) FROM lake.sorted WHERE {CONDITIONS[kind]}")
    full = bytes_read(instance, FULL)
    assert instance.run(f"SELECT COUNT(*) FROM lake.sorted WHERE {CONDITIONS[kind]}")[0][0] > 0
    assert few < full / 8


def test_columns_that_are_not_named_are_not_read(instance: Instance, sorted_table: None):
    one = bytes_read(instance, "SELECT MAX(day) FROM lake.sorted WHERE day <> '1999-01-01'")
    assert one < bytes_read(instance, FULL) / 2
