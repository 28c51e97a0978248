"""The race: cheap models first, then fixed configurations, then a search round the best, then a blend, then all rows.

Every candidate is judged by its margins of rows that it has not seen. What is tried is chosen by estimated cost, so a
seed and a budget give the same model again; see `progress.Budget`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl import families
from automl.blend import Blend, Member
from automl.boosters import dataset, grow
from automl.folds import Split
from automl.linear import Linear, fit_logistic, fit_ridge
from automl.losses import Objective
from automl.progress import Budget

Floats = NDArray[np.float64]
STRENGTHS_C = (0.01, 0.1, 1.0, 10.0)
STRENGTHS_RIDGE = (1e-5, 1e-4, 1e-3, 1e-2, 5e-2, 2e-1)
LINEAR_ROWS = 60_000
SELECT, TUNE, REFIT = 0.30, 0.60, 0.88  # shares of the time after which each stage ends
_COMMON: Mapping[str, Any] = {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20, "bagging_freq": 1}
PORTFOLIO: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (families.BOOSTED, {"learning_rate": 0.1}),
    (families.BOOSTED, {"num_leaves": 8, "lambda_l2": 5.0, "feature_fraction": 0.8}),
    (families.EXTRA, {"num_leaves": 48, "extra_trees": True, "feature_fraction": 0.7, "min_data_in_leaf": 10}),
    (
        families.BOOSTED,
        {"num_leaves": 24, "cat_smooth": 60.0, "cat_l2": 40.0, "feature_fraction": 0.6, "bagging_fraction": 0.8},
    ),
    (families.BOOSTED, {"num_leaves": 127, "feature_fraction": 0.5, "min_data_in_leaf": 40, "lambda_l2": 1.0}),
    (families.BOOSTED, {"num_leaves": 4, "feature_fraction": 0.5, "learning_rate": 0.1, "bagging_fraction": 0.8}),
    (
        families.FOREST,
        {"boosting": "rf", "num_leaves": 255, "feature_fraction": 0.4, "bagging_fraction": 0.63, "min_data_in_leaf": 3},
    ),
    (families.TREE, {"num_leaves": 31, "learning_rate": 1.0}),
)
_SINGLE = frozenset({families.TREE})  # not in the race unless asked for: never the best


@dataclass(frozen=True)
class Trial:
    """A candidate and what it did on the watched rows."""

    family: str
    params: Mapping[str, Any]
    loss: float
    margins: Floats
    rounds: int = 0
    strength: float = 0.0


@dataclass
class Race:
    """One training's data and what has been tried."""

    matrix: Floats
    target: Floats
    categories: NDArray[np.int64]
    objective: Objective
    splits: Sequence[Split]
    families: Sequence[str]
    seed: int
    budget: Budget
    trials: list[Trial] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.watched = np.concatenate([split.watch for split in self.splits])
        self._data: Any = None

    @property
    def data(self) -> Any:
        """The rows in bins, made when trees are first grown."""
        if self._data is None:
            self._data = dataset(self.matrix, self.target, self.categories)
        return self._data

    def loss(self, margins: Floats) -> float:
        """Give the loss of margins of the watched rows."""
        return self.objective.loss(margins, self.target[self.watched])

    @property
    def best(self) -> Trial:
        """The candidate with the smallest loss so far."""
        return min(self.trials, key=lambda trial: trial.loss)

    def round_cost(self, params: Mapping[str, Any], rows: int) -> float:
        """Estimate the seconds of one round: measured on two cores of 2026, for features of 255 bins."""
        leaves = params.get("num_leaves", 31)
        features = self.matrix.shape[1] * max(0.3, params.get("feature_fraction", 1.0))
        one = 2e-4 + leaves * 1.2e-5 + rows * (2.5e-8 + features * 1.1e-9) * math.log2(leaves + 1) / 5
        return float(self.objective.outputs * one)

    def fit_linear(self, rows: NDArray[np.int64], strengths: Sequence[float]) -> list[Linear]:
        """Fit a linear model for each strength on rows, or on a part of them when there are many."""
        part = rows if len(rows) <= LINEAR_ROWS else rows[:: math.ceil(len(rows) / LINEAR_ROWS)]
        if self.objective.classes:
            codes = self.target[part].astype(np.int64)
            return fit_logistic(self.matrix[part], codes, self.objective.classes, self.categories, strengths)
        return fit_ridge(self.matrix[part], self.target[part], self.categories, strengths)

    def linear_cost(self) -> float:
        """Estimate the seconds of the linear candidates."""
        width = float(np.sum(self.categories == 0) + np.sum(self.categories > 0) * 4)
        rows = min(len(self.matrix), LINEAR_ROWS)
        return 0.01 + (2.5e-7 * self.objective.outputs if self.objective.classes else 4e-8) * rows * width * len(
            self.splits
        )

    def run_linear(self) -> None:
        """Try a linear model in several strengths and keep the best."""
        strengths: Sequence[float] = STRENGTHS_C if self.objective.classes else STRENGTHS_RIDGE
        if self.objective.outputs * len(self.matrix) > 100_000:
            strengths = strengths[1::2]
        fitted = [self.fit_linear(split.train, strengths) for split in self.splits]
        self.budget.take(self.linear_cost())
        for place, strength in enumerate(strengths):
            margins = np.concatenate(
                [
                    models[place].margin(self.matrix[split.watch])
                    for models, split in zip(fitted, self.splits, strict=True)
                ]
            )
            self.trials.append(Trial(families.LINEAR, {}, self.loss(margins), margins, strength=strength))

    def run_trees(self, family: str, changes: Mapping[str, Any], share: float) -> None:
        """Grow a configuration's trees on every split, within a slice of what is left of a share of the budget."""
        params = {**_COMMON, **changes, **self.objective.params, "seed": self.seed, "num_threads": 0}
        rows = len(self.splits[0].train)
        cost = self.round_cost(params, rows) * len(self.splits)
        limit = {families.TREE: 1, families.FOREST: 100}.get(family, 2000)
        slice_ = max(0.45 * self.budget.left(share), 0.02 * self.budget.seconds)
        rounds = int(max(min(limit, slice_ / cost), 1 if family == families.TREE else 15))
        if limit > 100 and rounds < 150:  # too few rounds for slow steps
            params["learning_rate"] = max(params["learning_rate"], min(0.3, 12.0 / rounds))
        patience = max(10, int(2.5 / params["learning_rate"]))
        deadline = self.budget.at(share)
        grown = [
            grow(self.data, self.matrix, params, rounds, split.train, split.watch, patience, deadline)
            for split in self.splits
        ]
        self.budget.cut |= any(each.cut for each in grown)
        used = sum(each.rounds + patience for each in grown) / len(grown)
        self.budget.take(cost * min(rounds, used))
        margins = np.concatenate([each.margins for each in grown])
        best_rounds = max(1, round(float(np.mean([each.rounds for each in grown]))))
        self.trials.append(Trial(family, params, self.loss(margins), margins, best_rounds))

    def run(self) -> None:
        """Try what the budget allows."""
        tell = self.budget.tell
        tell("Algorithm Selection", 0.0)
        if families.LINEAR in self.families:
            self.run_linear()
        wanted = [entry for entry in PORTFOLIO if entry[0] in self.families and (entry[0] not in _SINGLE)]
        if not wanted:
            wanted = [entry for entry in PORTFOLIO if entry[0] in self.families]
        for place, (family, changes) in enumerate(wanted):
            if self.trials and (self.budget.left(TUNE) <= 0 or self.budget.over(SELECT if place > 2 else TUNE)):
                break
            self.run_trees(family, changes, TUNE)
            tell("Algorithm Selection", (place + 1) / len(wanted), f"{family} {self.trials[-1].loss:.5g}")
        self.search()

    def search(self) -> None:
        """Change the best trees' parameters step by step, keeping what is better, while the budget lasts."""
        grown = [trial for trial in self.trials if trial.family in (families.BOOSTED, families.EXTRA)]
        if not grown:
            return
        dice = np.random.default_rng(self.seed)
        tried = 0
        while tried < 60:
            leader = min((trial for trial in self.trials if trial.rounds), key=lambda trial: trial.loss)
            if leader.family == families.FOREST:
                leader = min(grown, key=lambda trial: trial.loss)
            params = nearby(leader.params, dice)
            cost = self.round_cost(params, len(self.splits[0].train)) * len(self.splits)
            if self.budget.left(TUNE) < cost * leader.rounds * 0.8 or self.budget.over(TUNE):
                break
            if leader.loss > 1.5 * self.best.loss + 1e-9 and tried >= 4:
                break  # a linear model is far ahead
            self.run_trees(leader.family, params, TUNE)
            tried += 1
            self.budget.tell("Hyperparameter Tuning", min(0.99, tried / 20), f"loss {self.best.loss:.5g}")


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
        found[name] = round(found.get(name, _COMMON[name]))
    return found


def choose(race: Race, most: int = 4) -> list[tuple[Trial, float]]:
    """Choose the best candidate, and others beside it where a blend is clearly better (greedy, with repeats)."""
    ordered = sorted(race.trials, key=lambda trial: trial.loss)[:12]
    picked = [ordered[0]]
    total, loss = ordered[0].margins.copy(), ordered[0].loss
    for _ in range(8):
        options = ordered if len({id(each) for each in picked}) < most else list({id(e): e for e in picked}.values())
        losses = [race.loss((total + each.margins) / (len(picked) + 1)) for each in options]
        place = int(np.argmin(losses))
        if losses[place] > loss - max(1e-9, 0.002 * abs(loss)):
            break
        picked.append(options[place])
        total += options[place].margins
        loss = losses[place]
    counts: dict[int, int] = {}
    for each in picked:
        counts[id(each)] = counts.get(id(each), 0) + 1
    unique = {id(each): each for each in picked}
    return [(unique[key], count / len(picked)) for key, count in counts.items()]


def refit(race: Race, chosen: Sequence[tuple[Trial, float]]) -> tuple[Blend, Floats]:
    """Fit the chosen candidates on all rows. Gives the blend, and its margins of the watched rows from the race."""
    rows = np.arange(len(race.matrix))
    grow_by = 1.0 + 0.5 * len(race.splits[0].watch) / max(1, len(race.splits[0].train))
    members: list[Member] = []
    for place, (trial, _) in enumerate(chosen):
        if trial.family == families.LINEAR:
            members.append(race.fit_linear(rows, [trial.strength])[0])
        else:
            rounds = trial.rounds if trial.family in (families.FOREST, families.TREE) else round(trial.rounds * grow_by)
            deadline = race.budget.at(REFIT - 0.25 * (1 - (place + 1) / len(chosen)))
            grown = grow(race.data, race.matrix, trial.params, rounds, None, None, 0, deadline)
            race.budget.cut |= grown.cut
            members.append(grown.trees)
        race.budget.tell("Refit", (place + 1) / len(chosen))
    weights = tuple(weight for _, weight in chosen)
    margins = sum((weight * trial.margins for trial, weight in chosen), np.zeros_like(chosen[0][0].margins))
    return Blend(tuple(members), weights, race.matrix.shape[1], race.objective.outputs), margins
