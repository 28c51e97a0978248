"""Classification and regression: one table, one target."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl import encoder, folds, results
from automl.blend import Blend, chances
from automl.columns import floats
from automl.decision import answers, factors_for
from automl.encoder import Encoder
from automl.errors import AutoMLError
from automl.families import LINEAR, chosen, own_name
from automl.labels import Labels, learn_labels
from automl.losses import for_classes, for_numbers
from automl.metrics import BINARY, NUMBERS, Judged
from automl.options import TrainOptions
from automl.parts import BadModel, Parts
from automl.progress import Budget
from automl.race import Race, Trial, choose, refit
from automl.source import Kind, Source
from automl.tasks import Task
from automl.training import Trained, chosen_columns

Floats = NDArray[np.float64]
DEFAULT_METRIC = {Task.CLASSIFICATION: "neg_log_loss", Task.REGRESSION: "neg_mean_squared_error"}
MOST_CELLS = 60_000_000  # of rows that are trained on: half a gigabyte as floats
_TEMPORAL = frozenset({Kind.DATE, Kind.DATETIME})


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

    def outputs(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give probabilities (rows x classes), or numbers (rows x 1)."""
        margins = self.blend.margin(matrix, threads)
        return chances(margins) if self.labels else margins * self.scale + self.center

    def answers(self, outputs: Floats) -> NDArray[np.int64]:
        """Give the class of each row."""
        assert self.factors is not None
        return answers(outputs, self.factors)

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` and `ml_results`, a row for each row."""
        outputs = self.outputs(self.encoder.encode(source), threads)
        if self.labels is None:
            return {
                "Prediction": pa.array(outputs[:, 0]),
                "ml_results": results.regression(self.target, outputs[:, 0]),
            }
        found = self.answers(outputs)
        return {
            "Prediction": self.labels.column(found),
            "ml_results": results.classification(self.target, self.labels.shown, found, outputs),
        }

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the value of `ml_results` for one row of JSON values."""
        outputs = self.outputs(self.encoder.encode_row(row))
        if self.labels is None:
            return {"predictions": {self.target: float(outputs[0, 0])}}
        place = int(self.answers(outputs)[0])
        return results.classification_one(self.target, self.labels.shown, place, outputs[0].tolist())

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give the metric of the rows whose target is known; None where it cannot be computed."""
        name = target or self.target
        values = source.values(source.column(name, "target column").name)
        outputs = self.outputs(self.encoder.encode(source), threads)
        if self.labels is None:
            truth = floats(name, values)
            known = ~np.isnan(truth)
            return NUMBERS[metric](truth[known], outputs[known, 0]) if known.any() else None
        codes = self.labels.codes(name, values)
        known = codes >= 0
        if not known.any():
            return None
        if metric not in BINARY or (metric in ("f1", "precision", "recall") and len(self.labels.values) > 2):
            raise AutoMLError(
                f"Metric '{metric}' is for two classes: use {metric}_macro, {metric}_micro or {metric}_weighted."
            )
        return BINARY[metric](Judged(codes[known], self.answers(outputs[known]), outputs[known]))

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = Parts({"target": self.target, "center": self.center, "scale": self.scale})
        whole.put("encoder", self.encoder.parts())
        whole.put("blend", self.blend.parts())
        if self.labels is not None and self.factors is not None:
            whole.put("labels", self.labels.parts())
            whole.arrays["factors"] = self.factors
        return whole

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Supervised":
        """Make a model of its parts."""
        made = Encoder.restore(parts.under("encoder"))
        target, center, scale = parts.value("target", str), parts.real("center"), parts.real("scale")
        features = len(made.features)
        if task is Task.REGRESSION:
            return Supervised(
                task, target, made, Blend.restore(parts.under("blend"), features, 1), None, None, center, scale
            )
        labels = Labels.restore(parts.under("labels"))
        classes = len(labels.values)
        factors = parts.array("factors", classes)
        if (factors <= 0).any():
            raise BadModel("its factors are out of range")
        blend = Blend.restore(parts.under("blend"), features, 1 if classes == 2 else classes)
        return Supervised(task, target, made, blend, labels, factors)


def _target(
    source: Source, name: str, options: TrainOptions
) -> tuple[Source, Floats, NDArray[np.int64], Labels | None]:
    """Give the rows with a target, the target as numbers, as codes for dealing rows, and its classes."""
    column = source.column(name, "target column")
    values = source.values(column.name)
    if options.task is Task.CLASSIFICATION:
        labels = learn_labels(column.name, column.kind, values)
        codes = labels.codes(column.name, values)
        known = codes >= 0
        kept = source if known.all() else source.at(pa.array(np.flatnonzero(known)))
        return kept, codes[known].astype(np.float64), codes[known], labels
    if column.kind in (Kind.TEXT, Kind.JSON, Kind.BINARY) or column.kind in _TEMPORAL:
        raise AutoMLError(
            f"The target column '{column.name}' holds {column.kind} values, and a regression needs numbers. "
            "For classes use the task 'classification'."
        )
    numbers = floats(column.name, values)
    known = ~np.isnan(numbers)
    if not known.any():
        raise AutoMLError(f"All values of the target column '{column.name}' are NULL: there is nothing to learn from.")
    numbers = numbers[known]
    if len(numbers) < 10:
        raise AutoMLError(f"A regression needs 10 rows with a target or more, and {source.table} has {len(numbers)}.")
    if numbers.min() == numbers.max():
        raise AutoMLError(
            f"All values of the target column '{column.name}' are {numbers[0]:g}: there is nothing to learn."
        )
    tenths = np.searchsorted(np.quantile(numbers, np.linspace(0.1, 0.9, 9)), numbers).astype(np.int64)
    kept = source if known.all() else source.at(pa.array(np.flatnonzero(known)))
    return kept, numbers, tenths, None


def fit(source: Source, target: str | None, options: TrainOptions, budget: Budget) -> Trained:
    """Train a classification or a regression."""
    if target is None:
        raise AutoMLError(f"Task {options.task} needs a target column.")
    budget.tell("Initialization", 0.5)
    rows, values, codes, labels = _target(source, target, options)
    name = source.column(target).name
    rows = rows.keep(chosen_columns(rows, options, (name,)))
    most = max(1000, MOST_CELLS // max(1, len(rows.columns)))
    kept = folds.sample(codes, most, options.seed)
    budget.tell("Preprocessing", 0.0)
    if len(kept) < len(codes):
        rows, values, codes = rows.at(pa.array(kept)), values[kept], codes[kept]
    made = encoder.learn(rows, options.include_column_list, options.seed)
    matrix = made.encode(rows)
    budget.tell("Preprocessing", 1.0, f"{len(made.features)} features")
    metric = options.optimization_metric or DEFAULT_METRIC[options.task]
    center, scale = 0.0, 1.0
    if labels is None:
        center, scale = float(values.mean()), float(values.std()) or 1.0
        goal = for_numbers(metric)
    else:
        goal = for_classes(len(labels.values))
    race = Race(
        matrix,
        (values - center) / scale,
        made.categories,
        goal,
        folds.splits(codes, goal.outputs, options.seed),
        chosen(options.task, options.model_list, options.exclude_model_list),
        options.seed,
        budget,
    )
    race.run()
    picked = choose(race)
    blend, margins = refit(race, picked)
    watched = race.watched
    if labels is None:
        model = Supervised(options.task, name, made, blend, center=center, scale=scale)
        quality = NUMBERS[metric](values[watched], margins[:, 0] * scale + center)
    else:
        seen, truth = chances(margins), codes[watched]
        priors = np.bincount(codes, minlength=len(labels.values)) / len(codes)
        factors = factors_for(metric, seen, truth, priors)
        model = Supervised(options.task, name, made, blend, labels, factors)
        quality = BINARY[metric](Judged(truth, answers(seen, factors), seen))
    return Trained(
        model,
        metric,
        quality,
        _name(options.task, picked),
        {"members": [_described(options.task, trial, weight) for trial, weight in picked], "tried": len(race.trials)},
        made.columns,
        len(kept),
        made.dropped,
    )


def _described(task: Task, trial: Trial, weight: float) -> dict[str, Any]:
    shown = {"strength": trial.strength} if trial.family == LINEAR else {**trial.params, "rounds": trial.rounds}
    hidden = ("num_threads", "objective", "metric", "seed")
    return {
        "algorithm_name": own_name(task, trial.family),
        "weight": round(weight, 4),
        "hyperparameters": {key: value for key, value in shown.items() if key not in hidden},
    }


def _name(task: Task, picked: list[tuple[Trial, float]]) -> str:
    names = list(dict.fromkeys(own_name(task, trial.family) for trial, _ in picked))
    return names[0] if len(picked) == 1 else f"Ensemble({', '.join(names)})"
