"""Iceberg tables made by pyiceberg, and the deletes that it does not write itself: by position and by equality."""

import itertools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.manifest import (
    DataFile,
    DataFileContent,
    FileFormat,
    ManifestContent,
    ManifestEntry,
    ManifestEntryStatus,
    ManifestWriterV2,
    write_manifest_list,
)
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation, Snapshot, Summary
from pyiceberg.table.update import AddSnapshotUpdate, AssertRefSnapshotId, SetSnapshotRefUpdate
from pyiceberg.typedef import Record

_numbers = itertools.count(1)


def catalog(folder: Path, warehouse: str | None = None, **options: str) -> SqlCatalog:
    """A catalog in a folder, with its tables in a warehouse there or elsewhere."""
    folder.mkdir(exist_ok=True)
    made = SqlCatalog(
        "tests", uri=f"sqlite:///{folder}/catalog.db", warehouse=warehouse or f"file://{folder}/warehouse", **options
    )
    made.create_namespace_if_not_exists("db")
    return made


class _DeletesWriter(ManifestWriterV2):
    def content(self) -> ManifestContent:
        return ManifestContent.DELETES

    @property
    def _meta(self) -> dict[str, str]:
        return {**super()._meta, "content": "deletes"}


def delete_positions(table: Table, path: str, rows: Sequence[int], partition: Record | None = None) -> Table:
    """Delete rows of one file by their number."""
    columns = pa.schema(
        [_field("file_path", pa.string(), 2147483546), _field("pos", pa.int64(), 2147483545)],
    )
    made = pa.table({"file_path": [path] * len(rows), "pos": list(rows)}, schema=columns)
    return _commit(table, made, DataFileContent.POSITION_DELETES, None, partition)


def delete_equal(table: Table, columns: dict[str, Sequence[Any]], partition: Record | None = None) -> Table:
    """Delete the rows that have these values, of one partition or, of a table without any, of all."""
    fields = [table.schema().find_field(name) for name in columns]
    kinds = {field.name: field.type for field in table.schema().as_arrow()}
    schema = pa.schema([_field(field.name, kinds[field.name], field.field_id) for field in fields])
    made = pa.table({name: list(values) for name, values in columns.items()}, schema=schema)
    ids = [field.field_id for field in fields]
    return _commit(table, made, DataFileContent.EQUALITY_DELETES, ids, partition)


def _field(name: str, kind: pa.DataType, number: int) -> pa.Field:
    return pa.field(name, kind, metadata={"PARQUET:field_id": str(number)})


def _commit(
    table: Table, rows: pa.Table, content: DataFileContent, ids: list[int] | None, partition: Record | None
) -> Table:
    folder, number = table.location(), next(_numbers)
    out = table.io.new_output(f"{folder}/data/deletes-{number}.parquet")
    with out.create(overwrite=True) as stream:
        pq.write_table(rows, stream)
    file = DataFile.from_args(
        content=content,
        file_path=out.location,
        file_format=FileFormat.PARQUET,
        partition=partition or Record(),
        record_count=rows.num_rows,
        file_size_in_bytes=len(out),
        equality_ids=ids,
    )
    snapshot_id = time.time_ns() % (1 << 52)
    sequence = table.metadata.last_sequence_number + 1
    manifest = table.io.new_output(f"{folder}/metadata/deletes-{number}.avro")
    with _DeletesWriter(table.spec(), table.schema(), manifest, snapshot_id, "deflate") as writer:
        writer.add_entry(
            ManifestEntry.from_args(
                status=ManifestEntryStatus.ADDED, snapshot_id=snapshot_id, sequence_number=None, data_file=file
            )
        )
    before = table.current_snapshot()
    assert before is not None
    listed = table.io.new_output(f"{folder}/metadata/snap-{snapshot_id}.avro")
    with write_manifest_list(2, listed, snapshot_id, before.snapshot_id, sequence, "deflate") as lists:
        lists.add_manifests([*before.manifests(table.io), writer.to_manifest_file()])
    snapshot = Snapshot(
        snapshot_id=snapshot_id,
        parent_snapshot_id=before.snapshot_id,
        sequence_number=sequence,
        timestamp_ms=int(time.time() * 1000),
        manifest_list=listed.location,
        summary=Summary(Operation.DELETE),
        schema_id=table.schema().schema_id,
    )
    table.catalog.commit_table(
        table,
        (AssertRefSnapshotId(ref="main", snapshot_id=before.snapshot_id),),
        (
            AddSnapshotUpdate(snapshot=snapshot),
            SetSnapshotRefUpdate(ref_name="main", type="branch", snapshot_id=snapshot_id),
        ),
    )
    return table.refresh()
