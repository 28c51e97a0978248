"""The options of prediction, explanation and scoring, checked (mys-hwaml-ml-predict-table, mys-hwaml-ml-score)."""

from collections.abc import Mapping
from typing import Any

from automl.errors import AutoMLError, in_words, near
from automl.terms.options import Reader, choice, number, truth
from automl.terms.tasks import SUPERVISED, Task

_ALL = frozenset(Task)
_ANOMALY = frozenset({Task.ANOMALY, Task.LOG_ANOMALY})
_RECOMMENDATION = frozenset({Task.RECOMMENDATION})
MODES = ("ratings", "items", "users", "users_to_items", "items_to_users", "items_to_items", "users_to_users")


def _object(key: str, value: Any, task: Task) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise AutoMLError(f"Option '{key}' must be a JSON object, not {value!r}.")
    return value


def _texts(key: str, value: Any, task: Task) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(each, str) for each in value):
        raise AutoMLError(f"Option '{key}' must be a JSON array of names, not {value!r}.")
    return tuple(value)


def _any(key: str, value: Any, task: Task) -> Any:
    return value


Table = Mapping[str, tuple[frozenset[Task], Reader]]
_TOPK = number(1, 1_000_000, "a whole number from 1", whole=True)
_THRESHOLD = number(0, 1, "a number from 0 to 1")
_FEEDBACK = number(-1e300, 1e300, "a number")


def _threshold(key: str, value: Any, task: Task) -> float:
    """Of anomalies a probability, of recommendations the rating from which an item counts as liked."""
    return float((_FEEDBACK if task in _RECOMMENDATION else _THRESHOLD)(key, value, task))


_PREDICT: Table = {
    "threshold": (_ANOMALY, _THRESHOLD),
    "topk": (_ANOMALY | _RECOMMENDATION, _TOPK),
    "recommend": (_RECOMMENDATION, choice(*MODES)),
    "remove_seen": (_RECOMMENDATION, truth),
    "batch_size": (_ALL, number(1, 1_000_000_000, "a whole number from 1", whole=True)),
    "additional_details": (SUPERVISED | {Task.ANOMALY}, truth),
    "prediction_interval": (frozenset({Task.FORECASTING}), number(0, 1, "a number between 0 and 1", open_ended=True)),
    "logad_options": (frozenset({Task.LOG_ANOMALY}), _object),
    "item_metadata": (_RECOMMENDATION, _object),
    "user_metadata": (_RECOMMENDATION, _object),
}
_SCORE: Table = {
    "threshold": (_ANOMALY | _RECOMMENDATION, _threshold),
    "topk": (_ANOMALY | _RECOMMENDATION, _TOPK),
    "remove_seen": (_RECOMMENDATION, truth),
    "item_metadata": (_RECOMMENDATION, _object),
    "user_metadata": (_RECOMMENDATION, _object),
}
_EXPLAIN: Table = {
    "model_explainer": (SUPERVISED, choice("permutation_importance", "partial_dependence", "shap", "fast_shap")),
    "prediction_explainer": (SUPERVISED, choice("permutation_importance", "shap")),
    "columns_to_explain": (SUPERVISED, _texts),
    "target_value": (SUPERVISED, _any),
    "batch_size": (SUPERVISED, number(1, 1_000_000_000, "a whole number from 1", whole=True)),
}


def _read(table: Table, task: Task, raw: Mapping[str, Any] | None, routine: str) -> dict[str, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        raise AutoMLError(f"The options of {routine} must be a JSON object, or NULL.")
    found: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in table:
            raise AutoMLError(f"Unknown option '{key}' for {routine}.{near(key, table)}")
        tasks, reader = table[key]
        if task not in tasks:
            raise AutoMLError(f"Option '{key}' is for {in_words(tasks)}, and this is a {task} model.")
        if value is not None:
            found[key] = reader(key, value, task)
    return found


def read_predict_options(task: Task, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the options of ML_PREDICT_ROW and ML_PREDICT_TABLE."""
    return _read(_PREDICT, task, raw, "a prediction")


def read_score_options(task: Task, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the options of ML_SCORE."""
    return _read(_SCORE, task, raw, "ML_SCORE")


def read_explain_options(task: Task, raw: Mapping[str, Any] | None) -> dict[str, Any]:
    """Check the options of ML_EXPLAIN, ML_EXPLAIN_ROW and ML_EXPLAIN_TABLE.

    Raises:
        AutoMLError: also for a model of a task that has no explanations.
    """
    if task not in SUPERVISED:
        raise AutoMLError(f"Models of {task} have no explanations: they are for classification and regression.")
    return _read(_EXPLAIN, task, raw, "an explanation")
