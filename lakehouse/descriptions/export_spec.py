"""What an export is to be: the description of INTO OUTFILE WITH PARAMETERS, read and checked."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from base.errors import LakeError
from lakehouse.descriptions.entries import Entry, read_entries

Format = Literal["csv", "json", "parquet", "delta"]

# What each format may be compressed with, the default first, and how that is written in a file's name.
COMPRESSIONS: dict[str, dict[str, str]] = {
    "csv": {"uncompressed": "", "gzip": "gz", "zstd": "zst", "bzip2": "bz2", "brotli": "br", "lz4": "lz4"},
    "json": {"uncompressed": "", "gzip": "gz", "zstd": "zst", "bzip2": "bz2", "brotli": "br", "lz4": "lz4"},
    "parquet": {
        **{"snappy": "snappy", "uncompressed": "", "gzip": "gz", "zstd": "zst", "brotli": "br", "lz4": "lz4"},
    },
    "delta": {"snappy": "snappy", "uncompressed": "", "gzip": "gz", "zstd": "zst", "brotli": "br", "lz4": "lz4"},
}
_TEXT = ("field_delimiter", "record_delimiter", "record_start", "escape_character", "quotation_marks", "null_value")
_CSV = frozenset({*_TEXT, "encoding", "has_header", "quote_all"})
_JSON = frozenset({"record_delimiter", "encoding"})
_ENCODINGS = frozenset({"utf8mb4", "utf8mb3", "utf8", "latin1", "ascii"})
_LONGEST = 64  # bytes of a delimiter, as HeatWave
_AMBIGUOUS = frozenset("ntrb0ZN")  # what stands behind an escape character and means something


@dataclass(frozen=True, slots=True)
class ExportSpec:
    """Where to, and how. `place` is a prefix; the rest of the fields are those of a CSV dialect."""

    place: Entry
    format: Format = "csv"
    compression: str = "uncompressed"
    encoding: str = "utf8mb4"
    field_delimiter: str = ","
    record_delimiter: str = "\n"
    record_start: str = ""
    escape_character: str = "\\"
    quotation_marks: str = '"'
    null_value: str | None = None  # None: \N, or NULL without an escape character
    has_header: bool = False
    quote_all: bool = False

    @property
    def null_text(self) -> str:
        """What stands for NULL in CSV: as MySQL writes it, unless another text was given."""
        if self.null_value is not None:
            return self.null_value
        return f"{self.escape_character}N" if self.escape_character else "NULL"

    @property
    def suffix(self) -> str:
        """The end of the files' names."""
        short = COMPRESSIONS[self.format][self.compression]
        ending = "parquet" if self.format == "delta" else self.format
        return f".{short}.{ending}" if short else f".{ending}"

    def to_json(self) -> str:
        """Write it down, for the engine."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "ExportSpec":
        """Read what `to_json` wrote. Raises LakeError."""
        try:
            raw = json.loads(text)
            return cls(Entry(**raw.pop("place")), **raw)
        except (ValueError, TypeError, KeyError):
            raise LakeError("the description of the export cannot be read") from None


def read_spec(raw: Mapping[str, Any]) -> ExportSpec:
    """Read a description. Raises LakeError, which names the key that is wrong."""
    for key in raw:
        if key not in ("file", "dialect"):
            raise LakeError(f'key "{key}" of the export is not known: "file" and "dialect" are')
    entries = read_entries(raw.get("file"))
    if len(entries) != 1:
        raise LakeError("an export goes to one place")
    place = entries[0]
    if place.kind != "prefix" or place.strict is not None or place.allow_missing is not None:
        raise LakeError("an export needs an address that ends in /, without other keys")
    if place.scheme == "https":
        raise LakeError("an export goes to a folder or to S3: a web server cannot be written to")
    if not place.path.endswith("/") and place.path:
        raise LakeError(f"{place.shown} does not end in /")
    dialect = raw.get("dialect", {})
    if not isinstance(dialect, Mapping):
        raise LakeError('"dialect" is not an object')
    return _with_dialect(place, dict(dialect))


def _with_dialect(place: Entry, dialect: dict[str, Any]) -> ExportSpec:
    name = str(dialect.pop("format", "csv")).lower()
    if name not in COMPRESSIONS:
        raise LakeError(f'"format" is none of {", ".join(COMPRESSIONS)}')
    compression = str(dialect.pop("compression", next(iter(COMPRESSIONS[name])))).lower()
    compression = {"none": "uncompressed", "": "uncompressed"}.get(compression, compression)
    if compression not in COMPRESSIONS[name]:
        raise LakeError(f'"compression" of {name} is none of {", ".join(COMPRESSIONS[name])}')
    allowed = {"csv": _CSV, "json": _JSON}.get(name, frozenset())
    for key, value in dialect.items():
        if key not in allowed:
            raise LakeError(f'key "{key}" is not one of format {name}')
        wanted = bool if key in ("has_header", "quote_all") else str
        if not isinstance(value, wanted):
            raise LakeError(f'"{key}" is no {"text" if wanted is str else "true or false"}')
    if "encoding" in dialect:
        dialect["encoding"] = dialect["encoding"].lower()
    spec = ExportSpec(place, name, compression, **dialect)  # type: ignore[arg-type]
    _check(spec)
    return spec


def _check(spec: ExportSpec) -> None:
    """Refuse what no reader could take apart again."""
    if spec.encoding not in _ENCODINGS or (spec.format == "json" and not spec.encoding.startswith("utf8")):
        raise LakeError(f'"encoding" {spec.encoding!r} is not supported for {spec.format}')
    if spec.format == "json" and spec.record_delimiter not in ("\n", "\r\n"):
        raise LakeError('"record_delimiter" of json is a line feed, or one behind a carriage return')
    for key in _TEXT:
        value = getattr(spec, key) or ""
        if len(value) > _LONGEST or not value.isascii() or "\0" in value:
            raise LakeError(f'"{key}" is longer than {_LONGEST} characters, or not of ASCII')
    for key in ("escape_character", "quotation_marks"):
        if len(getattr(spec, key)) > 1:
            raise LakeError(f'"{key}" is more than one character')
    if not spec.field_delimiter or not spec.record_delimiter:
        raise LakeError("a delimiter is empty")
    first = {spec.field_delimiter[0], spec.record_delimiter[0]}
    marks = {mark for mark in (spec.escape_character, spec.quotation_marks) if mark}
    if len(first) < 2 or first & marks:
        raise LakeError("delimiters, quotation marks and escape character begin with the same character")
    for mark in first | marks:
        if mark in _AMBIGUOUS or mark in "0123456789.+-eE":
            raise LakeError(f"{mark!r} as a delimiter, quotation mark or escape character cannot be told from values")
