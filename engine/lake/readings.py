"""A value of a file as the store would have it after MySQL stored it: SQL for the value, and for whether it is exact.

`plain` is the column itself, by which DuckDB filters and prunes; it stands where all values are known to need nothing.
"""

from dataclasses import dataclass

from engine.lake.json_text import FUNCTION
from engine.layout import store_type
from engine.owned_texts import owned
from statements.schema import BINARY_TYPES, INTEGER_TYPES, STRING_TYPES, Column

_INTEGER_BYTES = {"tinyint": 1, "smallint": 2, "mediumint": 3, "int": 4, "bigint": 8}
_UNICODE = frozenset({"utf8mb4", "utf8mb3", "utf8"})
# Characters that a column's character set has not; what is not here has every character that UTF-8 has.
_FOREIGN = {
    "utf8mb3": r"[\x{10000}-\x{10FFFF}]",
    "utf8": r"[\x{10000}-\x{10FFFF}]",
    "ascii": r"[^\x00-\x7F]",
    "latin1": r"[^\x00-\x7F\x{A0}-\x{FF}]",
}
# Begins what stands for a column's type that is another one in each file, so that no type holds the values of all.
UNLIKE = "types that do not go together"
# Begins what stands for the type of a column with fields in it that a file may call otherwise.
NESTED = "a nested type"
# Begins what stands for the type of a column whose values DuckDB would change as it reads them.
INEXACT = "values that would be changed"
READABLE_CHARSETS = frozenset({"utf8mb4", *_FOREIGN})


@dataclass(frozen=True, slots=True)
class Reading:
    """How a column is read. All are SQL over the file's column, which is `given`.

    `value` is right for every row for which `ok` is true; "" for `ok` means for every row, and NULL is always NULL.
    `plain` may be read instead when `plain_if` is true of every row ("" for `plain`: there is no such form; "" for
    `plain_if`: always).
    `lenient` is what a row that is not ok gives when the table is not strict. `text` says that it has to be known which
    bytes the values hold.
    `quick` is what most texts give, and NULL for others: where it is written back as it was given, and `quick_if` holds
    of it ("{}" is where it goes; "" for always), the row is ok and this is its value.
    """

    value: str
    ok: str = ""
    plain: str = ""
    plain_if: str = ""
    lenient: str = "NULL"
    text: bool = False
    given: str = ""
    quick: str = ""
    quick_if: str = ""

    def is_quick(self, name: str) -> str:
        """SQL that is true of a row whose quick value, which is `name`, is the right one."""
        more = f" AND ({self.quick_if.replace('{}', name)})" if self.quick_if else ""
        return f"CAST({name} AS VARCHAR) = ({self.given}){more}"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """The column cannot be read, for this reason."""

    reason: str


def implicit_default(column: Column) -> str:
    """What a row that has no good value gives without strictness: NULL, or the type's implicit default."""
    if column.nullable:
        return "NULL"
    if column.type in STRING_TYPES:
        return "''"
    if column.type in BINARY_TYPES:
        return "''::BLOB"
    if column.type in INTEGER_TYPES or column.type in (
        "decimal",
        "float",
        "double",
        "year",
        "time",
        "enum",
        "set",
        "bit",
    ):
        return f"CAST(0 AS {store_type(column)})"
    return ""  # a date has none that the store holds


def bounds(column: Column) -> tuple[int, int]:
    """The least and greatest value of an integer column."""
    bits = 8 * _INTEGER_BYTES[column.type]
    return (0, (1 << bits) - 1) if column.unsigned else (-(1 << bits - 1), (1 << bits - 1) - 1)


def string_reading(x: str, column: Column) -> Reading | Unreadable:
    """A character column from text."""
    if column.charset not in READABLE_CHARSETS:
        return Unreadable(f"character set {column.charset}")
    is_char = column.type == "char"
    value = f"rtrim({x}, ' ')" if is_char else x
    limit = column.length or 0
    tests = []
    if column.type in ("char", "varchar"):
        tests.append(f"length({value}) <= {limit}")
        cut = f"left({value}, {limit})"
    else:
        tests.append(f"strlen({x}) <= {limit}")
        cut = ""
    if pattern := _FOREIGN.get(column.charset or ""):
        tests.append(f"NOT regexp_matches({x}, '{pattern}')")
        cut = ""
    lenient = (
        f"CASE WHEN {x} IS NULL THEN {implicit_default(column)} ELSE {cut} END" if cut else implicit_default(column)
    )
    plain_if = f"NOT suffix({x}, ' ')" if is_char else ""
    return Reading(value, " AND ".join(tests), x, plain_if, lenient, text=True)


def typed(x: str, kind: str, column: Column) -> Reading | Unreadable:
    """A column of the file that has a type: `kind` is DuckDB's name of it."""
    base = kind.split("(")[0]
    if kind.startswith((UNLIKE, NESTED, INEXACT)):
        return Unreadable(f"the files have {kind}")
    if base == "VARCHAR" or base.startswith("ENUM"):
        from_text = x if base == "VARCHAR" else f"CAST({x} AS VARCHAR)"
        return string_reading(from_text, column) if column.type in STRING_TYPES else Unreadable("text")
    if column.type == "json":
        return json_reading(f"CAST(to_json({x}) AS VARCHAR)")
    if kind.endswith("]") or base in ("STRUCT", "MAP", "LIST", "UNION", "VARIANT", "JSON"):
        if column.type in STRING_TYPES:
            return string_reading(f"CAST(to_json({x}) AS VARCHAR)", column)
        return Unreadable(f"a nested value for a column of type {column.type}: declare it TEXT")
    if column.type in INTEGER_TYPES or (column.type == "year"):
        return _integer(x, base, kind, column)
    if column.type == "decimal":
        return _decimal(x, base, kind, column)
    if column.type in ("float", "double"):
        return _double(x, base, column)
    if column.type == "date":
        return _date(x, base)
    if column.type in ("datetime", "timestamp"):
        return _moment(x, base, column)
    if column.type == "bit" and (base == "BOOLEAN" or base in _BITS):
        value = f"CAST({x} AS UBIGINT)"
        most = (1 << (column.precision or 64)) - 1
        return Reading(
            value, "" if base == "BOOLEAN" else f"{x} BETWEEN 0 AND {most}", lenient=implicit_default(column)
        )
    if column.type == "time" and base in ("TIME", "TIME_NS"):
        return _time(x, base, column)
    if column.type in BINARY_TYPES and base == "BLOB":
        if column.type == "binary":
            return Reading(x, f"octet_length({x}) = {column.length or 0}", lenient=implicit_default(column))
        return Reading(x, f"octet_length({x}) <= {column.length or 0}", x, lenient=implicit_default(column))
    if column.type in STRING_TYPES:
        return _shown(x, base, column)
    return Unreadable(f"{kind} in the file for a column of type {column.column_type}")


def json_reading(x: str) -> Reading:
    """A JSON column of MySQL from JSON text: as it shows it, as far as that is certain."""
    shown = owned(f"{FUNCTION}({x})")
    return Reading(shown, f"{shown} IS NOT NULL", x, f"{shown} = {x}")


_SIGNED = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
_UNSIGNED = ("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT")
_BITS = {
    **dict(zip(_SIGNED, (8, 16, 32, 64, 128), strict=True)),
    **dict(zip(_UNSIGNED, (8, 16, 32, 64, 128), strict=True)),
}


def _integer(x: str, base: str, kind: str, column: Column) -> Reading | Unreadable:
    low, high = (0, 2155) if column.type == "year" else bounds(column)
    target = store_type(column)
    lenient = implicit_default(column)
    ok = f"{x} BETWEEN {low} AND {high}"
    if column.type == "year":
        ok = f"({x} = 0 OR {x} BETWEEN 1901 AND 2155)"
    if base == "BOOLEAN":
        return Reading(f"CAST({x} AS {target})")
    if base in _BITS:
        bits, signed = _BITS[base], base in _SIGNED
        inside = column.type != "year" and (
            (signed and not column.unsigned and -(1 << bits - 1) >= low) or (not signed and (1 << bits) - 1 <= high)
        )
        if inside:
            return Reading(f"CAST({x} AS {target})", plain=x) if base != target else Reading(x, plain=x)
        # A wider signed integer whose values all fit is the same number: DuckDB can prune by it.
        plain = x if signed and bits <= 64 else ""
        return Reading(f"CAST({x} AS {target})", ok, plain, lenient=lenient)
    if base == "DECIMAL":
        return Reading(f"CAST({x} AS {target})", f"round({x}) BETWEEN {low} AND {high}", lenient=lenient)
    return Unreadable(f"{kind} in the file for a column of type {column.column_type}")


def _decimal(x: str, base: str, kind: str, column: Column) -> Reading | Unreadable:
    target = store_type(column)
    if not target.startswith("DECIMAL"):
        return Unreadable("a decimal of more than 38 digits")
    if kind.replace(" ", "") == target:
        sign = f"{x} >= 0" if column.unsigned else ""
        return Reading(x, sign, x, lenient=implicit_default(column))
    through = f"CAST({x} AS VARCHAR)" if base in ("FLOAT", "DOUBLE") else x
    if base not in ("DECIMAL", "FLOAT", "DOUBLE", *_BITS):
        return Unreadable(f"{kind} in the file for a column of type {column.column_type}")
    ok = f"TRY_CAST({through} AS {target}) IS NOT NULL" + (f" AND {x} >= 0" if column.unsigned else "")
    return Reading(f"CAST({through} AS {target})", ok, lenient=implicit_default(column))


def _double(x: str, base: str, column: Column) -> Reading | Unreadable:
    if column.scale is not None:
        return Unreadable(f"type {column.column_type} with a fixed number of decimals")
    if column.unsigned:
        return Unreadable(f"type {column.column_type}")
    if base in ("FLOAT", "DOUBLE"):
        target = store_type(column)
        # -0.0 is a value as any other; NaN and infinity are none that MySQL has.
        ok = f"isfinite({x})" if target == base or base == "FLOAT" else f"isfinite(CAST({x} AS FLOAT))"
        value = x if target == base else f"CAST({x} AS {target})"
        return Reading(value, ok, x if target == base else "", lenient=implicit_default(column))
    if base == "DECIMAL" or base in _BITS:
        return Reading(f"CAST(CAST({x} AS VARCHAR) AS {store_type(column)})")
    return Unreadable(f"{base} in the file for a column of type {column.column_type}")


_ANY_DATE = "BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"
_ANY_MOMENT = "BETWEEN TIMESTAMP '0001-01-01 00:00:00' AND TIMESTAMP '9999-12-31 23:59:59.999999'"


def _date(x: str, base: str) -> Reading | Unreadable:
    if base == "DATE":
        return Reading(x, f"{x} {_ANY_DATE}", x)
    if base in ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"):
        return Reading(f"CAST({x} AS DATE)", f"CAST({x} AS DATE) {_ANY_DATE} AND {x} = CAST({x} AS DATE)")
    return Unreadable(f"{base} in the file for a DATE")


def _moment(x: str, base: str, column: Column) -> Reading | Unreadable:
    """Moments with a zone are in UTC, and shown so in a DATETIME; a TIMESTAMP of a file without a zone is UTC."""
    if base == "DATE":
        return Reading(f"CAST({x} AS TIMESTAMP)", f"{x} {_ANY_DATE}{_unix(f'CAST({x} AS TIMESTAMP)', column)}")
    if base == "TIMESTAMP":
        exact = x
    elif base in ("TIMESTAMP_S", "TIMESTAMP_MS"):
        exact = f"CAST({x} AS TIMESTAMP)"
    elif base == "TIMESTAMP_NS":
        exact = f"make_timestamp({_micros(x)})"
    elif base == "TIMESTAMP WITH TIME ZONE":
        exact = f"make_timestamp(epoch_us({x}))"
    else:
        return Unreadable(f"{base} in the file for a column of type {column.column_type}")
    ok = f"{exact} {_ANY_MOMENT}{_unix(exact, column)}"
    plain = x if base == "TIMESTAMP" else ""
    return _rounded(exact, ok, plain, column)


def _micros(x: str) -> str:
    """The microseconds next to a moment of nanoseconds, half of one rounded up; DuckDB's // and % are towards zero."""
    nanos = f"epoch_ns({x})"
    return f"({nanos} // 1000 + CASE WHEN {nanos} % 1000 >= 500 THEN 1 WHEN {nanos} % 1000 < -500 THEN -1 ELSE 0 END)"


def _unix(x: str, column: Column) -> str:
    """What a TIMESTAMP column holds."""
    if column.type != "timestamp":
        return ""
    return f" AND {x} BETWEEN TIMESTAMP '1970-01-01 00:00:01' AND TIMESTAMP '2038-01-19 03:14:07.999999'"


def _rounded(exact: str, ok: str, plain: str, column: Column) -> Reading:
    """A moment with as many decimals as its column has, rounded as MySQL does when it stores it."""
    step = 10 ** (6 - column.fsp)
    if step == 1:
        return Reading(exact, ok, plain)
    even = f"epoch_us({exact}) % {step} = 0"
    moved = f"(epoch_us({exact}) + {step // 2})"
    value = f"make_timestamp({moved} - ({moved} % {step} + {step}) % {step})"
    return Reading(value, ok, plain, even if plain else "")


def _time(x: str, base: str, column: Column) -> Reading | Unreadable:
    micros = f"epoch_us({x})" if base == "TIME" else _micros(x)
    step = 10 ** (6 - column.fsp)
    return Reading(micros if step == 1 else f"(({micros} + {step // 2}) // {step}) * {step}")


def _shown(x: str, base: str, column: Column) -> Reading | Unreadable:
    """A character column from values of another kind, as their text."""
    if base == "BLOB":
        reading = string_reading(f"TRY(decode({x}))", column)
        if isinstance(reading, Unreadable):
            return reading
        valid = f"({x} IS NULL OR TRY(decode({x})) IS NOT NULL)"
        return Reading(reading.value, f"{valid} AND {reading.ok}", "", "", reading.lenient, text=True)
    if base == "DECIMAL":  # without a digit before the point where the type has none
        return string_reading(f"regexp_replace(CAST({x} AS VARCHAR), '^(-?)\\.', '\\10.')", column)
    if base in ("UUID", "DATE", *_BITS):
        return string_reading(f"CAST({x} AS VARCHAR)", column)
    return Unreadable(f"{base} in the file for a column of type {column.column_type}")
