"""Logistic regression: the mean log-loss with a quadratic penalty on the weights, brought down by scipy's L-BFGS-B.

The objective is that of scikit-learn's LogisticRegression (`C` is the strength, the base is not penalised). That
library is not used because loading it takes a second of processor time; scipy.optimize takes 0.15 beside the rest.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_STEPS = 200
_LEAST_STEPS = 5  # that are made however late it is: a model of less is none
_ENDS = {
    "maxiter": MOST_STEPS,
    "maxcor": 10,  # steps whose curvature is remembered
    "ftol": 64 * np.finfo(np.float64).eps,  # the least relative fall of a step that is worth another
}


def fit(
    design: Any,
    codes: NDArray[np.int64],
    strength: float,
    begin: Floats | None = None,
    deadline: float = np.inf,
    slope: float = 1e-4,
) -> Floats:
    """Give the weights: features and, in the last line, the base; one column for two classes, else one for each.

    Args:
        design: rows x features, numpy, scipy's sparse rows, or what multiplies and turns as they do.
        codes: classes from 0 on, of which every one is there.
        begin: weights to begin with, those of another strength.
        deadline: `time.monotonic()` from which no step begins but the first few.
        slope: the slope's largest part, below which the minimum is found.
    """
    from scipy.optimize import minimize  # by trainings alone: what loads a model does not pay for it

    classes = int(codes.max()) + 1
    outputs = 1 if classes == 2 else classes  # of one class the base alone, which is nothing
    shape = design.shape[1] + 1, outputs
    truth = codes[:, None].astype(np.float64) if outputs == 1 else np.eye(classes)[codes]
    penalty = 1.0 / (strength * len(codes))

    def measured(point: Floats) -> tuple[float, Floats]:
        weights = point.reshape(shape)
        margins = design @ weights[:-1] + weights[-1]
        loss, wrong = _two(margins, truth) if outputs == 1 else _many(margins, truth)
        slope = np.empty(shape)
        slope[:-1] = (design.T @ wrong) / len(codes) + penalty * weights[:-1]
        slope[-1] = wrong.mean(axis=0)
        return loss + 0.5 * penalty * float((weights[:-1] ** 2).sum()), slope.ravel()

    steps = 0

    def look(_: Floats) -> None:
        nonlocal steps
        steps += 1
        if steps >= _LEAST_STEPS and time.monotonic() > deadline:
            raise StopIteration

    start = np.zeros(shape) if begin is None else begin
    found = minimize(
        measured, start.ravel(), jac=True, method="L-BFGS-B", options={**_ENDS, "gtol": slope}, callback=look
    )
    weights: Floats = found.x.reshape(shape)
    return weights


def _two(margins: Floats, truth: Floats) -> tuple[float, Floats]:
    """Give the mean loss of two classes, and by how much each probability is too great."""
    small = np.exp(-np.abs(margins))
    loss = np.log1p(small) + np.maximum(margins, 0.0) - truth * margins
    return float(loss.mean()), np.where(margins >= 0, 1.0, small) / (1.0 + small) - truth


def _many(margins: Floats, truth: Floats) -> tuple[float, Floats]:
    shifted = margins - margins.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    loss = np.log(sums[:, 0]) - (shifted * truth).sum(axis=1)
    return float(loss.mean()), powers / sums - truth
