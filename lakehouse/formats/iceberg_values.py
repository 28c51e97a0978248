"""What an Iceberg manifest tells of a file's values: bounds and partitions, by field, as ranges.

Source: "Partition Transforms" and appendix D, "Single-value serialization", of the Iceberg table specification.
"""

import datetime
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from base.decimals import scaled
from lakehouse.descriptions.pruning import DAY, Range, Value
from lakehouse.formats.manifests import ManifestEntry

_DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)")
_COUNTED = re.compile(r"(bucket|truncate)\[(\d+)\]")
_HOUR = DAY // 24
_EPOCH = datetime.date(1970, 1, 1)


class Typed(Protocol):
    """A field whose type is known."""

    @property
    def type(self) -> Any:
        """The specification's type."""


@dataclass(frozen=True, slots=True)
class Partitioning:
    """A spec: by the partition field's id, the column's id and the transform."""

    fields: Mapping[int, tuple[int, str]]


def source_kind(given: Any) -> str:
    """The kind of a type's values as `pruning.kind_of` names it; "" for a type whose values are not compared."""
    if given in ("int", "long"):
        return "whole"
    if given in ("float", "double"):
        return str(given)
    if given in ("date", "timestamp", "timestamptz"):
        return "moment"
    if given == "string":
        return "text"
    return "decimal" if isinstance(given, str) and _DECIMAL.fullmatch(given) else ""


def ranges_of(entry: ManifestEntry, specs: Mapping[int, Partitioning], fields: Mapping[int, Typed]) -> dict[int, Range]:
    """The ranges of a data file's columns, by id."""
    found: dict[int, Range] = {}
    for one in entry.lower.keys() | entry.upper.keys() | entry.nulls.keys():
        field = fields.get(one)
        if field is None or not source_kind(field.type):
            continue
        rows, nulls = entry.values.get(one), entry.nulls.get(one)
        is_empty = rows is not None and rows == nulls
        found[one] = Range(_value(entry.lower.get(one), field.type), _value(entry.upper.get(one), field.type), is_empty)
    transforms = {key: value for spec in specs.values() for key, value in spec.fields.items()}
    for key, value in entry.partition.items():
        source, transform = transforms.get(key, (0, "void"))
        field = fields.get(source)
        if field is not None and source_kind(field.type):
            told = _transformed(value, transform, field.type)
            found[source] = told.met(found[source]) if source in found else told
    return found


def _value(raw: bytes | None, kind: Any) -> Value | None:
    """A bound; None when it is of a length that the type does not have."""
    if raw is None:
        return None
    if kind == "string":
        return raw.decode("utf-8", "replace")
    if decimal := _DECIMAL.fullmatch(kind):
        return scaled(int.from_bytes(raw, "big", signed=True), int(decimal[2]))
    if kind in ("float", "double"):
        # A column may have been wider since the file was written.
        made = struct.unpack("<d" if len(raw) == 8 else "<f", raw)[0] if len(raw) in (4, 8) else float("nan")
        return None if made != made else float(made)
    if len(raw) not in (4, 8):
        return None
    whole = int.from_bytes(raw, "little", signed=True)
    return whole * DAY if kind == "date" else whole


def _transformed(value: Any, transform: str, kind: Any) -> Range:
    """What a partition's value tells of the column."""
    if transform == "void":
        return Range()
    if value is None:
        return Range(empty=True)  # transforms give NULL for NULL, and for nothing else
    counted = _COUNTED.fullmatch(transform)
    if counted and counted[1] == "bucket":
        return Range(buckets=((int(counted[2]), int(value)),)) if kind in ("int", "long") else Range()
    if transform == "identity":
        return _identity(value, kind)
    if counted and kind in ("int", "long"):
        return Range(int(value), int(value) + int(counted[2]) - 1)
    return _timed(int(value), transform) if transform in _STEPS else Range()


# From 1970 on, in microseconds, or months for those whose length differs.
_STEPS = {"hour": _HOUR, "day": DAY, "month": 1, "year": 12}


def _timed(value: int, transform: str) -> Range:
    """Moments of an hour, day, month or year. Writers have rounded those before 1970 towards it (apache/iceberg#1981),
    so that such a part may hold the one before as well."""
    step, first = _STEPS[transform], value - (value <= 0)
    if transform in ("hour", "day"):
        return Range(first * step, (value + 1) * step - 1)
    low, high = _months(first * step), _months((value + 1) * step)
    return Range(low, None if high is None else high - 1)


def _identity(value: Any, kind: Any) -> Range:
    if kind == "string":
        return Range(value, value)
    if decimal := _DECIMAL.fullmatch(kind):
        exact: Value = scaled(int.from_bytes(value, "big", signed=True), int(decimal[2]))
    elif kind in ("float", "double"):
        exact = float(value)
    else:
        exact = int(value) * DAY if kind == "date" else int(value)
    return Range(exact, exact)


def _months(count: int) -> int | None:
    """Microseconds from 1970 to the first day of the month so many months later; None when no date is that day."""
    year, month = divmod(count, 12)
    if not 1 <= 1970 + year <= 9999:
        return None
    return (datetime.date(1970 + year, month + 1, 1) - _EPOCH).days * DAY
