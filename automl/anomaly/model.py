"""A trained anomaly detection of a table, without labels or with some, and its training."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.anomaly.detectors import FITS, RESTORED, Detector, Neighbourhood
from automl.anomaly.scale import Scale, columns, learn_scale, score
from automl.anomaly.space import Space, learn_space
from automl.answers.results import extended, of_one_row
from automl.drift import Drift, drift_texts, learn_drift
from automl.errors import AutoMLError
from automl.progress import Budget
from automl.race import folds
from automl.stored.parts import BadModel, Parts, pick
from automl.table import encoder
from automl.table.columns import floats
from automl.table.encoder import Encoder
from automl.table.rows import row_source
from automl.table.source import Column, Source
from automl.terms.families import chosen, own_name
from automl.terms.metrics import BINARY, Judged, area_under_roc
from automl.terms.options import TrainOptions
from automl.terms.tasks import Task
from automl.training import Trained, chosen_columns

Floats = NDArray[np.float64]
MOST_ROWS = 100_000
_LEAST = 20


@dataclass(frozen=True)
class Labelled:
    """Rows whose truth was told: the share of anomalies among the nearest of them, and how much that counts."""

    points: Floats
    labels: NDArray[np.int64]
    neighbours: int
    weight: float

    def chances(self, points: Floats, themselves: bool = False) -> Floats:
        """Give the weighted share of anomalies among the neighbours; nearer ones count more."""
        distances, places = Neighbourhood(self.points).nearest(points, self.neighbours, themselves)
        weights = 1.0 / (distances + 1e-6)
        found: Floats = (self.labels[places] * weights).sum(axis=1) / weights.sum(axis=1)
        return found

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts(
            {"neighbours": self.neighbours, "weight": self.weight}, {"points": self.points, "labels": self.labels}
        )

    @staticmethod
    def restore(parts: Parts, width: int) -> "Labelled":
        """Make it of its parts."""
        points, labels = parts.array("points", None, width), parts.indexes("labels", 2)
        if len(points) != len(labels) or len(points) < 2:
            raise BadModel("its labels do not fit")
        return Labelled(points, labels, parts.whole("neighbours", 1, len(points)), parts.real("weight"))


@dataclass(frozen=True)
class Anomaly:
    """A detector in a space, the scale of its scores, and labelled rows when there were some."""

    encoder: Encoder
    space: Space
    detector: Detector
    scale: Scale
    labelled: Labelled | None = None
    drift: Drift | None = None
    task: Task = Task.ANOMALY

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict it."""
        return self.encoder.columns

    def chances(self, source: Source) -> Floats:
        """Give the probability of each row to be an anomaly."""
        return self._chances(self.encoder.encode(source))

    def _chances(self, matrix: Floats) -> Floats:
        points = self.space.place(matrix)
        found = self.scale.chances(self.detector.score(points))
        if self.labelled is None or not len(points):
            return found
        return (1 - self.labelled.weight) * found + self.labelled.weight * self.labelled.chances(points)

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` and `ml_results`. With `topk` all rows must come at once."""
        matrix = self.encoder.encode(source)
        found = columns(self._chances(matrix), options)
        if options.get("additional_details"):
            texts = extended(found["ml_results"], "drift", drift_texts(self.drift, matrix, self.encoder))
            found["ml_results"] = texts
        return found

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""
        self.encoder.check(tuple(row))
        return of_one_row(self.predict(row_source(self.columns, row), options))

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give the metric of the rows whose target is 0 or 1."""
        return score_known(source, target, metric, self.chances, options)

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = Parts({"labelled": None})
        for name in ("encoder", "space", "detector", "scale"):
            whole.put(name, getattr(self, name).parts())
        if self.labelled is not None:
            whole.put("labelled", self.labelled.parts())
        if self.drift is not None:
            whole.put("drift", self.drift.parts())
        return whole

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Anomaly":
        """Make it of its parts."""
        made = Encoder.restore(parts.under("encoder"))
        space = Space.restore(parts.under("space"), len(made.features))
        inner = parts.under("detector")
        detector = pick(RESTORED, inner.tree.get("kind"))(inner, space.width)
        labelled = None
        if parts.tree.get("labelled") is not None:
            labelled = Labelled.restore(parts.under("labelled"), space.width)
        drift = Drift.restore(parts.under("drift"), len(made.features)) if "drift" in parts.tree else None
        return Anomaly(made, space, detector, Scale.restore(parts.under("scale")), labelled, drift)


def known_truth(source: Source, target: str) -> NDArray[np.int64]:
    """Give 1 for anomalies, 0 for others and -1 where it is not known."""
    column = source.column(target, "target column")
    values = floats(column.name, source.values(column.name))
    known = ~np.isnan(values)
    if not np.isin(values[known], (0.0, 1.0)).all():
        raise AutoMLError(f"The target column '{column.name}' must hold 1 for anomalies, 0 for others, or NULL.")
    return np.where(known, values, -1).astype(np.int64)


def score_known(
    source: Source,
    target: str | None,
    metric: str,
    chances: Callable[[Source], NDArray[np.float64]],
    options: Mapping[str, Any],
) -> float | None:
    """Give the metric of the rows whose target is known; None when there is none. Raises AutoMLError."""
    if target is None:
        raise AutoMLError("Scoring an anomaly detection needs a target column with 1 for anomalies and 0 for others.")
    truth = known_truth(source, target)
    known = truth >= 0
    return score(metric, truth[known], chances(source)[known], options) if known.any() else None


def fit(source: Source, target: str | None, options: TrainOptions, budget: Budget) -> Trained:
    """Train an anomaly detection."""
    budget.tell("Initialization", 0.5)
    if target is not None and not options.semisupervised:
        raise AutoMLError(
            "An anomaly detection learns without a target: pass NULL, or the option 'experimental': 'semisupervised'."
        )
    if target is None and options.semisupervised:
        raise AutoMLError("A semi-supervised anomaly detection needs a target column of 1, 0 and NULL.")
    if source.rows.num_rows < _LEAST:
        raise AutoMLError(
            f"An anomaly detection needs {_LEAST} rows or more, and {source.table} has {source.rows.num_rows}."
        )
    truth = known_truth(source, target) if target is not None else np.full(source.rows.num_rows, -1)
    apart = (source.column(target).name,) if target is not None else ()
    rows = source.keep(chosen_columns(source, options, apart))
    kept = folds.sample(truth + 1, MOST_ROWS, options.seed)
    if len(kept) < len(truth):
        rows, truth = rows.at(pa.array(kept)), truth[kept]
    made = encoder.learn(rows, options.include_column_list, options.seed)
    matrix = made.encode(rows)
    space = learn_space(matrix, made.categories)
    points = space.place(matrix)
    budget.tell("Preprocessing", 1.0)
    families = chosen(options.task, options.model_list, options.exclude_model_list)
    family = families[0]
    if options.semisupervised and not options.model_list:
        family = max(families, key=lambda each: _precision(FITS[each](points, options.seed).score(points), truth))
    detector = FITS[family](points, options.seed)
    budget.tell("Algorithm Selection", 1.0, family)
    scores = detector.score(points)
    scale = learn_scale(scores, options.contamination)
    labelled, quality = None, None
    if options.semisupervised:
        labelled, quality = _labelled(points, truth, scale.chances(scores), options)
    budget.tell("Refit", 1.0)
    about: dict[str, Any] = {"contamination": options.contamination, "threshold": scale.limit}
    if labelled is not None:
        about["supervised_weight"] = labelled.weight
    drift = learn_drift(matrix, made.categories, options.seed)
    return Trained(
        Anomaly(made, space, detector, scale, labelled, drift),
        options.ensemble_score or ("balanced_accuracy" if options.semisupervised else None),
        quality,
        own_name(options.task, family),
        about,
        made.columns,
        len(points),
        made.dropped,
        more={"training_drift_metric": {"mean": drift.mean, "variance": drift.variance}},
    )


def _precision(scores: Floats, truth: NDArray[np.int64]) -> float:
    """Give the average precision of scores for the labelled rows."""
    known = truth >= 0
    order = np.argsort(-scores[known], kind="stable")
    right = truth[known][order] == 1
    ranks = np.cumsum(right) / np.arange(1, len(right) + 1)
    return float(ranks[right].mean()) if right.any() else 0.0


def _labelled(
    points: Floats, truth: NDArray[np.int64], alone: Floats, options: TrainOptions
) -> tuple[Labelled, float | None]:
    """Choose how much labelled neighbours count, each labelled row judged by the others."""
    known = np.flatnonzero(truth >= 0)
    labels = truth[known]
    if len(known) < options.submodel.min_labels or len(np.unique(labels)) < 2:
        raise AutoMLError(
            f"A semi-supervised anomaly detection needs {options.submodel.min_labels} labelled rows or more, of both "
            f"kinds; there are {int((labels == 1).sum())} anomalies and {int((labels == 0).sum())} others."
        )
    name = options.ensemble_score or "balanced_accuracy"
    neighbours = min(options.submodel.n_neighbors, len(known) - 1)
    told = Labelled(points[known], labels, neighbours, 0.0)
    near = told.chances(points[known], themselves=True)
    best: tuple[float, float] = (-1.0, 0.0)
    for weight in np.linspace(0, 1, 21):
        mixed = (1 - weight) * alone[known] + weight * near
        if name == "roc_auc":
            found = area_under_roc(labels == 1, mixed)
        else:
            judged = Judged(labels, (mixed >= 0.5).astype(np.int64), np.column_stack([1 - mixed, mixed]))
            found = BINARY[name](judged)
        best = max(best, (found or 0.0, float(weight)))
    return Labelled(points[known], labels, neighbours, best[1]), best[0]
