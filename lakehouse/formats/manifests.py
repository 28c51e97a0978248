"""The lists of files of an Iceberg table: a snapshot's list of manifests, and manifests, as values.

Source: "Manifests" and "Manifest Lists" of the Iceberg table specification, versions 1 and 2.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from base.errors import LakeError
from lakehouse.formats.avro import read_records
from lakehouse.stores.places import Found, Places

_DELETED = 2  # an entry's status
_KEPT = 1024  # manifests, which never change


@dataclass(frozen=True, slots=True)
class Manifest:
    """A line of a manifest list."""

    path: str
    spec: int
    sequence: int


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A living file. `content` is 0 for data, 1 for deletes by position and 2 by equality; None for `sequence` means
    the manifest's own. `partition` is by the partition field's id, the others by the column's; bounds are bytes."""

    content: int
    path: str
    format: str
    size: int
    sequence: int | None
    partition: Mapping[int, Any]
    lower: Mapping[int, bytes] = field(default_factory=dict)
    upper: Mapping[int, bytes] = field(default_factory=dict)
    nulls: Mapping[int, int] = field(default_factory=dict)
    values: Mapping[int, int] = field(default_factory=dict)
    equality: tuple[int, ...] = ()


def read_manifest_list(places: Places, found: Found) -> list[Manifest]:
    """Read a snapshot's list. Raises LakeError."""
    _, rows = read_records(places, found)
    try:
        return [
            Manifest(row["manifest_path"], int(row["partition_spec_id"]), int(row.get("sequence_number") or 0))
            for row in rows
        ]
    except (KeyError, TypeError, ValueError):
        raise LakeError(f"{found.shown} is no list of manifests") from None


@lru_cache(maxsize=_KEPT)
def read_manifest(places: Places, found: Found) -> tuple[ManifestEntry, ...]:
    """Read a manifest's living files. Raises LakeError."""
    schema, rows = read_records(places, found)
    try:
        ids = _partition_ids(schema)
        return tuple(_entry(row, ids) for row in rows if row["status"] != _DELETED)
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        raise LakeError(f"{found.shown} is no manifest of an Iceberg table") from None


def _entry(row: Mapping[str, Any], ids: Mapping[str, int]) -> ManifestEntry:
    file = row["data_file"]
    return ManifestEntry(
        int(file.get("content") or 0),
        file["file_path"],
        str(file["file_format"]).upper(),
        int(file["file_size_in_bytes"]),
        row.get("sequence_number", 0),  # version 1 has none: all are 0
        {ids[name]: value for name, value in file["partition"].items()},
        _pairs(file.get("lower_bounds")),
        _pairs(file.get("upper_bounds")),
        _pairs(file.get("null_value_counts")),
        _pairs(file.get("value_counts")),
        tuple(file.get("equality_ids") or ()),
    )


def _partition_ids(schema: Mapping[str, Any]) -> dict[str, int]:
    """The ids of the partition's fields, by the names that this manifest gives them."""
    file = next(one for one in schema["fields"] if one["name"] == "data_file")["type"]
    partition = next(one for one in file["fields"] if one["name"] == "partition")["type"]
    return {one["name"]: int(one["field-id"]) for one in partition["fields"]}


def _pairs(given: Any) -> dict[int, Any]:
    return {pair["key"]: pair["value"] for pair in given or ()}
