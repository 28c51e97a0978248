"""A column's values in the one form that a kind has in here: floats with NaN for NULL, texts, or timestamps."""

import base64
import binascii
import datetime
import json
import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError
from automl.table.source import Kind

Floats = NDArray[np.float64]
LARGEST = 1e100  # of a number that is learned from
MOMENT = pa.timestamp("us")
MOMENTS = frozenset({Kind.DATE, Kind.DATETIME})
NUMERIC = frozenset({Kind.NUMBER, Kind.BOOLEAN, Kind.TIME})
_TRUTH = {"true": "1", "false": "0"}
_BIT = "base64:type16:"
_UNREAD = re.compile(r"Failed to parse string: '(.*)' as a scalar of type", re.DOTALL)  # Arrow's own words
_SHOWN = 60  # characters of a value in a message
_TIME = r"^(?P<sign>-?)(?P<h>\d{1,3}):(?P<m>\d\d):(?P<s>\d\d(?:\.\d{1,6})?)$"


def _refused(name: str, wanted: str, problem: Exception) -> AutoMLError:
    if unread := _UNREAD.match(str(problem)):
        return AutoMLError(f"Column '{name}' must hold {wanted}, not {unread[1][:_SHOWN]!r}.")
    return AutoMLError(f"Column '{name}' must hold {wanted}: {str(problem).splitlines()[0]}.")


def doubles(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give numbers, truth values, times and texts of them as doubles, NULL as null.

    Raises:
        AutoMLError: a text that is no number.
    """
    kind = values.type
    try:
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            lower = pc.utf8_trim_whitespace(pc.utf8_lower(_bits(values)))
            for word, digit in _TRUTH.items():
                lower = pc.if_else(pc.equal(lower, word), digit, lower)
            return pc.cast(_timed(lower), pa.float64())
        if pa.types.is_duration(kind) or pa.types.is_time(kind):
            return pc.cast(pc.cast(values, pa.int64()), pa.float64())
        return values if pa.types.is_float64(kind) else pc.cast(values, pa.float64(), safe=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise _refused(name, "numbers", problem) from None


def floats(name: str, values: pa.ChunkedArray) -> Floats:
    """Give the same as an array; NULL, NaN and infinite values as NaN."""
    found: Floats = doubles(name, values).to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(found.sum()):  # one pass, and no value is infinite
            return found
    infinite = np.isinf(found)
    return np.where(infinite, np.nan, found) if infinite.any() else found


def bounded(found: Floats) -> Floats:
    """Give numbers with LARGEST in the place of larger ones, so that their squares and sums are numbers too."""
    return np.clip(found, -LARGEST, LARGEST) if len(found) and not _squares(found) < LARGEST**2 else found


def one_bounded(value: float) -> float:
    """Give one number as `bounded` would."""
    return LARGEST if value > LARGEST else -LARGEST if value < -LARGEST else value


def _squares(found: Floats) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(found @ found)  # NaN with gaps


def _timed(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put microseconds in the place of times of day, as JSON has them: 10:00:00.000000."""
    found = pc.match_substring_regex(values, _TIME)
    if not pc.any(found).as_py():
        return values
    parts = pc.extract_regex(pc.if_else(found, values, None), _TIME)
    hours, minutes, seconds = (pc.cast(pc.struct_field(parts, name), pa.float64()) for name in ("h", "m", "s"))
    total = pc.multiply(pc.add(pc.multiply(pc.add(pc.multiply(hours, 60.0), minutes), 60.0), seconds), 1e6)
    signed = pc.if_else(pc.equal(pc.struct_field(parts, "sign"), "-"), pc.negate(total), total)
    return pc.if_else(found, pc.cast(signed, pa.string()), values)


def _bit(text: str) -> str:
    """Give the number of a BIT value as MySQL's JSON has it, base64:type16:Aw==; any other text as it is."""
    if not text.startswith(_BIT):
        return text
    try:
        return str(int.from_bytes(base64.b64decode(text[len(_BIT) :], validate=True), "big"))
    except binascii.Error:
        return text


def _bits(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Put numbers in the place of BIT values."""
    if not pc.any(pc.starts_with(values, _BIT)).as_py():
        return values
    encoded = values.combine_chunks().dictionary_encode()
    numbers = pa.array([_bit(text) for text in encoded.dictionary.to_pylist()], pa.string())
    return pa.chunked_array([numbers.take(encoded.indices)])


def texts(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give values as strings, NULL as null."""
    if pa.types.is_string(values.type):
        return values
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    try:
        return pc.cast(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise _refused(name, "texts", problem) from None


def moments(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give dates and times as timestamps of microseconds, NULL as null.

    Raises:
        AutoMLError: a text that is no date.
    """
    if values.type == MOMENT:
        return values
    try:
        if pa.types.is_integer(values.type):
            raise pa.ArrowInvalid("found integers")
        return pc.cast(pc.cast(values, pa.timestamp("us")), MOMENT)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as problem:
        raise _refused(name, "dates such as 2026-01-31 or 2026-01-31 12:00:00", problem) from None


def one_float(name: str, value: Any) -> float:
    """Give one value of a row as `floats` would."""
    if value is None:
        return float("nan")
    if isinstance(value, str):
        value = _bit(_TRUTH.get(value.strip().casefold(), value))
        if timed := re.fullmatch(_TIME, value.strip()):
            value = ((int(timed["h"]) * 60 + int(timed["m"])) * 60 + float(timed["s"])) * (
                -1e6 if timed["sign"] else 1e6
            )
    try:
        found = float(value)
    except OverflowError:
        return float("nan")  # of more than 308 digits: what a column of such texts has as infinite
    except (TypeError, ValueError):
        raise AutoMLError(f"Column '{name}' must hold a number, not {value!r}.") from None
    return found if abs(found) != float("inf") else float("nan")


def one_text(value: Any) -> str | None:
    """Give one value of a row as `texts` would."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)  # as MySQL spells documents
    return str(value)


def one_moment(name: str, value: Any) -> datetime.datetime | None:
    """Give one value of a row as `moments` would."""
    if value is None or isinstance(value, datetime.datetime):
        return value
    if isinstance(value, datetime.date):
        return datetime.datetime(value.year, value.month, value.day)
    try:
        return datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise AutoMLError(
            f"Column '{name}' must hold a date such as 2026-01-31 or 2026-01-31 12:00:00, not {value!r}."
        ) from None
