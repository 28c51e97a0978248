"""What training makes small, for the metric that was asked for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.learners.blend import chances

Floats = NDArray[np.float64]


def log_loss(margins: Floats, codes: Floats) -> float:
    """Mean negative logarithm of the right class's probability."""
    given = chances(margins)[np.arange(len(codes)), codes.astype(np.int64)]
    return float(-np.mean(np.log(np.clip(given, 1e-12, 1.0))))


def squared(margins: Floats, target: Floats) -> float:
    """Mean squared difference."""
    return float(np.mean((margins[:, 0] - target) ** 2))


def absolute(margins: Floats, target: Floats) -> float:
    """Mean absolute difference."""
    return float(np.mean(np.abs(margins[:, 0] - target)))


@dataclass(frozen=True)
class Objective:
    """A loss, LightGBM's parameters for it, and how many margins a row has."""

    loss: Callable[[Floats, Floats], float]
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: int = 1
    classes: int = 0  # 0 for numbers


def for_classes(classes: int) -> Objective:
    """Give the objective of a classification: log-loss, whatever the metric; the rule for answers serves the metric."""
    if classes == 2:
        return Objective(log_loss, {"objective": "binary", "metric": "binary_logloss"}, 1, 2)
    return Objective(
        log_loss, {"objective": "multiclass", "num_class": classes, "metric": "multi_logloss"}, classes, classes
    )


def for_numbers(metric: str) -> Objective:
    """Give the objective of a regression."""
    if metric in ("neg_mean_absolute_error", "neg_median_absolute_error"):
        return Objective(absolute, {"objective": "regression_l1", "metric": "l1"})
    return Objective(squared, {"objective": "regression", "metric": "l2"})
