"""A column as a model reads it is the same whichever way its values are kept."""

import numpy as np
import pyarrow as pa
import pytest

from automl.table.columns import LARGEST, one_bounded, one_float
from automl.table.filling import filled

VALUES = [1.5, None, float("inf"), -float("inf"), float("nan"), 1e308, -1e308, 0.0, -0.0, 1e100, 5e-324] * 3


@pytest.mark.parametrize("start", [0, 1, 7, 9])
def test_values_are_those_of_one_row(start: int) -> None:
    whole = pa.array(VALUES, pa.float64())
    column = pa.chunked_array([whole[start:], whole[:0], whole[start + 5 : start + 14], pa.array([2.0])])
    wanted = [one_bounded(one_float("c", value)) for value in column.to_pylist()]
    np.testing.assert_array_equal(filled(column), np.array(wanted))
    assert np.nanmax(filled(column)) == LARGEST


def test_no_rows() -> None:
    assert len(filled(pa.chunked_array([], pa.float64()))) == 0
