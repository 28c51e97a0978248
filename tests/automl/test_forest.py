"""Trees that are walked by our kernel give LightGBM's own sums, bit for bit."""

from typing import Any

import lightgbm
import numpy as np
import pytest

from automl.learners.boosters import Trees
from automl.stored.tree_text import checked


def grown(matrix: Any, target: Any, trees: int = 30, **params: Any) -> tuple[Any, Trees]:
    """LightGBM's own trees, and the same read from their text."""
    categories = params.pop("categories", "auto")
    outputs = params.get("num_class", 1)
    data = lightgbm.Dataset(matrix, target, categorical_feature=categories, params={"verbosity": -1})
    given = {"verbosity": -1, "num_threads": 1, "objective": "regression", **params}
    booster = lightgbm.train(given, data, trees)
    text, count = checked(booster.model_to_string(), matrix.shape[1], outputs)
    return booster, Trees(text, outputs, count)


def rows(gaps: float, seed: int = 0) -> Any:
    dice = np.random.default_rng(seed)
    matrix = dice.normal(size=(3000, 6))
    matrix[:, 4] = dice.integers(0, 200, 3000)
    matrix[:, 5] = np.round(matrix[:, 5])
    matrix[dice.random(matrix.shape) < gaps] = np.nan
    return matrix, np.where(np.isnan(matrix[:, 0]), 0.3, matrix[:, 0]) * np.nan_to_num(matrix[:, 1]) + (
        np.nan_to_num(matrix[:, 4]) % 7
    )


CASES = {
    "numbers": (0.0, {}),
    "gaps": (0.2, {}),
    "no gap is special": (0.2, {"use_missing": False}),
    "zero is a gap": (0.2, {"zero_as_missing": True}),
    "categories": (0.1, {"categories": [4], "min_data_per_group": 5, "cat_smooth": 1.0}),
    "many leaves": (0.05, {"num_leaves": 400, "min_data_in_leaf": 2, "categories": [4]}),
    "stumps": (0.0, {"num_leaves": 2}),
    "nothing to split": (0.0, {"min_data_in_leaf": 3000}),
}


@pytest.mark.parametrize("name", CASES)
def test_sums_are_lightgbms(name: str) -> None:
    gaps, params = CASES[name]
    matrix, target = rows(gaps)
    booster, trees = grown(matrix, target, **params)
    asked = np.vstack([matrix, rows(0.3, 1)[0], np.full((1, 6), np.nan), np.zeros((1, 6)), np.full((1, 6), -1.0)])
    asked = np.vstack([asked, np.full((1, 6), 1e12), np.full((1, 6), 1e-40), np.full((1, 6), 63.9)])
    expected = booster.predict(asked, raw_score=True)
    assert np.array_equal(trees.margin(np.asfortranarray(asked))[:, 0], expected)
    assert np.array_equal(trees.margin(asked[:1])[:, 0], expected[:1])


def test_sums_of_several_classes_and_threads_are_lightgbms() -> None:
    matrix, target = rows(0.1)
    params = {"objective": "multiclass", "num_class": 3, "categories": [4]}
    booster, trees = grown(matrix, (target > 0).astype(int) + (target > 4), **params)
    asked = np.tile(matrix, (5, 1))
    expected = booster.predict(asked, raw_score=True)
    assert np.array_equal(trees.margin(asked, threads=3), expected)
    assert np.array_equal(trees.margin(asked), expected)


def test_a_forest_is_averaged() -> None:
    matrix, target = rows(0.1)
    params = {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.6}
    booster, trees = grown(matrix, target, **params)
    assert np.allclose(trees.margin(matrix)[:, 0], booster.predict(matrix), rtol=1e-12)
