"""Delta tables: the log of a folder read, by its own protocol, into the files of one version.

Source: PROTOCOL.md of delta-io/delta. Deletion vectors, column mapping, checkpoints with sidecars and types that were
widened are read; any other feature of a table that a reader has to know is refused by its name.
"""

import json
import re
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import unquote

from base.errors import LakeError
from lakehouse.descriptions.entries import Entry
from lakehouse.formats.damage import understood
from lakehouse.formats.deletion_vectors import Vector
from lakehouse.formats.delta_checkpoints import LARGEST, Checkpoint, checkpoints_of
from lakehouse.stores.places import Found, Places

_COMMIT = re.compile(r"_delta_log/(\d{20})\.json$")
_TABLES = 64  # whose last states are kept
_READER = 1  # the reader's version of the protocol without features
_MAPPINGS = ("none", "name", "id")
_PHYSICAL, _ID = "delta.columnMapping.physicalName", "delta.columnMapping.id"
# Features that change nothing for who reads whole files, each in the types that it has itself.
_HARMLESS = frozenset({"timestampNtz", "vacuumProtocolCheck", "typeWidening", "typeWidening-preview", "v2Checkpoint"})


@dataclass(frozen=True, slots=True)
class DeltaFile:
    """A file of a version: its partitions' values, by what files call them, and which of its rows are none any more."""

    path: str
    values: Mapping[str, str | None]
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Mapped:
    """A column of a table with column mapping. `key` is its id in files or, if they go by names, its name there.

    `type` is as the log has it; `steady` when what is nested in it has the same names in files.
    """

    name: str
    key: int | str
    type: Any
    steady: bool


@dataclass(frozen=True, slots=True)
class Deleted:
    """The rows of a file that are none any more; `found` is the file that says so, None where the log itself does."""

    vector: Vector
    found: Found | None


@dataclass(slots=True)
class DeltaTable:
    """One version: its columns as the log has them, and the files, by path and deletion vector.

    `mapping` is how files call the columns: "none" when by their names, "name" or "id".
    """

    version: int
    columns: list[dict[str, Any]] = field(default_factory=list)
    partitions: tuple[str, ...] = ()
    files: dict[tuple[str, str], DeltaFile] = field(default_factory=dict)
    mapping: str = "none"

    @property
    def physical(self) -> dict[str, str]:
        """What files and the log's values of partitions call each column. Raises KeyError for a damaged log."""
        if self.mapping == "none":
            return {str(column["name"]): str(column["name"]) for column in self.columns}
        return {str(column["name"]): str(column["metadata"][_PHYSICAL]) for column in self.columns}

    @property
    def mapped(self) -> tuple[Mapped, ...]:
        """The columns of files that go by other names or ids; empty when they go by their own names.

        Raises KeyError, TypeError and ValueError for a damaged log.
        """
        if self.mapping == "none":
            return ()
        own = [column for column in self.columns if column["name"] not in self.partitions]
        by_id = self.mapping == "id"
        return tuple(
            Mapped(
                str(column["name"]),
                int(column["metadata"][_ID]) if by_id else str(column["metadata"][_PHYSICAL]),
                column["type"],
                _is_steady(column["type"], by_id),
            )
            for column in own
        )


def read_delta(
    places: Places, entry: Entry, version: int | None
) -> tuple[DeltaTable, list[Found], list[Deleted | None]]:
    """Read the version asked for, or the newest, with its files and what deletes rows of each. Raises LakeError."""
    root = entry.path.rstrip("/") + "/"
    log = places.resolve([_entry(entry, root + "_delta_log/")])
    commits = {int(found[1]): file for file in log if (found := _COMMIT.search(file.path))}
    checkpoints = checkpoints_of(log)
    if not commits and not checkpoints:
        raise LakeError(f"{entry.shown} is no Delta table: it has no _delta_log")
    newest = max([*commits, *checkpoints])
    wanted = newest if version is None else version
    if wanted > newest:
        raise LakeError(f"{entry.shown} has no version {wanted}: the newest is {newest}")
    table = _replayed(places, entry, wanted, commits, checkpoints)
    below = {file.path: file for file in places.resolve([_entry(entry, root)])}

    def there(path: str) -> Found:
        if (found := below.get(root + path)) is None:
            raise LakeError(f"{entry.shown}: file {path} of version {wanted} is gone, as after VACUUM")
        return found

    deleted: list[Deleted | None] = []
    with understood(entry.shown, "no Delta table"):
        for vector in (file.vector for file in table.files.values()):
            path = _path(vector.path, entry) if vector else ""
            deleted.append(Deleted(vector, there(path) if path else None) if vector else None)
    return table, [there(file.path) for file in table.files.values()], deleted


def _replayed(
    places: Places,
    entry: Entry,
    wanted: int,
    commits: Mapping[int, Found],
    checkpoints: Mapping[int, Checkpoint],
) -> DeltaTable:
    base = max((version for version in checkpoints if version <= wanted), default=-1)
    kept = _kept.get(entry, base, wanted, commits)
    table, applied = kept if kept else (DeltaTable(base), {})
    if base >= 0 and not kept:
        for action in checkpoints[base].actions(places, entry, entry.path.rstrip("/") + "/"):
            with understood(entry.shown, "no Delta table: its checkpoint is not as it should be"):
                _apply(table, action, entry)
    for version in range(table.version + 1, wanted + 1):
        if version not in commits:
            raise LakeError(f"{entry.shown}: the log of version {version} is gone, and with it version {wanted}")
        applied[version] = file = commits[version]
        if file.size > LARGEST:
            raise LakeError(f"{file.shown} is too large for the log of a Delta table")
        with understood(file.shown, "no log of a Delta table"):
            for line in places.read(file, 0, file.size).splitlines():
                if line.strip():
                    _apply(table, json.loads(line), entry)
    table.version = wanted
    if not table.columns:
        raise LakeError(f"{entry.shown}: the log names no columns")
    if len({path for path, _ in table.files}) < len(table.files):
        raise LakeError(f"{entry.shown}: the log of version {wanted} has a file twice, with other rows deleted")
    if base < 0:
        _kept.put(entry, table, applied)
    return table


class _Kept:
    """The last state of tables whose logs have no checkpoint: these may be of any length. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._states: OrderedDict[Entry, tuple[DeltaTable, dict[int, Found]]] = OrderedDict()

    def get(
        self, entry: Entry, base: int, wanted: int, commits: Mapping[int, Found]
    ) -> tuple[DeltaTable, dict[int, Found]] | None:
        """A state to go on from, and the files that made it; None when there is none, or they are others now."""
        with self._lock:
            state = self._states.get(entry)
        if state is None or base >= 0:
            return None
        table, applied = state
        if table.version > wanted or any(commits.get(version) != file for version, file in applied.items()):
            return None
        return replace(table, files=dict(table.files)), dict(applied)

    def put(self, entry: Entry, table: DeltaTable, applied: dict[int, Found]) -> None:
        """Keep a state, in place of the table's one before."""
        with self._lock:
            self._states[entry] = replace(table, files=dict(table.files)), applied
            self._states.move_to_end(entry)
            while len(self._states) > _TABLES:
                self._states.popitem(last=False)


_kept = _Kept()


def _apply(table: DeltaTable, action: dict[str, Any], entry: Entry) -> None:
    if (protocol := action.get("protocol")) is not None:
        _require_readable(protocol, entry)
    if (meta := action.get("metaData")) is not None:
        table.mapping = _pairs(meta.get("configuration")).get("delta.columnMapping.mode") or "none"
        if table.mapping not in _MAPPINGS:
            raise LakeError(f"{entry.shown}: column mapping ({table.mapping}) is not supported")
        table.columns = json.loads(meta["schemaString"])["fields"]
        table.partitions = tuple(meta.get("partitionColumns") or ())
    if (add := action.get("add")) is not None:
        path, vector = _path(add["path"], entry), _vector(add)
        values = _pairs(add.get("partitionValues"))
        table.files[path, vector.key if vector else ""] = DeltaFile(path, values, vector)
    if (remove := action.get("remove")) is not None:
        vector = _vector(remove)
        table.files.pop((_path(remove["path"], entry), vector.key if vector else ""), None)


def _vector(action: Mapping[str, Any]) -> Vector | None:
    given = action.get("deletionVector")
    return Vector.read(given) if given else None


def _is_steady(kind: Any, by_id: bool) -> bool:
    """Tell whether what is nested in a type has the same names in files; ids in what is nested are not looked for."""
    if isinstance(kind, str):
        return True
    if kind["type"] == "struct":
        return not by_id and all(
            one["name"] == one["metadata"][_PHYSICAL] and _is_steady(one["type"], by_id) for one in kind["fields"]
        )
    inner = ("elementType",) if kind["type"] == "array" else ("keyType", "valueType")
    return all(_is_steady(kind[part], by_id) for part in inner)


def _require_readable(protocol: Mapping[str, Any], entry: Entry) -> None:
    features = set(protocol.get("readerFeatures") or ())
    if int(protocol.get("minReaderVersion") or 1) > _READER and not features:
        # Version 2 is column mapping, which the table's configuration says it uses or not.
        if int(protocol["minReaderVersion"]) > 2:
            raise LakeError(f"{entry.shown}: reader version {protocol['minReaderVersion']} is not supported")
        return
    # That a table may have deletion vectors or column mapping is no obstacle: its files and its configuration say.
    unknown = features - _HARMLESS - {"deletionVectors", "columnMapping"}
    if unknown:
        raise LakeError(f"{entry.shown}: the table feature {min(unknown)} is not supported")


def _pairs(value: object) -> dict[str, str | None]:
    """A map of the log: an object in JSON, a list of pairs out of Parquet."""
    if isinstance(value, Mapping):
        return dict(value)
    return dict(value) if isinstance(value, list) else {}


def _path(path: str, entry: Entry) -> str:
    plain = unquote(path)
    if "://" in plain or plain.startswith("/") or ".." in plain.split("/"):
        raise LakeError(f"{entry.shown}: files outside of the table's folder are not supported")
    return plain


def _entry(entry: Entry, path: str) -> Entry:
    return Entry("prefix", entry.scheme, entry.root, path, entry.region, entry.strict, True)
