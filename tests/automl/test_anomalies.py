"""Anomalies: rows that were made strange are found, by each detector."""

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from automl.api import AutoMLError, Model, load_model, predict, predict_row, read_options, score, train
from automl.table.source import Source
from tests.automl.tables import source

OPTIONS = {"task": "anomaly_detection"}


def readings(rows: int = 2000, seed: int = 0) -> Source:
    """Two groups of machines; one row in fifty breaks the relation of heat and load."""
    dice = np.random.default_rng(seed)
    kind = dice.choice(["mill", "lathe"], rows)
    load = dice.normal(np.where(kind == "mill", 50.0, 20.0), 4)
    heat = load * 1.5 + dice.normal(0, 1.5, rows)
    strange = np.arange(rows) % 50 == 7
    heat[strange] += dice.choice([-1, 1], strange.sum()) * dice.uniform(15, 40, strange.sum())
    return source("plant.readings", kind=kind.tolist(), load=load, heat=heat, bad=strange.astype(int))


@pytest.fixture(scope="module")
def model() -> Model:
    """The default: GkNN."""
    return train(readings().keep(["kind", "load", "heat"]), None, read_options({**OPTIONS, "contamination": 0.02}))


@pytest.mark.parametrize(("name", "floor"), [("GkNN", 0.97), ("PCA", 0.97), ("GLOF", 0.9), ("IsolationForest", 0.8)])
def test_every_detector_finds_what_is_strange(name: str, floor: float) -> None:
    raw = {**OPTIONS, "model_list": [name], "contamination": 0.02}
    model = train(readings().keep(["kind", "load", "heat"]), None, read_options(raw))
    assert model.about["algorithm_name"] == name
    found = score(model, readings(seed=5), "bad", "roc_auc")
    assert found is not None
    assert found > floor
    again = load_model(model.to_bytes())
    assert predict(again, readings(300, 4)).equals(predict(model, readings(300, 4)))


@pytest.mark.parametrize(("name", "rows"), [("GkNN", 400), ("GLOF", 400), ("PCA", 400), ("GkNN", 6000)])
def test_of_the_training_s_rows_the_share_that_was_asked_for_is_strange(name: str, rows: int) -> None:
    known = readings(rows).keep(["kind", "load", "heat"])
    model = train(known, None, read_options({**OPTIONS, "model_list": [name], "contamination": 0.05}))
    assert sum(predict(model, known)["Prediction"].to_pylist()) == rows // 20


def test_results_have_the_form_of_heatwave(model: Model) -> None:
    rows = readings(1000, 3)
    table = predict(model, rows)
    share = np.mean(table["Prediction"].to_numpy())
    assert 0.01 < share < 0.05
    for answer, text in zip(table["Prediction"].to_pylist(), table["ml_results"].to_pylist(), strict=True):
        value = json.loads(text)
        assert value["predictions"] == {"is_anomaly": answer}
        assert value["probabilities"]["normal"] + value["probabilities"]["anomaly"] == pytest.approx(1)
        assert (value["probabilities"]["anomaly"] >= 0.5) == bool(answer)
    row = rows.rows.slice(7, 1).to_pylist()[0]
    assert predict_row(model, row)["ml_results"] == json.loads(table["ml_results"][7].as_py())


def test_rows_unlike_the_training_s_drift(model: Model) -> None:
    """Documented for anomaly detection from HeatWave 9.3.2."""
    assert set(model.about["training_drift_metric"]) == {"mean", "variance"}
    again, details = load_model(model.to_bytes()), {"additional_details": True}
    rows = source(kind=["mill", "mill"], load=[50.0, 5000.0], heat=[75.0, 75.0])
    usual, far = (json.loads(text) for text in predict(again, rows, details)["ml_results"].to_pylist())
    assert usual["drift"]["metric"] < 1 < far["drift"]["metric"]
    assert next(iter(far["drift"]["attribution_percent"])) == "load"
    row = {"kind": "mill", "load": 5000.0, "heat": 75.0}
    assert predict_row(again, row, details)["ml_results"] == far
    assert "drift" not in predict_row(again, row)["ml_results"]


def test_threshold_and_topk(model: Model) -> None:
    rows = readings(1000, 3)
    assert sum(predict(model, rows, {"topk": 5})["Prediction"].to_pylist()) == 5
    strict, lax = (sum(predict(model, rows, {"threshold": each})["Prediction"].to_pylist()) for each in (0.9, 0.2))
    assert strict < lax
    assert score(model, rows, "bad", "precision_k", {"topk": 10}) == 1.0
    for metric in ("accuracy", "balanced_accuracy", "f1", "neg_log_loss", "precision", "recall"):
        assert score(model, rows, "bad", metric) is not None
    with pytest.raises(AutoMLError, match="needs the option 'topk'"):
        score(model, rows, "bad", "precision_k")
    with pytest.raises(AutoMLError, match="takes no option 'threshold'"):
        score(model, rows, "bad", "precision_k", {"topk": 10, "threshold": 0.5})
    with pytest.raises(AutoMLError, match="exclude each other"):
        predict(model, rows, {"topk": 5, "threshold": 0.5})


def test_labels_help() -> None:
    dice = np.random.default_rng(0)
    points = dice.normal(size=(3000, 2))
    bad = (np.hypot(points[:, 0] - 0.5, points[:, 1] - 0.5) < 0.25).astype(float)  # in the middle: no distance finds it
    told = np.where(dice.random(3000) < 0.3, bad, np.nan)
    rows = source("lab.points", a=points[:, 0], b=points[:, 1], bad=told)
    raw = {**OPTIONS, "experimental": "semisupervised", "contamination": 0.05}
    model = train(rows, "bad", read_options(raw))
    found = score(model, source("lab.points", a=points[:, 0], b=points[:, 1], bad=bad), "bad", "roc_auc")
    assert found is not None
    assert found > 0.9
    assert predict(load_model(model.to_bytes()), rows).equals(predict(model, rows))


@pytest.mark.parametrize(
    ("columns", "target", "options", "message"),
    [
        ({"a": [1.0, 2.0] * 20, "bad": [0, 1] * 20}, "bad", {}, "learns without a target"),
        ({"a": [1.0, 2.0] * 20}, None, {"experimental": "semisupervised"}, "needs a target column of 1, 0 and NULL"),
        (
            {"a": [1.0, 2.0] * 20, "bad": [0, 1, *([None] * 38)]},
            "bad",
            {"experimental": "semisupervised"},
            "needs 20 labelled rows",
        ),
        ({"a": [1.0, 2.0] * 20, "bad": [0, 2] * 20}, "bad", {"experimental": "semisupervised"}, "must hold 1"),
        ({"a": [1.0, 2.0] * 5}, None, {}, "needs 20 rows"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    columns: dict[str, Any], target: str | None, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(AutoMLError, match=message):
        train(source(**columns), target, read_options({**OPTIONS, **options}))


def test_missing_values_and_new_categories_are_taken(model: Model) -> None:
    table = predict(model, source(kind=["saw", None], load=[30.0, None], heat=[None, 44.0]))
    assert table["Prediction"].null_count == 0
    assert pa.types.is_integer(table["Prediction"].type)
