"""What a lake table is: its dialect, its files and its columns' options, read from ENGINE_ATTRIBUTE and checked.

Keys and defaults: HeatWave's Lakehouse table syntax (manual page mys-hw-lakehouse-table-syntax-json). What a key does
not allow is refused by name, so that no option is silently left out.
"""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from base.errors import LakeError
from lakehouse.descriptions.entries import Entry, read_entries
from lakehouse.descriptions.pruning import moment_of

FORMATS = ("csv", "json", "parquet", "avro", "delta", "iceberg")
COMPRESSIONS = ("auto", "none", "gzip", "zstd", "bzip2", "snappy")
LOADED = "loaded"  # a table's rows are copied when it is asked for
TEXTS = frozenset({"csv", "json"})
_TABLE_KEYS = (
    "dialect",
    "file",
    "auto_refresh",
    "auto_refresh_event_source",
    "auto_refresh_source",
    "placement",
    "partitions",
    "manifest",
)
_TABLE_FLAGS = {"partitions": True, "manifest": False, "auto_refresh": False}


@dataclass(frozen=True, slots=True)
class Dialect:
    """How the files are to be read. `strict` None means as the session that asks, by its sql_mode.

    `version` is a Delta table's. `snapshot`, `as_of` (a moment in UTC) and `ref` (a branch or tag) are an Iceberg
    table's, which is read in its newest state without them; `newest_metadata` takes its metadata of the highest number.
    """

    format: str = "csv"
    check_constraints: bool = True
    strict: bool | None = None
    allow_missing_files: bool = False
    field_delimiter: str = "auto"
    record_delimiter: str = "auto"
    escape_character: str = "\\"
    quotation_marks: str = '"'
    null_value: str = "\\N"
    skip_rows: int = 0
    encoding: str = "utf8mb4"
    date_format: str = "auto"
    time_format: str = "auto"
    timestamp_format: str = "auto"
    trim_spaces: bool = False
    has_header: bool = False
    compression: str = "auto"
    version: int | None = None
    snapshot: int | None = None
    as_of: str = ""
    ref: str = ""
    newest_metadata: bool = False

    @property
    def line_end(self) -> str:
        """How lines end; "auto" when nobody has said it."""
        if self.record_delimiter in RECORD_DELIMITERS or self.field_delimiter == "auto":
            return self.record_delimiter
        return self.record_delimiter.removeprefix(self.field_delimiter)

    @property
    def closes_records(self) -> bool:
        """Tell whether a field delimiter stands behind the last value of a record too, as in the files of dbgen."""
        return self.line_end != self.record_delimiter


@dataclass(frozen=True, slots=True)
class ColumnOptions:
    """A column's own formats; "" where the table's hold."""

    date_format: str = ""
    time_format: str = ""
    timestamp_format: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A lake table without its columns' types, which are the backend's.

    `placement` is "in_place" or "loaded"; `partitions` says that folders named column=value are columns, `manifest`
    that the entries name manifests, which name the files. With `auto_refresh` the files are looked at from time to
    time.
    """

    dialect: Dialect
    entries: tuple[Entry, ...]
    columns: Mapping[str, ColumnOptions] = field(default_factory=dict)
    placement: str = "in_place"
    partitions: bool = True
    manifest: bool = False
    auto_refresh: bool = False


def read_definition(attribute: Mapping[str, Any], columns: Mapping[str, Mapping[str, Any]] | None = None) -> Definition:
    """Read a table's ENGINE_ATTRIBUTE and its columns'. Raises LakeError, which names the key that is wrong."""
    _known(attribute, _TABLE_KEYS, "ENGINE_ATTRIBUTE")
    for key in ("auto_refresh_event_source", "auto_refresh_source"):
        if attribute.get(key):
            raise LakeError(f'"{key}": event streams are not supported; "auto_refresh": true polls instead')
    placement = attribute.get("placement", "in_place")
    if placement not in ("in_place", "loaded"):
        raise LakeError(f'"placement" is "in_place" or "loaded", not {placement!r}')
    flags = [attribute.get(key, default) for key, default in _TABLE_FLAGS.items()]
    if not all(isinstance(flag, bool) for flag in flags):
        raise LakeError('"partitions", "manifest" and "auto_refresh" are true or false')
    dialect = _read_dialect(attribute.get("dialect", {}))
    entries = read_entries(attribute.get("file"))
    if dialect.format in ("delta", "iceberg") and (len(entries) != 1 or entries[0].kind not in ("prefix", "name")):
        raise LakeError(f'a {dialect.format} table is one folder: one entry of "file" with its prefix')
    read = {name: _read_column(name, options, dialect.format) for name, options in (columns or {}).items()}
    return Definition(dialect, entries, read, placement, *flags)


def _known(given: object, known: tuple[str, ...], where: str) -> None:
    if not isinstance(given, Mapping):
        raise LakeError(f"{where} is not a JSON object")
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1, 0.6)
            raise LakeError(f'key "{key}" of {where} is not known' + (f'; is it "{near[0]}"?' if near else ""))


# What each key takes, and the formats that it is for; none means all.
_BOOLEANS = (
    *("check_constraints", "is_strict_mode", "allow_missing_files", "trim_spaces", "has_header", "newest_metadata"),
)
_CSV_ONLY = (
    *("field_delimiter", "escape_character", "quotation_marks", "skip_rows", "trim_spaces", "has_header", "null_value"),
)
_TEXT_ONLY = ("record_delimiter", "encoding", "date_format", "time_format", "timestamp_format", "compression")
_OWN = {"version": "delta", **dict.fromkeys(("snapshot", "as_of", "ref", "newest_metadata"), "iceberg")}
_STATES = ("snapshot", "as_of", "ref")  # of which a table is read in one
_NAMES = {"is_strict_mode": "strict"}


def _read_dialect(given: object) -> Dialect:
    names = {item.name for item in fields(Dialect)} - {"strict"} | {"is_strict_mode"}
    _known(given, tuple(sorted(names)), '"dialect"')
    assert isinstance(given, Mapping)
    kind = given.get("format", "csv")
    if kind not in FORMATS:
        raise LakeError(f'"format" is one of {", ".join(FORMATS)}, not {kind!r}')
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in _CSV_ONLY and kind != "csv":
            raise LakeError(f'"{key}" is for csv, not for {kind}')
        if key in _TEXT_ONLY and kind not in TEXTS:
            raise LakeError(f'"{key}" is for csv and json, not for {kind}')
        if _OWN.get(key, kind) != kind:
            raise LakeError(f'"{key}" is for {_OWN[key]}, not for {kind}')
        values[_NAMES.get(key) or key] = _checked(key, value)
    if len([key for key in _STATES if key in values]) > 1:
        raise LakeError('"snapshot", "as_of" and "ref" exclude each other')
    dialect = Dialect(**values)
    if dialect.line_end not in RECORD_DELIMITERS or (dialect.closes_records and dialect.line_end == "\r"):
        raise LakeError(
            '"record_delimiter" is "auto", "\\n", "\\r\\n" or "\\r"; "\\n" and "\\r\\n" also with the given '
            '"field_delimiter" before them'
        )
    return dialect


def _checked(key: str, value: Any) -> Any:
    if key in _BOOLEANS:
        if not isinstance(value, bool):
            raise LakeError(f'"{key}" is not true or false')
    elif key in ("skip_rows", "version", "snapshot"):
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 63:
            raise LakeError(f'"{key}" is not a whole number from 0 on')
    elif not isinstance(value, str):
        raise LakeError(f'"{key}" is not a text')
    elif key == "as_of" and moment_of(value) is None:
        raise LakeError('"as_of" is a moment in UTC, as "2026-01-31 23:59:59"')
    elif key == "compression":
        value = {"zip": "zip", "bz2": "bzip2", "gz": "gzip"}.get(value.lower(), value.lower())
        if value not in COMPRESSIONS:
            raise LakeError(f'"compression" is one of {", ".join(COMPRESSIONS)}, not {value!r}')
    elif key == "encoding":
        value = value.lower()
        if value not in ENCODINGS:
            raise LakeError(f'"encoding" is one of {", ".join(ENCODINGS)}, not {value!r}')
    elif key == "field_delimiter":
        if not value or len(value.encode()) > _LONGEST_DELIMITER or any(c in value for c in "\r\n"):
            raise LakeError(f'"field_delimiter" has 1 to {_LONGEST_DELIMITER} bytes here, and no line end')
    elif key in ("escape_character", "quotation_marks") and (len(value) > 1 or not value.isascii()):
        raise LakeError(f'"{key}" is one ASCII character, or empty')
    return value


_LONGEST_DELIMITER = 4  # bytes; DuckDB's reader takes no longer one
ENCODINGS = ("utf8mb4", "utf8mb3", "utf8", "ascii", "latin1")
RECORD_DELIMITERS = ("auto", "\n", "\r\n", "\r")


def _read_column(name: str, given: Mapping[str, Any], kind: str) -> ColumnOptions:
    where = f"ENGINE_ATTRIBUTE of column {name}"
    _known(given, ("date_format", "time_format", "timestamp_format"), where)
    for key, value in given.items():
        if kind not in TEXTS:
            raise LakeError(f'"{key}" of column {name} is for csv and json, not for {kind}')
        if not isinstance(value, str):
            raise LakeError(f'"{key}" of column {name} is not a text')
    return ColumnOptions(**given)
