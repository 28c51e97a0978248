"""Columns of made-up data, drawn whole: numbers, words, money and keys from one seeded source."""

from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Column: TypeAlias = NDArray[Any] | pa.Array
Table: TypeAlias = dict[str, Column]

_NULLS = 0.04  # of a column that may be NULL


class Draws:
    """Draws columns; the same seed gives the same data."""

    def __init__(self, seed: int) -> None:
        self._source = np.random.Generator(np.random.PCG64(seed))

    def ints(self, low: int, high: int, count: int) -> NDArray[np.int64]:
        """Whole numbers, both ends included."""
        return self._source.integers(low, high + 1, count)

    def skewed(self, high: int, count: int) -> NDArray[np.int64]:
        """Whole numbers from 1, the small ones more often."""
        drawn: NDArray[np.int64] = (self._source.random(count) ** 1.5 * high).astype(np.int64) + 1
        return drawn

    def words(self, values: tuple[str, ...], count: int) -> pa.Array:
        """Words of a list."""
        return named(values, self._source.integers(0, len(values), count))

    def share(self, part: float, count: int) -> NDArray[np.bool_]:
        """True for this part of the rows."""
        drawn: NDArray[np.bool_] = self._source.random(count) < part
        return drawn

    def sometimes(self, column: Column) -> pa.Array:
        """The column with some NULLs."""
        values = column if isinstance(column, pa.Array) else pa.array(column)
        return pc.if_else(pa.array(self.share(_NULLS, len(values))), pa.scalar(None, values.type), values)


def named(values: tuple[str, ...], places: NDArray[np.int64]) -> pa.Array:
    """The words at these places of a list."""
    return pa.array(values).take(pa.array(places))


def identifiers(numbers: NDArray[np.int64]) -> pa.Array:
    """Business keys of 16 characters, as TPC-DS writes them: AAAAAAAABAAAAAAA."""
    letters = np.array(list("ABCDEFGHIJKLMNOP"))
    digits = [letters[(numbers >> (4 * place)) & 15] for place in range(6)]
    text = digits[0].astype("U16")
    for digit in digits[1:]:
        text = np.char.add(text, digit)
    return pa.array(np.char.add("AAAAAAAA", np.char.add(text, "AA")))


def money(cents: NDArray[np.int64]) -> NDArray[np.float64]:
    """Amounts with two decimals."""
    amounts: NDArray[np.float64] = np.round(cents / 100, 2)
    return amounts


def text(table: Table) -> pa.Table:
    """The table as LOAD DATA reads it: every value a text, NULL as \\N."""
    columns = {
        name: (column if isinstance(column, pa.Array) else pa.array(column)).cast(pa.string()).fill_null("\\N")
        for name, column in table.items()
    }
    return pa.table(columns)
