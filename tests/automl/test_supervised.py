"""Classification and regression: what they learn, what they say, and what they refuse."""

import json
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris

from automl.api import (
    AutoMLError,
    Model,
    load_model,
    predict,
    predict_row,
    read_options,
    score,
    train,
)
from automl.table.source import Column, Kind, Source
from tests.automl.tables import churn, matrix_source, source


def halves(whole: Source) -> tuple[Source, Source]:
    """Deal rows to two sources by turns."""
    rows = np.arange(whole.rows.num_rows)
    return whole.at(pa.array(rows[rows % 3 > 0])), whole.at(pa.array(rows[rows % 3 == 0]))


@pytest.mark.parametrize(
    ("load", "task", "metric", "floor"),
    [
        (load_breast_cancer, "classification", "balanced_accuracy", 0.93),
        (load_iris, "classification", "accuracy", 0.9),
        (load_diabetes, "regression", "r2", 0.38),
    ],
)
def test_known_sets_are_learned(load: Any, task: str, metric: str, floor: float) -> None:
    bunch = load()
    dice = np.random.default_rng(1).permutation(len(bunch.target))
    first, second = halves(matrix_source(bunch.data[dice], bunch.target[dice]))
    model = train(first, "y", read_options({"task": task, "optimization_metric": metric, "max_seconds": 6}))
    found = score(model, second, "y", metric)
    assert found is not None
    assert found >= floor


def test_columns_have_roles_and_reasons(churn_model: Model) -> None:
    about = churn_model.metadata()
    assert about["selected_column_names"] == ["plan", "calls", "months", "since"]
    assert set(about["dropped_columns"]) == {"id", "constant", "empty", "code"}
    assert "identifier" in about["dropped_columns"]["id"]
    assert about["n_rows"] == 2000
    assert about["target_column_name"] == "left_us"
    assert "left_us" not in about["column_names"]
    assert set(about["column_names"]) == {*about["selected_column_names"], *about["dropped_columns"]}
    assert about["n_columns"] == len(about["column_names"])
    assert (about["pos_class"], about["notes"]) == ("yes", "")


def test_it_finds_what_the_table_was_made_of(churn_model: Model) -> None:
    found = score(churn_model, churn(3000, seed=9), None, "balanced_accuracy")
    assert found is not None
    assert found > 0.67  # the rule that made the rows reaches 0.689 on these


def test_predictions_have_the_form_of_heatwave(churn_model: Model) -> None:
    table = predict(churn_model, churn(1500, seed=3))
    assert table.column_names == ["Prediction", "ml_results"]
    for answer, text in zip(table["Prediction"].to_pylist(), table["ml_results"].to_pylist(), strict=True):
        value = json.loads(text)
        assert value["predictions"] == {"left_us": answer}
        assert list(value["probabilities"]) == ["no", "yes"]
        assert sum(value["probabilities"].values()) == pytest.approx(1, abs=1e-9)


def test_one_row_says_what_the_table_says(churn_model: Model) -> None:
    rows = churn(300, seed=4)
    table = predict(churn_model, rows)
    for place, row in enumerate(rows.rows.to_pylist()):
        row["since"] = row["since"].isoformat(" ")
        assert predict_row(churn_model, row)["ml_results"] == json.loads(table["ml_results"][place].as_py())


def test_a_row_is_predicted_well_below_a_millisecond(churn_model: Model) -> None:
    row = {"plan": "basic", "calls": 5, "months": 3.5, "since": "2024-05-01"}
    predict_row(churn_model, row)
    times = []
    for _ in range(200):
        began = time.perf_counter()
        predict_row(churn_model, row)
        times.append(time.perf_counter() - began)
    assert np.median(times) < 0.001


def test_names_in_any_case_extra_keys_and_unseen_values_are_taken(churn_model: Model) -> None:
    plain = predict_row(churn_model, {"plan": "gold", "calls": None, "months": "7", "since": "2024-05-01 10:00:00"})
    other = predict_row(
        churn_model, {"PLAN": None, "Calls": None, "months": 7, "since": "2024-05-01T10:00:00", "colour": "red"}
    )
    assert plain["ml_results"] == other["ml_results"]
    assert (other["colour"], other["Prediction"]) == ("red", plain["Prediction"])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"plan": "basic", "months": 1, "since": "2024-05-01"}, "lacks columns that the model was trained on: calls"),
        ({"plan": "a", "calls": "many", "months": 1, "since": None}, "Column 'calls' must hold a number, not 'many'"),
        ({"plan": "a", "calls": 1, "months": 1, "since": "soon"}, "Column 'since' must hold a date"),
    ],
)
def test_a_bad_row_is_refused_with_its_reason(churn_model: Model, row: dict[str, Any], message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        predict_row(churn_model, row)


def test_the_same_seed_gives_the_same_model() -> None:
    options = read_options({"seed": 7, "max_seconds": 120, "model_list": ["LGBMClassifier", "LogisticRegression"]})
    first, second = (train(churn(400), "left_us", options) for _ in range(2))
    assert not first.about["ended_by_clock"]
    assert predict(first, churn(200, 5)).equals(predict(second, churn(200, 5)))
    assert first.about["training_score"] == second.about["training_score"]


def test_bytes_give_the_same_model(churn_model: Model) -> None:
    again = load_model(churn_model.to_bytes())
    rows = churn(500, seed=6)
    assert predict(again, rows).equals(predict(churn_model, rows))
    assert again.metadata() == churn_model.metadata()


@pytest.mark.parametrize(
    ("columns", "target", "options", "message"),
    [
        ({"x": [1, 2, 3, 4] * 5, "y": ["a"] * 20}, "y", {}, "has one value only, 'a'"),
        ({"x": [1, 2] * 10, "y": pa.nulls(20, pa.string())}, "y", {}, "All values of the target column 'y' are NULL"),
        ({"x": [1, 2] * 10, "y": ["a"] * 17 + ["b"] * 3}, "y", {}, r"Every class needs 5 rows or more.*'b' \(3\)"),
        ({"x": [1, 2] * 10, "y": ["a", "b"] * 10}, "y", {"task": "regression"}, "holds text values"),
        ({"x": [1, 2] * 10, "y": [1.5] * 20}, "y", {"task": "regression"}, "are 1.5: there is nothing to learn"),
        ({"x": [1, 2] * 10, "y": ["a", "b"] * 10}, "yy", {}, "Unknown target column 'yy' in table shop.orders.*'y'"),
        ({"x": [1, 1] * 10, "y": ["a", "b"] * 10}, "y", {}, "No column of shop.orders can be learned from. x: all"),
        ({"x": [1, 2] * 10, "y": ["a", "b"] * 10}, None, {}, "needs a target column"),
        (
            {"price": [1, 2] * 10, "y": ["a", "b"] * 10},
            "y",
            {"exclude_column_list": ["prise"]},
            "names 'prise', no column of shop.orders. Did you mean 'price'",
        ),
        ({"x": [], "y": []}, "y", {}, "has no rows"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    columns: dict[str, Any], target: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AutoMLError, match=message):
        train(source(**columns), target, read_options(options))


def test_too_many_columns_are_refused() -> None:
    with pytest.raises(AutoMLError, match="has 1018 columns, and at most 1017"):
        source(**{f"c{each}": [1.0] for each in range(1018)})


def test_infinite_values_and_gaps_are_learned_from() -> None:
    dice = np.random.default_rng(0)
    x = dice.normal(size=300)
    noisy = x.copy()
    noisy[::7] = np.inf
    noisy[::11] = np.nan
    model = train(source(x=noisy, y=x * 3 + 1), "y", read_options({"task": "regression", "max_seconds": 2}))
    found = predict(model, source(x=[0.5, float("inf"), None]))["Prediction"].to_numpy()
    assert found[0] == pytest.approx(2.5, abs=0.5)
    assert np.isfinite(found).all()


def test_rows_without_target_are_left_out() -> None:
    model = train(
        source(x=list(range(100)), z=[1.0, 2.0] * 50, y=[None, *(["a", "b"] * 49), None]),
        "y",
        read_options({"max_seconds": 2}),
    )
    assert model.about["n_rows"] == 100
    assert model.about["n_selected_rows"] == 98


def test_whole_numbers_stay_numbers() -> None:
    model = train(source(x=[0.0, 1.0] * 50, y=[3, 10] * 50), "y", read_options({"max_seconds": 2}))
    found = predict_row(model, {"x": 1})
    assert (found["x"], found["Prediction"]) == (1, 10)
    value = found["ml_results"]
    assert value["predictions"] == {"y": 10}
    assert list(value["probabilities"]) == ["3", "10"]
    assert predict(model, source(x=[0.0]))["Prediction"].to_pylist() == [3]


def test_ten_classes_are_answered_in_columns() -> None:
    dice = np.random.default_rng(0)
    x = dice.integers(0, 10, 1000)
    model = train(source(x=x.astype(float), y=x), "y", read_options({"max_seconds": 4}))
    table = predict(model, source(x=np.arange(10.0)))
    assert table["Prediction"].to_pylist() == list(range(10))
    for text in table["ml_results"].to_pylist():
        assert len(json.loads(text)["probabilities"]) == 10


def test_a_budget_is_kept() -> None:
    dice = np.random.default_rng(0)
    matrix = dice.normal(size=(60_000, 30))
    target = (matrix[:, 0] * matrix[:, 1] + dice.normal(size=60_000) > 0).astype(int) + (matrix[:, 2] > 1)
    began = time.monotonic()
    model = train(matrix_source(matrix, target), "y", read_options({"max_seconds": 8}))
    assert time.monotonic() - began < 12
    found = score(model, matrix_source(matrix[:2000], target[:2000]), "y", "accuracy")
    assert found is not None
    assert found > 0.6


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("XGBClassifier", "LGBMClassifier"),
        ("RandomForestClassifier", "RandomForestClassifier"),
        ("DecisionTreeClassifier", "DecisionTreeClassifier"),
        ("ExtraTreesClassifier", "ExtraTreesClassifier"),
        ("LogisticRegression", "LogisticRegression"),
    ],
)
def test_listed_models_are_the_only_ones(name: str, shown: str) -> None:
    model = train(churn(600), "left_us", read_options({"model_list": [name], "max_seconds": 2}))
    assert {each["algorithm_name"] for each in model.about["hyperparameters"]["members"]} == {shown}
    found = score(model, churn(600, 8), None, "roc_auc")
    assert found is not None
    assert found > 0.7


def test_a_target_of_bytes_is_refused() -> None:
    rows = pa.table({"x": list(range(40)), "y": [b"\xff\x00", b"\xfe\x01"] * 20})
    made = Source("lab.bytes", (Column("x", Kind.NUMBER), Column("y", Kind.BINARY)), rows)
    with pytest.raises(AutoMLError, match="holds binary data: make a text of it in a view"):
        train(made, "y", read_options({"max_seconds": 1}))


def test_a_training_whose_time_is_over_gives_the_model_that_takes_least() -> None:
    options = read_options({"max_seconds": 5, "optimization_metric": "balanced_accuracy"})
    model = train(churn(), "left_us", options, called=time.monotonic() - 60)
    about = model.metadata()
    assert (about["algorithm_name"], about["ended_by_clock"]) == ("LogisticRegression", True)
    found = score(model, churn(3000, seed=9), None, "balanced_accuracy")
    assert found is not None
    assert found > 0.6


def test_trees_that_were_asked_for_are_grown_however_late_it_is() -> None:
    options = read_options({"max_seconds": 5, "model_list": ["LGBMClassifier"]})
    model = train(churn(), "left_us", options, called=time.monotonic() - 60)
    assert (model.metadata()["algorithm_name"], model.metadata()["ended_by_clock"]) == ("LGBMClassifier", True)


def test_loading_trees_leaves_scikit_learn_to_those_who_ask_for_it() -> None:
    look = (
        "import sys; from automl.learners.boosters import quiet; quiet(); assert 'sklearn' not in sys.modules; "
        "import sklearn.linear_model, lightgbm; print(lightgbm.Booster, sklearn.linear_model.Ridge())"
    )
    found = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert (found.returncode, "Ridge()" in found.stdout) == (0, True), found.stderr
