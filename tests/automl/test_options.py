"""The options of ML_TRAIN: what is read, and what is refused with the nearest name."""

from typing import Any

import pytest

from automl.api import AutoMLError, read_options
from automl.terms.predicting import read_explain_options, read_predict_options, read_score_options
from automl.terms.tasks import Task


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({"task": "clasification"}, "Unknown task 'clasification'. Did you mean 'classification'"),
        ({"optimisation_metric": "r2"}, "Unknown option 'optimisation_metric'. Did you mean 'optimization_metric'"),
        ({"task": "regression", "optimization_metric": "r3"}, "Unknown metric 'r3' for task regression"),
        ({"optimization_metric": "balanced_acuracy"}, "Did you mean 'balanced_accuracy'"),
        ({"model_list": ["LGBMClasifier"]}, "Did you mean 'LGBMClassifier'"),
        ({"model_list": "LGBMClassifier"}, "must be a JSON array of names"),
        ({"contamination": 0.1}, "Option 'contamination' is for anomaly_detection and log_anomaly_detection"),
        ({"task": "anomaly_detection", "contamination": 0.5}, "greater than 0 and less than 0.5, not 0.5"),
        ({"task": "anomaly_detection", "contamination": True}, "greater than 0"),
        ({"task": "forecasting", "endogenous_variables": ["y"]}, "needs the option 'datetime_index'"),
        ({"task": "recommendation", "users": "u"}, "needs the option 'items'"),
        ({"task": "topic_modeling"}, "needs the option 'document_column'"),
        ({"task": "topic_modeling", "document_column": "d", "optimization_metric": "x"}, "has no metrics"),
        ({"task": "anomaly_detection", "optimization_metric": "f1"}, "no metric to optimise"),
        ({"include_column_list": ["a"], "exclude_column_list": ["A"]}, "in include_column_list and in exclude"),
        ({"exclude_model_list": ["SVC"], "model_list": ["SVC"]}, "leave no model"),
        ({"task": "log_anomaly_detection", "logad_options": {"window": 3}}, "Unknown key 'window'.*'window_size'"),
        (
            {"task": "log_anomaly_detection", "logad_options": {"additional_masking_regex": ["("]}},
            "no regular expression",
        ),
        (
            {"task": "log_anomaly_detection", "logad_options": {"additional_masking_regex": ["(" * 3000]}},
            "no regular expression",
        ),
        ({"seed": -1}, "Option 'seed' must be a whole number"),
        ({"max_seconds": 0}, "a number of seconds from 1"),
        ({"task": "anomaly_detection", "model_list": ["PCA", "GLOF"]}, "takes one model"),
        ({"task": "recommendation", "users": "u", "items": "i", "feedback": "implict"}, "Did you mean 'implicit'"),
        ([], "must be a JSON object"),
    ],
)
def test_bad_options_are_refused(raw: Any, message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        read_options(raw)


def test_nothing_is_a_classification() -> None:
    assert read_options(None).task is Task.CLASSIFICATION
    assert read_options({"task": None, "notes": None}).notes is None


def test_semisupervised_holds_its_options_or_stands_beside_them() -> None:
    inner = {"supervised_submodel_options": {"n_neighbors": 3, "min_labels": 10}, "ensemble_score": "f1"}
    task = {"task": "anomaly_detection"}
    beside = read_options({**task, "experimental": "semisupervised", **inner})
    within = read_options({**task, "experimental": {"semisupervised": inner}})
    for options in (beside, within):
        assert options.semisupervised is True
        assert (options.submodel.n_neighbors, options.submodel.min_labels, options.ensemble_score) == (3, 10, "f1")
    assert read_options({**task, "experimental": {"semisupervised": {}}}).semisupervised is True
    for wrong, said in (
        ({"supervised": {}}, "JSON_OBJECT"),
        ({"semisupervised": {"n_neighbors": 3}}, "Unknown key 'n_neighbors'"),
        ({"semisupervised": True}, "JSON_OBJECT"),
        ("supervised", "semisupervised"),
    ):
        with pytest.raises(AutoMLError, match=said):
            read_options({**task, "experimental": wrong})
    with pytest.raises(AutoMLError, match="given twice"):
        read_options({**task, "experimental": {"semisupervised": inner}, "ensemble_score": "f1"})


def test_numbers_may_be_written_as_texts() -> None:
    assert read_predict_options(Task.ANOMALY, {"threshold": "0.5", "batch_size": "1e3"}) == {
        "threshold": 0.5,
        "batch_size": 1000,
    }
    assert read_options({"task": "anomaly_detection", "contamination": "0.013"}).contamination == 0.013
    for text in ("", " 5", "0x5", "5 items", "\u0665", "nan", "1e999", "-1", "5.5"):
        with pytest.raises(AutoMLError, match="Option 'topk' must be a whole number from 1"):
            read_score_options(Task.ANOMALY, {"topk": text})


def test_names_are_read_in_any_case() -> None:
    options = read_options({"task": "Regression", "model_list": ["lgbmregressor"], "optimization_metric": "R2"})
    assert (options.task, options.model_list, options.optimization_metric) == (
        Task.REGRESSION,
        ("LGBMRegressor",),
        "r2",
    )


@pytest.mark.parametrize(
    ("read", "task", "raw", "message"),
    [
        (
            read_predict_options,
            Task.REGRESSION,
            {"topk": 3},
            "is for anomaly_detection, log_anomaly_detection and recommendation, and this is a regression model",
        ),
        (read_predict_options, Task.RECOMMENDATION, {"recommend": "user"}, "Did you mean 'users'"),
        (read_predict_options, Task.ANOMALY, {"treshold": 0.5}, "Did you mean 'threshold'"),
        (read_predict_options, Task.ANOMALY, {"threshold": 2}, "a number from 0 to 1"),
        (read_score_options, Task.ANOMALY, {"topk": 0}, "a whole number from 1"),
        (read_explain_options, Task.FORECASTING, None, "Models of forecasting have no explanations"),
        (read_explain_options, Task.REGRESSION, {"model_explainer": "shapp"}, "Did you mean"),
    ],
)
def test_bad_options_of_use_are_refused(read: Any, task: Task, raw: Any, message: str) -> None:
    with pytest.raises(AutoMLError, match=message):
        read(task, raw)
