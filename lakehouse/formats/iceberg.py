"""Iceberg tables: a folder's metadata read, by its own specification, into the files of one snapshot.

Source: the Iceberg table specification, versions 1 and 2. What a reader has to know and this one does not — version 3,
files that are not Parquet, names in place of field ids — is refused by its name.
"""

import json
import re
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from base.errors import LakeError
from lakehouse.descriptions.definition import Dialect
from lakehouse.descriptions.entries import Entry, read_entry
from lakehouse.descriptions.pruning import Range, moment_of
from lakehouse.formats.damage import understood
from lakehouse.formats.iceberg_values import Partitioning, ranges_of
from lakehouse.formats.manifests import ManifestEntry, read_manifest, read_manifest_list
from lakehouse.stores.local import Missing
from lakehouse.stores.places import Found, Places

_METADATA = re.compile(r"/metadata/(?:v(\d+)|(\d+)-[^/]+)(?:\.gz)?\.metadata\.json$")
_LARGEST = 256 << 20  # bytes of a metadata file, and of what is in it
_FEW = 16  # files that are asked for one by one
_SCHEMES = re.compile(r"^s3[an]://")
_FILE_PATH = 2147483546  # the id of the column of deletes by position that names files
DATA, BY_POSITION, BY_EQUALITY = 0, 1, 2  # a file's content


@dataclass(frozen=True, slots=True)
class Field:
    """A column of the schema: its type is the specification's, a name or an object; `steady` when no schema of the
    table has another one inside it."""

    id: int
    name: str
    type: Any
    required: bool
    steady: bool = True


@dataclass(frozen=True, slots=True)
class IcebergFile:
    """A living file: `given` is its address in the table's lists; `partition` is equal for files of one partition, and
    None for deletes that hold for all. `names` is the only data file that deletes by position name, if it is known."""

    content: int
    given: str
    sequence: int
    partition: tuple[Any, ...] | None
    equality: tuple[int, ...]
    entry: ManifestEntry
    names: str | None = None


@dataclass(frozen=True, slots=True)
class IcebergTable:
    """One snapshot: columns in order, those that only deletes still name, and the files with where they are."""

    fields: tuple[Field, ...]
    elder: Mapping[int, Field] = field(default_factory=dict)
    data: tuple[tuple[IcebergFile, Found], ...] = ()
    deletes: tuple[tuple[IcebergFile, Found], ...] = ()
    partition_ids: frozenset[int] = frozenset()


# Tells of the ranges of a file's values, by the field's id, whether it is needed.
Keep = Callable[[Mapping[int, Range]], bool]


def read_iceberg(
    places: Places, entry: Entry, dialect: Dialect, keep_for: Callable[[Sequence[Field]], Keep | None] = lambda _: None
) -> IcebergTable:
    """Read the snapshot asked for, or the newest, and find its files; `keep_for` tells, of the columns, what chooses
    among these. Raises LakeError."""
    meta, folder = _metadata(places, entry, dialect)
    with understood(entry.shown, "no Iceberg table: its metadata is not as it should be"):
        return _read(places, entry, dialect, keep_for, meta, folder)


def _read(
    places: Places,
    entry: Entry,
    dialect: Dialect,
    keep_for: Callable[[Sequence[Field]], Keep | None],
    meta: Mapping[str, Any],
    folder: str,
) -> IcebergTable:
    version = meta.get("format-version")
    if version not in (1, 2):
        raise LakeError(f"{entry.shown}: Iceberg's format version {version} is not supported; versions 1 and 2 are")
    snapshot, is_elder = _snapshot(meta, dialect, entry)
    schemas = _schemas(meta)
    current = meta.get("current-schema-id", 0)
    if snapshot and is_elder:
        current = snapshot.get("schema-id", current)
    if current not in schemas:
        raise LakeError(f"{entry.shown}: its metadata has no schema {current}")
    fields = schemas[current]
    elder = {each.id: each for one in sorted(schemas) for each in schemas[one]}
    table = IcebergTable(fields, elder)
    if snapshot is None:
        return table
    whereabouts = _Whereabouts(places, entry, str(meta["location"]).rstrip("/"), folder)
    return _filled(table, places, whereabouts, meta, snapshot, keep_for(fields))


def _filled(
    table: IcebergTable,
    places: Places,
    whereabouts: "_Whereabouts",
    meta: Mapping[str, Any],
    snapshot: Mapping[str, Any],
    keep: Keep | None,
) -> IcebergTable:
    specs = _specs(meta)
    data: list[IcebergFile] = []
    deletes: list[IcebergFile] = []
    for path, spec, sequence in _manifests(places, whereabouts, snapshot):
        (found,) = whereabouts.find([path])
        for one in read_manifest(places, found):
            ids = tuple(sorted(one.partition.items()))
            own = sequence if one.sequence is None else one.sequence
            file = IcebergFile(one.content, one.path, own, _hashable(ids), one.equality, one)
            if one.format != "PARQUET":
                raise LakeError(f"{found.shown}: files of format {one.format} are not supported; Parquet is")
            if one.content == DATA:
                if keep is None or keep(ranges_of(one, specs, table.elder)):
                    data.append(file)
            elif one.content == BY_POSITION:
                deletes.append(replace(file, partition=None, names=_named_by(one)))
            elif one.content == BY_EQUALITY:
                # Those of a spec without partitions hold for all.
                is_global = all(specs[spec].fields.get(key, (0, ""))[1] == "void" for key in one.partition)
                deletes.append(replace(file, partition=None) if is_global else file)
            else:
                raise LakeError(f"{found.shown}: files of content {one.content} are not supported")
    oldest = min((file.sequence for file in data), default=1 << 63)
    here = {file.given for file in data}
    deletes = [
        file
        for file in deletes
        if file.sequence >= oldest + (file.content == BY_EQUALITY) and (file.names is None or file.names in here)
    ]
    places_of = iter(whereabouts.find([file.given for file in (*data, *deletes)]))
    both = [(file, _sized(file, next(places_of))) for file in (*data, *deletes)]
    partition_ids = frozenset(key for one in specs.values() for key, how in one.fields.values() if how == "identity")
    return replace(table, data=tuple(both[: len(data)]), deletes=tuple(both[len(data) :]), partition_ids=partition_ids)


def _named_by(one: ManifestEntry) -> str | None:
    low, high = one.lower.get(_FILE_PATH), one.upper.get(_FILE_PATH)
    return low.decode("utf-8", "replace") if low is not None and low == high else None


def _sized(file: IcebergFile, found: Found) -> Found:
    if file.entry.size != found.size:
        raise LakeError(f"{found.shown} has {found.size} bytes, and {file.entry.size} by the table's list")
    return found


def _hashable(ids: Iterable[tuple[int, Any]]) -> tuple[Any, ...]:
    return tuple((key, value if not isinstance(value, (list, dict)) else json.dumps(value)) for key, value in ids)


def _manifests(places: Places, whereabouts: "_Whereabouts", snapshot: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """The manifests of a snapshot, their specs and sequence numbers; the oldest tables have them in the metadata."""
    if "manifest-list" not in snapshot:
        return [(path, 0, 0) for path in snapshot.get("manifests", [])]
    (found,) = whereabouts.find([snapshot["manifest-list"]])
    return [(one.path, one.spec, one.sequence) for one in read_manifest_list(places, found)]


# --- metadata ---


def _metadata(places: Places, entry: Entry, dialect: Dialect) -> tuple[dict[str, Any], str]:
    """The metadata that holds, and the table's folder, which the file that was named lies in."""
    if entry.path.endswith(".json"):
        (found,) = places.resolve([entry])
        folder = entry.path.rpartition("/")[0]
        folder = folder.removesuffix("/metadata") if folder.endswith("/metadata") else folder
    else:
        folder = entry.path.rstrip("/")
        found = _current(places, entry, folder, dialect)
    if found.size > _LARGEST:
        raise LakeError(f"{found.shown} is too large for a table's metadata")
    data = places.read(found, 0, found.size)
    try:
        if data.startswith(b"\x1f\x8b"):
            data = zlib.decompressobj(31).decompress(data, _LARGEST)
        meta = json.loads(data)
        if not isinstance(meta, dict) or "location" not in meta:
            raise ValueError
    except (ValueError, RecursionError, zlib.error):
        raise LakeError(f"{found.shown} is no metadata of an Iceberg table") from None
    return meta, folder


def _current(places: Places, entry: Entry, folder: str, dialect: Dialect) -> Found:
    """The metadata that a catalog in the folder itself names, or the newest when the table says that it is to be taken.

    Which one holds is known by the catalog alone: a commit that failed may have left one of a higher number.
    """
    there: dict[int, list[Found]] = {}
    try:
        listed = places.resolve([_below(entry, folder + "/metadata/")])
    except Missing:
        raise LakeError(f"{entry.shown} is no Iceberg table: it has no folder metadata") from None
    for file in listed:
        if number := _METADATA.search(file.path):
            there.setdefault(int(number[1] or number[2]), []).append(file)
    hint = next((file for file in listed if file.path.endswith("/metadata/version-hint.text")), None)
    if hint is not None:
        text = places.read(hint, 0, 64).decode("utf-8", "replace").strip()
        named = [f for f in there.get(int(text), ())] if text.isdigit() else []
        if len(named) != 1:
            raise LakeError(f"{hint.shown} names version {text[:20]!r}, of which there is no metadata")
        return named[0]
    if not there:
        raise LakeError(f"{entry.shown} is no Iceberg table: it has no metadata")
    newest = there[max(there)]
    if not dialect.newest_metadata:
        raise LakeError(
            f"{entry.shown} has no version-hint.text, so that only its catalog knows which metadata holds: name that "
            f'file, as {newest[0].shown}, or set "newest_metadata" to true'
        )
    if len(newest) > 1:
        raise LakeError(f"{newest[0].shown} is not the only metadata of its number: name the one that holds")
    return newest[0]


def _snapshot(meta: Mapping[str, Any], dialect: Dialect, entry: Entry) -> tuple[dict[str, Any] | None, bool]:
    """The snapshot, None for a table without one, and whether its own schema holds rather than the newest."""
    wanted: object = meta.get("current-snapshot-id")
    is_elder = True
    if dialect.snapshot is not None:
        wanted = dialect.snapshot
    elif dialect.as_of:
        moment = moment_of(dialect.as_of)
        log = [
            one for one in meta.get("snapshot-log") or [] if moment is not None and one["timestamp-ms"] * 1000 <= moment
        ]
        if not log:
            raise LakeError(f"{entry.shown} has no snapshot that was there at {dialect.as_of} UTC")
        wanted = log[-1]["snapshot-id"]
    elif dialect.ref:
        ref = (meta.get("refs") or {}).get(dialect.ref)
        if ref is None:
            raise LakeError(f"{entry.shown} has no branch or tag {dialect.ref}")
        wanted, is_elder = ref["snapshot-id"], ref.get("type") == "tag"
    else:
        is_elder = False
        if wanted in (None, -1):
            return None, False
    for snapshot in meta.get("snapshots") or []:
        if snapshot["snapshot-id"] == wanted:
            return snapshot, is_elder
    raise LakeError(f"{entry.shown} has no snapshot {wanted}")


def _schemas(meta: Mapping[str, Any]) -> dict[int, tuple[Field, ...]]:
    given = meta.get("schemas") or [{**meta["schema"], "schema-id": meta.get("current-schema-id", 0)}]
    shapes: dict[int, set[str]] = {}
    for schema in given:
        for one in schema["fields"]:
            if not isinstance(one["type"], str):
                shapes.setdefault(one["id"], set()).add(json.dumps(one["type"], sort_keys=True))
    return {
        schema.get("schema-id", 0): tuple(
            Field(one["id"], one["name"], one["type"], bool(one.get("required")), len(shapes.get(one["id"], ())) < 2)
            for one in schema["fields"]
        )
        for schema in given
    }


def _specs(meta: Mapping[str, Any]) -> dict[int, Partitioning]:
    """What each partition field's id stands for, over all specs; a field keeps its id and transform for ever."""
    given = meta.get("partition-specs") or [{"spec-id": 0, "fields": meta.get("partition-spec") or []}]
    return {
        int(spec.get("spec-id", 0)): Partitioning(
            {
                int(one.get("field-id", 1000 + place)): (int(one["source-id"]), str(one["transform"]))
                for place, one in enumerate(spec["fields"])
            }
        )
        for spec in given
    }


# --- addresses ---


def _below(entry: Entry, path: str) -> Entry:
    return Entry("prefix", entry.scheme, entry.root, path, entry.region, entry.strict, True)


class _Whereabouts:
    """Finds files that the table's lists name. Those below its location are below the folder that was named, wherever
    that has been moved; others have to be where users may read."""

    def __init__(self, places: Places, entry: Entry, location: str, folder: str) -> None:
        self._places, self._entry = places, entry
        self._location, self._folder = _SCHEMES.sub("s3://", location), folder
        self._listed: dict[str, dict[str, Found]] = {}

    def find(self, given: Sequence[str]) -> list[Found]:
        """Give the files in order. Raises Missing and LakeError."""
        below = [self._path(name) for name in given]
        inside = [path for path in below if path is not None]
        known: dict[str, Found] = {}
        for folder in self._listed.values():
            known.update((path, folder[path]) for path in inside if path in folder)
        if len(inside) - len(known) > _FEW:
            known |= self._list(inside)
        found = []
        for name, path in zip(given, below, strict=True):
            there = known.get(path) if path is not None else None
            found += [there] if there is not None else self._places.resolve([self._named(name, path)])
        return found

    def _list(self, paths: Sequence[str]) -> dict[str, Found]:
        first, last = min(paths), max(paths)
        common = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
        start = first[: first.rfind("/", 0, common) + 1]
        if start not in self._listed:
            self._listed[start] = {file.path: file for file in self._places.resolve([_below(self._entry, start)])}
        return {path: self._listed[start][path] for path in paths if path in self._listed[start]}

    def _path(self, given: str) -> str | None:
        """The path below the table's folder; None for a file that lies elsewhere."""
        given = _SCHEMES.sub("s3://", given)
        if not given.startswith(self._location + "/"):
            return None
        return f"{self._folder}/{given[len(self._location) + 1 :].lstrip('/')}"

    def _named(self, given: str, path: str | None) -> Entry:
        own = self._entry
        if path is not None:
            return Entry("name", own.scheme, own.root, path, own.region, own.strict, False)
        given = _SCHEMES.sub("s3://", given)
        if given.startswith("file:") and not given.startswith("file://"):
            given = "file://" + given.removeprefix("file:")
        try:
            elsewhere = read_entry({"uri": given})
        except LakeError as error:
            raise LakeError(f"{own.shown}: the table has a file elsewhere: {error.reason}") from None
        return replace(elsewhere, kind="name", allow_missing=False)
