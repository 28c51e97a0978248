"""The tightest MySQL type that holds every value of a column, found by one pass of aggregates over the values.

A value that would come back changed is no value of the type: 007 is a text, and so is a number with more digits than
fit. The order of `_TEXT_RULES` is that of preference.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.lake.formats import strptime_format

_INTEGERS = (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32), ("bigint", 64))
_WHOLE = r"-?(0|[1-9][0-9]{0,18}|1[0-9]{19})"
_POINT = r"-?(0|[1-9][0-9]*)?\.[0-9]+|-?(0|[1-9][0-9]*)"
_DOUBLE = r"[+-]?((0|[1-9][0-9]*)(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
_DOUBLE_DIGITS = 17  # as many as writers of doubles give
_TIME = r"-?[0-8]?[0-9]{2}:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
_ISO_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ISO_MOMENT = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
_DATES = ("%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y", "%d-%m-%Y", "%d-%b-%Y")
_MOMENTS = ("%d/%m/%Y %H:%i:%s", "%m/%d/%Y %H:%i:%s", "%Y/%m/%d %H:%i:%s", "%d.%m.%Y %H:%i:%s")
_VARCHAR = 16383  # characters: 65,535 bytes at four each
_BYTES = (("text", 65535), ("mediumtext", 16777215), ("longtext", 4294967295))
_ENCODED = "RAPID_COLUMN=ENCODING=VARLEN"
_MOST_DIGITS, _MOST_DECIMALS = 38, 30  # of a decimal of DuckDB, and behind the point in MySQL


@dataclass(frozen=True, slots=True)
class Guess:
    """A column: its type as in CREATE TABLE, whether it may be NULL, and the formats that its values need."""

    name: str
    type: str
    nullable: bool
    options: Mapping[str, str] = field(default_factory=dict)
    comment: str = ""


def text_aggregates(value: str, given: str) -> dict[str, str]:
    """Aggregates over a column of text, by name. `given` is the file's value, `value` what it stands for, or NULL."""
    every = {
        "whole": f"regexp_full_match({value}, '{_WHOLE}')",
        "point": f"regexp_full_match({value}, '{_POINT}')",
        "double": f"regexp_full_match({value}, '{_DOUBLE}') AND isfinite(TRY_CAST({value} AS DOUBLE)) "
        f"AND length(regexp_replace({value}, '[eE].*|[^0-9]', '', 'g')) <= {_DOUBLE_DIGITS}",
        "date": f"regexp_full_match({value}, '{_ISO_DATE}') AND TRY_CAST({value} AS DATE) >= DATE '1000-01-01'",
        "moment": f"regexp_full_match({value}, '{_ISO_MOMENT}') AND TRY_CAST({value} AS TIMESTAMP) >= '1000-01-01'",
        "time": f"regexp_full_match({value}, '{_TIME}')",
    }
    return _all(value, every) | {
        "values": f"count({value})",
        "empty": f"count(*) FILTER ({given} = '')",
        "shortest": f"min(length({value}))",
        "characters": f"max(length({value}))",
        "bytes": f"max(strlen({value}))",
        "least": f"min(TRY_CAST({value} AS HUGEINT))",
        "most": f"max(TRY_CAST({value} AS HUGEINT))",
        "before": f"max(length(regexp_extract({value}, '^-?([0-9]*)', 1)))",
        "behind": rf"max(length(regexp_extract({value}, '\.([0-9]*)$', 1)))",
        "fraction": rf"max(length(regexp_extract({value}, ':[0-9]{{2}}\.([0-9]*)$', 1)))",
    }


def pattern_aggregates(value: str, seen: "Seen") -> dict[str, str]:
    """Further aggregates for a column that may hold dates of another form; none for one that cannot."""
    if not seen["values"] or any(seen[rule] for rule in ("whole", "point", "double", "date", "moment", "time")):
        return {}
    every = {}
    for kind, patterns, lengths in (("date", _DATES, (10, 11)), ("moment", _MOMENTS, (19, 19))):
        if not lengths[0] <= seen["shortest"] <= seen["characters"] <= lengths[1]:
            continue
        for pattern in patterns:
            # strptime reads 1/2/24 for %Y as well: as many digits as the format has, or it is another one.
            digits = "[0-9]{4}.[0-9]{2}.[0-9]{2}.*" if pattern.startswith("%Y") else "[0-9]{2}.[^ ]{2,3}.[0-9]{4}.*"
            read = f"try_strptime({value}, '{strptime_format(pattern)}') >= DATE '1000-01-01'"
            every[f"{kind} {pattern}"] = f"regexp_full_match({value}, '{digits}') AND {read}"
    return _all(value, every)


def _all(value: str, tests: Mapping[str, str]) -> dict[str, str]:
    """Whether each test is true of every value."""
    return {name: f"bool_and(coalesce({test}, false)) FILTER ({value} IS NOT NULL)" for name, test in tests.items()}


Seen = Mapping[str, Any]


def _whole(seen: Seen) -> tuple[str, dict[str, str]] | None:
    return (integer(seen["least"], seen["most"]), {}) if seen["whole"] and seen["least"] is not None else None


def _point(seen: Seen) -> tuple[str, dict[str, str]] | None:
    digits = (seen["before"] or 0) + (seen["behind"] or 0)
    if not seen["point"] or digits > _MOST_DIGITS or (seen["behind"] or 0) > _MOST_DECIMALS:
        return None
    return f"decimal({max(digits, 1)},{seen['behind'] or 0})", {}


def _plain(name: str, kind: str) -> Callable[[Seen], tuple[str, dict[str, str]] | None]:
    return lambda seen: (kind, {}) if seen[name] else None


def _timed(name: str, kind: str) -> Callable[[Seen], tuple[str, dict[str, str]] | None]:
    return lambda seen: (f"{kind}({seen['fraction']})" if seen["fraction"] else kind, {}) if seen[name] else None


def _patterned(
    name: str, kind: str, option: str, patterns: tuple[str, ...]
) -> Callable[[Seen], tuple[str, dict[str, str]] | None]:
    def rule(seen: Seen) -> tuple[str, dict[str, str]] | None:
        fitting = [pattern for pattern in patterns if seen.get(f"{name} {pattern}")]
        # 01/02/2024 alone does not say which is the day: then it stays a text.
        return (kind, {option: fitting[0]}) if len(fitting) == 1 else None

    return rule


_TEXT_RULES = (
    _whole,
    _point,
    _plain("double", "double"),
    _plain("date", "date"),
    _timed("moment", "datetime"),
    _timed("time", "time"),
    _patterned("date", "date", "date_format", _DATES),
    _patterned("moment", "datetime", "timestamp_format", _MOMENTS),
)


def guess_text(name: str, seen: Seen, rows: int, complete: bool) -> Guess:
    """Choose a type for a column of text. It is NOT NULL only when every row was looked at (`complete`)."""
    nulls = rows - seen["values"]
    nullable = nulls > 0 or not complete
    if seen["values"]:
        for rule in _TEXT_RULES:
            if chosen := rule(seen):
                return Guess(name, chosen[0], nullable, chosen[1])
    return Guess(name, text(seen["characters"] or 0, seen["bytes"] or 0, complete), nullable, {}, _ENCODED)


def is_typed_but_for_empty(seen: Seen) -> bool:
    """Tell whether a column has empty fields and is of a type otherwise, as seen with empty fields for NULL."""
    return bool(seen["empty"]) and bool(seen["values"]) and any(rule(seen) for rule in _TEXT_RULES)


def integer(least: int, most: int) -> str:
    """The narrowest integer type for a range."""
    for name, bits in _INTEGERS:
        if least >= 0 and most < 1 << bits:
            return f"{name} unsigned"
        if least < 0 and -(1 << bits - 1) <= least and most < 1 << bits - 1:
            return name
    return "decimal(20,0)"


def text(characters: int, size: int, complete: bool) -> str:
    """A character type; wider than what was seen when not everything was."""
    wanted = max(characters, 1) if complete else max(2 * characters, 64)
    if wanted <= _VARCHAR // 4 or (complete and wanted <= _VARCHAR):
        return f"varchar({wanted})"
    return next(name for name, most in _BYTES if size * (1 if complete else 2) <= most or name == "longtext")


_TYPED = {
    "BOOLEAN": "tinyint",
    "TINYINT": "tinyint",
    "SMALLINT": "smallint",
    "INTEGER": "int",
    "BIGINT": "bigint",
    "UTINYINT": "tinyint unsigned",
    "USMALLINT": "smallint unsigned",
    "UINTEGER": "int unsigned",
    "UBIGINT": "bigint unsigned",
    "HUGEINT": "decimal(38,0)",
    "FLOAT": "float",
    "DOUBLE": "double",
    "DATE": "date",
    "TIME": "time(6)",
    "TIMESTAMP": "datetime(6)",
    "TIMESTAMP_NS": "datetime(6)",
    "TIMESTAMP_MS": "datetime(3)",
    "TIMESTAMP_S": "datetime",
    "TIMESTAMP WITH TIME ZONE": "datetime(6)",
    "UUID": "char(36)",
}


def typed_aggregates(x: str, kind: str) -> dict[str, str]:
    """Aggregates over a column that has a type in the file."""
    found = {"values": f"count({x})", "characters": "0", "bytes": "0"}
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        found |= {"characters": f"max(length({x}))", "bytes": f"max(strlen({x}))"}
    elif kind == "BLOB":
        found["bytes"] = f"max(octet_length({x}))"
    return found


def guess_typed(name: str, kind: str, seen: Seen, rows: int, complete: bool) -> Guess:
    """Choose the MySQL type for a column of the file's own type."""
    nullable = rows > seen["values"] or not complete
    if kind in _TYPED:
        return Guess(name, _TYPED[kind], nullable)
    if kind.startswith("DECIMAL") and not kind.endswith("]"):
        scale = int(kind.rstrip(")").rpartition(",")[2])
        if scale > _MOST_DECIMALS:
            return Guess(name, f"varchar({_MOST_DIGITS + len('-0.')})", nullable, {}, _ENCODED)
        return Guess(name, kind.lower().replace(" ", ""), nullable)
    if kind == "VARCHAR" or kind.startswith("ENUM"):
        kind = text(seen["characters"] or 0, seen["bytes"] or 0, complete)
        return Guess(name, kind, nullable, {}, _ENCODED)
    if kind == "BLOB":
        size = (seen["bytes"] or 0) * (1 if complete else 2)
        return Guess(name, f"varbinary({max(size, 64)})" if size <= 16383 else "longblob", nullable)
    return Guess(name, "longtext", nullable, {}, _ENCODED)  # what is nested is its JSON text


_DELTA = {
    **{"byte": "tinyint", "short": "smallint", "integer": "int", "long": "bigint", "boolean": "tinyint"},
    **{"float": "float", "double": "double", "date": "date", "binary": "longblob"},
    **{"timestamp": "datetime(6)", "timestamp_ntz": "datetime(6)", "string": "varchar(255)"},
}


def described_column(name: str, kind: object) -> Guess:
    """The MySQL type for a column that only a Delta table's log describes."""
    if isinstance(kind, str) and kind.startswith("decimal("):
        return Guess(name, kind, True)
    return Guess(name, _DELTA.get(kind, "longtext") if isinstance(kind, str) else "longtext", True)
