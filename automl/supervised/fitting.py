"""Training a classification or a regression."""

import dataclasses
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers.decision import answers, factors_for
from automl.drift import learn_drift
from automl.errors import AutoMLError
from automl.learners.blend import chances
from automl.progress import Budget
from automl.race import folds
from automl.race.choosing import choose, refit
from automl.race.losses import for_classes, for_numbers
from automl.race.race import Race
from automl.race.trial import Trial
from automl.supervised.explaining import importance_of
from automl.supervised.model import Supervised
from automl.table import encoder
from automl.table.columns import LARGEST, floats
from automl.table.labels import Labels, learn_labels
from automl.table.source import Kind, Source
from automl.terms.families import chosen, own_name
from automl.terms.metrics import BINARY, NUMBERS, Judged
from automl.terms.options import TrainOptions
from automl.terms.tasks import Task
from automl.training import Trained, chosen_columns

Floats = NDArray[np.float64]
DEFAULT_METRIC = {Task.CLASSIFICATION: "neg_log_loss", Task.REGRESSION: "neg_mean_squared_error"}
MOST_CELLS = 60_000_000  # of rows that are trained on: half a gigabyte as floats
_EXPLAINED = 0.97  # the share of the time after which importances end
BACKGROUND = 50  # rows that are kept for explanations
_TEMPORAL = frozenset({Kind.DATE, Kind.DATETIME})


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
    if np.abs(numbers).max() > LARGEST:
        raise AutoMLError(
            f"The target column '{column.name}' has numbers beyond {LARGEST:g}, with which nothing can be computed: "
            "leave these rows out."
        )
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
    dice = np.random.default_rng(options.seed)
    few = dice.choice(len(matrix), min(BACKGROUND, len(matrix)), replace=False)
    kept_drift = learn_drift(matrix, made.categories, options.seed)
    if labels is None:
        model = Supervised(
            options.task, name, made, blend, center=center, scale=scale, background=matrix[few], drift=kept_drift
        )
        quality = NUMBERS[metric](values[watched], margins[:, 0] * scale + center)
        guess = NUMBERS[metric](values[watched], np.full(len(watched), center))
    else:
        seen, truth = chances(margins), codes[watched]
        priors = np.bincount(codes, minlength=len(labels.values)) / len(codes)
        factors = factors_for(metric, seen, truth, priors)
        model = Supervised(options.task, name, made, blend, labels, factors, background=matrix[few], drift=kept_drift)
        quality = BINARY[metric](Judged(truth, answers(seen, factors), seen))
        flat = np.tile(priors, (len(truth), 1))
        guess = BINARY[metric](Judged(truth, answers(flat, np.ones(len(priors))), flat))
    budget.tell("Explanation", 0.0)
    truths = values if labels is None else codes
    explanation = importance_of(model, metric, matrix, truths, watched, budget.seconds, lambda: budget.over(_EXPLAINED))
    budget.tell("Explanation", 1.0)
    return Trained(
        model,
        metric,
        quality,
        _name(options.task, picked, race.base),
        {
            "members": [_described(options.task, trial, weight, race.base) for trial, weight in picked],
            "tried": len(race.trials),
        },
        made.columns,
        len(kept),
        made.dropped,
        {"permutation_importance": explanation},
        {
            "training_drift_metric": {"mean": kept_drift.mean, "variance": kept_drift.variance},
            "baseline_score": guess,
        },
    )


def _described(task: Task, trial: Trial, weight: float, base: Trial | None) -> dict[str, Any]:
    shown: dict[str, Any] = {**trial.params, "rounds": trial.rounds}
    if trial.shape:
        shown = {**dataclasses.asdict(trial.shape), "steps": trial.rounds}
    elif not trial.has_trees:
        shown = {"strength": trial.strength}
    if trial.upon and base:
        begun = {"algorithm_name": own_name(task, base.family), "strength": base.strength, "share": trial.upon}
        shown = {**shown, "begun_at": begun}
    hidden = ("num_threads", "objective", "metric", "seed")
    return {
        "algorithm_name": own_name(task, trial.family),
        "weight": round(weight, 4),
        "hyperparameters": {key: value for key, value in shown.items() if key not in hidden},
    }


def _name(task: Task, picked: list[tuple[Trial, float]], base: Trial | None) -> str:
    used = [each for trial, _ in picked for each in ((base, trial) if trial.upon and base else (trial,))]
    names = list(dict.fromkeys(own_name(task, each.family) for each in used))
    return names[0] if len(used) == 1 else f"Ensemble({', '.join(names)})"
