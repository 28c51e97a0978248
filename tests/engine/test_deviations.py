"""Sums of squares of lists against the servers' recurrence in plain Python."""

import random

import pyarrow as pa
import pytest

from engine.deviations import squares


def _expected(values: list[float | None] | None) -> float | None:
    if values is None:
        return None
    count, mean, total = 0, 0.0, 0.0
    for value in values:
        if value is not None:
            count += 1
            before = mean
            mean = value if count == 1 else before + (value - before) / count
            total += 0.0 if count == 1 else (value - before) * (value - mean)
    return total


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float64())])
def test_lists_are_added_up_in_their_order(kind: pa.DataType) -> None:
    dice = random.Random(3)
    lists = [None, [], [None], [1.5], [2.0, None, 4.0]]
    lists += [[dice.uniform(-9, 9) * 10 ** dice.randint(-3, 9) for _ in range(dice.randrange(50))] for _ in range(200)]
    column, expected = pa.array(lists, kind), [_expected(each) for each in lists]
    assert squares(column).to_pylist() == expected
    assert squares(column.slice(3, 90)).to_pylist() == expected[3:93]
    assert squares(pa.chunked_array([column, column])).to_pylist() == expected * 2
