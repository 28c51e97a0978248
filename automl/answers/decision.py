"""From probabilities to an answer, by the metric that counts.

Models are trained for log-loss. For balanced accuracy the best answer is the class whose probability is greatest in
proportion to its share of the rows; for F1 the factor of the second class is looked for on rows that training has not
seen.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from automl.terms.metrics import BINARY, Judged

Floats = NDArray[np.float64]
_SHARED = frozenset({"balanced_accuracy", "recall_macro"})  # equal weight to every class
_SEARCHED = frozenset({"f1", "f1_macro", "precision_macro", "accuracy", "f1_micro", "f1_weighted"})


def answers(chances: Floats, factors: Floats) -> NDArray[np.int64]:
    """Give the class with the greatest weighted probability."""
    return np.asarray(np.argmax(chances * factors, axis=1), dtype=np.int64)


def factors_for(metric: str, chances: Floats, truth: NDArray[np.int64], priors: Floats) -> Floats:
    """Find the factors of the classes for a metric, from probabilities of rows that training has not seen."""
    classes = chances.shape[1]
    plain = np.ones(classes)
    if metric in _SHARED:
        return _tuned(BINARY["balanced_accuracy"], chances, truth, 1.0 / np.maximum(priors, 1e-9))
    if metric == "f1" or (metric in _SEARCHED and classes == 2):
        return _tuned(BINARY[metric], chances, truth, plain)
    return plain


def _tuned(
    metric: Callable[[Judged], float | None], chances: Floats, truth: NDArray[np.int64], start: Floats
) -> Floats:
    """Move the factor of the second of two classes where that clearly gains; the curve is smoothed against chance."""
    if chances.shape[1] != 2 or len(truth) < 1000:
        return start
    steps = np.exp(np.linspace(-1.5, 1.5, 61))
    found = np.array(
        [metric(Judged(truth, answers(chances, start * [1.0, step]), chances)) or 0.0 for step in steps], dtype=float
    )
    smooth = np.convolve(np.pad(found, 3, "edge"), np.ones(7) / 7, "valid")
    best, middle = int(np.argmax(smooth)), len(steps) // 2
    # A gain smaller than the error of the estimate is chance.
    return start * [1.0, steps[best]] if smooth[best] > smooth[middle] + 1.0 / np.sqrt(len(truth)) / 4 else start
