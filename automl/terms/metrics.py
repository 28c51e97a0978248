"""The metrics by HeatWave's names (mys-hwaml-ml-metrics): which task has which, and their functions.

Every metric is better when it is greater; losses are negated, as their names say. Scores are plain numpy.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.errors import AutoMLError, near
from automl.terms.tasks import Task

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a classification's metrics look at: true classes, answers, and probabilities (rows x classes)."""

    truth: Codes
    answer: Codes
    chances: Array

    @property
    def classes(self) -> int:
        """How many classes the model knows; a class that it does not know has a greater code."""
        return int(self.chances.shape[1])


def accuracy(it: Judged) -> float:
    """Share of right answers."""
    return float(np.mean(it.truth == it.answer))


def balanced_accuracy(it: Judged) -> float:
    """Mean over the classes that occur of the share of right answers in each."""
    return float(np.mean([np.mean(it.answer[it.truth == each] == each) for each in np.unique(it.truth)]))


def neg_log_loss(it: Judged) -> float:
    """Mean logarithm of the probability that was given to the right class."""
    known = it.truth < it.classes
    given = np.where(known, it.chances[np.arange(len(it.truth)), np.where(known, it.truth, 0)], 0.0)
    return float(np.mean(np.log(np.clip(given, 1e-15, 1.0))))


def area_under_roc(positive: NDArray[np.bool_], marks: Array) -> float | None:
    """Give the chance that a positive row is marked higher than another one; None when one of them is missing."""
    many, few = int(positive.sum()), int((~positive).sum())
    if not many or not few:
        return None
    values, places = np.unique(marks, return_inverse=True)
    counts = np.bincount(places, minlength=len(values))
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[places][positive].sum() - many * (many + 1) / 2) / (many * few))


def roc_auc(it: Judged) -> float | None:
    """Area under the ROC curve of the second class of two; for more classes the mean of one against the rest."""
    if it.classes == 2:
        return area_under_roc(it.truth == 1, it.chances[:, 1])
    each = [area_under_roc(it.truth == code, it.chances[:, code]) for code in range(it.classes)]
    areas = [area for area in each if area is not None]
    return float(np.mean(areas)) if areas else None


def _counts(it: Judged) -> tuple[Array, Array, Array, Array]:
    size = int(max(it.classes, it.truth.max(initial=0) + 1))
    truth = np.bincount(it.truth, minlength=size).astype(float)
    answer = np.bincount(it.answer, minlength=size).astype(float)
    right = np.bincount(it.truth[it.truth == it.answer], minlength=size).astype(float)
    seen = (truth + answer) > 0
    return right[seen], truth[seen], answer[seen], np.flatnonzero(seen).astype(float)


def _ratio(over: Array, under: Array) -> Array:
    return np.divide(over, under, out=np.zeros_like(over), where=under > 0)


def _three(right: Array, truth: Array, answer: Array) -> Mapping[str, Array]:
    return {
        "precision": _ratio(right, answer),
        "recall": _ratio(right, truth),
        "f1": _ratio(2 * right, truth + answer),
    }


def _averaged(which: str, how: str) -> Callable[[Judged], float | None]:
    def score(it: Judged) -> float | None:
        right, truth, answer, codes = _counts(it)
        if how == "micro":
            return float(_three(*(np.array([part.sum()]) for part in (right, truth, answer)))[which][0])
        values = _three(right, truth, answer)[which]
        if how == "weighted":
            return float(np.average(values, weights=truth)) if truth.sum() else None
        if how == "macro":
            return float(values.mean())
        return float(values[codes == 1][0]) if 1 in codes else 0.0

    score.__doc__ = f"{which}, {how}"
    return score


def _explained(truth: Array, answer: Array) -> float | None:
    spread = float(np.sum((truth - truth.mean()) ** 2))
    return 1.0 - float(np.sum((truth - answer) ** 2)) / spread if spread > 0 else None


def _squared_log(truth: Array, answer: Array) -> float | None:
    if truth.min() < 0 or answer.min() < 0:
        return None
    return -float(np.mean((np.log1p(truth) - np.log1p(answer)) ** 2))


def _percent(truth: Array, answer: Array) -> float | None:
    return -float(np.sqrt(np.mean(((truth - answer) / truth) ** 2))) if np.all(truth != 0) else None


def _symmetric_percent(truth: Array, answer: Array) -> float:
    sizes = np.abs(truth) + np.abs(answer)
    return -float(np.mean(np.divide(2 * np.abs(truth - answer), sizes, out=np.zeros_like(sizes), where=sizes > 0)))


Number = Callable[[Array, Array], float | None]
NUMBERS: Mapping[str, Number] = {
    "neg_mean_squared_error": lambda truth, answer: -float(np.mean((truth - answer) ** 2)),
    "neg_root_mean_squared_error": lambda truth, answer: -float(np.sqrt(np.mean((truth - answer) ** 2))),
    "r2": _explained,
    "neg_mean_absolute_error": lambda truth, answer: -float(np.mean(np.abs(truth - answer))),
    "neg_median_absolute_error": lambda truth, answer: -float(np.median(np.abs(truth - answer))),
    "neg_max_absolute_error": lambda truth, answer: -float(np.max(np.abs(truth - answer))),
    "neg_mean_squared_log_error": _squared_log,
    "neg_sym_mean_abs_percent_error": _symmetric_percent,
    "neg_root_mean_squared_percent_error": _percent,
}
AVERAGED: Mapping[str, Callable[[Judged], float | None]] = {
    f"{which}_{how}": _averaged(which, how)
    for which in ("f1", "precision", "recall")
    for how in ("macro", "micro", "weighted")
}
MULTICLASS: Mapping[str, Callable[[Judged], float | None]] = {
    "neg_log_loss": neg_log_loss,
    "accuracy": accuracy,
    "balanced_accuracy": balanced_accuracy,
    **AVERAGED,
    # Of one label per row, samples are rows: each of the three is the share of right answers.
    **{f"{which}_samples": accuracy for which in ("f1", "precision", "recall")},
}
BINARY: Mapping[str, Callable[[Judged], float | None]] = {
    **MULTICLASS,
    "roc_auc": roc_auc,
    **{which: _averaged(which, "second") for which in ("f1", "precision", "recall")},
}

OPTIMISED: Mapping[Task, tuple[str, ...]] = {
    Task.CLASSIFICATION: tuple(BINARY),
    Task.REGRESSION: (
        "neg_mean_squared_error",
        "r2",
        "neg_mean_absolute_error",
        "neg_mean_squared_log_error",
        "neg_median_absolute_error",
        "neg_root_mean_squared_error",
    ),
    Task.FORECASTING: (
        "neg_sym_mean_abs_percent_error",
        "neg_root_mean_squared_percent_error",
        "neg_mean_abs_scaled_error",
        "neg_root_mean_squared_error",
        "neg_mean_squared_error",
        "neg_max_absolute_error",
        "neg_mean_absolute_error",
    ),
    Task.RECOMMENDATION: (
        "neg_root_mean_squared_error",
        "neg_mean_squared_error",
        "neg_mean_absolute_error",
        "r2",
        "precision_at_k",
        "recall_at_k",
        "hit_ratio_at_k",
        "ndcg_at_k",
    ),
}
_ANOMALY = ("roc_auc", "precision_k", "accuracy", "balanced_accuracy", "f1", "neg_log_loss", "precision", "recall")
SCORED: Mapping[Task, tuple[str, ...]] = {
    **OPTIMISED,
    Task.ANOMALY: _ANOMALY,
    Task.LOG_ANOMALY: _ANOMALY,
    Task.TOPICS: (),
}


def check_metric(task: Task, name: str, table: Mapping[Task, tuple[str, ...]] = SCORED) -> str:
    """Give the metric's name as it is listed.

    Raises:
        AutoMLError: the task has no such metric; the message has the nearest name.
    """
    known = table.get(task, ())
    if not known:
        if SCORED[task]:
            raise AutoMLError(
                f"Training for {task} has no metric to optimise: leave 'optimization_metric' out. ML_SCORE has metrics."
            )
        raise AutoMLError(f"Task {task} has no metrics: its models cannot be scored or optimised for one.")
    folded = name.casefold()
    if folded not in known:
        raise AutoMLError(f"Unknown metric '{name}' for task {task}.{near(name, known)}")
    return folded
