"""Linear models with products: one margin for a row, exact Shapley values, what they learn, and what is refused."""

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from automl.api import load_model, predict, predict_row, read_options, score, train
from automl.learners import logistic
from automl.learners.products import MOST_NUMBERS, Products, fitted, pairs
from automl.stored.parts import BadModel
from tests.automl.tables import matrix_source, source

Floats = NDArray[np.float64]


def rows_of(rows: int, seed: int = 0) -> Floats:
    """Four numbers of several sizes with gaps and outliers, and a category of five values in the second place."""
    dice = np.random.default_rng(seed)
    found = dice.normal(size=(rows, 5)) * [1.0, 0.0, 1e3, 1e-6, 5.0] + [3.0, 0.0, 0.0, 1.0, -2.0]
    found[:, 1] = dice.integers(0, 6, rows)
    found[::17, 2] = np.nan
    found[5:6, 0] = 1e100
    found[::50, 3] = 1.0
    return np.asfortranarray(found)


KINDS = np.array([0, 5, 0, 0, 0])


def last(strengths: tuple[float, ...], classes: int = 0, rows: int = 900) -> Products:
    matrix = rows_of(rows)
    bent = np.nan_to_num(matrix[:, 2]) / 1e3 * (matrix[:, 4] + 2) / 5 + (matrix[:, 4] / 5) ** 2 + matrix[:, 1] / 5
    target = np.clip(np.round(bent), 0, classes - 1) if classes else bent
    return list(fitted(matrix, target, classes, KINDS, strengths))[-1]


@pytest.mark.parametrize("classes", [0, 2, 4])
def test_a_row_has_one_margin_and_it_is_the_sum_of_its_products(classes: int) -> None:
    model = last((0.1,), classes)
    rows = rows_of(1300, 1)
    margins = model.margin(rows)
    alone = np.vstack([model.margin(rows[place : place + 1]) for place in range(len(rows))])
    assert np.array_equal(alone, margins)
    for other in (np.ascontiguousarray(rows), rows[::-1][::-1], np.vstack([rows] * 3)[-1300:]):
        assert np.array_equal(model.margin(other), margins)
    scaled = np.clip((rows[:, model.places] - model.centers) / model.scales, -4, 4)
    scaled = np.where(np.isnan(scaled), 0.0, scaled)
    by_hand = model.linear.margin(rows) + np.einsum("ri,oij,rj->ro", scaled, model.weights, scaled)
    np.testing.assert_allclose(margins, by_hand, rtol=1e-9, atol=1e-9)
    assert not np.tril(model.weights, -1).any()
    assert model.margin(rows[:0]).shape == (0, max(1, classes if classes > 2 else 1))


def test_shapley_values_are_those_of_all_orders_against_the_training_rows() -> None:
    matrix = rows_of(60)
    target = matrix[:, 4] ** 2 + np.nan_to_num(matrix[:, 2])
    model = next(fitted(matrix, target, 0, KINDS, (0.01,)))
    features = matrix.shape[1]
    for row in rows_of(4, 2):
        worth = {}
        for known in itertools.product((False, True), repeat=features):
            worth[known] = model.margin(np.where(known, row, matrix)).mean()
        wanted = np.zeros(features)
        for order in itertools.permutations(range(features)):
            known = [False] * features
            for feature in order:
                before = worth[tuple(known)]
                known[feature] = True
                wanted[feature] += (worth[tuple(known)] - before) / math.factorial(features)
        found = model.contributions(row[None])[0, :, 0]
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-7 * np.abs(wanted).max())


@pytest.mark.parametrize("classes", [2, 3])
def test_a_fit_is_the_minimum_over_its_columns(classes: int) -> None:
    dice = np.random.default_rng(0)
    matrix = np.asfortranarray(dice.normal(size=(800, 3)))
    codes = (matrix[:, 0] * matrix[:, 1] > 0).astype(int) + (classes > 2) * (matrix[:, 2] > 1)
    model = next(fitted(matrix, codes.astype(float), classes, np.zeros(3, np.int64), (0.5,)))
    scaled = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)
    first, second = np.triu_indices(3)
    columns = np.clip(scaled, -4, 4)[:, first] * np.clip(scaled, -4, 4)[:, second]
    columns = 0.5 * (columns - columns.mean(axis=0)) / columns.std(axis=0)
    design = np.hstack([scaled, columns])
    weights = logistic.fit(design, codes, 0.5, slope=1e-7)
    wanted = design @ weights[:-1] + weights[-1]
    np.testing.assert_allclose(model.margin(matrix), wanted, rtol=0.02, atol=0.05)


def test_a_ridge_is_the_solution_over_its_columns() -> None:
    dice = np.random.default_rng(0)
    matrix = np.asfortranarray(dice.normal(size=(5000, 2)))
    target = matrix[:, 0] * matrix[:, 1] + 0.5 * matrix[:, 1] ** 2 - matrix[:, 0] + 3
    model = next(fitted(matrix, target, 0, np.zeros(2, np.int64), (1e-9,)))
    inside = np.abs(matrix).max(axis=1) < 3.5  # where nothing is bounded
    np.testing.assert_allclose(model.margin(matrix)[inside, 0], target[inside], atol=0.02)


def test_products_win_where_they_are_what_rows_were_made_of() -> None:
    dice = np.random.default_rng(0)
    matrix = dice.normal(size=(3000, 8))
    inside = (matrix**2).sum(axis=1) < 7.3
    listed = ["LogisticRegression", "QuadraticLogisticRegression"]
    options = read_options({"optimization_metric": "accuracy", "max_seconds": 120, "model_list": listed})
    rows = matrix_source(matrix, np.where(inside, "in", "out"))
    model = train(rows.at(pa.array(np.arange(2000))), "y", options)
    assert "QuadraticLogisticRegression" in model.about["algorithm_name"]
    test = rows.at(pa.array(np.arange(2000, 3000)))
    found = score(model, test, "y", "accuracy")
    assert found is not None
    assert found > 0.96
    again = load_model(model.to_bytes())
    assert predict(again, test).equals(predict(model, test))
    row = {f"f{place}": value for place, value in enumerate(matrix[2500].tolist())}
    assert predict_row(again, row)["Prediction"] == predict(model, test)["Prediction"][500].as_py()


@pytest.mark.parametrize(
    ("columns", "task", "name"),
    [
        ({"kind": ["a", "b", "c", "d"] * 50}, "classification", "QuadraticLogisticRegression"),
        ({"x": [1.0, 2.0, 3.0, 4.0] * 50}, "classification", "QuadraticLogisticRegression"),
        ({"x": [1.0, 2.0, 3.0, 4.0] * 50, "kind": ["a", "b"] * 100}, "regression", "QuadraticRegression"),
        ({f"c{each}": np.random.default_rng(each).normal(size=200) for each in range(70)}, "regression", None),
    ],
)
def test_one_that_is_asked_for_is_fitted_whatever_the_columns(
    columns: dict[str, Any], task: str, name: str | None
) -> None:
    target: Any = ["p", "q"] * 100 if task == "classification" else np.arange(200) % 4 * 1.0
    name = name or "QuadraticRegression"
    options = read_options({"task": task, "max_seconds": 120, "model_list": [name]})
    model = train(source(**columns, y=target), "y", options)
    assert {each["algorithm_name"] for each in model.about["hyperparameters"]["members"]} == {name}
    assert len(predict(load_model(model.to_bytes()), source(**columns))) == 200


def test_numbers_have_products_up_to_a_limit() -> None:
    assert pairs(np.array([0, 0, 7, 0])) == 6
    assert pairs(np.zeros(MOST_NUMBERS, np.int64)) == 2080
    assert pairs(np.zeros(MOST_NUMBERS + 1, np.int64)) == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"places": np.array([0, 2, 3, 9])}, "points outside"),
        ({"places": np.array([0, 2, 3, 3])}, "products are out of range"),
        ({"places": np.zeros(65, np.int64)}, "products are out of range"),
        ({"scales": np.zeros(4)}, "scales are out of range"),
        ({"weights": np.zeros((1, 4, 3))}, "another size"),
        ({"weights": np.full((1, 4, 4), np.inf)}, "something else than numbers"),
        ({"means": np.zeros(3)}, "another size"),
        ({"expected": np.zeros((4, 1))}, "another size"),
    ],
)
def test_altered_parts_are_refused(change: dict[str, Any], message: str) -> None:
    model = last((0.1,))
    kept = Products.restore(model.parts(), 5, 1)
    assert np.array_equal(kept.margin(rows_of(50)), model.margin(rows_of(50)))
    with pytest.raises(BadModel, match=message):
        Products.restore(replace(model, **change).parts(), 5, 1)
