"""The margins of a linear model, in one compiled pass over a matrix whose columns lie one behind the other.

What a row's features give is added up in one order, whatever the number of rows: a product of matrices would add it up
in another one for a row alone than among many, and so give another last digit.
"""

from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Places = NDArray[np.int64]
_BLOCK = 512  # rows whose sums stay in the processor's first cache
_MATRIX = types.Array(types.float64, 2, "C", readonly=True)
_PLACES = types.Array(types.int64, 1, "C", readonly=True)


@numba.njit(
    types.void(_MATRIX, _PLACES, _MATRIX, _MATRIX, _PLACES, _PLACES, _PLACES, _MATRIX, types.float64[:, ::1]),
    nogil=True,
    cache=True,
)
def _add(
    columns: Any,
    numbers: Any,
    weights: Any,
    gaps: Any,
    categories: Any,
    firsts: Any,
    sizes: Any,
    table: Any,
    sums: Any,
) -> None:  # pragma: no cover - compiled
    rows = columns.shape[1]
    for start in range(0, rows, _BLOCK):
        end = min(start + _BLOCK, rows)
        for place in range(len(numbers)):
            values = columns[numbers[place], start:end]
            for output in range(len(sums)):
                total, weight, gap = sums[output, start:end], weights[place, output], gaps[place, output]
                for row in range(len(values)):
                    value = values[row]
                    total[row] += value * weight if value == value else gap
        for place in range(len(categories)):
            codes, first, last = columns[categories[place], start:end], firsts[place], sizes[place] - 1
            for output in range(len(sums)):
                total = sums[output, start:end]
                for row in range(len(codes)):
                    code = codes[row]
                    total[row] += table[first + (np.int64(code) if 0 <= code < last else last), output]


def margins(
    matrix: Floats,
    base: Floats,
    numbers: tuple[Places, Floats, Floats],
    categories: tuple[Places, Places, Places, Floats],
) -> Floats:
    """Give the margins of rows: rows x outputs.

    Args:
        base: what each output begins with.
        numbers: the places of numbers in the matrix; for each of them and each output its weight, and what NaN gives.
        categories: their places, where the entries of each begin in the table, how many it has (the last one stands for
            NaN and for codes beyond), and the table, entries x outputs.
    """
    sums = np.empty((len(base), len(matrix)))
    sums[:] = base[:, None]
    _add(np.ascontiguousarray(matrix.T), *numbers, *categories, sums)
    return sums.T
