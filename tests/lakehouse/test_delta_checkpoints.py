"""Checkpoints of Delta logs in all their forms, and those that lie."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from base.errors import LakeError
from tests.lakehouse.test_damaged_logs import META, Make, commit, files_of

PROTOCOL = {
    "minReaderVersion": 3,
    "minWriterVersion": 7,
    "readerFeatures": ["v2Checkpoint"],
    "writerFeatures": ["v2Checkpoint"],
}
ID = uuid.UUID(int=7)
PAIRS = pa.map_(pa.string(), pa.string())
SCHEMA = pa.schema(
    [
        ("protocol", pa.struct([*((n, pa.int32()) for n in ("minReaderVersion", "minWriterVersion")),
                                *((n, pa.list_(pa.string())) for n in ("readerFeatures", "writerFeatures"))])),
        ("metaData", pa.struct([("schemaString", pa.string()), ("partitionColumns", pa.list_(pa.string())),
                                ("configuration", PAIRS)])),
        ("add", pa.struct([("path", pa.string()), ("partitionValues", PAIRS), ("size", pa.int64())])),
        ("sidecar", pa.struct([("path", pa.string()), ("sizeInBytes", pa.int64())])),
        ("checkpointMetadata", pa.struct([("version", pa.int64())])),
    ]
)  # fmt: skip


def add(name: str) -> dict[str, Any]:
    """The action of a file that is there."""
    return {"add": {"path": name, "partitionValues": [], "size": 0}}


def written(*actions: dict[str, Any]) -> bytes:
    """Actions as Parquet."""
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(actions), schema=SCHEMA), out)
    return out.getvalue()


def lines(*actions: dict[str, Any]) -> bytes:
    """Actions as JSON."""
    return b"".join(json.dumps(action).encode() + b"\n" for action in actions)


@pytest.fixture
def log(lake: Path) -> Path:
    """The log of a table with four files."""
    (lake / "t" / "_delta_log" / "_sidecars").mkdir(parents=True)
    for name in "abcd":
        (lake / "t" / f"{name}.parquet").write_bytes(b"")
    return lake / "t" / "_delta_log"


def sidecar(log: Path, name: str, *actions: dict[str, Any]) -> dict[str, Any]:
    """Write a sidecar, and give the action that names it."""
    data = written(*actions)
    (log / "_sidecars" / name).write_bytes(data)
    return {"sidecar": {"path": name, "sizeInBytes": len(data)}}


HEAD = [{"protocol": PROTOCOL}, {"metaData": {**META, "configuration": []}}]
ABOUT = {"checkpointMetadata": {"version": 3}}


@pytest.mark.parametrize("ending", ["", f".{ID}", "json"])
def test_checkpoints_with_sidecars_are_read(places: Make, lake: Path, log: Path, ending: str) -> None:
    beside = [sidecar(log, "1.parquet", add("a.parquet")), sidecar(log, "2.parquet", add("b.parquet"))]
    actions = [*HEAD, ABOUT, *beside, add("c.parquet")]
    if ending == "json":
        (log / f"{3:020}.checkpoint.{ID}.json").write_bytes(lines(*actions))
    else:
        (log / f"{3:020}.checkpoint{ending}.parquet").write_bytes(written(*actions))
    assert sorted(files_of(places(), lake)) == ["a.parquet", "b.parquet", "c.parquet"]
    commit(lake, 4, {"remove": {"path": "b.parquet"}}, {"add": {"path": "d.parquet", "partitionValues": {}}})
    assert sorted(files_of(places(), lake)) == ["a.parquet", "c.parquet", "d.parquet"]
    assert sorted(files_of(places(), lake, 3)) == ["a.parquet", "b.parquet", "c.parquet"]


def test_a_checkpoint_that_is_not_whole_is_passed_over(places: Make, lake: Path, log: Path) -> None:
    (log / f"{2:020}.checkpoint.{1:010}.{2:010}.parquet").write_bytes(written(*HEAD, add("a.parquet")))
    (log / f"{2:020}.checkpoint.{2:010}.{2:010}.parquet").write_bytes(written(add("b.parquet")))
    (log / f"{3:020}.checkpoint.{1:010}.{2:010}.parquet").write_bytes(written(*HEAD))
    commit(lake, 3, add("c.parquet"))
    assert sorted(files_of(places(), lake)) == ["a.parquet", "b.parquet", "c.parquet"]
    (log / f"{3:020}.checkpoint.{ID}.parquet").write_bytes(written(*HEAD, add("d.parquet")))
    assert files_of(places(), lake) == ["d.parquet"]


@pytest.mark.parametrize(
    ("name", "size", "told"),
    [
        ("../../a.parquet", 0, "outside"),
        ("%2e%2e%2fa.parquet", 0, "outside"),
        ("..", 0, "outside"),
        ("/etc/passwd", 0, "outside"),
        ("http://169.254.169.254/x", 0, "outside"),
        ("1.parquet", 7, "7 by its checkpoint"),
        ("2.parquet", 0, "does not exist"),
    ],
)
def test_sidecars_that_are_not_there_are_named(
    places: Make, lake: Path, log: Path, name: str, size: int, told: str
) -> None:
    sidecar(log, "1.parquet", add("a.parquet"))
    given = {"sidecar": {"path": name, "sizeInBytes": size}}
    (log / f"{3:020}.checkpoint.parquet").write_bytes(written(*HEAD, ABOUT, given))
    with pytest.raises(LakeError, match=told):
        files_of(places(), lake)


def test_a_checkpoint_of_another_version_is_refused(places: Make, lake: Path, log: Path) -> None:
    (log / f"{2:020}.checkpoint.parquet").write_bytes(written(*HEAD, ABOUT))
    with pytest.raises(LakeError, match="version 3 by itself"):
        files_of(places(), lake)


@pytest.mark.parametrize(("rows", "length"), [(16, 1 << 20), (1_000_000, 0)])
def test_a_few_bytes_do_not_become_many(
    places: Make, lake: Path, log: Path, monkeypatch: pytest.MonkeyPatch, rows: int, length: int
) -> None:
    monkeypatch.setattr("lakehouse.formats.delta_checkpoints.LARGEST", 4 << 20)
    path = log / f"{3:020}.checkpoint.parquet"
    pq.write_table(pa.table({"add": pa.array([{"path": "x" * length}] * rows)}), path, compression="zstd")
    assert path.stat().st_size < 1 << 20
    with pytest.raises(LakeError, match="becomes too large"):
        files_of(places(), lake)
