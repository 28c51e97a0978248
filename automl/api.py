"""What other floors call: train, predict, score. Arrow and facts in, Arrow and decisions out."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from automl.anomaly.logs import fit as fit_logs
from automl.anomaly.model import fit as fit_anomaly
from automl.errors import AutoMLError
from automl.forecast.model import fit as fit_forecast
from automl.model import Model, described, imported, is_own, load_model
from automl.onnx import explained
from automl.onnx.model import Onnx
from automl.progress import Budget, Progress, Report, seconds_for
from automl.race.dividing import split
from automl.recommend.fitting import fit as fit_recommendation
from automl.supervised import explaining, formula
from automl.supervised.fitting import fit as fit_supervised
from automl.supervised.formula import Formula
from automl.supervised.model import Supervised
from automl.table import documents
from automl.table.source import Column, Kind, Source
from automl.terms.metrics import check_metric
from automl.terms.options import TrainOptions, read_options
from automl.terms.predicting import read_explain_options, read_predict_options, read_score_options
from automl.terms.tasks import Task
from automl.topics import fit as fit_topics
from automl.training import Trained

__all__ = [
    "AutoMLError",
    "Column",
    "Formula",
    "Kind",
    "Model",
    "Progress",
    "Source",
    "Task",
    "TrainOptions",
    "explain",
    "explain_row",
    "explain_rows",
    "file_of",
    "formula_of",
    "imported",
    "is_own",
    "load_model",
    "predict",
    "predict_row",
    "predictions",
    "read_options",
    "rows_from_columns",
    "rows_from_json",
    "score",
    "split",
    "train",
]
_FITS: Mapping[Task, Callable[[Source, str | None, TrainOptions, Budget], Trained]] = {
    Task.CLASSIFICATION: fit_supervised,
    Task.REGRESSION: fit_supervised,
    Task.FORECASTING: fit_forecast,
    Task.ANOMALY: fit_anomaly,
    Task.LOG_ANOMALY: fit_logs,
    Task.TOPICS: fit_topics,
}


def train(
    source: Source,
    target: str | None,
    options: TrainOptions,
    report: Report = lambda progress: None,
    tables: Mapping[str, Source] | None = None,
    called: float | None = None,
) -> Model:
    """Train a model. The same rows in the same order, options and seed give the same model.

    Args:
        tables: by their names those that `options.item_metadata` and `options.user_metadata` name.
        called: `time.monotonic()` of the moment from which the seconds are counted, and in which the model has to be
            stored as well; None for now, and for the training alone.

    Raises:
        AutoMLError: with the message for the user.
    """
    began = time.monotonic()
    if not source.rows.num_rows:
        raise AutoMLError(f"Table {source.table} has no rows to learn from.")
    seconds = options.max_seconds or seconds_for(source.rows.num_rows, len(source.columns))
    budget = Budget(seconds, report, began) if called is None else Budget.of_call(seconds, report, called)
    if options.task is Task.RECOMMENDATION:
        trained = fit_recommendation(source, target, options, budget, tables or {})
    else:
        trained = _FITS[options.task](source, target, options, budget)
    name = source.column(target).name if target else None
    return Model(trained.fitted, described(trained, source, name, options, began, budget.cut))


def predict(model: Model, source: Source, options: Mapping[str, Any] | None = None, threads: int = 1) -> pa.Table:
    """Give the columns that ML_PREDICT_TABLE puts beside the input's: the task's, and `ml_results` (JSON text)."""
    return pa.table(model.fitted.predict(source, read_predict_options(model.task, options), threads))


def predictions(model: Model, source: Source, options: Mapping[str, Any] | None = None, threads: int = 1) -> pa.Table:
    """Give `Prediction` alone, as `predict` has it; no column for a task that has none."""
    checked = read_predict_options(model.task, options)
    if isinstance(model.fitted, Supervised):
        return pa.table({"Prediction": model.fitted.predictions(source, threads)})
    found = pa.table(model.fitted.predict(source, checked, threads))
    return found.select([name for name in found.column_names if name == "Prediction"])


def formula_of(model: Model) -> Formula | None:
    """Give a model of a table as a weighted sum of numbers; None for one that is more than that."""
    return formula.formula_of(model.fitted)


def predict_row(model: Model, row: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give the value of ML_PREDICT_ROW for one row of JSON values: the row with the answer's columns behind it."""
    return {**row, **model.fitted.predict_row(row, read_predict_options(model.task, options))}


def explain(
    model: Model, source: Source, target: str | None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Give what ML_EXPLAIN adds to `model_explanation`: `{"shap": {…}}`."""
    checked = read_explain_options(model.task, options)
    if isinstance(model.fitted, Onnx):
        return explained.explain(model.fitted, source, target, checked)
    return explaining.explain(_supervised(model), model.about.get("optimization_metric"), source, target, checked)


def explain_rows(model: Model, source: Source, options: Mapping[str, Any] | None = None) -> pa.Table:
    """Give the columns that ML_EXPLAIN_TABLE puts beside the input's."""
    checked = read_explain_options(model.task, options)
    if isinstance(model.fitted, Onnx):
        return pa.table(explained.explain_rows(model.fitted, source, checked))
    return pa.table(explaining.explain_rows(_supervised(model), model.explanation(), source, checked))


def explain_row(model: Model, row: Mapping[str, Any], options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Give the value of ML_EXPLAIN_ROW for one row of JSON values."""
    checked = read_explain_options(model.task, options)
    if isinstance(model.fitted, Onnx):
        raise AutoMLError(
            "An imported model has no training rows that a row could be compared with: use sys.ML_EXPLAIN_TABLE."
        )
    return explaining.explain_row(_supervised(model), model.explanation(), row, checked)


def file_of(model: Model) -> bytes | None:
    """Give the ONNX file that a model was imported from; None for one that was trained here."""
    return model.fitted.data if isinstance(model.fitted, Onnx) else None


def _check_named(model: Model) -> None:
    if isinstance(model.fitted, Onnx):
        model.fitted.check_named()


def _supervised(model: Model) -> Supervised:
    assert isinstance(model.fitted, Supervised)
    return model.fitted


def rows_from_json(model: Model, texts: pa.Array | pa.ChunkedArray) -> Source:
    """Read JSON objects, one a row, into a source that `predict` takes: many calls of ML_PREDICT_ROW at once."""
    _check_named(model)
    return documents.rows_from_json(model.fitted.columns, texts)


def rows_from_columns(model: Model, names: Sequence[str], values: Sequence[pa.ChunkedArray]) -> Source:
    """Take columns of these names for the objects that they would make: other than the model's are left out."""
    _check_named(model)
    return documents.rows_from_columns(model.fitted.columns, names, values)


def score(
    model: Model,
    source: Source,
    target: str | None,
    metric: str,
    options: Mapping[str, Any] | None = None,
    threads: int = 1,
) -> float | None:
    """Give the value of ML_SCORE; None when the metric cannot be computed of these rows."""
    name = check_metric(model.task, metric)
    return model.fitted.score(source, target, name, read_score_options(model.task, options), threads)
