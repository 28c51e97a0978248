"""Logistic regression: the mean log-loss with a quadratic penalty on the weights, brought down by L-BFGS.

The objective is that of scikit-learn's LogisticRegression (`C` is the strength, the base is not penalised); written out
because loading that library takes a second of processor time, which a training of a few seconds does not have.
Source of the method: Nocedal and Wright, Numerical Optimization, 2nd edition, 7.2 (two loops) and 3.1 (step length).
"""

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
MOST_STEPS = 200
_LEAST_STEPS = 5  # that are made however late it is: a model of less is none
_GRADIENT = 1e-4  # its largest part, below which the minimum is found
_GAIN = 64 * np.finfo(np.float64).eps  # the least relative fall of a step that is worth another
_PAIRS = 10  # steps whose curvature is remembered
_ENOUGH = 1e-4  # the share of the fall that the slope promises which a step has to bring (Armijo)


def fit(
    design: Any, codes: NDArray[np.int64], strength: float, begin: Floats | None = None, deadline: float = np.inf
) -> Floats:
    """Give the weights: features and, in the last line, the base; one column for two classes, else one for each.

    Args:
        design: rows x features, numpy or scipy's sparse rows.
        codes: classes from 0 on, of which every one is there.
        begin: weights to begin with, those of another strength.
        deadline: `time.monotonic()` from which no step begins but the first few.
    """
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

    return _least(measured, np.zeros(shape).ravel() if begin is None else begin.ravel(), deadline).reshape(shape)


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


def _least(measured: Callable[[Floats], tuple[float, Floats]], point: Floats, deadline: float) -> Floats:
    """Go down from a point until the slope is flat, steps bring nothing, or time is over."""
    value, slope = measured(point)
    pairs: deque[tuple[Floats, Floats, float]] = deque(maxlen=_PAIRS)
    for number in range(MOST_STEPS):
        if np.abs(slope).max() <= _GRADIENT or (number >= _LEAST_STEPS and time.monotonic() > deadline):
            break
        way = _way(slope, pairs)
        fall = float(way @ slope)
        step = 1.0 if pairs else min(1.0, 1.0 / float(np.abs(slope).sum()))
        while True:
            there = point + step * way
            below, next_slope = measured(there)
            if below <= value + _ENOUGH * step * fall:
                break
            step *= 0.5
            if step < 1e-12:
                return point
        moved, turned = there - point, next_slope - slope
        if (curved := float(moved @ turned)) > 1e-16 * float(turned @ turned):
            pairs.append((moved, turned, 1.0 / curved))
        gain = (value - below) / max(abs(value), abs(below), 1.0)
        point, value, slope = there, below, next_slope
        if gain <= _GAIN:
            break
    return point


def _way(slope: Floats, pairs: deque[tuple[Floats, Floats, float]]) -> Floats:
    """Give the direction: the slope as the curvature of the last steps turns and stretches it."""
    way = -slope
    shares = []
    for moved, turned, scale in reversed(pairs):
        share = scale * float(moved @ way)
        way = way - share * turned
        shares.append(share)
    if pairs:
        moved, turned, scale = pairs[-1]
        way = way / (scale * float(turned @ turned))
    for (moved, turned, scale), share in zip(pairs, reversed(shares), strict=True):
        way = way + (share - scale * float(turned @ way)) * moved
    return way
