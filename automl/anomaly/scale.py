"""From scores to probabilities and answers, and their metrics."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers import results
from automl.answers.digits import number_texts
from automl.errors import AutoMLError
from automl.stored.parts import BadModel, Parts
from automl.terms.metrics import BINARY, Judged, area_under_roc

Floats = NDArray[np.float64]
_GRID = np.linspace(0, 1, 201)


@dataclass(frozen=True)
class Scale:
    """What scores mean: 0.5 is the score that a share `contamination` of the training rows passes.

    Below it the probability is in proportion to the rank among the training rows; above it nears one, faster when the
    training's greatest scores are close together.
    """

    quantiles: Floats
    limit: float
    tail: float

    def chances(self, scores: Floats) -> Floats:
        """Give the probabilities of being an anomaly; they keep the order of the scores."""
        below = 0.5 * np.interp(scores, self.quantiles, _GRID)
        beyond = np.maximum(scores - self.limit, 0.0) / self.tail
        return np.where(scores > self.limit, 1.0 - 0.5 / (1.0 + beyond), np.minimum(below, 0.5 - 1e-9))

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"limit": self.limit, "tail": self.tail}, {"quantiles": self.quantiles})

    @staticmethod
    def restore(parts: Parts) -> "Scale":
        """Make it of its parts."""
        tail, quantiles = parts.real("tail"), parts.array("quantiles", len(_GRID))
        if tail <= 0 or (np.diff(quantiles) < 0).any():
            raise BadModel("its scale is out of range")
        return Scale(quantiles, parts.real("limit"), tail)


def learn_scale(scores: Floats, contamination: float) -> Scale:
    """Learn the scale from the training's scores."""
    limit = float(np.quantile(scores, 1 - contamination))
    quantiles = np.quantile(scores[scores <= limit], _GRID)
    above = scores[scores > limit] - limit
    spread = float(np.mean(above)) if len(above) else 0.0
    return Scale(quantiles, limit, max(spread, 1e-3 * float(np.std(scores)), 1e-12))


def answers(chances: Floats, options: Mapping[str, Any]) -> NDArray[np.int64]:
    """Give 1 for anomalies: those above the threshold (0.5), or the `topk` with the greatest probability."""
    if "topk" in options and "threshold" in options:
        raise AutoMLError("Options 'topk' and 'threshold' exclude each other.")
    if "topk" in options:
        found = np.zeros(len(chances), np.int64)
        found[np.argsort(-chances, kind="stable")[: options["topk"]]] = 1
        return found
    return np.asarray(chances >= options.get("threshold", 0.5), np.int64)


def columns(chances: Floats, options: Mapping[str, Any]) -> dict[str, pa.Array]:
    """Give `Prediction` (1 for an anomaly) and `ml_results`."""
    found = answers(chances, options)
    anomaly = np.round(chances, 4)
    texts = results.joined(
        '{"predictions": {"is_anomaly": ',
        pa.array(["0", "1"]).take(pa.array(found)),
        '}, "probabilities": {"normal": ',
        number_texts(np.round(1 - anomaly, 4)),
        ', "anomaly": ',
        number_texts(anomaly),
        "}}",
    )
    return {"Prediction": pa.array(found), "ml_results": texts}


def score(metric: str, truth: NDArray[np.int64], chances: Floats, options: Mapping[str, Any]) -> float | None:
    """Give a metric of rows whose truth (0 or 1) is known; None when it cannot be computed."""
    if metric == "precision_k":
        if "topk" not in options:
            raise AutoMLError("Metric 'precision_k' needs the option 'topk'.")
        if "threshold" in options:
            raise AutoMLError("Metric 'precision_k' takes no option 'threshold': it has 'topk'.")
        order = np.argsort(-chances, kind="stable")[: options["topk"]]
        return float(truth[order].mean())
    if metric == "roc_auc":
        for key in ("topk", "threshold"):
            if key in options:
                raise AutoMLError(f"Metric 'roc_auc' takes no option '{key}'.")
        return area_under_roc(truth == 1, chances)
    if "topk" in options:
        raise AutoMLError(f"Metric '{metric}' takes no option 'topk'; it is for precision_k.")
    return BINARY[metric](Judged(truth, answers(chances, options), np.column_stack([1 - chances, chances])))
