"""Explanations: what is known of the rows' making is what they say."""

import json
from typing import Any

import numpy as np
import pytest

from automl.api import AutoMLError, Model, explain, explain_row, explain_rows, predict, predict_row, read_options, train
from automl.explain.importance import permutation
from automl.supervised.model import Supervised
from tests.automl.tables import churn, source


@pytest.fixture(scope="module")
def sum_model() -> Model:
    """A regression of y = 3 a - 2 b, with a column that has no part in it."""
    dice = np.random.default_rng(0)
    a, b, idle = dice.normal(size=(3, 2000))
    return train(
        source(a=a, b=b, idle=idle, y=3 * a - 2 * b), "y", read_options({"task": "regression", "max_seconds": 3})
    )


def test_training_leaves_an_importance(churn_model: Model) -> None:
    found = churn_model.explanation()["permutation_importance"]
    assert set(found) == {"plan", "calls", "months", "since"}
    assert set(list(found)[:2]) == {"plan", "calls"}
    assert min(found["plan"], found["calls"]) > 0.03
    # The clock decides which model wins; of a few hundred rows that are held out, chance is worth some hundredths.
    assert abs(found["since"]) < min(found["plan"], found["calls"]) / 2


def test_a_late_importance_has_all_columns() -> None:
    dice = np.random.default_rng(0)
    matrix = dice.normal(size=(300, 4))
    found = permutation(
        lambda changed: -float(np.abs(changed @ [3.0, 0.0, 1.0, 2.0] - matrix @ [3.0, 0.0, 1.0, 2.0]).mean()),
        matrix,
        np.arange(4),
        ["a", "b", "c", "d"],
        1,
        late=lambda: True,
    )
    assert list(found) == ["a", "d", "c", "b"]


@pytest.mark.parametrize("explainer", ["permutation_importance", "shap", "fast_shap"])
def test_model_explainers_rank_by_effect(sum_model: Model, explainer: str) -> None:
    dice = np.random.default_rng(1)
    a, b, idle = dice.normal(size=(3, 500))
    rows = source(a=a, b=b, idle=idle, y=3 * a - 2 * b)
    found = explain(sum_model, rows, "y", {"model_explainer": explainer})[explainer]
    assert list(found)[:3] == ["a", "b", "idle"]
    if explainer == "fast_shap":
        assert found["_fidelity"] > 0.8


def test_shapley_values_add_up_to_the_answer(sum_model: Model) -> None:
    fitted = sum_model.fitted
    assert isinstance(fitted, Supervised)
    dice = np.random.default_rng(2)
    matrix = dice.normal(size=(200, 3))
    margins = fitted.blend.margin(matrix)[:, 0]
    rest = margins - fitted.blend.contributions(matrix)[:, :, 0].sum(axis=1)
    assert np.allclose(rest, rest[0], atol=1e-6)


@pytest.mark.parametrize("explainer", ["permutation_importance", "shap"])
def test_rows_are_explained_as_they_were_made(sum_model: Model, explainer: str) -> None:
    dice = np.random.default_rng(3)
    a, b, idle = dice.normal(size=(3, 200))
    table = explain_rows(sum_model, source(a=a, b=b, idle=idle), {"prediction_explainer": explainer})
    assert table.column_names == [
        "a_attribution",
        "b_attribution",
        "idle_attribution",
        "Prediction",
        "Notes",
        "ml_results",
    ]
    assert np.corrcoef(table["a_attribution"].to_numpy(), 3 * a)[0, 1] > 0.99
    assert np.corrcoef(table["b_attribution"].to_numpy(), -2 * b)[0, 1] > 0.99
    assert np.abs(table["idle_attribution"].to_numpy()).max() < 0.3
    for row in table.to_pylist():
        value = json.loads(row["ml_results"])
        assert value["predictions"]["y"] == row["Prediction"]
        assert value["attributions"]["a"] == row["a_attribution"]
        assert value["notes"] == row["Notes"]


@pytest.mark.parametrize("explainer", ["permutation_importance", "shap"])
def test_a_class_is_explained_for_the_answer(churn_model: Model, explainer: str) -> None:
    row = {"plan": "basic", "calls": 9, "months": 1.0, "since": "2024-05-01"}
    found = explain_row(churn_model, row, {"prediction_explainer": explainer})
    assert found["Prediction"] == "yes"
    assert found["calls_attribution"] > 0.1
    assert found["plan"] == "basic"
    assert "calls (9" in found["Notes"]
    assert found["ml_results"]["predictions"] == {"left_us": "yes"}
    rows = explain_rows(churn_model, churn(300, 5), {"prediction_explainer": explainer})
    assert rows["Prediction"].equals(predict(churn_model, churn(300, 5))["Prediction"])


def test_partial_dependence_follows_the_effect(churn_model: Model, sum_model: Model) -> None:
    options: dict[str, Any] = {
        "model_explainer": "partial_dependence",
        "columns_to_explain": ["calls"],
        "target_value": "yes",
    }
    found = explain(churn_model, churn(500, 7), None, options)["partial_dependence"]
    assert found["average"][-1] > found["average"][0] + 0.15
    assert len(found["values"]) == len(found["average"])
    dice = np.random.default_rng(1)
    a, b, idle = dice.normal(size=(3, 500))
    options = {"model_explainer": "partial_dependence", "columns_to_explain": ["a", "b"]}
    found = explain(sum_model, source(a=a, b=b, idle=idle), None, options)["partial_dependence"]
    assert np.shape(found["average"]) == tuple(len(each) for each in found["values"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model_explainer": "partial_dependence"}, "needs 'columns_to_explain'"),
        ({"model_explainer": "partial_dependence", "columns_to_explain": ["cals"]}, "Did you mean 'calls'"),
        (
            {"model_explainer": "partial_dependence", "columns_to_explain": ["calls"], "target_value": "yess"},
            "Did you mean 'yes'",
        ),
        ({"model_explainer": "shap", "target_value": "yes"}, "is for the model explainer 'partial_dependence'"),
    ],
)
def test_bad_explanations_are_refused(churn_model: Model, options: dict[str, Any], message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        explain(churn_model, churn(100), None, options)


def test_drift_tells_rows_that_are_unlike_the_training(churn_model: Model) -> None:
    usual = predict(churn_model, churn(1000, 11), {"additional_details": True})
    metrics = [json.loads(text)["drift"]["metric"] for text in usual["ml_results"].to_pylist()]
    assert np.mean(np.array(metrics) > 1) < 0.01
    strange = {"plan": "basic", "calls": 400, "months": 5, "since": "2024-05-01"}
    found = predict_row(churn_model, strange, {"additional_details": True})["ml_results"]["drift"]
    assert found["metric"] > 1
    assert max(found["attribution_percent"], key=found["attribution_percent"].__getitem__) == "calls"
    assert len(found["attribution_percent"]) == 3
    about = churn_model.metadata()["training_drift_metric"]
    assert 0 < about["mean"] < 1
