"""The first entry of a Delta table's log: protocol, schema and files. Source: the Delta transaction log protocol."""

import json
import time
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import pyarrow as pa

from base.errors import LakeError

_NAMES = {
    pa.int8(): "byte",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.string(): "string",
    pa.binary(): "binary",
    pa.date32(): "date",
    pa.timestamp("us"): "timestamp_ntz",
}
_NTZ = "timestampNtz"


def first_entry(schema: pa.Schema, files: Sequence[tuple[str, int, int]], folder: str) -> bytes:
    """Write the entry for files of (name, bytes, rows) in `folder` of the table. Raises LakeError for a type."""
    now = int(time.time() * 1000)
    fields = [
        {"name": field.name, "type": _name(field), "nullable": field.nullable, "metadata": {}} for field in schema
    ]
    protocol: dict[str, Any] = {"minReaderVersion": 1, "minWriterVersion": 2}
    if any(field["type"] == "timestamp_ntz" for field in fields):
        protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": [_NTZ], "writerFeatures": [_NTZ]}
    steps: list[dict[str, Any]] = [
        {"commitInfo": {"timestamp": now, "operation": "CREATE TABLE AS SELECT", "engineInfo": "warmfront"}},
        {"protocol": protocol},
        {
            "metaData": {
                "id": str(uuid.uuid4()),
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps({"type": "struct", "fields": fields}),
                "partitionColumns": [],
                "configuration": {},
                "createdTime": now,
            }
        },
    ]
    for name, size, rows in files:
        steps.append(
            {
                "add": {
                    "path": quote(f"{folder}/{name}"),
                    "partitionValues": {},
                    "size": size,
                    "modificationTime": now,
                    "dataChange": True,
                    "stats": json.dumps({"numRecords": rows}),
                }
            }
        )
    return b"".join(json.dumps(step).encode() + b"\n" for step in steps)


def _name(field: pa.Field) -> str:
    if pa.types.is_decimal(field.type):
        return f"decimal({field.type.precision},{field.type.scale})"
    name = _NAMES.get(field.type)
    if name is None:
        raise LakeError(f"column {field.name} has a type that a Delta table does not have")
    return name
