"""A column of doubles as a model reads it, in one pass: NULL and infinite values as NaN, all others within bounds."""

from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numba import types
from numpy.typing import NDArray

from automl.table.columns import LARGEST

Floats = NDArray[np.float64]
_NUMBERS = types.Array(types.float64, 1, "C", readonly=True)
_BITS = types.Array(types.uint8, 1, "C", readonly=True)
_ALL_KNOWN = np.empty(0, np.uint8)


@numba.njit(types.void(_NUMBERS, _BITS, types.int64, types.float64[::1]), nogil=True, cache=True)
def _fill(values: Any, known: Any, first: Any, out: Any) -> None:  # pragma: no cover - compiled
    """`known` are Arrow's bits, of which `first` is the first value's; empty when all are known."""
    for row in range(len(values)):
        value = values[row]
        out[row] = min(max(value, -LARGEST), LARGEST) if abs(value) < np.inf else np.nan
    if len(known):
        for row in range(len(values)):
            place = first + row
            if not known[place >> 3] >> (place & 7) & 1:
                out[row] = np.nan


def filled(values: pa.ChunkedArray) -> Floats:
    """Give a column: NULL and infinite values as NaN, those beyond LARGEST as LARGEST."""
    out, start = np.empty(len(values)), 0
    for chunk in values.chunks:
        if not len(chunk):
            continue
        bits, data = chunk.buffers()
        known = np.frombuffer(bits, np.uint8) if chunk.null_count and bits is not None else _ALL_KNOWN
        numbers = np.frombuffer(data, np.float64, len(chunk), chunk.offset * 8)
        _fill(numbers, known, chunk.offset, out[start : start + len(chunk)])
        start += len(chunk)
    return out
