"""Values that a file has as text, CSV and JSON: read as MySQL reads a literal that it is to store, no more and no less.

What MySQL takes with a warning or an unusual form of a number that is certain to be the same is not accepted as it
is: a row like that is not ok, so that nothing is stored that was not meant.
"""

import re
from dataclasses import replace

from engine.lake.formats import strptime_format
from engine.lake.readings import Reading, Unreadable, bounds, implicit_default, json_reading, string_reading
from engine.layout import store_type
from lakehouse.descriptions.definition import ColumnOptions, Dialect
from statements.schema import BINARY_TYPES, INTEGER_TYPES, STRING_TYPES, Column

_INTEGER = r"\s*[+-]?\d+(\.\d*)?\s*"
_DECIMAL = r"\s*[+-]?(\d+(\.\d*)?|\.\d+)\s*"
_DOUBLE = r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*"
_DOUBLE_DIGITS = 15  # that every double keeps
_DATE = r"\d{4}-\d{2}-\d{2}"
_MOMENT = r"\d{4}-\d{2}-\d{2}([ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?)?"
_TIME = r"-?\d{1,3}:\d{2}:\d{2}(\.\d{1,6})?"
_CLOCK = frozenset("HkhIisSfpT%")  # letters of formats of a time of the day
_HALF_DAYS = frozenset("hI")
_DAY = 86_400_000_000  # microseconds
_ANY_DATE = "BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
_UNIX = "BETWEEN TIMESTAMP '1970-01-01 00:00:01' AND TIMESTAMP '2038-01-19 03:14:07.999999'"


def from_text(x: str, column: Column, dialect: Dialect, own: ColumnOptions) -> Reading | Unreadable:
    """A column whose values are texts."""
    reading = _slow(x, column, dialect, own)
    quick = _quick(x, column, dialect, own)
    if isinstance(reading, Unreadable) or quick is None:
        return reading
    reading = replace(reading, given=x, quick=quick[0], quick_if=quick[1])
    # Patterns cost more than anything else here: they are for texts that are written in another way.
    return replace(reading, ok=f"CASE WHEN {reading.is_quick(reading.quick)} THEN true ELSE {reading.ok} END")


def _quick(x: str, column: Column, dialect: Dialect, own: ColumnOptions) -> tuple[str, str] | None:
    """What DuckDB makes of a text, and when that is right if it is written as the text is; None when nobody knows."""
    target = store_type(column)
    value = f"TRY_CAST({x} AS {target})"
    if column.type in INTEGER_TYPES:
        low, high = bounds(column)
        return value, f"{{}} BETWEEN {low} AND {high}" if column.type == "mediumint" else ""
    if column.type == "decimal" and target.startswith("DECIMAL") and dialect.format != "json":
        return value, "{} >= 0" if column.unsigned else ""
    if column.type == "double":
        return value, "isfinite({})"
    if column.type == "date" and not _own_format(own.date_format or dialect.date_format):
        return value, f"{{}} {_ANY_DATE}"
    if column.type in ("datetime", "timestamp") and not _own_format(own.timestamp_format or dialect.timestamp_format):
        inside = f"{{}} {_UNIX}" if column.type == "timestamp" else f"CAST({{}} AS DATE) {_ANY_DATE}"
        step = 10 ** (6 - column.fsp)
        return f"TRY_CAST({x} AS TIMESTAMP)", inside + (f" AND epoch_us({{}}) % {step} = 0" if step > 1 else "")
    return None


def _slow(x: str, column: Column, dialect: Dialect, own: ColumnOptions) -> Reading | Unreadable:
    lenient = implicit_default(column)
    target = store_type(column)
    if column.type in STRING_TYPES:
        return string_reading(x, column)
    if column.type in BINARY_TYPES and column.type != "binary":
        return Reading(f"encode({x})", f"strlen({x}) <= {column.length or 0}", lenient=lenient)
    if column.type in INTEGER_TYPES:
        low, high = bounds(column)
        whole = f"TRY_CAST({x} AS {'HUGEINT' if column.type == 'bigint' else 'BIGINT'})"
        return Reading(
            f"CAST({x} AS {target})",
            f"regexp_full_match({x}, '{_INTEGER}') AND {whole} BETWEEN {low} AND {high}",
            lenient=lenient,
        )
    if column.type == "decimal" and target.startswith("DECIMAL"):
        sign = f" AND TRY_CAST({x} AS {target}) >= 0" if column.unsigned else ""
        ok = f"regexp_full_match({x}, '{_DECIMAL}') AND TRY_CAST({x} AS {target}) IS NOT NULL{sign}"
        if dialect.format == "json":
            # DuckDB reads a number with a point as a double: of more digits than that has, some may be lost.
            digits = f"length(regexp_replace({x}, '[^0-9]', '', 'g'))"
            ok += f" AND (NOT contains({x}, '.') OR {digits} <= {_DOUBLE_DIGITS})"
        return Reading(f"CAST({x} AS {target})", ok, lenient=lenient)
    if column.type in ("float", "double"):
        if column.scale is not None or column.unsigned:
            return Unreadable(f"type {column.column_type}")
        # MySQL reads a double, and makes a FLOAT of it then.
        value = f"CAST({x} AS DOUBLE)" if column.type == "double" else f"CAST(CAST({x} AS DOUBLE) AS FLOAT)"
        return Reading(value, f"regexp_full_match({x}, '{_DOUBLE}') AND isfinite(TRY({value}))", lenient=lenient)
    if column.type == "year":
        year = f"TRY_CAST({x} AS INTEGER)"
        ok = f"regexp_full_match({x}, '\\d{{4}}') AND ({year} = 0 OR {year} BETWEEN 1901 AND 2155)"
        return Reading(f"CAST({x} AS USMALLINT)", ok, lenient=lenient)
    if column.type == "date":
        return _date(x, own.date_format or dialect.date_format)
    if column.type in ("datetime", "timestamp"):
        return _moment(x, column, own.timestamp_format or dialect.timestamp_format)
    if column.type == "time":
        return _time(x, column, own.time_format or dialect.time_format)
    if column.type == "enum":
        members = ", ".join("'" + member.replace("'", "''") + "'" for member in column.members)
        place = f"coalesce(list_position([{members}], {x}), 0)"
        value = f"CASE WHEN {x} IS NULL THEN NULL ELSE CAST({place} AS USMALLINT) END"
        return Reading(value, f"{place} > 0", lenient=lenient)
    if column.type == "set":
        return _set(x, column)
    if column.type == "json":
        return json_reading(x)
    return Unreadable(f"type {column.type} from text")


def _set(x: str, column: Column) -> Reading:
    """Members by their names, divided by commas; one that comes twice is there once."""
    members = ", ".join("'" + member.replace("'", "''") + "'" for member in column.members)
    bits = ", ".join(str(1 << at) for at in range(len(column.members)))
    named = f"CASE WHEN {x} = '' THEN [] ELSE list_distinct(string_split({x}, ',')) END"
    known = f"list_filter({named}, lambda m: coalesce(list_position([{members}], m), 0) > 0)"
    bit = f"list_extract([{bits}]::UBIGINT[], list_position([{members}], m))"
    sum_of = f"list_sum(list_transform({known}, lambda m: {bit}))"
    value = f"CASE WHEN {x} IS NULL THEN NULL ELSE CAST(coalesce({sum_of}, 0) AS UBIGINT) END"
    return Reading(value, f"len({known}) = len({named})", lenient=implicit_default(column))


def _own_format(pattern: str) -> bool:
    return pattern not in ("", "auto", "default")


def _date(x: str, pattern: str) -> Reading | Unreadable:
    if _own_format(pattern):
        found = strptime_format(pattern)
        if found is None:
            return Unreadable(f"date format {pattern}")
        read = f"CAST(try_strptime({x}, '{found}') AS DATE)"
        return Reading(read, f"{read} {_ANY_DATE}")
    return Reading(f"CAST({x} AS DATE)", f"regexp_full_match({x}, '{_DATE}') AND TRY_CAST({x} AS DATE) {_ANY_DATE}")


def _moment(x: str, column: Column, pattern: str) -> Reading | Unreadable:
    if _own_format(pattern):
        found = strptime_format(pattern)
        if found is None:
            return Unreadable(f"timestamp format {pattern}")
        read = f"try_strptime({x}, '{found}')"
        ok = f"{read} IS NOT NULL"
    else:
        read = f"TRY_CAST({x} AS TIMESTAMP)"
        ok = f"regexp_full_match({x}, '{_MOMENT}') AND {read} IS NOT NULL"
    if column.type == "timestamp":
        ok += f" AND {read} {_UNIX}"
    else:
        ok += f" AND CAST({read} AS DATE) {_ANY_DATE}"
    step = 10 ** (6 - column.fsp)
    if step == 1:
        return Reading(read, ok)
    moved = f"(epoch_us({read}) + {step // 2})"
    return Reading(f"make_timestamp({moved} - ({moved} % {step} + {step}) % {step})", ok)


def _time(x: str, column: Column, pattern: str) -> Reading | Unreadable:
    step = 10 ** (6 - column.fsp)
    if _own_format(pattern):
        found, letters = strptime_format(pattern), set(re.findall("%(.)", pattern))
        if found is None or letters - _CLOCK or (letters & _HALF_DAYS and "p" not in letters):
            return Unreadable(f"time format {pattern}")
        read = f"try_strptime({x}, '{found}')"
        since = f"((epoch_us({read}) % {_DAY} + {_DAY}) % {_DAY})"  # its day is one before 1970
        return Reading(f"(({since} + {step // 2}) // {step}) * {step}", f"{read} IS NOT NULL")
    parts = f"string_split(ltrim({x}, '-'), ':')"
    seconds = f"CAST(CAST({parts}[3] AS DECIMAL(9, 6)) * 1000000 AS BIGINT)"
    micros = f"((CAST({parts}[1] AS BIGINT) * 60 + CAST({parts}[2] AS BIGINT)) * 60000000 + {seconds})"
    if step > 1:
        micros = f"(({micros} + {step // 2}) // {step}) * {step}"
    ok = (
        f"regexp_full_match({x}, '{_TIME}') AND TRY_CAST({parts}[1] AS INTEGER) <= 838"
        f" AND TRY_CAST({parts}[2] AS INTEGER) < 60 AND TRY_CAST({parts}[3] AS DECIMAL(9, 6)) < 60"
        f" AND TRY({micros}) <= 3020399000000"
    )
    return Reading(f"CASE WHEN prefix({x}, '-') THEN -({micros}) ELSE {micros} END", ok)
