"""Checkpoints of a Delta table's log: what stands for the entries before, in one file, in several, or in sidecars.

Source: "Checkpoints" in PROTOCOL.md of delta-io/delta, of both specifications and all their namings.
"""

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq

from base.errors import LakeError
from lakehouse.descriptions.entries import Entry
from lakehouse.formats.damage import understood
from lakehouse.stores.places import Found, Places

LARGEST = 256 << 20  # bytes of a file of the log, and of what is in it
_NAME = re.compile(
    r"_delta_log/(?P<version>\d{20})\.checkpoint"
    r"(?:\.(?P<part>\d{10})\.(?P<parts>\d{10})\.parquet|(?:\.(?P<id>[0-9a-fA-F-]{36}))?\.parquet"
    r"|\.(?P<json>[0-9a-fA-F-]{36})\.json)$"
)
_LEAST = 64  # bytes of an action, at the least
_BATCH = 256  # actions decoded together
_SIDECARS = "_delta_log/_sidecars/"
_ACTIONS = ("protocol", "metaData", "add", "remove", "sidecar", "checkpointMetadata")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The files of one checkpoint, without the sidecars that they name."""

    version: int
    parts: tuple[Found, ...]

    def actions(self, places: Places, entry: Entry, root: str) -> Iterator[dict[str, Any]]:
        """Give what it says of the table in the folder `root`: one action for each of its files. Raises LakeError."""
        for part in self.parts:
            with understood(part.shown, "no checkpoint of a Delta table"):
                for action in _read(places, part):
                    if (about := action.get("checkpointMetadata")) and int(about["version"]) != self.version:
                        raise LakeError(f"{part.shown} is a checkpoint of version {about['version']} by itself")
                    if sidecar := action.get("sidecar"):
                        yield from _read(places, _sidecar(places, entry, root, sidecar))
                    else:
                        yield action


def checkpoints_of(log: Iterable[Found]) -> dict[int, Checkpoint]:
    """Find one whole checkpoint of each version that has any, of the files of a log."""
    sets: dict[tuple[int, str], list[Found]] = {}
    wanted: dict[tuple[int, str], int] = {}
    for file in log:
        if name := _NAME.search(file.path):
            key = int(name["version"]), name["parts"] or name["id"] or name["json"] or ""
            sets.setdefault(key, []).append(file)
            wanted[key] = int(name["parts"] or 1)
    return {
        version: Checkpoint(version, tuple(parts))
        for (version, kind), parts in sets.items()
        if len(parts) == wanted[version, kind]
    }


def _sidecar(places: Places, entry: Entry, root: str, given: Mapping[str, Any]) -> Found:
    """The file of a sidecar, which lies in a folder of the log."""
    name = unquote(given["path"])
    if "/" in name or name in ("", ".", ".."):
        raise LakeError(f"{entry.shown}: a sidecar outside of the log's folder is not supported")
    (found,) = places.resolve(
        [Entry("name", entry.scheme, entry.root, root + _SIDECARS + name, entry.region, entry.strict, False)]
    )
    if found.size != int(given["sizeInBytes"]):
        raise LakeError(f"{found.shown} has {found.size} bytes, and {given['sizeInBytes']} by its checkpoint")
    return found


def _read(places: Places, part: Found) -> Iterator[dict[str, Any]]:
    """Give the rows of a file, each one action: there is one a file of the table, not a row of it."""
    if part.size > LARGEST:
        raise LakeError(f"{part.shown} is too large for a checkpoint")
    data = places.read(part, 0, part.size)
    if part.path.endswith(".json"):
        yield from (json.loads(line) for line in data.splitlines() if line.strip())
        return
    with pq.ParquetFile(io.BytesIO(data)) as file:
        about, names = file.metadata, [name for name in file.schema_arrow.names if name in _ACTIONS]
        claimed = sum(about.row_group(at).total_byte_size for at in range(about.num_row_groups))
        room = LARGEST
        if max(claimed, about.num_rows * _LEAST) > LARGEST:
            raise LakeError(f"{part.shown} becomes too large for a checkpoint")
        # What a file says of its size may be wrong, and a few bytes may stand for many equal values.
        for batch in file.iter_batches(_BATCH, columns=names):
            room -= batch.nbytes
            if room < 0:
                raise LakeError(f"{part.shown} becomes too large for a checkpoint")
            for row in batch.to_pylist():
                yield {name: value for name, value in row.items() if value is not None}
