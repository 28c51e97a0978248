"""Iceberg tables written by pyiceberg, with deletes, evolution and partitions: read as another reader of them does."""

import datetime
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import BucketTransform, DayTransform, IdentityTransform, MonthTransform
from pyiceberg.types import DateType, LongType, NestedField, StringType, TimestampType

from engine.lake.reach import extension
from tests.live.conftest import Instance
from tests.live.iceberg_kit import catalog, delete_equal, delete_positions
from tests.live.lake_kit import data, instance, lake, refused

__all__ = ["data", "instance"]
pytestmark = pytest.mark.live
COLUMNS = "id BIGINT, name VARCHAR(20)"


@pytest.fixture(scope="module")
def made(data: Path) -> SqlCatalog:
    """A catalog whose tables lie in the folder that may be read."""
    return catalog(data / "iceberg")


@pytest.fixture(scope="module")
def other() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB's own reader of Iceberg tables."""
    with duckdb.connect() as connection:
        for name in ("avro", "iceberg"):
            connection.execute(f"LOAD '{extension(name)}'")
        yield connection


def rows(**columns: Any) -> pa.Table:
    """Rows for a table of numbers and names."""
    kinds = {"id": pa.int64(), "name": pa.string()}
    return pa.table({name: pa.array(values, kinds.get(name)) for name, values in columns.items()})


def declare(instance: Instance, name: str, table: Table, columns: str = COLUMNS, **dialect: Any) -> str:
    """Make a lake table of an Iceberg table as it is now and will be; gives its name."""
    uri = table.location().removeprefix("file://") + "/"
    instance.run(f"DROP TABLE IF EXISTS lake.{name}")
    given = {"format": "iceberg", "newest_metadata": True, **dialect}
    instance.run(f"CREATE TABLE lake.{name} {lake(columns, uri, **given)}")
    return f"lake.{name}"


def told(other: duckdb.DuckDBPyConnection, table: Table) -> list[tuple[Any, ...]]:
    """All rows, by DuckDB's reader."""
    path = table.metadata_location.removeprefix("file://")
    return sorted(other.execute(f"SELECT * FROM iceberg_scan('{path}')").fetchall(), key=repr)


def read(instance: Instance, name: str) -> list[tuple[Any, ...]]:
    """All rows, by the product."""
    return sorted(instance.run(f"SELECT * FROM {name}"), key=repr)


def test_deleted_rows_are_none(instance: Instance, made: SqlCatalog, other: duckdb.DuckDBPyConnection):
    table = made.create_table("db.deleted", rows(id=[], name=[]).schema)
    name = declare(instance, "deleted", table)
    assert read(instance, name) == []
    table.append(rows(id=[1, 2, 3], name=["a", "b", None]))
    table.append(rows(id=[4, 5, 6], name=["a", "é", "b"]))
    path = min((task.file.file_path for task in table.scan().plan_files()), key=lambda one: table_rows(other, one))
    table = delete_positions(table, path, [1, 0])
    assert read(instance, name) == told(other, table)
    assert len(read(instance, name)) == 4
    table = delete_equal(table, {"name": ["B", None, "b"]})
    table.append(rows(id=[2, 7], name=["b", None]))  # behind the deletes: they do not concern these
    assert read(instance, name) == told(other, table)
    table = delete_equal(table, {"name": ["b"], "id": [2]})
    assert read(instance, name) == told(other, table)
    assert instance.run(f"SELECT COUNT(*) FROM {name} WHERE name = 'É'") == [(1,)]
    assert instance.run(f"SELECT COUNT(*), SUM(id) FROM {name}") == [(3, 16)]


def table_rows(other: duckdb.DuckDBPyConnection, path: str) -> int:
    """The least id of a file."""
    (found,) = other.execute(f"SELECT min(id) FROM '{path.removeprefix('file://')}'").fetchall()
    return int(found[0])


def test_columns_are_found_by_their_ids(instance: Instance, made: SqlCatalog, other: duckdb.DuckDBPyConnection):
    kinds = pa.schema(
        [("id", pa.int32()), ("name", pa.string()), ("gone", pa.string()), ("price", pa.decimal128(9, 2))]
    )
    table = made.create_table("db.evolved", kinds)
    first = pa.table({"id": [1, 2], "name": ["a", "b"], "gone": ["x", "y"], "price": [None, None]}, schema=kinds)
    table.append(first)
    before = table.current_snapshot()
    with table.update_schema(allow_incompatible_changes=True) as update:
        update.rename_column("name", "label")
        update.delete_column("gone")
        update.update_column("id", LongType())
    with table.update_schema() as update:
        update.add_column("name", StringType())
    table = delete_equal(table, {"label": ["b"]})
    table.append(
        pa.table({"id": [1 << 40], "label": ["c"], "price": [None], "name": ["new"]}, schema=table.schema().as_arrow())
    )
    columns = "id BIGINT, label VARCHAR(9), price DECIMAL(9,2), name VARCHAR(9)"
    name = declare(instance, "evolved", table, columns)
    assert read(instance, name) == told(other, table) == [(1, "a", None, None), (1 << 40, "c", None, "new")]
    assert before is not None
    old = declare(instance, "evolved0", table, "id INT, name VARCHAR(9), gone VARCHAR(9)", snapshot=before.snapshot_id)
    assert read(instance, old) == [(1, "a", "x"), (2, "b", "y")]
    assert "has no column gone" in refused(
        instance, f"SELECT gone FROM {declare(instance, 'evolved1', table, 'gone VARCHAR(9) NOT NULL')}"
    )


def test_snapshots_by_moment_and_by_name(instance: Instance, made: SqlCatalog):
    table = made.create_table("db.times", rows(id=[], name=[]).schema)
    table.append(rows(id=[1], name=["a"]))
    first = table.current_snapshot()
    table.append(rows(id=[2], name=["b"]))
    assert first is not None
    table.manage_snapshots().create_tag(first.snapshot_id, "eve").commit()
    at = datetime.datetime.fromtimestamp(first.timestamp_ms / 1000, datetime.UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    for how in ({"ref": "eve"}, {"as_of": at}, {"snapshot": first.snapshot_id}):
        assert read(instance, declare(instance, "times", table, **how)) == [(1, "a")]
    assert "no branch or tag" in refused(instance, f"SELECT * FROM {declare(instance, 'times', table, ref='x')}")
    said = refused(instance, f"SELECT * FROM {declare(instance, 'times', table, as_of='2020-01-01')}")
    assert "no snapshot" in said
    assert "exclude each other" in refused_table(instance, ref="eve", snapshot=1)
    assert read(instance, declare(instance, "times", table)) == [(1, "a"), (2, "b")]


def refused_table(instance: Instance, **dialect: Any) -> str:
    """The error of a definition."""
    return refused(instance, f"CREATE TABLE lake.never {lake(COLUMNS, '/x/', format='iceberg', **dialect)}")


PARTS = Schema(
    NestedField(1, "id", LongType()),
    NestedField(2, "name", StringType()),
    NestedField(3, "day", DateType()),
    NestedField(4, "at", TimestampType()),
)
SPEC = PartitionSpec(
    PartitionField(3, 1000, MonthTransform(), "month"),
    PartitionField(1, 1001, BucketTransform(4), "bucket"),
    PartitionField(2, 1002, IdentityTransform(), "name"),
    PartitionField(4, 1003, DayTransform(), "at_day"),
)


def test_files_of_other_partitions_are_not_opened(instance: Instance, made: SqlCatalog, data: Path):
    table = made.create_table("db.parts", PARTS, partition_spec=SPEC)
    start = datetime.date(2024, 1, 15)
    days = [start + datetime.timedelta(days=31 * month) for month in range(6)]
    moments = [datetime.datetime.combine(day, datetime.time(23, 59, 59)) for day in days]
    table.append(
        pa.table(
            {"id": list(range(6)), "name": ["DE", "fr", "DE", "it", "DE", None], "day": days, "at": moments},
            schema=table.schema().as_arrow(),
        )
    )
    columns = "id BIGINT, name VARCHAR(9), day DATE, at DATETIME"
    name = declare(instance, "parts", table, columns)
    wanted = [
        ("day >= '2024-05-01'", 2),
        ("day BETWEEN DATE '2024-02-01' AND '2024-03-31'", 2),
        ("id = 3", 1),
        ("id IN (1, 4)", 2),
        ("5 <= id", 1),
        ("name = 'de'", 3),
        ("at > '2024-03-01 00:00:00' AND at < '2024-04-01'", 1),
    ]
    for condition, count in wanted:
        assert instance.run(f"SELECT COUNT(*) FROM {name} WHERE {condition}") == [(count,)], condition
    # A file that is in its way only where it is needed.
    (lost,) = [t.file.file_path for t in table.scan(row_filter="id = 0").plan_files()]
    path = Path(lost.removeprefix("file://"))
    path.rename(path.with_suffix(".away"))
    try:
        for condition, count in wanted:
            if condition != "name = 'de'":
                assert instance.run(f"SELECT COUNT(*) FROM {name} WHERE {condition}") == [(count,)], condition
        assert "does not exist" in refused(instance, f"SELECT COUNT(*) FROM {name} WHERE name = 'de'")
        assert "does not exist" in refused(instance, f"SELECT COUNT(*) FROM {name} WHERE id = 3 OR id = 0")
    finally:
        path.with_suffix(".away").rename(path)


def test_a_table_that_was_moved_is_read_where_it_lies(instance: Instance, made: SqlCatalog, data: Path):
    table = made.create_table("db.moved", rows(id=[], name=[]).schema)
    table.append(rows(id=[1], name=["a"]))
    shutil.copytree(table.location().removeprefix("file://"), data / "copied of it")
    shutil.rmtree(table.location().removeprefix("file://"))
    uri = f"{data}/copied of it/"
    instance.run(f"CREATE TABLE lake.moved {lake(COLUMNS, uri, format='iceberg', newest_metadata=True)}")
    assert read(instance, "lake.moved") == [(1, "a")]
    instance.run(f"CREATE TABLE lake.unnamed {lake(COLUMNS, uri, format='iceberg')}")
    assert "newest_metadata" in refused(instance, "SELECT * FROM lake.unnamed")
    (metadata,) = (data / "copied of it" / "metadata").glob("00001-*.json")
    instance.run(f"CREATE TABLE lake.named {lake(COLUMNS, metadata, format='iceberg')}")
    assert read(instance, "lake.named") == [(1, "a")]
    metadata.rename(metadata.with_name("v2.metadata.json"))
    (metadata.with_name("version-hint.text")).write_text("2\n")
    assert read(instance, "lake.unnamed") == [(1, "a")]
    meta = json.loads(metadata.with_name("v2.metadata.json").read_text())
    metadata.with_name("v2.metadata.json").write_text(json.dumps({**meta, "format-version": 3}))
    assert "version 3" in refused(instance, "SELECT * FROM lake.unnamed")
    meta["snapshots"][-1]["manifest-list"] = "file:///etc/passwd"
    metadata.with_name("v2.metadata.json").write_text(json.dumps(meta))
    assert "lakehouse_paths" in refused(instance, "SELECT * FROM lake.unnamed")


def test_a_name_mapping_is_no_harm_until_a_file_needs_it(instance: Instance, made: SqlCatalog, data: Path):
    names = [{"field-id": number, "names": [name]} for number, name in enumerate(("id", "name"), 1)]
    table = made.create_table(
        "db.mapped", rows(id=[], name=[]).schema, properties={"schema.name-mapping.default": json.dumps(names)}
    )
    table.append(rows(id=[1], name=["a"]))
    uri = f"{table.location()}/"
    instance.run(f"CREATE TABLE lake.mapped {lake(COLUMNS, uri, format='iceberg', newest_metadata=True)}")
    assert read(instance, "lake.mapped") == [(1, "a")]
    pq.write_table(rows(id=[2], name=["b"]), data / "without-ids.parquet")
    table.add_files([f"file://{data}/without-ids.parquet"])
    assert "without-ids.parquet has columns without field ids" in refused(instance, "SELECT * FROM lake.mapped")


def test_columns_are_inferred_from_the_schema(instance: Instance, made: SqlCatalog):
    table = made.create_table("db.inferred", PARTS)
    table.append(
        pa.table(
            {"id": [70_000], "name": ["x"], "day": [datetime.date(2024, 1, 1)], "at": [None]},
            schema=table.schema().as_arrow(),
        )
    )
    attribute = {"dialect": {"format": "iceberg", "newest_metadata": True}, "file": [{"uri": table.location() + "/"}]}
    given = json.dumps([{"db_name": "lake", "tables": [{"table_name": "guessed", "engine_attribute": attribute}]}])
    with instance.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET @list = %s", (given,))
        cursor.execute(
            f"CALL sys.heatwave_load({'@list' if instance.backend.kind == 'mariadb' else 'CAST(@list AS JSON)'}, NULL)"
        )
        while cursor.nextset():
            pass
        cursor.execute("SELECT id, day FROM lake.guessed")
        assert cursor.fetchall() == ((70_000, datetime.date(2024, 1, 1)),)
