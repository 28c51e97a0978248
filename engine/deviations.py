"""What STDDEV and VARIANCE are made of, inside DuckDB: a function over the values of a group, in the servers' order.

Both servers update a mean and a sum of squares row by row, in doubles (`variance_fp_recurrence_next` in MySQL's
sql/item_sum.cc, `Stddev::recurrence_next` in MariaDB's).
"""

import contextlib
from typing import Any, cast

import duckdb
import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Squares:
    """The function of a list of doubles that gives the sum of the squares of what they are off their mean."""

    function = "mysql_squares"

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the function callable on a database, from all its connections; nothing to do when it is already."""
        with contextlib.suppress(duckdb.CatalogException):
            connection.create_function(
                self.function,
                squares,
                [duckdb.sqltype("DOUBLE[]")],
                duckdb.sqltype("DOUBLE"),
                type=cast(Any, "arrow"),
                null_handling=cast(Any, "special"),
            )


def squares(column: "pa.Array | pa.ChunkedArray") -> pa.Array:
    """Give the sum of squares of each list, without the NULLs in it; NULL where there is no list."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    values = column.values  # of the whole array, also where it is a slice
    known = values.is_valid().to_numpy(zero_copy_only=False)
    numbers = values.fill_null(0.0).to_numpy(zero_copy_only=False)
    ends = column.offsets.to_numpy(zero_copy_only=False).astype(np.int64)
    found = np.zeros(len(column), np.float64)
    _add_up(numbers, known, ends, found)
    return pa.array(found, mask=column.is_null().to_numpy(zero_copy_only=False))


@numba.njit(nogil=True, cache=True)
def _add_up(
    numbers: npt.NDArray[np.float64],
    known: npt.NDArray[np.bool_],
    ends: npt.NDArray[np.int64],
    found: npt.NDArray[np.float64],
) -> None:
    for group in range(found.shape[0]):
        count, mean, total = 0, 0.0, 0.0
        for at in range(ends[group], ends[group + 1]):
            if known[at]:
                count += 1
                distance = numbers[at] - mean
                if count == 1:
                    mean = numbers[at]
                else:
                    mean = mean + distance / count
                    total = total + distance * (numbers[at] - mean)
        found[group] = total
