"""Delta tables made by hand, by its protocol: commits, files that columns are mapped to, and deletion vectors."""

import json
import uuid
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_MAGIC = (1681511377).to_bytes(4, "little")


def commit(folder: Path, version: int, *actions: dict[str, Any]) -> None:
    """Write one entry of a table's log."""
    (folder / "_delta_log").mkdir(parents=True, exist_ok=True)
    text = "\n".join(map(json.dumps, actions))
    (folder / "_delta_log" / f"{version:020}.json").write_text(text + "\n")


def protocol(*features: str) -> dict[str, Any]:
    """The action that says what readers have to know."""
    if not features:
        return {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    given = list(features)
    return {
        "protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": given, "writerFeatures": given}
    }


def metadata(fields: Sequence[dict[str, Any]], partitions: Sequence[str] = (), **configuration: str) -> dict[str, Any]:
    """The action that names the columns."""
    schema = json.dumps({"type": "struct", "fields": list(fields)})
    return {
        "metaData": {
            "id": str(uuid.UUID(int=7)),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema,
            "partitionColumns": list(partitions),
            "configuration": configuration,
        }
    }


def field(name: str, kind: Any, physical: str = "", number: int = 0) -> dict[str, Any]:
    """A column of the schema, mapped when `physical` is given."""
    mapping = {"delta.columnMapping.physicalName": physical, "delta.columnMapping.id": number} if physical else {}
    return {"name": name, "type": kind, "nullable": True, "metadata": mapping}


def add(folder: Path, path: str, columns: pa.Table, values: Mapping[str, str | None] | None = None) -> dict[str, Any]:
    """Write a file, and give the action that adds it."""
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(columns, folder / path)
    given = {"path": path.replace(" ", "%20"), "partitionValues": dict(values or {}), "dataChange": True}
    size = (folder / path).stat().st_size
    return {"add": {**given, "size": size, "modificationTime": 1, "stats": f'{{"numRecords": {columns.num_rows}}}'}}


def changed(before: dict[str, Any], vector: dict[str, Any]) -> list[dict[str, Any]]:
    """The actions by which a file has another deletion vector than in the action that added it."""
    old = before["add"]
    gone = {key: old[key] for key in ("path", "dataChange", "deletionVector") if key in old}
    return [{"remove": {**gone, "deletionTimestamp": 1}}, {"add": {**old, "deletionVector": vector}}]


def bitmap(rows: Sequence[int]) -> bytes:
    """The portable form of numbers below 65,536, at most 4,096 of them: one container that is an array."""
    lows = b"".join(row.to_bytes(2, "little") for row in sorted(rows))
    head = (12346).to_bytes(4, "little") + (1).to_bytes(4, "little")
    container = bytes(2) + (len(rows) - 1).to_bytes(2, "little") + (16).to_bytes(4, "little")
    return _MAGIC + (1).to_bytes(8, "little") + bytes(4) + head + container + lows


def inline(rows: Sequence[int]) -> dict[str, Any]:
    """A vector in the log itself."""
    data = bitmap(rows)
    text = z85(data + bytes(-len(data) % 4))
    return {"storageType": "i", "pathOrInlineDv": text, "sizeInBytes": len(data), "cardinality": len(rows)}


def in_file(folder: Path, *vectors: Sequence[int], prefix: str = "") -> list[dict[str, Any]]:
    """Vectors in a file of their own."""
    name, data, made = uuid.uuid4(), b"\x01", []
    for rows in vectors:
        body = bitmap(rows)
        made.append(
            {
                "storageType": "u",
                "pathOrInlineDv": prefix + z85(name.bytes),
                "offset": len(data),
                "sizeInBytes": len(body),
                "cardinality": len(rows),
            }
        )
        data += len(body).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    (folder / prefix).mkdir(parents=True, exist_ok=True)
    (folder / prefix / f"deletion_vector_{name}.bin").write_bytes(data)
    return made


def z85(data: bytes) -> str:
    """Encode bytes in Base85 as ZeroMQ's RFC 32 has it."""
    text = ""
    for at in range(0, len(data), 4):
        value = int.from_bytes(data[at : at + 4], "big")
        text += "".join(_ALPHABET[value // 85**power % 85] for power in range(4, -1, -1))
    return text
