"""The race: cheap models first, then fixed configurations, then a search round the best, then more rounds.

Trees begin at nothing, or at the margins of the best linear model or model with products, or at half of them: what a
few weights say of all rows needs no splits then.

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
from automl.learners.boosters import Growth, agreed, begin_at, dataset, grow, loading, rows_of, start
from automl.learners.linear import Linear, fit_logistic, fit_ridge
from automl.progress import Budget
from automl.race.folds import Split
from automl.race.losses import Objective
from automl.race.nearby import COMMON, nearby
from automl.race.networks import Learner
from automl.race.trial import MOST_ROUNDS, Part, Trial, likely
from automl.terms import families

Floats = NDArray[np.float64]
STRENGTHS_C = (0.01, 0.1, 1.0, 10.0)
STRENGTHS_RIDGE = (1e-5, 1e-4, 1e-3, 1e-2, 5e-2, 2e-1)
PRODUCTS_C = (0.03, 0.3, 3.0)  # from where most is held down on: the others are not tried if it gets worse
PRODUCTS_RIDGE = (1.0, 0.3, 0.1, 1e-2, 1e-3)
LINEAR_ROWS = 60_000
_PRODUCTS_CELLS = 30_000_000  # rows x products, of four bytes
_PRODUCTS_SHARE = 0.2  # of the time that they may take
SHARES = (1.0, 0.5)  # of the margins at which trees begin: a sum that knows its own rows too well is worth half
SELECT, TUNE, REFIT = 0.35, 0.60, 0.85  # shares of the time after which each stage ends
LANES = min(os.cpu_count() or 1, 4)  # boosters that grow side by side, one thread each
SHARED = 0.7  # what a lane gets of a processor on a machine that others use
LEAST_ROUNDS = 60
LEAST_ROWS = 20_000  # that a race of many rows has at least
_TRIAL = 0.12  # the share of the budget that a usual trial may cost
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
_SEARCHED = frozenset({families.BOOSTED, families.EXTRA})  # what has parameters near which others are tried
_NONE: Floats = np.zeros((0, 0))
_BINNING = 3e-8  # seconds in which a value is put into its bin, at first
_KEPT_WIDTH = 128  # features of boosters that wait for more rounds; their histograms grow with it


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
        self._parts: dict[float, list[Part]] = {}
        self._bins = 255.0
        self.networks = Learner(self.matrix, self.target, self.categories, self.objective, self.seed)
        self.learns_again: Trial | None = None  # the networks for which time is kept to learn from all rows

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
            width = self.matrix.shape[1]
            self._bins = sum(self._data.feature_num_bin(each) for each in range(width)) / width
        return self._data

    def parts(self, share: float) -> list[Part]:
        """Give each split's rows for trees that begin at a share of the margins of the `base`."""
        if share not in self._parts:
            found = [Part(rows_of(self.data, each.train), rows_of(self.data, each.watch), 0.0) for each in self.splits]
            if share:
                assert self.base is not None
                for place, (split, model) in enumerate(zip(self.splits, self.base.models, strict=True)):
                    train, watch = (share * model.margin(self.matrix[rows]) for rows in (split.train, split.watch))
                    part = found[place]
                    found[place] = Part(begin_at(part.train, train), begin_at(part.watch, watch), watch)
            self._parts[share] = found
        return self._parts[share]

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

    @property
    def base(self) -> Trial | None:
        """The linear model or model with products with the smallest loss so far: all of them come before trees."""
        return min((each for each in self.trials if each.models), key=lambda trial: trial.loss, default=None)

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
                [each[place].margin(self.matrix[split.watch]) for each, split in zip(fitted, self.splits, strict=True)]
            )
            models = tuple(each[place] for each in fitted)
            self.trials.append(
                Trial(families.LINEAR, {}, self.loss(margins), margins, strength=strength, models=models)
            )

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
            models = tuple(next(fit) for fit in fits)
            self.budget.take(cost)
            judged = zip(models, self.splits, strict=True)
            margins = np.concatenate([model.margin(self.matrix[split.watch]) for model, split in judged])
            loss = self.loss(margins)
            self.trials.append(Trial(families.PRODUCTS, {}, loss, margins, strength=strength, models=models))
            spent = cost * (place + 2) > most
            # Past that moment the clock may have ended the fit itself, whatever the loss.
            if self.budget.over(SELECT) or loss > before * 0.998 or spent or self.budget.short(SELECT, cost):
                break
            before = loss

    def run_networks(self, share: float) -> None:
        """Try networks until a share of the time has passed."""
        needed = set(self.families) == {families.NETWORKS}
        self.trials += self.networks.tried(self.splits, self.budget, self.loss, share, needed)

    @property
    def _depends_on_many(self) -> bool:
        """Tell whether products say so much more than numbers alone that networks come before trees."""
        losses = {each.family: each.loss for each in sorted(self.trials, key=lambda trial: -trial.loss)}
        return losses.get(families.PRODUCTS, math.inf) < 0.9 * losses.get(families.LINEAR, 0.0)

    def keep_for_networks(self) -> None:
        """Keep the time in which the best networks learn from all rows, where they seem to be of use."""
        found = [trial for trial in self.trials if trial.shape]
        best = min(found, key=lambda trial: trial.loss, default=None)
        if best and len(self.splits) == 1 and self._helps(best):
            self.learns_again = best
            self.budget.take(self.networks.again_cost(best))

    def _helps(self, trial: Trial) -> bool:
        """Tell whether a candidate beside the best of another family is better than that alone."""
        others = [each for each in self.trials if each.family != trial.family]
        best = min(others, key=lambda each: each.loss, default=None)
        return best is None or self.loss((trial.margins + best.margins) / 2) < 0.998 * best.loss

    def _slice(self, params: dict[str, Any], family: str, lanes: int, first: bool) -> int:
        """Give how many rounds a configuration may have, 0 for too few to judge it; may change its step size."""
        cost = self.round_cost(params, len(self.splits[0].train)) * len(self.splits)
        limit = _LIMITS.get(family, MOST_ROUNDS)
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

    def run_trees(
        self, wanted: Sequence[tuple[str, Mapping[str, Any]]], first: bool = False, upon: Sequence[float] = ()
    ) -> None:
        """Grow several configurations side by side on every split, within a slice of what is left of the budget.

        Args:
            wanted: families with their parameters.
            first: they are the first trees, which have some rounds in any case.
            upon: for each the share of the margins of the `base` at which it begins; at nothing unless given.
        """
        assert self.data is not None  # rounds are estimated by its bins
        jobs: list[tuple[Trial, int]] = []
        for (family, changes), share in zip(wanted, upon or [0.0] * len(wanted), strict=True):
            params = {**COMMON, **changes, **self.objective.params, "seed": self.seed, "num_threads": 1}
            rounds = self._slice(params, family, min(len(wanted), LANES), first and not jobs)
            if rounds:
                patience = _patience(params["learning_rate"])
                begun = 0.0 if family in _LIMITS else share
                jobs.append((Trial(family, params, math.inf, _NONE, patience=patience, upon=begun), rounds))
        parts = {share: self.parts(share) for share in sorted({trial.upon for trial, _ in jobs})}
        deadline = self.budget.at(TUNE)

        def grown(job: tuple[Trial, int, int]) -> Growth:
            trial, rounds, place = job
            part = parts[trial.upon][place]
            booster = start(part.train, trial.params, part.watch)
            return grow(booster, self.objective.outputs, rounds, trial.patience, deadline)

        flat = [(trial, rounds, place) for trial, rounds in jobs for place in range(len(self.splits))]
        with ThreadPoolExecutor(LANES) as lanes:
            found = list(lanes.map(grown, flat))
        eaten = []
        for place, (trial, rounds) in enumerate(jobs):
            each = found[place * len(self.splits) : (place + 1) * len(self.splits)]
            used = min(rounds, sum(growth.rounds + trial.patience for growth in each) / len(each))
            eaten.append((trial, each, used))
        self.trials += self._judged(eaten)
        self._forget()

    def _judged(self, eaten: Sequence[tuple[Trial, Sequence[Growth], float]]) -> list[Trial]:
        """Give candidates with what was grown of them on every split, and take their rounds from the budget."""
        best = [agreed(each, [len(split.watch) for split in self.splits]) for _, each, _ in eaten]

        def margins(job: tuple[int, int]) -> Floats:
            number, place = job
            trial, each, _ = eaten[number]
            begin, watch = self.parts(trial.upon)[place].begin, self.splits[place].watch
            return each[place].margins(self.matrix[watch], best[number], begin)

        flat = [(number, place) for number in range(len(eaten)) for place in range(len(self.splits))]
        with ThreadPoolExecutor(LANES) as lanes:
            found = list(lanes.map(margins, flat))
        judged = []
        for number, (trial, each, used) in enumerate(eaten):
            self.budget.cut |= any(growth.cut for growth in each)
            cost = self.round_cost(trial.params, len(self.splits[0].train)) * len(self.splits)
            self.budget.take(cost * used / (LANES * SHARED))
            whole = np.concatenate(found[number * len(self.splits) : (number + 1) * len(self.splits)])
            kept = tuple(each) if self._crossed or (self._nearly_all and trial.family not in _LIMITS) else ()
            loss = self.loss(whole)
            judged.append(replace(trial, loss=loss, margins=whole, rounds=best[number], grown=kept))
        return judged

    def _forget(self) -> None:
        """Let go of what was grown for all but the best: a booster has as much memory as its training."""
        if self._crossed:
            kept = {id(trial) for trial in likely(self.trials)}
        else:
            grown = sorted((trial for trial in self.trials if trial.grown), key=lambda trial: trial.loss)
            kept = {id(trial) for trial in grown[: 2 * LANES]}
        self.trials = [replace(each, grown=()) if each.grown and id(each) not in kept else each for each in self.trials]

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
            rate = min(trial.params["learning_rate"], max(COMMON["learning_rate"], 32.0 / (trial.rounds + rounds)))
            patience = _patience(rate)
            self.trials[place] = replace(trial, params={**trial.params, "learning_rate": rate}, patience=patience)
            jobs.append((self.trials[place], rounds))

        def fed(job: tuple[Trial, int]) -> Growth:
            trial, rounds = job
            before = trial.grown[0]
            before.booster.reset_parameter({"learning_rate": trial.params["learning_rate"]})
            return grow(before.booster, self.objective.outputs, rounds, trial.patience, deadline, before)

        with ThreadPoolExecutor(LANES) as lanes:
            found = list(lanes.map(fed, jobs))
        eaten = [
            (self.trials[place], [growth], len(growth.losses) - len(self.trials[place].grown[0].losses))
            for place, growth in zip(meals, found, strict=True)
        ]
        for place, trial in zip(meals, self._judged(eaten), strict=True):
            self.trials[place] = trial
        self.budget.tell("Hyperparameter Tuning", 1.0, f"loss {self.best.loss:.5g}")

    @property
    def _crossed(self) -> bool:
        """Tell whether every row judges once, and boosters of all splits are small enough to be kept."""
        return len(self.splits) > 1 and self.matrix.shape[1] <= _KEPT_WIDTH

    @property
    def _nearly_all(self) -> bool:
        """Tell whether fitting again adds few rows to those of the race, whose boosters are small enough to be kept."""
        rows, width = self.matrix.shape
        return len(self.splits) == 1 and len(self.splits[0].train) >= 0.75 * rows and width <= _KEPT_WIDTH

    def _meal(self, trial: Trial, guests: int) -> int:
        """Give how many rounds more a candidate gets of what is left, beside others."""
        cost = self.round_cost(trial.params, len(self.splits[0].train))
        seconds = self.budget.left(REFIT) * min(LANES, guests) * SHARED / guests
        return min(int(seconds / cost), MOST_ROUNDS - trial.rounds)

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
        early = self._depends_on_many
        if early and families.NETWORKS in self.families:
            self.run_networks((SELECT + TUNE) / 2)
        wanted = [entry for entry in PORTFOLIO if entry[0] in self.families and entry[0] not in _SINGLE]
        wanted = wanted or [entry for entry in PORTFOLIO if entry[0] in self.families]
        for place in range(0, len(wanted), LANES):
            if self.trials and self.budget.short(TUNE, loading() + _BINNING * self.matrix.size):
                break
            if place and (self.budget.left(TUNE) <= 0 or self.budget.over(SELECT)):
                break
            batch = wanted[place : place + LANES]
            self.run_trees(batch, first=not place)
            if not place:
                self.begin_further()
            if place and self.leader and self.leader.hungry and self._nearly_all:
                break  # there is more in these than in others
            tell("Algorithm Selection", min(1.0, (place + LANES) / len(wanted)), f"loss {self.best.loss:.5g}")
        if not early and families.NETWORKS in self.families:
            self.run_networks(TUNE)
        self.keep_for_networks()
        self.search()
        self.feed()

    def begin_further(self) -> None:
        """Grow the best trees once more from the margins of the `base` on, and from half of them."""
        leader = self.leader
        if self.base and leader and leader.family in _SEARCHED and self._lasts(leader):
            self.run_trees([(leader.family, leader.params)] * len(SHARES), upon=SHARES)

    def _lasts(self, trial: Trial) -> bool:
        """Tell whether the budget lasts for trees like these once more."""
        cost = self.round_cost(trial.params, len(self.splits[0].train)) * len(self.splits) / SHARED
        return self.budget.left(TUNE) >= cost * trial.rounds * 0.8 and not self.budget.over(TUNE)

    def search(self) -> None:
        """Change the best trees' parameters step by step, keeping what is better, while the budget lasts."""
        dice = np.random.default_rng(self.seed)
        tried = 0
        most = int(np.clip(len(self.matrix) / 50, 4, 60))  # few rows tell few candidates apart
        while tried < most:
            grown = [trial for trial in self.trials if trial.family in _SEARCHED]
            if not grown:
                return
            leader = min(grown, key=lambda trial: trial.loss)
            if self._behind(leader) and tried >= 4:
                return  # a linear model is far ahead
            if not self._lasts(leader):
                return
            before = len(self.trials)
            near = [(leader.family, nearby(leader.params, dice)) for _ in range(LANES)]
            # Some begin at nothing: a blend is better of candidates that err in different places.
            self.run_trees(near, upon=[0.0 if each % 2 else leader.upon for each in range(LANES)])
            if len(self.trials) == before:
                return
            tried += LANES
            self.budget.tell("Hyperparameter Tuning", min(0.99, tried / 20), f"loss {self.best.loss:.5g}")


def _patience(rate: float) -> int:
    """How many rounds without a gain end a booster, by its step size."""
    return max(10, int(2.5 / rate))
