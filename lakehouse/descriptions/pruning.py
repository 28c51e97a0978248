"""Which files of a table may hold rows that a statement looks for, by what its lists tell of their values.

A file is left out only when no row of it can meet a condition: what is not known keeps it.
"""

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from base.decimals import plus, scaled
from statements.schema import INTEGER_TYPES, STRING_TYPES, Column

Value = int | float | Decimal | str
Kind = Literal["whole", "decimal", "double", "moment", "text"]
DAY = 86_400_000_000  # microseconds, in which dates and moments are compared
_SECOND = 1_000_000
_EPOCH = datetime.datetime(1970, 1, 1)
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}(?:[ T]\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)?")
_PLAIN = re.compile(r"[0-9A-Za-z]*")
# Collations in which texts of ASCII letters and digits are equal only when their lower-case forms are.
_PLAIN_COLLATIONS = re.compile(
    r"(?:utf8mb[34]|utf8)_(?:bin|general_ci|unicode_ci|unicode_520_ci|0900_bin|0900_a[is]_c[is])"
    r"|(?:utf8mb[34]_)?uca1400_(?:nopad_)?a[is]_c[is]|ascii_bin|ascii_general_ci|latin1_bin"
)


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator` is =, <, <=, >, >= or in; `values` are numbers and texts as the statement has them.

    It holds of no NULL, and no row of which it does not hold has a part in the answer.
    """

    operator: str
    values: tuple[Decimal | str, ...]


Conditions = Mapping[str, Sequence[Condition]]  # by a column's folded name


@dataclass(frozen=True, slots=True)
class Range:
    """A column's values in a file, with None for a bound that is not known; `empty` when all are NULL.

    `buckets` are pairs of a number of buckets and the one that all values are in.
    """

    low: Value | None = None
    high: Value | None = None
    empty: bool = False
    buckets: tuple[tuple[int, int], ...] = ()

    def met(self, other: "Range") -> "Range":
        """What both tell of the same values."""
        low: Any = [value for value in (self.low, other.low) if value is not None]
        high: Any = [value for value in (self.high, other.high) if value is not None]
        empty = self.empty or other.empty
        return Range(max(low, default=None), min(high, default=None), empty, self.buckets + other.buckets)


def may_hold(condition: Condition, known: Range, kind: Kind, column: Column) -> bool:
    """Tell whether a value in the range may meet the condition."""
    if known.empty:
        return False
    slack = _slack(kind, column)
    for given in condition.values:
        value = _converted(given, kind, column)
        if value is None or _possible(condition.operator, value, known, kind, slack):
            return True
    return False


def _slack(kind: Kind, column: Column) -> int | Decimal:
    """How far a value may be moved when it is rounded to its column's decimals."""
    if kind == "decimal":
        return scaled(1, column.scale or 0)
    return _SECOND if kind == "moment" and column.fsp < 6 else 0


def _possible(operator: str, value: Any, known: Range, kind: Kind, slack: int | Decimal) -> bool:
    low: Any = known.low
    high: Any = known.high
    if kind == "text":
        if operator not in ("=", "in") or low is None or low != high or not _PLAIN.fullmatch(low):
            return True
        return bool(low.casefold() == value)
    if slack:
        low, high = (
            (None if low is None else _moved(low, -1, slack)),
            (None if high is None else _moved(high, 1, slack)),
        )
    if operator in ("=", "in"):
        if (low is not None and low > value) or (high is not None and high < value):
            return False
        return kind != "whole" or all(bucket_of(value, count) == own for count, own in known.buckets)
    if operator in ("<", "<="):
        return low is None or low < value or (operator == "<=" and low == value)
    return high is None or high > value or (operator == ">=" and high == value)


def _moved(bound: int | Decimal | None, sign: int, slack: int | Decimal) -> int | Decimal | None:
    if bound is None:
        return None
    return plus(bound, sign * slack) if isinstance(bound, Decimal) else bound + sign * slack


def _converted(given: Decimal | str, kind: Kind, column: Column) -> Value | None:
    """A literal as a column of this kind is compared with it; None when that is another way than by its bounds."""
    if kind == "text":
        is_plain = (
            isinstance(given, str) and _PLAIN.fullmatch(given) and _PLAIN_COLLATIONS.fullmatch(column.collation or "")
        )
        return str(given).casefold() if is_plain else None
    if kind == "moment":
        return moment_of(given) if isinstance(given, str) else None
    if isinstance(given, str):
        return None
    return float(given) if kind == "double" else given


def moment_of(text: str) -> int | None:
    """Microseconds since 1970 of a date or moment written as MySQL writes it; None for any other text."""
    if not _MOMENT.fullmatch(text):
        return None
    try:
        found = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    return (found - _EPOCH) // datetime.timedelta(microseconds=1)


def bucket_of(value: int | Decimal, count: int) -> int:
    """Iceberg's bucket of a whole number. Source: "Bucket Transform Details" and appendix B of its specification."""
    whole = int(value)
    if whole != value or not -(1 << 63) <= whole < 1 << 63:
        return -1
    return (_murmur3(whole.to_bytes(8, "little", signed=True)) & 0x7FFFFFFF) % count


def _murmur3(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0, of a multiple of four bytes."""
    mask, found = 0xFFFFFFFF, 0
    for at in range(0, len(data), 4):
        part = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & mask
        part = (part << 15 | part >> 17) & mask
        found ^= part * 0x1B873593 & mask
        found = (found << 13 | found >> 19) & mask
        found = (found * 5 + 0xE6546B64) & mask
    found ^= len(data)
    found = (found ^ found >> 16) * 0x85EBCA6B & mask
    found = (found ^ found >> 13) * 0xC2B2AE35 & mask
    return found ^ found >> 16


def kind_of(source: str, column: Column) -> Kind | None:
    """How values of a file's type are compared in a column; None when the column may change them.

    `source` is "whole", "decimal", "float", "double", "moment" or "text".
    """
    if source == "whole" and column.type in INTEGER_TYPES:
        return "whole"
    if source == "decimal" and column.type == "decimal":
        return "decimal"
    if (source == "double" and column.type == "double") or (source == "float" and column.type in ("float", "double")):
        return "double"
    if source == "moment" and column.type in ("date", "datetime"):
        return "moment"
    if source == "text" and column.type in STRING_TYPES:
        return "text"
    return None
