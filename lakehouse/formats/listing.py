"""The files of a table, whatever lists them: its entries, a manifest, or the log of a table format."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import unquote

from base.errors import LakeError
from lakehouse.descriptions.definition import Definition
from lakehouse.descriptions.entries import read_entry
from lakehouse.formats.damage import understood
from lakehouse.formats.delta import Deleted, DeltaTable, Mapped, read_delta
from lakehouse.formats.iceberg import Field, IcebergTable, Keep, read_iceberg
from lakehouse.stores.places import MOST_FILES, Found, Places

_LARGEST = 64 << 20  # bytes of a manifest
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
_REGIONAL = re.compile(r"s3-([a-z0-9-]+)://([^/]+)/(.+)", re.DOTALL)  # as Aurora writes them


@dataclass(frozen=True, slots=True)
class Listing:
    """Files in order. A table format also gives each file's partition values, and names the table's `columns`, folded:
    one that a file has not is NULL there. `deletes` are files of an Iceberg table that say which rows are none,
    `deleted` says it of each file of a Delta table. `mapped` are columns that files have other names or ids for."""

    found: list[Found]
    values: list[Mapping[str, str | None]] | None = None
    partitions: tuple[str, ...] = ()
    columns: frozenset[str] | None = None
    iceberg: IcebergTable | None = None
    deleted: list[Deleted | None] | None = None
    delta: DeltaTable | None = None
    mapped: tuple[Mapped, ...] = ()

    def only(self, places: Sequence[int]) -> "Listing":
        """Some of the files, by their places in the list."""
        return replace(
            self,
            found=[self.found[at] for at in places],
            values=[self.values[at] for at in places] if self.values is not None else None,
            deleted=[self.deleted[at] for at in places] if self.deleted is not None else None,
            iceberg=replace(self.iceberg, data=tuple(self.iceberg.data[at] for at in places)) if self.iceberg else None,
        )

    @property
    def deletes(self) -> list[Found]:
        """The files behind those that hold rows."""
        return [file for _, file in self.iceberg.deletes] if self.iceberg else []

    @property
    def is_reduced(self) -> bool:
        """Tell whether files have rows that are none."""
        return bool(self.deletes) or any(self.deleted or ())


class Choice(Protocol):
    """What a statement needs of the files."""

    def of_fields(self, fields: Sequence[Field]) -> Keep | None:
        """What chooses among an Iceberg table's files; None when all are needed."""

    def of_values(self, values: Mapping[str, str | None]) -> bool:
        """Tell whether files of these partition values, by folded name, may be needed."""


def list_files(places: Places, definition: Definition, choice: Choice | None = None) -> Listing:
    """Find the files of a table as they are now, without those that `choice` does not need. Raises LakeError."""
    listing = _listed(places, definition, choice)
    if choice is None or listing.iceberg is not None:
        return listing
    if listing.values is not None:
        return listing.only([place for place, values in enumerate(listing.values) if choice.of_values(values)])
    if not definition.partitions:
        return listing
    needed: dict[tuple[tuple[str, str | None], ...], bool] = {}
    found = []
    for file in listing.found:
        own = folder_values(file)
        if own not in needed:
            needed[own] = choice.of_values(dict(own))
        if needed[own]:
            found.append(file)
    return replace(listing, found=found)


def folder_values(file: Found) -> tuple[tuple[str, str | None], ...]:
    """The pairs of folded names and values in the names of the folders that a file lies in, as Hive writes them."""
    pairs = [part.partition("=") for part in file.parts if "=" in part]
    return tuple(
        (unquote(key).casefold(), None if value == _NO_VALUE else unquote(value)) for key, _, value in pairs if key
    )


def _listed(places: Places, definition: Definition, choice: Choice | None) -> Listing:
    dialect = definition.dialect
    if dialect.format == "delta":
        entry = definition.entries[0]
        table, found, deleted = read_delta(places, entry, dialect.version)
        with understood(entry.shown, "no Delta table"):
            names = {own: name.casefold() for name, own in table.physical.items()}
            values: list[Mapping[str, str | None]] = [
                {names.get(key, key.casefold()): value or None for key, value in file.values.items()}
                for file in table.files.values()
            ]
            partitions = tuple(name.casefold() for name in table.partitions)
            return Listing(found, values, partitions, frozenset(names.values()), None, deleted, table, table.mapped)
    if dialect.format == "iceberg":
        iceberg = read_iceberg(places, definition.entries[0], dialect, choice.of_fields if choice else lambda _: None)
        return Listing([file for _, file in iceberg.data], iceberg=iceberg)
    found = places.resolve(definition.entries, dialect.allow_missing_files)
    return Listing(_named(places, found, dialect.allow_missing_files) if definition.manifest else found)


def _named(places: Places, manifests: list[Found], allow_missing: bool) -> list[Found]:
    """The files that manifests name, as those of SELECT … INTO OUTFILE S3 and UNLOAD do."""
    named: list[Found] = []
    for manifest in manifests:
        if manifest.size > _LARGEST:
            raise LakeError(f"{manifest.shown} is too large for a manifest")
        try:
            given = json.loads(places.read(manifest, 0, manifest.size))["entries"]
            entries = [(_address(one["url"]), one, (one.get("meta") or {}).get("content_length")) for one in given]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise LakeError(
                f'{manifest.shown} is no manifest: it has no list of "entries", each with its "url"'
            ) from None
        for address, one, size in entries:
            entry = read_entry(address)
            if entry.kind != "name":
                raise LakeError(f"{manifest.shown} names {entry.shown}, and a manifest names files one by one")
            found = places.resolve([entry], allow_missing and not one.get("mandatory"))
            if size is not None and any(file.size != size for file in found):
                raise LakeError(f"{found[0].shown} has {found[0].size} bytes, and {size} by its manifest")
            named += found
            if len(named) > MOST_FILES:
                raise LakeError(f"{manifest.shown}: manifests of one table name more than {MOST_FILES} files")
    return named


def _address(url: str) -> dict[str, str]:
    if regional := _REGIONAL.fullmatch(url):
        return {"bucket": regional[2], "region": regional[1], "name": regional[3]}
    return {"uri": url}
