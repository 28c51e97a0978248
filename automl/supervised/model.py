"""Classification and regression: a trained model of one table and one target."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers import results
from automl.answers.decision import answers
from automl.drift import Drift, drift_texts
from automl.errors import AutoMLError
from automl.learners.blend import Blend, chances
from automl.stored.parts import BadModel, Parts
from automl.table.columns import floats
from automl.table.encoder import Encoder
from automl.table.labels import Labels
from automl.table.source import Column, Source
from automl.terms.metrics import BINARY, NUMBERS, Judged
from automl.terms.tasks import Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Supervised:
    """A classification (with `labels` and the `factors` of its answers) or regression (`center` and `scale`)."""

    task: Task
    target: str
    encoder: Encoder
    blend: Blend
    labels: Labels | None = None
    factors: Floats | None = None
    center: float = 0.0
    scale: float = 1.0
    background: Floats | None = None  # some training rows: explanations put their values into others
    drift: Drift | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict it."""
        return self.encoder.columns

    def outputs(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give probabilities (rows x classes), or numbers (rows x 1), NaN for what is out of a double's range."""
        margins = self.blend.margin(matrix, threads)
        if self.labels:
            return chances(margins)
        found: Floats = margins * self.scale + self.center
        return found if np.isfinite(found.sum()) else np.where(np.isfinite(found), found, np.nan)

    def answers(self, outputs: Floats) -> NDArray[np.int64]:
        """Give the class of each row."""
        assert self.factors is not None
        return answers(outputs, self.factors)

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` and `ml_results`, a row for each row."""
        matrix = self.encoder.encode(source)
        outputs = self.outputs(matrix, threads)
        if self.labels is None:
            answer, texts = _numbers(outputs), results.regression(self.target, outputs[:, 0])
        else:
            found = self.answers(outputs)
            answer = self.labels.column(found)
            texts = results.classification(self.target, self.labels.shown, found, outputs)
        if options.get("additional_details"):
            texts = results.extended(texts, "drift", drift_texts(self.drift, matrix, self.encoder))
        return {"Prediction": answer, "ml_results": texts}

    def predictions(self, source: Source, threads: int = 1) -> pa.Array:
        """Give `Prediction` alone, which costs a linear model a small part of what its texts do."""
        outputs = self.outputs(self.encoder.encode(source), threads)
        return _numbers(outputs) if self.labels is None else self.labels.column(self.answers(outputs))

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""
        matrix = self.encoder.encode_row(row)
        outputs = self.outputs(matrix)
        if self.labels is None:
            answer: Any = None if np.isnan(outputs[0, 0]) else float(outputs[0, 0])
            found: dict[str, Any] = {"predictions": {self.target: answer}}
        else:
            place = int(self.answers(outputs)[0])
            answer = self.labels.shown[place]
            found = results.classification_one(self.target, self.labels.shown, place, outputs[0].tolist())
        if options.get("additional_details"):
            found["drift"] = json.loads(drift_texts(self.drift, matrix, self.encoder)[0].as_py())
        return {"Prediction": answer, "ml_results": found}

    def truth(self, source: Source, target: str | None) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Give the true codes or numbers of rows, and of which rows they are known."""
        name = source.column(target or self.target, "target column").name
        if self.labels is None:
            numbers = floats(name, source.values(name))
            return numbers, ~np.isnan(numbers)
        codes = self.labels.codes(name, source.values(name))
        return codes, codes >= 0

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give the metric of the rows whose target is known; None where it cannot be computed."""
        if self.labels is not None and metric in ("f1", "precision", "recall") and len(self.labels.values) > 2:
            raise AutoMLError(
                f"Metric '{metric}' is for two classes: use {metric}_macro, {metric}_micro or {metric}_weighted."
            )
        truth, known = self.truth(source, target)
        outputs = self.outputs(self.encoder.encode(source), threads)
        return self.judge(metric, outputs[known], truth[known]) if known.any() else None

    def judge(self, metric: str, outputs: Floats, truth: NDArray[Any]) -> float | None:
        """Give the metric of outputs for true codes or numbers."""
        if self.labels is None:
            return NUMBERS[metric](truth, outputs[:, 0])
        return BINARY[metric](Judged(truth, self.answers(outputs), outputs))

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = Parts({"target": self.target, "center": self.center, "scale": self.scale})
        whole.put("encoder", self.encoder.parts())
        whole.put("blend", self.blend.parts())
        if self.labels is not None and self.factors is not None:
            whole.put("labels", self.labels.parts())
            whole.arrays["factors"] = self.factors
        if self.background is not None and self.drift is not None:
            whole.arrays["background"] = self.background
            whole.put("drift", self.drift.parts())
        return whole

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Supervised":
        """Make a model of its parts."""
        made = Encoder.restore(parts.under("encoder"))
        target, center, scale = parts.value("target", str), parts.real("center"), parts.real("scale")
        features = len(made.features)
        background, drift = None, None
        if "background" in parts.arrays:
            background = parts.array("background", None, features, gaps=True)
            drift = Drift.restore(parts.under("drift"), features)
            if not 1 <= len(background) <= 1000:
                raise BadModel("its background is out of range")
        if task is Task.REGRESSION:
            blend = Blend.restore(parts.under("blend"), features, 1)
            return Supervised(task, target, made, blend, None, None, center, scale, background, drift)
        labels = Labels.restore(parts.under("labels"))
        classes = len(labels.values)
        factors = parts.array("factors", classes)
        if (factors <= 0).any():
            raise BadModel("its factors are out of range")
        blend = Blend.restore(parts.under("blend"), features, 1 if classes == 2 else classes)
        return Supervised(task, target, made, blend, labels, factors, background=background, drift=drift)


def _numbers(outputs: Floats) -> pa.Array:
    """Give the numbers of a regression, NULL for NaN."""
    return pa.array(outputs[:, 0], from_pandas=True)
