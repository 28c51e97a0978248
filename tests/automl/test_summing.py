"""Linear models: the same margin to the last bit for a row alone, among many, and however the matrix lies."""

import numpy as np
import pytest
from numpy.typing import NDArray

from automl.learners.linear import Layout, Linear


def model(numbers: int, categories: int, outputs: int) -> Linear:
    dice = np.random.default_rng(numbers + categories)
    features = numbers + categories
    places = dice.permutation(features)
    sizes = np.full(categories, 7)
    layout = Layout(places[:numbers], np.zeros(numbers), np.ones(numbers), places[numbers:], sizes)
    weights, gaps = dice.normal(size=(2, numbers, outputs))
    table = dice.normal(size=(7 * categories, outputs))
    return Linear(layout, weights, gaps, table, dice.normal(size=outputs), np.zeros((features, outputs)))


def matrix(linear: Linear, rows: int) -> NDArray[np.float64]:
    dice = np.random.default_rng(rows)
    features = len(linear.layout.numbers) + len(linear.layout.categories)
    found = np.asfortranarray(dice.normal(size=(rows, features)) * 10.0 ** dice.integers(-9, 9, size=features))
    found[:, linear.layout.categories] = dice.integers(0, 12, size=(rows, len(linear.layout.categories)))
    found[dice.random(found.shape) < 0.1] = np.nan
    return found


def by_hand(linear: Linear, row: NDArray[np.float64], output: int) -> float:
    total = float(linear.base[output])
    for place, weight, gap in zip(linear.layout.numbers, linear.weights, linear.gaps, strict=True):
        total += float(gap[output]) if np.isnan(row[place]) else float(row[place]) * float(weight[output])
    first = 0
    for place, size in zip(linear.layout.categories, linear.layout.sizes, strict=True):
        code = row[place]
        total += float(linear.table[first + (int(code) if code < size - 1 else size - 1), output])
        first += size
    return total


@pytest.mark.parametrize(("numbers", "categories", "outputs"), [(1, 0, 1), (20, 0, 1), (0, 3, 1), (5, 2, 1), (9, 4, 6)])
def test_a_row_has_one_margin(numbers: int, categories: int, outputs: int) -> None:
    linear = model(numbers, categories, outputs)
    rows = matrix(linear, 1300)
    margins = linear.margin(rows)
    assert margins.shape == (1300, outputs)
    assert all(
        margins[place, each] == by_hand(linear, rows[place], each)
        for place in (0, 511, 512, 1299)
        for each in range(outputs)
    )
    alone = np.vstack([linear.margin(rows[place : place + 1]) for place in range(len(rows))])
    assert np.array_equal(alone, margins)
    for other in (np.ascontiguousarray(rows), rows[::-1][::-1], np.vstack([rows] * 60)[-1300:]):
        assert np.array_equal(linear.margin(other), margins)
    assert linear.margin(rows[:0]).shape == (0, outputs)


def test_many_rows_in_pieces_are_as_in_one() -> None:
    linear = model(3, 1, 2)
    rows = matrix(linear, 140_000)
    assert np.array_equal(linear.margin(np.ascontiguousarray(rows)), linear.margin(rows))


def test_a_matrix_of_other_features_is_refused() -> None:
    with pytest.raises(ValueError, match="another number of features"):
        model(4, 1, 1).margin(np.zeros((3, 4)))
