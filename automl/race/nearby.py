"""Parameters of trees near others: where a race searches."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

COMMON: Mapping[str, Any] = {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20, "bagging_freq": 1}


def nearby(params: Mapping[str, Any], dice: np.random.Generator) -> dict[str, Any]:
    """Give parameters that differ from others in about half of the dimensions, within sound bounds."""
    found = dict(params)

    def scaled(name: str, low: float, high: float, spread: float, default: float) -> None:
        if dice.random() < 0.5:
            found[name] = float(np.clip(found.get(name, default) * math.exp(dice.normal(0, spread)), low, high))

    scaled("learning_rate", 0.01, 0.2, 0.5, 0.05)
    scaled("num_leaves", 4, 255, 0.6, 31)
    scaled("min_data_in_leaf", 2, 200, 0.7, 20)
    scaled("lambda_l2", 1e-3, 100, 1.2, 0.1)
    scaled("cat_smooth", 1, 200, 0.8, 10)
    scaled("cat_l2", 1, 200, 0.8, 10)
    for name in ("feature_fraction", "bagging_fraction"):
        if dice.random() < 0.5:
            found[name] = float(np.clip(found.get(name, 0.9) + dice.normal(0, 0.2), 0.2, 1.0))
    for name in ("num_leaves", "min_data_in_leaf"):
        found[name] = round(found.get(name, COMMON[name]))
    return found
