"""Logs and lists of table formats that are damaged or lie: an error that names the file, whatever stands in them."""

import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from base.errors import LakeError
from lakehouse.descriptions.definition import Dialect
from lakehouse.descriptions.entries import read_entry
from lakehouse.formats.delta import read_delta
from lakehouse.formats.iceberg import read_iceberg
from lakehouse.stores.places import Places

Make = Callable[..., Places]
FIELDS = [{"name": "id", "type": "long", "nullable": True, "metadata": {}}]
META = {
    "schemaString": json.dumps({"type": "struct", "fields": FIELDS}),
    "partitionColumns": [],
    "configuration": {},
}
ADD = {"path": "a.parquet", "partitionValues": {}, "size": 1}


def commit(lake: Path, version: int, *actions: Any) -> Path:
    """Write an entry of a Delta log."""
    path = lake / "t" / "_delta_log" / f"{version:020}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in actions))
    return path


def files_of(places: Places, lake: Path, version: int | None = None) -> list[str]:
    """The names of a Delta table's files."""
    _, found, _ = read_delta(places, read_entry({"uri": f"{lake}/t/"}), version)
    return [file.path.rpartition("/")[2] for file in found]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[" * 100_000,
        "7",
        "[]",
        '{"add": 7}',
        '{"add": {}}',
        '{"add": {"path": 7}}',
        '{"add": {"path": "a.parquet", "partitionValues": 7}, "remove": 8}',
        '{"metaData": {}}',
        '{"metaData": {"schemaString": "{"}}',
        '{"metaData": {"schemaString": "[]"}}',
        '{"protocol": {"minReaderVersion": "x"}}',
        '{"add": {"path": "..%2Fsecret.parquet"}}',
        '{"add": {"path": "file:///etc/passwd"}}',
        '{"add": {"path": "/etc/passwd"}}',
        "\udcff",
    ],
)
def test_a_log_that_is_none_is_named(places: Make, lake: Path, line: str) -> None:
    commit(lake, 0, {"metaData": META}, {"add": ADD})
    (lake / "t" / "a.parquet").write_bytes(b"")
    commit(lake, 1).write_bytes(line.encode("utf-8", "surrogateescape"))
    with pytest.raises(LakeError) as caught:
        files_of(places(), lake)
    assert str(lake) in str(caught.value)
    assert files_of(places(), lake, 0) == ["a.parquet"]


def test_a_long_log_is_read_on_from_where_it_was_left(places: Make, lake: Path) -> None:
    commit(lake, 0, {"metaData": META}, {"add": ADD})
    for name in "abcd":
        (lake / "t" / f"{name}.parquet").write_bytes(b"")
    made = places()
    assert files_of(made, lake) == ["a.parquet"]
    commit(lake, 1, {"add": {**ADD, "path": "b.parquet"}})
    assert files_of(made, lake) == ["a.parquet", "b.parquet"]
    assert files_of(made, lake, 0) == ["a.parquet"]
    assert files_of(made, lake) == ["a.parquet", "b.parquet"]
    commit(lake, 2, {"remove": {"path": "a.parquet"}})
    assert files_of(made, lake) == ["b.parquet"]
    commit(lake, 1, {"add": {**ADD, "path": "d.parquet"}})  # another history
    assert files_of(made, lake) == ["d.parquet"]


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet", b"PAR1" + b"\xff" * 20 + b"\xff\xff\xff\x7fPAR1"])
def test_a_checkpoint_that_is_none_is_named(places: Make, lake: Path, content: bytes) -> None:
    commit(lake, 1, {"add": ADD})
    (lake / "t" / "_delta_log" / f"{0:020}.checkpoint.parquet").write_bytes(content)
    with pytest.raises(LakeError, match=r"checkpoint\.parquet"):
        files_of(places(), lake)


def test_a_checkpoint_that_becomes_too_large_is_refused(
    places: Make, lake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lakehouse.formats.delta_checkpoints.LARGEST", 4 << 20)
    commit(lake, 1, {"add": ADD})
    rows = pa.array([{"path": "x" * (1 << 20)}] * 5)
    path = lake / "t" / "_delta_log" / f"{0:020}.checkpoint.parquet"
    pq.write_table(pa.table({"add": rows}), path, compression="zstd", use_dictionary=False)
    assert path.stat().st_size < 1 << 20
    with pytest.raises(LakeError, match="becomes too large"):
        files_of(places(), lake)


# --- Iceberg ---

PARTITION = {"type": "record", "name": "r102", "fields": []}
FILE = {
    "type": "record",
    "name": "r2",
    "fields": [
        {"name": "content", "type": "int"},
        {"name": "file_path", "type": "string"},
        {"name": "file_format", "type": "string"},
        {"name": "partition", "type": PARTITION},
        {"name": "record_count", "type": "long"},
        {"name": "file_size_in_bytes", "type": "long"},
    ],
}
ENTRY = {
    "type": "record",
    "name": "manifest_entry",
    "fields": [{"name": "status", "type": "int"}, {"name": "data_file", "type": FILE}],
}
LIST = {
    "type": "record",
    "name": "manifest_file",
    "fields": [
        {"name": "manifest_path", "type": "string"},
        {"name": "partition_spec_id", "type": "int"},
        {"name": "sequence_number", "type": "long"},
    ],
}


def iceberg(lake: Path) -> dict[str, Path]:
    """Write a table of one file; gives its metadata, its list of manifests and its manifest."""
    folder = lake / "ice" / "metadata"
    folder.mkdir(parents=True)
    made = {"meta": folder / "v1.metadata.json", "list": folder / "list.avro", "manifest": folder / "m.avro"}
    (lake / "ice" / "a.parquet").write_bytes(b"12345678")
    file = {
        "content": 0,
        "file_path": f"{lake}/ice/a.parquet",
        "file_format": "PARQUET",
        "partition": {},
        "record_count": 1,
        "file_size_in_bytes": 8,
    }
    avro(made["manifest"], ENTRY, {"status": 1, "data_file": file})
    line = {"manifest_path": str(made["manifest"]), "partition_spec_id": 0, "sequence_number": 0}
    avro(made["list"], LIST, line)
    (folder / "version-hint.text").write_text("1")
    made["meta"].write_text(json.dumps(metadata(lake, made["list"])))
    return made


def avro(path: Path, schema: Any, record: Any) -> None:
    out = io.BytesIO()
    fastavro.writer(out, schema, [record], "deflate")
    path.write_bytes(out.getvalue())


def metadata(lake: Path, listed: Path) -> dict[str, Any]:
    return {
        "format-version": 2,
        "location": str(lake / "ice"),
        "current-schema-id": 0,
        "schemas": [{"schema-id": 0, "fields": [{"id": 1, "name": "id", "type": "long", "required": False}]}],
        "partition-specs": [{"spec-id": 0, "fields": []}],
        "current-snapshot-id": 5,
        "snapshots": [{"snapshot-id": 5, "manifest-list": str(listed)}],
    }


def read(places: Places, lake: Path) -> list[str]:
    """The names of an Iceberg table's files."""
    table = read_iceberg(places, read_entry({"uri": f"{lake}/ice/"}), Dialect(format="iceberg"))
    return [found.path.rpartition("/")[2] for _, found in table.data]


@pytest.mark.parametrize(
    "change",
    [
        {"schemas": 7},
        {"schemas": [{}]},
        {"schemas": [{"fields": [{"name": "x"}]}]},
        {"partition-specs": [7]},
        {"partition-specs": [{"spec-id": "x", "fields": []}]},
        {"current-schema-id": [1]},
        {"snapshots": [{}]},
        {"snapshots": 3},
        {"snapshots": [{"snapshot-id": 5, "manifest-list": 7}]},
        {"snapshots": [{"snapshot-id": 5, "manifests": [None]}]},
        {"format-version": 3},
        {"current-snapshot-id": 6},
    ],
)
def test_metadata_that_is_none_is_named(places: Make, lake: Path, change: dict[str, Any]) -> None:
    made = iceberg(lake)
    assert read(places(), lake) == ["a.parquet"]
    made["meta"].write_text(json.dumps({**metadata(lake, made["list"]), **change}))
    with pytest.raises(LakeError) as caught:
        read(places(), lake)
    assert str(lake / "ice") in str(caught.value)


def test_metadata_nested_without_end_is_refused(places: Make, lake: Path) -> None:
    made = iceberg(lake)
    made["meta"].write_text("[" * 1_000_000)
    with pytest.raises(LakeError, match=r"v1\.metadata\.json"):
        read(places(), lake)


@pytest.mark.parametrize("which", ["meta", "list", "manifest"])
def test_bytes_that_are_others_are_an_error_or_no_harm(places: Make, lake: Path, which: str) -> None:
    """Bytes changed, cut out and doubled at random: what comes is the table's own file, or an error."""
    path, chance = iceberg(lake)[which], random.Random(7)
    whole, refused = path.read_bytes(), 0
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(data))
            match chance.randrange(3):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randint(1, 9)]
                case _:
                    data[at:at] = bytes([chance.choice((0, 127, 128, 255))]) * chance.randint(1, 12)
        path.write_bytes(bytes(data))
        try:
            assert read(places(), lake) in ([], ["a.parquet"])
        except LakeError:
            refused += 1
    assert refused > 50
