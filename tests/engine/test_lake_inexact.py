"""Columns of Parquet that DuckDB reads as other values than the file has: told by the file's own description."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.lake.inexact import inexact_columns
from engine.lake.readings import INEXACT, Unreadable, typed
from statements.schema import Column

WIDE = pa.decimal256(50, 2)
COLUMNS: dict[str, tuple[Any, str]] = {
    "whole": (pa.array([1]), ""),
    "Wide": (pa.array([Decimal(1)], WIDE), "decimals of more than 38 digits"),
    "narrow": (pa.array([Decimal(1)], pa.decimal128(38, 2)), ""),
    "listed": (pa.array([[{"a": 1, "b": Decimal(1)}]], pa.list_(pa.struct([("a", pa.int32()), ("b", WIDE)]))), "decim"),
    "mapped": (pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int32())), ""),
    "nanos": (pa.array([1], pa.time64("ns")), "times in nanoseconds"),
    "micros": (pa.array([1], pa.time64("us")), ""),
    "moment": (pa.array([1], pa.timestamp("ns")), ""),
}


def test_such_columns_are_named_wherever_they_stand(tmp_path: Path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({name: values for name, (values, _) in COLUMNS.items()}), path)
    with duckdb.connect() as connection:
        found = inexact_columns(connection, str(path))
    assert set(found) == {name.casefold() for name, (_, reason) in COLUMNS.items() if reason}
    for name, kind in found.items():
        reason = next(reason for column, (_, reason) in COLUMNS.items() if column.casefold() == name)
        assert kind.startswith(INEXACT)
        assert reason in kind


@pytest.mark.parametrize("column_type", ["double", "decimal", "time", "varchar", "json", "int"])
def test_no_type_takes_them(column_type: str):
    column = Column("c", 0, column_type, column_type, precision=10, scale=2, length=10, charset="utf8mb4")
    assert isinstance(typed("c", f"{INEXACT} (times in nanoseconds)", column), Unreadable)


def test_the_reader_still_changes_such_values(tmp_path: Path):
    """Once this fails the refusal can go."""
    path = tmp_path / "a.parquet"
    values = {"wide": pa.array([Decimal(1)], pa.decimal256(65, 30)), "nanos": pa.array([999_999_999], pa.time64("ns"))}
    pq.write_table(pa.table(values), path)
    with duckdb.connect() as connection:
        rows = connection.execute(f"SELECT wide, CAST(nanos AS VARCHAR) FROM '{path}'").fetchall()
    assert rows == [(4294967296.0, "00:00:00.999999")]
