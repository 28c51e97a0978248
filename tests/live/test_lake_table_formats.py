"""Iceberg tables written by pyiceberg, with deletes, evolution and partitions: read as another reader of them does.
Delta tables made by hand, with deletion vectors and mapped columns: what is in them is known."""

import datetime
import json
import shutil
from collections.abc import Iterator
from decimal import Decimal as D
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
from tests.live import delta_kit
from tests.live.conftest import Instance
from tests.live.delta_kit import field
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


def delta(instance: Instance, name: str, columns: str, folder: Path, **dialect: Any) -> str:
    """Make a lake table over a Delta table; gives its name."""
    instance.run(f"DROP TABLE IF EXISTS lake.{name}")
    instance.run(f"CREATE TABLE lake.{name} {lake(columns, f'{folder}/', format='delta', **dialect)}")
    return f"lake.{name}"


def test_delta_tables_are_read_by_their_log(instance: Instance, data: Path):
    folder = data / "delta"
    fields = [field("id", "integer"), field("name", "string"), field("part", "string")]
    meta = delta_kit.metadata(fields, ["part"])
    one = delta_kit.add(folder, "part=a b/1.parquet", pa.table({"id": pa.array([1, 2], pa.int32())}), {"part": "a b"})
    second = pa.table({"id": pa.array([3], pa.int32()), "name": pa.array(["x"])})
    two = delta_kit.add(folder, "2.parquet", second, {"part": None})
    delta_kit.commit(folder, 0, delta_kit.protocol(), meta, one)
    delta_kit.commit(folder, 1, {"remove": {"path": one["add"]["path"], "dataChange": True}}, two)
    columns = "id INT, name VARCHAR(9), part VARCHAR(9)"
    newest = delta(instance, "delta", columns, folder)
    first = delta(instance, "delta0", columns, folder, version=0)
    assert read(instance, newest) == [(3, "x", None)]
    assert read(instance, first) == [(1, None, "a b"), (2, None, "a b")]
    assert instance.run(f"SELECT COUNT(*) FROM {first} WHERE part = 'A B'") == [(2,)]
    assert "no version 9" in refused(
        instance, f"SELECT id FROM {delta(instance, 'delta9', columns, folder, version=9)}"
    )
    delta_kit.commit(folder, 2, delta_kit.protocol("variantType"))
    assert "variantType" in refused(instance, f"SELECT * FROM {newest}")
    delta_kit.commit(folder, 2, {"add": {"path": "../outside.parquet", "partitionValues": {}, "size": 1}})
    assert "outside" in refused(instance, f"SELECT * FROM {newest}")
    assert instance.run(f"SELECT COUNT(*) FROM {first}") == [(2,)]


def test_partitions_of_booleans_and_moments_are_values(instance: Instance, data: Path):
    folder = data / "truths"
    fields = [field("id", "integer"), field("ok", "boolean"), field("at", "timestamp")]
    adds = [
        delta_kit.add(folder, f"{at}.parquet", pa.table({"id": pa.array([at], pa.int32())}), given)
        for at, given in enumerate(
            (
                {"ok": "true", "at": "2024-01-01T01:02:03.5Z"},
                {"ok": "false", "at": "2024-01-01 01:02:03.500000"},
                {"ok": None, "at": None},
            )
        )
    ]
    delta_kit.commit(folder, 0, delta_kit.protocol(), delta_kit.metadata(fields, ["ok", "at"]), *adds)
    truths = delta(instance, "truths", "id INT, ok TINYINT(1), at DATETIME(1)", folder)
    moment = datetime.datetime(2024, 1, 1, 1, 2, 3, 500000)
    assert read(instance, truths) == [(0, 1, moment), (1, 0, moment), (2, None, None)]
    for condition, ids in (
        ("ok", [0]),
        ("ok = 0", [1]),
        ("ok IS NULL", [2]),
        ("at >= '2024-01-01 01:02:03.5'", [0, 1]),
    ):
        assert [id for (id,) in instance.run(f"SELECT id FROM {truths} WHERE {condition} ORDER BY id")] == ids
    wrong = delta(instance, "wrong_truths", "id INT, ok DATE, at DATETIME(1)", folder)
    assert "the value 'true', which it cannot hold" in refused(instance, f"SELECT ok FROM {wrong}")


def test_rows_that_deletion_vectors_name_are_none(instance: Instance, data: Path):
    folder = data / "vectors"
    fields = [field("id", "integer"), field("name", "string"), field("part", "integer")]
    ids = [pa.array(range(start, start + 5), pa.int32()) for start in (10, 20, 30)]
    files = [
        delta_kit.add(
            folder, f"{place}.parquet", pa.table({"id": own, "name": [f"n{at}" for at in own]}), {"part": part}
        )
        for place, (own, part) in enumerate(zip(ids, ("1", "1", None), strict=True))
    ]
    delta_kit.commit(folder, 0, delta_kit.protocol("deletionVectors"), delta_kit.metadata(fields, ["part"]), *files)
    one, two = delta_kit.in_file(folder, [0, 4], [2], prefix="ab")
    first, second = delta_kit.changed(files[0], one), delta_kit.changed(files[2], two)
    delta_kit.commit(folder, 1, *first, *second)
    delta_kit.commit(folder, 2, *delta_kit.changed(first[1], delta_kit.inline([0, 1, 4])))
    columns = "id INT, name VARCHAR(9), part INT"
    name = delta(instance, "vectors", columns, folder)
    left = [12, 13, 20, 21, 22, 23, 24, 30, 31, 33, 34]
    wanted = [(at, f"n{at}", None if at >= 30 else 1) for at in left]
    assert read(instance, name) == sorted(wanted, key=repr)
    assert instance.run(f"SELECT COUNT(*), SUM(id) FROM {name} WHERE part = 1 AND id < 22") == [(4, 66)]
    assert instance.run(f"SELECT COUNT(*) FROM {name} WHERE name = 'N32' OR name = 'n33'") == [(1,)]
    assert instance.run(f"SELECT COUNT(*) FROM {delta(instance, 'vectors0', columns, folder, version=0)}") == [(15,)]
    assert instance.run(f"SELECT COUNT(*) FROM {delta(instance, 'vectors1', columns, folder, version=1)}") == [(12,)]
    attribute = {"dialect": {"format": "delta"}, "file": [{"uri": f"{folder}/"}], "placement": "loaded"}
    instance.run(f"CREATE TABLE lake.vectors2 ({columns}) ENGINE=lakehouse ENGINE_ATTRIBUTE='{json.dumps(attribute)}'")
    instance.run("ALTER TABLE lake.vectors2 SECONDARY_LOAD")
    assert read(instance, "lake.vectors2") == sorted(wanted, key=repr)
    delta_kit.commit(folder, 3, *delta_kit.changed(files[1], delta_kit.inline([4])))
    assert instance.run(f"SELECT COUNT(*), MAX(id) FROM {name} WHERE part = 1") == [(6, 23)]
    instance.run("ALTER TABLE lake.vectors2 SECONDARY_LOAD")
    assert instance.run("SELECT COUNT(*), MAX(id) FROM lake.vectors2 WHERE part = 1") == [(6, 23)]
    (path,) = (folder / "ab").iterdir()
    path.write_bytes(path.read_bytes()[:-2] + b"xx")
    assert "the deletion vector of " in refused(instance, f"SELECT COUNT(*) FROM {name}")
    assert instance.run(f"SELECT COUNT(*) FROM {name} WHERE part = 1") == [(6,)]


def test_files_keep_the_types_from_before_a_widening(instance: Instance, data: Path):
    elder = {
        "n": pa.array([1, None], pa.int8()),
        "w": pa.array([-7, 2**31 - 1], pa.int32()),
        "d": pa.array([D("1.5"), D("-9.9")], pa.decimal128(2, 1)),
        "f": pa.array([0.5, 0.1], pa.float32()),
        "x": pa.array([2**31 - 1, -1], pa.int32()),
        "day": pa.array([datetime.date(2024, 2, 29), None]),
    }
    newer = {
        "n": pa.array([2**62], pa.int64()),
        "w": pa.array([D("12345678901234567.89")], pa.decimal128(20, 2)),
        "d": pa.array([D("123456.789")], pa.decimal128(10, 3)),
        "f": pa.array([0.1], pa.float64()),
        "x": pa.array([1e300], pa.float64()),
        "day": pa.array([datetime.datetime(2024, 2, 29, 1, 2, 3)], pa.timestamp("us")),
    }
    wide = ["long", "decimal(20,2)", "decimal(10,3)", "double", "double", "timestamp_ntz"]
    wanted = [
        (1, D("-7.00"), D("1.500"), 0.5, 2147483647.0, datetime.datetime(2024, 2, 29), 5),
        (2**62, D("12345678901234567.89"), D("123456.789"), 0.1, 1e300, datetime.datetime(2024, 2, 29, 1, 2, 3), 2**40),
        (None, D("2147483647.00"), D("-9.900"), 0.10000000149011612, -1.0, None, 5),
    ]
    columns = "n BIGINT, w DECIMAL(20,2), d DECIMAL(10,3), f DOUBLE, x DOUBLE, day DATETIME, part BIGINT"
    for mode in ("none", "name"):
        folder = data / f"widened-{mode}"
        names = {name: f"col-{name}" if mode == "name" else name for name in (*elder, "part")}
        fields = [
            field(name, kind, names[name] if mode == "name" else "", at)
            for at, (name, kind) in enumerate(zip(names, [*wide, "long"], strict=True))
        ]
        files = [
            delta_kit.add(
                folder, f"{at}.parquet", pa.table({names[k]: v for k, v in own.items()}), {names["part"]: part}
            )
            for at, (own, part) in enumerate([(elder, "5"), (newer, str(2**40))])
        ]
        meta = delta_kit.metadata(fields, ["part"], **{"delta.columnMapping.mode": mode})
        features = ["typeWidening", "timestampNtz", "columnMapping"]
        delta_kit.commit(folder, 0, delta_kit.protocol(*features), meta, *files)
        name = delta(instance, f"widened_{mode}", columns, folder)
        assert read(instance, name) == wanted
        assert instance.run(f"SELECT COUNT(*) FROM {name} WHERE w > 0 AND d < 0 AND x < 0") == [(1,)]
        assert instance.run(f"SELECT n FROM {name} WHERE day >= '2024-02-29' ORDER BY day") == [(1,), (2**62,)]


def test_mapped_columns_are_found_by_name_or_id(instance: Instance, data: Path):
    nested = {"type": "struct", "fields": [field("a", "integer", "col-9", 9)]}
    fields = [
        field("id", "long", "col-1", 1),
        field("label", "string", "name", 2),
        field("name", "string", "col-3", 3),
        field("at", "timestamp", "col-4", 4),
        field("list", {"type": "array", "elementType": "long", "containsNull": True}, "col-5", 5),
        field("deep", nested, "col-6", 6),
        field("filename", "integer", "col-7", 7),
    ]
    moment = datetime.datetime(2024, 1, 2, 3, 4, 5)
    old = {"col-1": pa.array([1, 2]), "name": ["a", "b"], "gone": ["x", "y"], "col-7": pa.array([5, 6], pa.int32())}
    new = {
        "col-1": pa.array([3, 4]),
        "name": ["c", "d"],
        "col-3": ["new", None],
        "col-4": pa.array([moment, None], pa.timestamp("us", "UTC")),
        "col-5": [[1, 2], None],
    }
    columns = "id BIGINT, label VARCHAR(9), name VARCHAR(9), at DATETIME, list TEXT, filename INT"
    wanted = [(1, "a", None, None, None, 5), (3, "c", "new", moment, "[1,2]", None)]
    ids = {"col-1": "1", "name": "2", "col-3": "3", "col-4": "4", "col-5": "5", "col-7": "7"}
    for mode in ("name", "id"):
        folder = data / f"mapped-{mode}"
        tables = [pa.table(old), pa.table(new)]
        if mode == "id":  # what the files call the columns does not matter
            tables = [
                pa.table(
                    table.columns,
                    pa.schema(
                        pa.field(f"x{at}", own.type, metadata={"PARQUET:field_id": ids.get(own.name, "99")})
                        for at, own in enumerate(table.schema)
                    ),
                )
                for table in tables
            ]
        files = [delta_kit.add(folder, f"{at}.parquet", own, {"col-8": str(at)}) for at, own in enumerate(tables)]
        meta = delta_kit.metadata(
            [*fields, field("part", "integer", "col-8", 8)], ["part"], **{"delta.columnMapping.mode": mode}
        )
        delta_kit.commit(folder, 0, delta_kit.protocol("columnMapping", "deletionVectors"), meta, *files)
        delta_kit.commit(folder, 1, *(one for file in files for one in delta_kit.changed(file, delta_kit.inline([1]))))
        name = delta(instance, f"mapped_{mode}", f"{columns}, part INT, deep TEXT", folder)
        shown = "id, label, name, at, list, filename"
        assert instance.run(f"SELECT {shown} FROM {name} ORDER BY id") == wanted
        assert instance.run(f"SELECT label, part FROM {name} WHERE part = 1") == [("c", 1)]
        first = delta(instance, "mapped0", "id BIGINT, gone VARCHAR(9)", folder, version=0)
        assert instance.run(f"SELECT COUNT(*), MAX(id), COUNT(gone) FROM {first}") == [(4, 4, 0)]
        assert "other names in files" in refused(instance, f"SELECT deep FROM {name}")
    delta_kit.commit(folder, 2, delta_kit.add(folder, "bare.parquet", pa.table({"col-1": [9]}), {"col-8": "3"}))
    assert "bare.parquet has columns without field ids" in refused(instance, f"SELECT id FROM {name}")
    meta["metaData"]["configuration"] = {"delta.columnMapping.mode": "other"}
    delta_kit.commit(folder, 2, meta)
    assert "column mapping (other)" in refused(instance, f"SELECT id FROM {name}")
