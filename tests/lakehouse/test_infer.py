"""Columns inferred from files: the tightest type that gives every value back, NOT NULL only when all was seen."""

import datetime
import gzip
import json
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from base.errors import LakeError
from engine.lake.infer import Inferred, infer
from engine.lake.reach import Reach
from lakehouse.descriptions.ddl import create_statement
from lakehouse.descriptions.definition import read_definition
from lakehouse.formats.listing import list_files
from lakehouse.stores.places import Places
from statements.lake import read_create

Infer = Callable[..., Inferred]


@pytest.fixture
def inferred(places: Callable[..., Places], lake: Path, tmp_path: Path) -> Iterator[Infer]:
    with duckdb.connect(config={"enable_external_file_cache": False}) as root:
        made = places()
        reach = Reach(made, root)

        def run(uri: str = "", sampling: bool = False, **dialect: Any) -> Inferred:
            file = [{"uri": uri or f"{lake}/"}]
            return infer(
                {"dialect": dialect, "file": file, "sampling": sampling}, made, reach, root, tmp_path / "spill"
            )

        yield run


def types(found: Inferred) -> dict[str, str]:
    return {c.name: c.type + ("" if c.nullable else " not null") for c in found.columns}


def test_csv_types_are_tight_and_lossless(inferred: Infer, lake: Path) -> None:
    columns: dict[str, tuple[str, str]] = {
        "id": ("1", "70000"),
        "small": ("200", "0"),
        "big": ("18446744073709551615", "5"),
        "neg": ("-5", "120"),
        "price": ("1.50", "-123.4"),
        "f": ("1e3", "2.5"),
        "day": ("2024-01-31", "1999-12-31"),
        "at": ("2024-01-31 10:00:00", "1999-12-31 23:59:59"),
        "at6": ("2024-01-31T10:00:00.123456", "1999-12-31 23:59:59.5"),
        "t": ("10:11:12", "-838:00:00.5"),
        "zip": ("00501", "90210"),
        "name": ("x", '"a,é"'),
        "opt": ("", "7"),
        "mixed": ("1", "a"),
        "eu": ("31/01/2024", "01/02/2024"),
        "us": ("01/31/2024", "02/01/2024"),
    }
    (lake / "a.csv").write_text("\n".join(map(",".join, (columns, *zip(*columns.values(), strict=True)))))
    found = inferred()
    assert types(found) == {
        "id": "mediumint unsigned not null",
        "small": "tinyint unsigned not null",
        "big": "bigint unsigned not null",
        "neg": "tinyint not null",
        "price": "decimal(5,2) not null",
        "f": "double not null",
        "day": "date not null",
        "at": "datetime not null",
        "at6": "datetime(6) not null",
        "t": "time(1) not null",
        "zip": "varchar(5) not null",
        "name": "varchar(3) not null",
        "opt": "tinyint unsigned",
        "mixed": "varchar(1) not null",
        "eu": "date not null",
        "us": "date not null",
    }
    options = {c.name: dict(c.options) for c in found.columns if c.options}
    assert options == {"eu": {"date_format": "%d/%m/%Y"}, "us": {"date_format": "%m/%d/%Y"}}
    assert found.attribute["dialect"] == {"field_delimiter": ",", "has_header": True, "null_value": ""}
    assert (found.rows, found.files, found.complete) == (2, 1, True)
    statement = create_statement("s", "t", json.loads(found.to_json())["columns"], found.attribute)
    made = read_create(statement)
    assert made is not None
    assert made.columns["eu"] == {"date_format": "%d/%m/%Y"}
    assert made.attribute == found.attribute


def test_a_date_that_may_be_read_in_two_ways_stays_a_text(inferred: Infer, lake: Path) -> None:
    (lake / "a.csv").write_text("01/02/2024|1\n03/04/2024|2\n")
    assert types(inferred()) == {"col_1": "varchar(10) not null", "col_2": "tinyint unsigned not null"}


def test_nulls_by_their_own_text(inferred: Infer, lake: Path) -> None:
    (lake / "a.csv").write_text("1,x\n\\N,\\N\n3,\n")
    found = inferred()
    assert types(found) == {"col_1": "tinyint unsigned", "col_2": "varchar(1)"}
    assert "null_value" not in found.attribute["dialect"]  # an empty text is a text here


def test_long_texts_and_numbers(inferred: Infer, lake: Path) -> None:
    digits = "9" * 30
    (lake / "a.csv").write_text(f"{'x' * 17000}|{digits}|{digits}.{digits}\n{'é' * 40000}|1|2\n")
    assert types(inferred()) == {
        "col_1": "mediumtext not null",
        "col_2": "decimal(30,0) not null",
        "col_3": "varchar(61) not null",
    }


def test_many_files_are_one_table(inferred: Infer, lake: Path) -> None:
    for year in (2023, 2024):
        for part in range(3):
            path = lake / f"year={year}" / "kind=a b" / f"{part}.csv.gz"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(f"id;v\n{part};{10**part}.5\n".encode()))
    found = inferred()
    assert types(found) == {
        "id": "tinyint unsigned not null",
        "v": "decimal(4,1) not null",
        "year": "int not null",
        "kind": "varchar(64) not null",
    }
    assert (found.files, found.rows) == (6, 6)


def test_a_sample_promises_nothing_about_the_rest(inferred: Infer, lake: Path) -> None:
    for number in range(100):
        (lake / f"{number:03}.csv").write_text("id,name\n1,abc\n2,de\n")
    found = inferred(sampling=True)
    assert types(found) == {"id": "tinyint unsigned", "name": "varchar(64)"}
    assert (found.complete, found.files) == (False, 100)


def test_parquet_has_types_of_its_own(inferred: Infer, lake: Path) -> None:
    table = pa.table(
        {
            "i": pa.array([1, None], pa.int32()),
            "u": pa.array([1, 2], pa.uint64()),
            "d": pa.array([Decimal("1.25"), Decimal("2.50")], pa.decimal128(9, 2)),
            "s": ["abc", "dé"],
            "b": [b"12", b"345"],
            "day": [datetime.date(2024, 1, 2)] * 2,
            "at": pa.array([datetime.datetime(2024, 1, 2)] * 2, pa.timestamp("us")),
            "zoned": pa.array([datetime.datetime(2024, 1, 2)] * 2, pa.timestamp("ms", "UTC")),
            "flag": [True, False],
            "nested": [[1, 2], [3]],
            "x": [1.5, 2.5],
        }
    )
    pq.write_table(table, lake / "a.parquet")
    found = types(inferred(format="parquet"))
    assert found == {
        "i": "int",
        "u": "bigint unsigned not null",
        "d": "decimal(9,2) not null",
        "s": "varchar(3) not null",
        "b": "varbinary(64) not null",
        "day": "date not null",
        "at": "datetime(6) not null",
        "zoned": "datetime(6) not null",
        "flag": "tinyint not null",
        "nested": "longtext not null",
        "x": "double not null",
    }


@pytest.mark.parametrize("array", [False, True])
def test_json_members_become_columns(inferred: Infer, lake: Path, array: bool) -> None:
    objects = [{"id": 1, "name": "a", "n": {"x": [1]}}, {"id": 300, "when": "2024-01-02 03:04:05", "name": None}]
    text = json.dumps(objects) if array else "\n".join(map(json.dumps, objects))
    (lake / "a.json").write_text(text)
    assert types(inferred(format="json")) == {
        "id": "smallint unsigned not null",
        "name": "varchar(1)",
        "n": "varchar(9)",
        "when": "datetime",
    }


def test_a_delta_table_is_described_by_its_log(inferred: Infer, lake: Path) -> None:
    fields = [("id", "integer"), ("kind", "string"), ("v", "decimal(9,2)"), ("day", "date"), ("late", "long")]
    schema = {
        "type": "struct",
        "fields": [{"name": n, "type": t, "nullable": True, "metadata": {}} for n, t in fields],
    }
    (lake / "_delta_log").mkdir()
    steps: list[dict[str, Any]] = [
        {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
        {
            "metaData": {
                **{"id": "x", "format": {"provider": "parquet", "options": {}}, "configuration": {}},
                **{"schemaString": json.dumps(schema), "partitionColumns": ["kind", "day"]},
            }
        },
    ]
    for number, kind in enumerate("ab"):
        table = pa.table(
            {"id": pa.array([1, 2], pa.int32()), "v": pa.array([Decimal("1.25")] * 2, pa.decimal128(9, 2))}
        )
        pq.write_table(table, lake / f"{number}.parquet")
        size = (lake / f"{number}.parquet").stat().st_size
        values = {"kind": kind, "day": "2024-01-02"}
        add = {
            "path": f"{number}.parquet",
            "partitionValues": values,
            "size": size,
            "modificationTime": 1,
            "dataChange": True,
        }
        steps.append({"add": add})
    (lake / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, steps)))
    found = inferred(format="delta")
    assert types(found) == {
        "id": "int not null",
        "kind": "varchar(255)",
        "v": "decimal(9,2) not null",
        "day": "date",
        "late": "bigint",
    }
    assert (found.files, found.rows) == (2, 4)


@pytest.mark.parametrize("named", ["/", "/*.csv"])
def test_a_manifest_names_no_folders(lake: Path, places: Callable[..., Places], named: str) -> None:
    """One that did so very often had all of them listed as often."""
    (lake / "a.csv").write_text("1\n")
    (lake / "m.manifest").write_text(json.dumps({"entries": [{"url": f"{lake}{named}"}]}))
    definition = read_definition({"manifest": True, "dialect": {}, "file": [{"uri": f"{lake}/m.manifest"}]})
    with pytest.raises(LakeError, match="a manifest names files one by one"):
        list_files(places(), definition)


def test_a_manifest_names_the_files(lake: Path, places: Callable[..., Places]) -> None:
    (lake / "data").mkdir()
    (lake / "data" / "part0").write_text("1\tx\n2\ty\n")
    url = f"file://{lake}/data/part0"
    (lake / "m.manifest").write_text(json.dumps({"entries": [{"url": url, "mandatory": True}]}))
    made = places()
    with duckdb.connect(config={"enable_external_file_cache": False}) as root:
        description = {"manifest": True, "dialect": {}, "file": [{"uri": f"{lake}/m.manifest"}]}
        found = infer(description, made, Reach(made, root), root, lake)
    assert types(found) == {"col_1": "tinyint unsigned not null", "col_2": "varchar(1) not null"}
    assert found.attribute["manifest"] is True


def test_what_cannot_be_inferred_says_why(inferred: Infer, lake: Path) -> None:
    for uri, dialect, words in (
        (f"{lake}/", {}, "has no file"),
        ("/etc/passwd", {}, "lakehouse_paths"),
        (f"{lake}/", {"format": "delta"}, "no Delta table|has no file"),
        (f"{lake}/", {"format": "iceberg"}, "Iceberg"),
        (f"{lake}/", {"formt": "csv"}, "formt"),
    ):
        with pytest.raises(LakeError, match=words):
            inferred(uri, **dialect)
    (lake / "empty.csv").write_text("")
    with pytest.raises(LakeError, match="no row"):
        inferred()
    (lake / "long.csv").write_text(f"{'a' * 70_000},1\nb,2\n")
    with pytest.raises(LakeError, match=r"long\.csv: its first record does not end within 64 kB"):
        inferred(f"{lake}/long.csv")
    (lake / "bad.parquet").write_bytes(b"PAR1" + bytes(100) + b"PAR1")
    with pytest.raises(LakeError, match=r"bad\.parquet") as caught:
        inferred(f"{lake}/bad.parquet", format="parquet")
    assert "/proc/self" not in str(caught.value)


def test_a_gzip_bomb_is_looked_at_only_as_far_as_a_sample_goes(inferred: Infer, lake: Path) -> None:
    line = b"1," + b"0" * 1000 + b"\n"
    (lake / "bomb.csv.gz").write_bytes(gzip.compress(line * 200_000))  # 200 MB in 300 kB
    began = time.process_time()  # as others may keep the machine busy
    assert types(inferred(sampling=True))["col_1"] == "tinyint unsigned"
    assert time.process_time() - began < 20


def test_a_thousand_files_within_ten_seconds(inferred: Infer, lake: Path) -> None:
    for number in range(1000):
        rows = "".join(f"{i},{i * 1.5},2024-01-{1 + i % 28:02},name {i}\n" for i in range(50))
        (lake / f"{number:04}.csv").write_text("id,v,d,n\n" + rows)
    began = time.process_time()
    found = inferred()
    seconds = time.process_time() - began
    assert (found.files, found.rows, found.complete) == (1000, 50_000, True)
    assert types(found)["d"] == "date not null"
    assert seconds < 10, seconds


@pytest.mark.parametrize(("format", "text"), [("csv", ",".join(["a"] * 30_000) + "\n"), ("json", None)])
def test_more_columns_than_a_table_may_have_are_refused_at_once(
    inferred: Infer, lake: Path, format: str, text: str | None
) -> None:
    members = ",".join(f'"k{n}":1' for n in range(30_000))
    (lake / f"wide.{format}").write_text(text or f"{{{members}}}\n")
    with pytest.raises(LakeError, match="the files have 30000 columns; a table may have 4096"):
        inferred(format=format)
