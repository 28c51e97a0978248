"""The files of a table, whatever lists them: its entries, a manifest, or the log of a table format."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from base.errors import LakeError
from lakehouse.definition import Definition
from lakehouse.delta import read_delta
from lakehouse.entries import read_entry
from lakehouse.places import Found, Places

_LARGEST = 64 << 20  # bytes of a manifest
_REGIONAL = re.compile(r"s3-([a-z0-9-]+)://([^/]+)/(.+)", re.DOTALL)  # as Aurora writes them


@dataclass(frozen=True, slots=True)
class Listing:
    """Files in order. A table format also gives each file's partition values, and names the table's `columns`, folded:
    one that a file has not is NULL there."""

    found: list[Found]
    values: list[Mapping[str, str | None]] | None = None
    partitions: tuple[str, ...] = ()
    columns: frozenset[str] | None = None


def list_files(places: Places, definition: Definition) -> Listing:
    """Find the files of a table as they are now. Raises LakeError."""
    dialect = definition.dialect
    if dialect.format == "delta":
        table, found = read_delta(places, definition.entries[0], dialect.version)
        values: list[Mapping[str, str | None]] = [
            {key.casefold(): value or None for key, value in given.items()} for given in table.files.values()
        ]
        columns = frozenset(str(column["name"]).casefold() for column in table.columns)
        return Listing(found, values, tuple(name.casefold() for name in table.partitions), columns)
    if dialect.format == "iceberg":
        raise LakeError("Iceberg tables are not supported yet: name the table's Parquet files")
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
            entries = [(_address(one["url"]), one) for one in given]
        except (ValueError, KeyError, TypeError):
            raise LakeError(
                f'{manifest.shown} is no manifest: it has no list of "entries", each with its "url"'
            ) from None
        for address, one in entries:
            found = places.resolve([read_entry(address)], allow_missing and not one.get("mandatory"))
            size = (one.get("meta") or {}).get("content_length")
            if size is not None and any(file.size != size for file in found):
                raise LakeError(f"{found[0].shown} has {found[0].size} bytes, and {size} by its manifest")
            named += found
    return named


def _address(url: str) -> dict[str, str]:
    if regional := _REGIONAL.fullmatch(url):
        return {"bucket": regional[2], "region": regional[1], "name": regional[3]}
    return {"uri": url}
