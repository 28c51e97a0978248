"""The race: cheap models first, then fixed configurations, then a search round the best, then more rounds.

Every candidate is judged by its margins of rows that it has not seen. What is tried is chosen by estimated cost, so a
seed and a budget give the same model again; see `progress.Budget`.
"""

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.learners import products
from automl.learners.boosters import Growth, dataset, grow, loading, rows_of, start
from automl.learners.linear import Linear, fit_logistic, fit_ridge
from automl.progress import Budget
from automl.race.folds import Split
from automl.race.losses import Objective
from automl.terms import families

Floats = NDArray[np.float64]
STRENGTHS_C = (0.01, 0.1, 1.0, 10.0)
STRENGTHS_RIDGE = (1e-5, 1e-4, 1e-3, 1e-2, 5e-2, 2e-1)
PRODUCTS_C = (0.03, 0.3, 3.0)  # from where most is held down on: the others are not tried if it gets worse
PRODUCTS_RIDGE = (1.0, 0.3, 0.1, 1e-2, 1e-3)
LINEAR_ROWS = 60_000
_PRODUCTS_CELLS = 30_000_000  # rows x products, of four bytes
_PRODUCTS_SHARE = 0.2  # of the time that they may take
SELECT, TUNE, REFIT = 0.35, 0.60, 0.85  # shares of the time after which each stage ends
LANES = min(os.cpu_count() or 1, 4)  # boosters that grow side by side, one thread each
SHARED = 0.7  # what a lane gets of a processor on a machine that others use
LEAST_ROUNDS = 60
LEAST_ROWS = 20_000  # that a race of many rows has at least
_TRIAL = 0.12  # the share of the budget that a usual trial may cost
_COMMON: Mapping[str, Any] = {"learning_rate": 0.05, "num_leaves": 31, "min_data_in_leaf": 20, "bagging_freq": 1}
PORTFOLIO: tuple[tuple[str, Mapping[str, Any]], ...] = (
    (families.BOOSTED, {"learning_rate": 0.1}),
    (families.BOOSTED, {"num_leaves": 8, "lambda_l2": 5.0, "feature_fraction": 0.8}),
    (families.EXTRA, {"num_leaves": 48, "extra_trees": True, "feature_fraction": 0.7, "min_data_in_leaf": 10}),
    (families.BOOSTED, {"num_leaves": 127, "feature_fraction": 0.5, "min_data_in_leaf": 10, "lambda_l2": 1.0}),
    (
        families.BOOSTED,
        {"num_leaves": 24, "cat_smooth": 60.0, "cat_l2": 40.0, "feature_fraction": 0.6, "bagging_fraction": 0.8},
    ),
    (
        families.FOREST,
        {"boosting": "rf", "num_leaves": 255, "feature_fraction": 0.4, "bagging_fraction": 0.63, "min_data_in_leaf": 3},
    ),
    (families.BOOSTED, {"num_leaves": 4, "feature_fraction": 0.5, "learning_rate": 0.1, "bagging_fraction": 0.8}),
    (families.TREE, {"num_leaves": 31, "learning_rate": 1.0}),
)
_SINGLE = frozenset({families.TREE})  # not in the race unless it is the only one that is asked for: never the best
_LIMITS: Mapping[str, int] = {families.TREE: 1, families.FOREST: 100}
_MOST_ROUNDS = 2000
_BINNING = 3e-8  # seconds in which a value is put into its bin, at first
_KEPT_WIDTH = 128  # features of boosters that wait for more rounds; their histograms grow with it


@dataclass(frozen=True)
class Trial:
    """A candidate and what it did on the watched rows."""

    family: str
    params: Mapping[str, Any]
    loss: float
    margins: Floats
    rounds: int = 0
    strength: float = 0.0
    grown: tuple[Growth, ...] = ()  # where it may go on
    patience: int = 0
    model: Linear | products.Products | None = None  # that of the race, where it has one split

    @property
    def has_trees(self) -> bool:
        """Tell whether it is grown, round by round."""
        return self.family not in families.SUMS

    @property
    def hungry(self) -> bool:
        """Tell whether more rounds would have made it better, as far as it can be seen."""
        return self.rounds < _MOST_ROUNDS and any(growth.hungry for growth in self.grown)


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
    fed: bool = False  # with the time in which candidates are fitted again

    def __post_init__(self) -> None:
        self.watched = np.concatenate([split.watch for split in self.splits])
        self.splits = [self._reduced(split) for split in self.splits]
        self._data: Any = None
        self._parts: list[tuple[Any, Any]] = []
        self._bins = 255.0

    def _reduced(self, split: Split) -> Split:
        """Leave out training rows of the race where a trial would take too long; all come back at last."""
        features = self.matrix.shape[1]
        seconds = _TRIAL * self.budget.seconds * LANES * SHARED / 250 / self.objective.outputs
        most = max(LEAST_ROWS, int((seconds - 7.5e-9 * features * 31 * 255) / (6.4e-9 * features)))
        if len(split.train) <= most:
            return split
        dice = np.random.default_rng(self.seed)
        return Split(np.sort(dice.choice(split.train, most, replace=False)), split.watch)

    @property
    def data(self) -> Any:
        """The rows in bins, made when trees are first grown."""
        if self._data is None:
            self._data = dataset(self.matrix, self.target, self.categories)
            self._parts = [
                (rows_of(self._data, split.train), rows_of(self._data, split.watch)) for split in self.splits
            ]
            width = self.matrix.shape[1]
            self._bins = sum(self._data.feature_num_bin(each) for each in range(width)) / width
        return self._data

    def loss(self, margins: Floats) -> float:
        """Give the loss of margins of the watched rows."""
        return self.objective.loss(margins, self.target[self.watched])

    @property
    def best(self) -> Trial:
        """The candidate with the smallest loss so far."""
        return min(self.trials, key=lambda trial: trial.loss)

    @property
    def leader(self) -> Trial | None:
        """The trees with the smallest loss so far."""
        return min((each for each in self.trials if each.has_trees), key=lambda trial: trial.loss, default=None)

    def _behind(self, trial: Trial) -> bool:
        """Tell whether a candidate is so far behind the best that its like is not worth more time."""
        return trial.loss > 1.5 * self.best.loss + 1e-9

    def round_cost(self, params: Mapping[str, Any], rows: int) -> float:
        """Estimate the seconds of one round on one processor of 2026; within a quarter of what was measured."""
        leaves = min(params.get("num_leaves", 31), max(2, rows // max(1, params.get("min_data_in_leaf", 20))))
        features = self.matrix.shape[1] * max(0.3, params.get("feature_fraction", 1.0))
        search = 7.5e-9 * features * leaves * min(self._bins, rows / 3 + 1)
        scan = 6.4e-9 * rows * features * math.log2(leaves + 1) / 5
        return float(self.objective.outputs * (2e-5 + search + scan))

    def fit_linear(self, rows: NDArray[np.int64], strengths: Sequence[float], share: float) -> list[Linear]:
        """Fit a linear model for each strength on rows, or on a part of them when there are many, up to a share of the
        time."""
        part = rows if len(rows) <= LINEAR_ROWS else rows[:: math.ceil(len(rows) / LINEAR_ROWS)]
        if self.objective.classes:
            codes, deadline = self.target[part].astype(np.int64), self.budget.at(share)
            return fit_logistic(self.matrix[part], codes, self.objective.classes, self.categories, strengths, deadline)
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
        if self.budget.over(SELECT):  # reading the rows alone took so long
            strengths = strengths[len(strengths) // 2 :][:1]
        fitted = [self.fit_linear(split.train, strengths, SELECT) for split in self.splits]
        self.budget.take(self.linear_cost())
        for place, strength in enumerate(strengths):
            margins = np.concatenate(
                [
                    models[place].margin(self.matrix[split.watch])
                    for models, split in zip(fitted, self.splits, strict=True)
                ]
            )
            model = fitted[0][place] if len(fitted) == 1 else None
            self.trials.append(Trial(families.LINEAR, {}, self.loss(margins), margins, strength=strength, model=model))

    def fit_products(
        self, rows: NDArray[np.int64], strengths: Sequence[float], share: float
    ) -> Iterator[products.Products]:
        """Fit a model with products for each strength as `fit_linear` does, each when it is asked for."""
        most = min(LINEAR_ROWS, _PRODUCTS_CELLS // (products.pairs(self.categories) + 1))
        part = rows if len(rows) <= most else rows[:: math.ceil(len(rows) / most)]
        classes, deadline = self.objective.classes, self.budget.at(share)
        return products.fitted(self.matrix[part], self.target[part], classes, self.categories, strengths, deadline)

    def products_cost(self, rows: int) -> float:
        """Estimate the seconds of fitting a model with products in one strength."""
        pairs = products.pairs(self.categories)
        width = float(pairs + len(self.categories))
        cells = min(rows, LINEAR_ROWS) * width
        if self.objective.classes:
            steps = 6e-5 * width * self.objective.outputs  # many weights of few rows take all the steps there are
            return 0.01 + min(cells, _PRODUCTS_CELLS) * (2.5e-8 + 1.5e-8 * self.objective.outputs) + steps
        return 0.01 + cells * pairs * 1e-10

    def run_products(self) -> None:
        """Try linear models with products, from where most is held down on, as long as they get better."""
        cost = self.products_cost(len(self.splits[0].train)) * len(self.splits)
        strengths: Sequence[float] = PRODUCTS_C if self.objective.classes else PRODUCTS_RIDGE
        most = _PRODUCTS_SHARE * self.budget.seconds
        # The first fit makes the products as well, so that all of them have to have the time: trees come after it.
        if self.trials and (
            products.pairs(self.categories) < 2
            or cost > most
            or self.budget.short(SELECT, min(cost * len(strengths), most))
        ):
            return
        fits = [self.fit_products(split.train, strengths, SELECT) for split in self.splits]
        before = math.inf
        for place, strength in enumerate(strengths):
            models = [next(fit) for fit in fits]
            self.budget.take(cost)
            judged = zip(models, self.splits, strict=True)
            margins = np.concatenate([model.margin(self.matrix[split.watch]) for model, split in judged])
            loss, model = self.loss(margins), models[0] if len(models) == 1 else None
            self.trials.append(Trial(families.PRODUCTS, {}, loss, margins, strength=strength, model=model))
            spent = cost * (place + 2) > most
            # Past that moment the clock may have ended the fit itself, whatever the loss.
            if self.budget.over(SELECT) or loss > before * 0.998 or spent or self.budget.short(SELECT, cost):
                break
            before = loss

    def _slice(self, params: dict[str, Any], family: str, lanes: int, first: bool) -> int:
        """Give how many rounds a configuration may have, 0 for too few to judge it; may change its step size."""
        cost = self.round_cost(params, len(self.splits[0].train)) * len(self.splits)
        limit = _LIMITS.get(family, _MOST_ROUNDS)
        share = 0.4 if first else 0.3
        seconds = max(share * self.budget.left(TUNE), 0.0) * LANES * SHARED / lanes
        rounds = int(min(limit, seconds / cost))
        if family in _LIMITS:
            return max(rounds, 1 if first else 0) if rounds >= min(limit, 20) or first else 0
        if rounds < LEAST_ROUNDS and not first:
            return 0
        rounds = max(rounds, 20)
        if rounds < 200:  # too few for small steps
            params["learning_rate"] = max(params["learning_rate"], min(0.3, 16.0 / rounds))
        return rounds

    def run_trees(self, wanted: Sequence[tuple[str, Mapping[str, Any]]], first: bool = False) -> None:
        """Grow several configurations side by side on every split, within a slice of what is left of the budget."""
        data = self.data
        assert data is not None
        jobs: list[tuple[str, dict[str, Any], int, int]] = []
        for family, changes in wanted:
            params = {**_COMMON, **changes, **self.objective.params, "seed": self.seed, "num_threads": 1}
            rounds = self._slice(params, family, min(len(wanted), LANES), first and not jobs)
            if rounds:
                patience = _patience(params["learning_rate"])
                jobs.append((family, params, rounds, patience))
        deadline = self.budget.at(TUNE)

        def grown(job: tuple[int, int, dict[str, Any], int]) -> Growth:
            rounds, patience, params, place = job
            train, watch = self._parts[place]
            watched = np.asfortranarray(self.matrix[self.splits[place].watch])
            booster = start(train, params, watch)
            return grow(booster, self.objective.outputs, watched, rounds, patience, deadline)

        flat = [
            (rounds, patience, params, place)
            for _, params, rounds, patience in jobs
            for place in range(len(self.splits))
        ]
        with ThreadPoolExecutor(LANES) as lanes:
            found = list(lanes.map(grown, flat))
        for place, (family, params, rounds, patience) in enumerate(jobs):
            each = found[place * len(self.splits) : (place + 1) * len(self.splits)]
            used = min(rounds, sum(growth.rounds + patience for growth in each) / len(each))
            self.trials.append(self._judged(family, params, each, patience, used))
        self._forget()

    def _judged(
        self, family: str, params: Mapping[str, Any], each: Sequence[Growth], patience: int, used: float
    ) -> Trial:
        """Give what was grown on every split as a trial, and take its rounds from the budget."""
        self.budget.cut |= any(growth.cut for growth in each)
        cost = self.round_cost(params, len(self.splits[0].train)) * len(self.splits)
        self.budget.take(cost * used / (LANES * SHARED))
        margins = np.concatenate([growth.margins for growth in each])
        best = max(1, round(float(np.mean([growth.rounds for growth in each]))))
        kept = tuple(each) if self._nearly_all and family not in _LIMITS else ()
        return Trial(family, params, self.loss(margins), margins, best, grown=kept, patience=patience)

    def _forget(self) -> None:
        """Let go of what was grown for all but the best: a booster has as much memory as its training."""
        kept = sorted(trial.loss for trial in self.trials if trial.grown)[: 2 * LANES]
        self.trials = [replace(each, grown=()) if each.grown and each.loss > kept[-1] else each for each in self.trials]

    def feed(self) -> None:
        """Go on with the best candidates whose loss was still falling, side by side, as long as the budget lasts.

        They need not be fitted again (see `refit`), and have that time as well: where a race has one split and few rows
        were left out of it. Elsewhere all rows bring more than further rounds, which would have to be grown again.
        """
        if not self._nearly_all or self.leader is None or self._behind(self.leader):
            return
        ordered = sorted(range(len(self.trials)), key=lambda place: self.trials[place].loss)
        ordered = [place for place in ordered if self.trials[place].has_trees][: 2 * LANES]
        hungry = [place for place in ordered if self.trials[place].hungry][:LANES]
        meals = {place: self._meal(self.trials[place], len(hungry)) for place in hungry}
        meals = {place: rounds for place, rounds in meals.items() if rounds >= LEAST_ROUNDS // 2}
        if not meals:
            return
        self.fed = True
        deadline = self.budget.at(REFIT)
        jobs = []
        for place, rounds in meals.items():
            trial = self.trials[place]
            rate = min(trial.params["learning_rate"], max(_COMMON["learning_rate"], 32.0 / (trial.rounds + rounds)))
            patience = _patience(rate)
            self.trials[place] = replace(trial, params={**trial.params, "learning_rate": rate}, patience=patience)
            jobs.append((trial.grown[0], rate, rounds, patience))

        def fed(job: tuple[Growth, float, int, int]) -> Growth:
            growth, rate, rounds, patience = job
            growth.booster.reset_parameter({"learning_rate": rate})
            watched = np.asfortranarray(self.matrix[self.watched])
            return grow(growth.booster, self.objective.outputs, watched, rounds, patience, deadline, growth)

        with ThreadPoolExecutor(LANES) as lanes:
            found = list(lanes.map(fed, jobs))
        for place, growth in zip(meals, found, strict=True):
            trial = self.trials[place]
            more = growth.steps - trial.grown[0].steps
            self.trials[place] = self._judged(trial.family, trial.params, [growth], trial.patience, more)
        self.budget.tell("Hyperparameter Tuning", 1.0, f"loss {self.best.loss:.5g}")

    @property
    def _nearly_all(self) -> bool:
        """Tell whether fitting again adds few rows to those of the race, whose boosters are small enough to be kept."""
        rows, width = self.matrix.shape
        return len(self.splits) == 1 and len(self.splits[0].train) >= 0.75 * rows and width <= _KEPT_WIDTH

    def _meal(self, trial: Trial, guests: int) -> int:
        """Give how many rounds more a candidate gets of what is left, beside others."""
        cost = self.round_cost(trial.params, len(self.splits[0].train))
        seconds = self.budget.left(REFIT) * min(LANES, guests) * SHARED / guests
        return min(int(seconds / cost), _MOST_ROUNDS - trial.rounds)

    def rows_for(self, trial: Trial, rounds: int, members: int) -> int:
        """Give how many rows a member can be fitted on in its share of what is left of the budget."""
        rows = len(self.matrix)
        least = 0.0 if self.fed else (REFIT - TUNE) * self.budget.seconds
        seconds = max(self.budget.left(REFIT), least) / members
        cost = self.round_cost(trial.params, rows) * rounds / SHARED
        fewest = max(len(split.train) for split in self.splits)
        return rows if cost <= seconds else min(rows, max(fewest, int(rows * seconds / cost)))

    def run(self) -> None:
        """Try what the budget allows."""
        tell = self.budget.tell
        tell("Algorithm Selection", 0.0)
        if families.LINEAR in self.families:
            self.run_linear()
        if families.PRODUCTS in self.families:
            self.run_products()
        wanted = [entry for entry in PORTFOLIO if entry[0] in self.families and entry[0] not in _SINGLE]
        wanted = wanted or [entry for entry in PORTFOLIO if entry[0] in self.families]
        for place in range(0, len(wanted), LANES):
            if self.trials and self.budget.short(TUNE, loading() + _BINNING * self.matrix.size):
                break
            if place and (self.budget.left(TUNE) <= 0 or self.budget.over(SELECT)):
                break
            self.run_trees(wanted[place : place + LANES], first=not place)
            if place and self.leader and self.leader.hungry and self._nearly_all:
                break  # there is more in these than in others
            tell("Algorithm Selection", min(1.0, (place + LANES) / len(wanted)), f"loss {self.best.loss:.5g}")
        self.search()
        self.feed()

    def search(self) -> None:
        """Change the best trees' parameters step by step, keeping what is better, while the budget lasts."""
        dice = np.random.default_rng(self.seed)
        tried = 0
        most = int(np.clip(len(self.matrix) / 50, 4, 60))  # few rows tell few candidates apart
        while tried < most:
            grown = [trial for trial in self.trials if trial.family in (families.BOOSTED, families.EXTRA)]
            if not grown:
                return
            leader = min(grown, key=lambda trial: trial.loss)
            if self._behind(leader) and tried >= 4:
                return  # a linear model is far ahead
            cost = self.round_cost(leader.params, len(self.splits[0].train)) * len(self.splits) / SHARED
            if self.budget.left(TUNE) < cost * leader.rounds * 0.8 or self.budget.over(TUNE):
                return
            before = len(self.trials)
            self.run_trees([(leader.family, nearby(leader.params, dice)) for _ in range(LANES)])
            if len(self.trials) == before:
                return
            tried += LANES
            self.budget.tell("Hyperparameter Tuning", min(0.99, tried / 20), f"loss {self.best.loss:.5g}")


def _patience(rate: float) -> int:
    """How many rounds without a gain end a booster, by its step size."""
    return max(10, int(2.5 / rate))


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
