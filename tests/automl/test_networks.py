"""Networks: one margin for a row, Shapley values that add up, what they learn, seeds, budgets, and what is refused."""

import itertools
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray

from automl.api import explain_row, load_model, predict, predict_row, read_options, score, train
from automl.learners.descent import Shape, learn, wrong_classes, wrong_numbers
from automl.learners.networks import MOST_UNITS, Networks, learn_background, learn_inputs, together
from automl.progress import Budget
from automl.race.folds import splits
from automl.race.losses import for_classes, for_numbers
from automl.race.networks import PORTFOLIO, Learner
from automl.stored.parts import BadModel, Parts
from tests.automl.tables import matrix_source, source

Floats = NDArray[np.float64]
KINDS = np.array([0, 5, 0, 0, 0])
SMALL = Shape((16, 8), 0.1, 1e-3, 64)


def rows_of(rows: int, seed: int = 0) -> Floats:
    """Four numbers of several sizes with gaps and outliers, and a category of five values in the second place."""
    dice = np.random.default_rng(seed)
    found = dice.normal(size=(rows, 5)) * [1.0, 0.0, 1e3, 1e-6, 5.0] + [3.0, 0.0, 0.0, 1.0, -2.0]
    found[:, 1] = dice.integers(0, 6, rows)
    found[::17, 2] = np.nan
    found[5:6, 0] = 1e100
    return np.asfortranarray(found)


def learned(outputs: int = 1, numbers: int = 2, rows: int = 600, shape: Shape = SMALL) -> Networks:
    matrix = rows_of(rows)
    inputs = learn_inputs(matrix, KINDS)
    codes = np.clip(np.round(np.nan_to_num(matrix[:, 2]) / 1e3 + 1), 0, max(1, outputs - 1)).astype(np.int64)
    wrong = wrong_classes(codes, outputs)
    nets = [learn(inputs.of(matrix), wrong, outputs, shape, 60, seed) for seed in range(numbers)]
    return together(inputs, nets, learn_background(matrix))


@pytest.mark.parametrize("outputs", [1, 4])
def test_a_row_has_one_margin_and_it_is_that_of_its_layers(outputs: int) -> None:
    model = learned(outputs, 3)
    rows = rows_of(9000, 1)
    margins = model.margin(rows)
    alone = np.vstack([model.margin(rows[place : place + 1]) for place in range(500)])
    assert np.array_equal(alone, margins[:500])
    for other in (np.ascontiguousarray(rows), rows[::-1][::-1], np.vstack([rows] * 2)[-9000:]):
        assert np.array_equal(model.margin(other, threads=2), margins)
    by_hand = np.zeros(margins.shape)
    for network in range(3):
        state = model.inputs.of(rows).astype(np.float64)
        for place, (weights, base) in enumerate(model.layers):
            state = (np.maximum(state, 0) if place else state) @ weights[network] + base[network]
        by_hand += state / 3
    np.testing.assert_allclose(margins, by_hand, rtol=1e-4, atol=1e-4)
    assert np.isfinite(margins).all()
    assert model.margin(rows[:0]).shape == (0, outputs)


def test_inputs_are_bounded_and_tell_gaps_and_unknown_categories() -> None:
    matrix = rows_of(600)
    inputs = learn_inputs(matrix, KINDS)
    strange = np.array([[1e100, 77.0, np.nan, -1e100, -2.0], [3.0, np.nan, 0.0, 1.0, -2.0]])
    found = inputs.of(strange)
    assert inputs.size == found.shape[1] == 4 + 1 + 6
    assert np.abs(found).max() <= 3.0
    np.testing.assert_allclose(found[0], [3.0, 0.0, -3.0, 0.0, 1.0, 0, 0, 0, 0, 0, 1.0], atol=0.2)
    assert found[1, 4] == 0.0
    assert found[1, -1] == 1.0


def test_columns_of_one_value_and_of_gaps_alone_have_inputs() -> None:
    matrix = np.column_stack([np.full(50, 7.0), np.full(50, np.nan), np.r_[np.zeros(49), 1.0]])
    found = learn_inputs(matrix, np.zeros(3, np.int64)).of(matrix)
    assert np.isfinite(found).all()
    assert found[-1, 2] > found[0, 2]


def test_shapley_values_add_up_and_are_those_of_all_orders() -> None:
    model = learned()
    rows = rows_of(3, 2)
    found = model.contributions(rows)
    begin = model.margin(model.background).mean(axis=0)
    np.testing.assert_allclose(found.sum(axis=1), model.margin(rows) - begin, atol=1e-9)
    assert np.array_equal(np.vstack([model.contributions(rows[place : place + 1]) for place in range(3)]), found)
    wanted = np.zeros(5)
    orders = list(itertools.permutations(range(5)))
    for order in orders:
        state = model.background.copy()
        for feature in order:
            before = model.margin(state).mean()
            state[:, feature] = rows[0, feature]
            wanted[feature] += (model.margin(state).mean() - before) / len(orders)
    spread = np.abs(wanted).max()
    np.testing.assert_allclose(found[0, :, 0], wanted, atol=0.5 * spread)


def waves(rows: int, seed: int = 0) -> tuple[Floats, NDArray[np.int64]]:
    """Classes by the sum of three waves, each in a slanting direction of six dimensions."""
    matrix = np.random.default_rng(seed).normal(size=(rows, 6))
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(6, 6)))[0]
    return matrix, (np.sin(2.5 * matrix @ turn[:, :3]).sum(axis=1) > 0).astype(np.int64)


def test_networks_win_where_classes_lie_across_the_columns() -> None:
    matrix, codes = waves(7000)
    rows = matrix_source(matrix, np.where(codes, "odd", "even"))
    options = read_options({"optimization_metric": "accuracy", "max_seconds": 60, "model_list": ["MLPClassifier"]})
    train_rows, test = rows.at(pa.array(np.arange(6000))), rows.at(pa.array(np.arange(6000, 7000)))
    model = train(train_rows, "y", options)
    assert "MLPClassifier" in model.about["algorithm_name"]
    found = score(model, test, "y", "accuracy")
    assert found is not None
    assert found > 0.85
    listed = ["LGBMClassifier"]
    others = train(train_rows, "y", read_options({"max_seconds": 20, "model_list": listed}))
    other = score(others, test, "y", "accuracy")
    assert other is not None
    assert other < found - 0.05
    again = load_model(model.to_bytes())
    assert predict(again, test).equals(predict(model, test))
    row = {f"f{place}": value for place, value in enumerate(matrix[6500].tolist())}
    together_ = json.loads(predict(model, test)["ml_results"][500].as_py())
    alone = predict_row(again, row)
    assert alone["Prediction"] == predict(model, test)["Prediction"][500].as_py()
    assert alone["ml_results"]["probabilities"] == together_["probabilities"]
    for explainer in ("permutation_importance", "shap"):
        explained = explain_row(again, row, {"prediction_explainer": explainer})
        assert len([key for key in explained if key.endswith("_attribution")]) == 6


@pytest.mark.parametrize("metric", ["r2", "neg_mean_absolute_error"])
def test_a_seed_gives_the_same_networks_of_numbers_again(metric: str) -> None:
    dice = np.random.default_rng(0)
    matrix = dice.uniform(-3, 3, (900, 4))
    target = np.sin(2 * matrix[:, 0]) * matrix[:, 1] + 0.1 * dice.normal(size=900)
    rows = matrix_source(matrix, 1000 + 50 * target)
    test = rows.at(pa.array(np.arange(600, 900)))
    options = {"task": "regression", "optimization_metric": metric, "max_seconds": 120, "seed": 3}
    models = [
        train(rows.at(pa.array(np.arange(600))), "y", read_options({**options, "model_list": ["MLPRegressor"]}))
        for _ in range(2)
    ]
    first, second = (model.fitted.parts().arrays for model in models)
    assert all(np.array_equal(first[name], second[name], equal_nan=True) for name in first)
    found = score(models[0], test, "y", "r2")
    assert found is not None
    assert found > 0.7


@pytest.mark.parametrize(
    ("columns", "task"),
    [
        ({"kind": ["a", "b", "c", "d"] * 50}, "classification"),
        ({"x": [1.0, None, 3.0, 4.0] * 50}, "classification"),
        ({"x": [1.0, 2.0, None, 4.0] * 50, "kind": ["a", "b"] * 100}, "regression"),
        ({f"c{each}": np.random.default_rng(each).normal(size=200) for each in range(601)}, "regression"),
    ],
)
def test_one_that_is_asked_for_learns_whatever_the_columns(columns: dict[str, Any], task: str) -> None:
    target: Any = ["p", "q"] * 100 if task == "classification" else np.arange(200) % 4 * 1.0
    name = "MLPClassifier" if task == "classification" else "MLPRegressor"
    model = train(
        source(**columns, y=target), "y", read_options({"task": task, "max_seconds": 10, "model_list": [name]})
    )
    assert {each["algorithm_name"] for each in model.about["hyperparameters"]["members"]} == {name}
    again = load_model(model.to_bytes())
    assert predict(again, source(**columns)).equals(predict(model, source(**columns)))


def test_candidates_keep_to_the_budget_and_leave_out_what_is_too_dear() -> None:
    matrix = rows_of(4000)
    target = np.zeros(4000)
    parts = splits(np.zeros(4000, np.int64), 1, 0)
    for seconds in (0.05, 1.0, 3.0):
        learner = Learner(matrix, target, KINDS, for_numbers("r2"), 0)
        budget = Budget(seconds)
        found = learner.tried(parts, budget, lambda margins: 0.0, 0.6, needed=False)
        assert budget.planned <= 0.6 * 0.6 * seconds
        assert len(found) <= len(PORTFOLIO)
        assert bool(found) == (seconds > 0.1)
    late = Learner(matrix, target, KINDS, for_numbers("r2"), 0)
    assert late.tried(parts, Budget(30.0, began=-1e9), lambda margins: 0.0, 0.6, needed=False) == []
    assert len(late.tried(parts, Budget(30.0, began=-1e9), lambda margins: 0.0, 0.6, needed=True)) == 1


def test_wide_tables_have_no_networks() -> None:
    matrix = np.zeros((100, 601))
    learner = Learner(matrix, np.zeros(100), np.zeros(601, np.int64), for_classes(2), 0)
    parts = splits(np.zeros(100, np.int64), 1, 0)
    assert learner.tried(parts, Budget(1000.0), lambda margins: 0.0, 0.6, needed=False) == []


def test_an_absolute_difference_is_told_by_its_side() -> None:
    wrong = wrong_numbers(np.array([0.0, 0.0, 0.0]), 0.1)
    found = wrong(np.array([[5.0], [-5.0], [0.05]], np.float32), np.arange(3))
    np.testing.assert_allclose(found[:, 0], [1.0, -1.0, 0.5], rtol=1e-6)


def altered(change: dict[str, Any]) -> Parts:
    whole = learned().parts()
    whole.arrays |= {name: value for name, value in change.items() if not isinstance(value, int)}
    whole.tree |= {name: value for name, value in change.items() if isinstance(value, int)}
    return whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"numbers": np.array([0, 2, 3, 9])}, "points outside"),
        ({"numbers": np.array([0, 2, 3, 3])}, "not each used once"),
        ({"scales": np.zeros(4)}, "scales are out of range"),
        ({"sizes": np.array([514])}, "tables are out of range"),
        ({"gaps": np.array([4])}, "points outside"),
        ({"gaps": np.zeros(2, np.int64)}, "another size"),
        ({"background": np.zeros((25, 5))}, "networks are out of range"),
        ({"background": np.zeros((0, 5))}, "networks are out of range"),
        ({"background": np.zeros((2, 4))}, "another size"),
        ({"layers": 0}, "out of range"),
        ({"layers": 9}, "out of range"),
        ({"layers": 4}, "missing"),
        ({"weights0": np.zeros((0, 11, 16), np.float32)}, "another size"),
        ({"weights0": np.zeros((33, 11, 16), np.float32)}, "another size"),
        ({"weights0": np.zeros((2, 11, MOST_UNITS + 1), np.float32)}, "another size"),
        ({"weights0": np.full((2, 11, 16), np.nan, np.float32)}, "something else than numbers"),
        ({"weights0": np.full((2, 11, 16), 1e300)}, "weights are out of range"),
        ({"weights2": np.zeros((2, 8, 2), np.float32)}, "another size"),
        ({"base1": np.zeros((2, 9), np.float32)}, "another size"),
        ({"base1": np.zeros((2, 8), np.int64)}, "of another kind"),
    ],
)
def test_altered_parts_are_refused(change: dict[str, Any], message: str) -> None:
    model = learned()
    kept = Networks.restore(model.parts(), 5, 1)
    assert np.array_equal(kept.margin(rows_of(50)), model.margin(rows_of(50)))
    with pytest.raises(BadModel, match=message):
        Networks.restore(altered(change), 5, 1)


def test_the_largest_weights_that_are_read_give_finite_margins() -> None:
    model = learned()
    sizes = (11, 1024, 1024, 1024, 1)
    layers = tuple(
        (np.full((1, wide, units), 1e4, np.float32), np.full((1, units), 1e4, np.float32))
        for wide, units in itertools.pairwise(sizes)
    )
    parts = replace(model, layers=layers).parts()
    assert np.isfinite(Networks.restore(parts, 5, 1).margin(rows_of(50))).all()
