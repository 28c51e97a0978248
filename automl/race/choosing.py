"""What becomes the model of what a race has tried: the best candidate or a blend of several, on all rows.

Of few rows each candidate has trees for every split, whose mean is the model: it errs less than trees that are grown
once more on all rows (bench/automl.py, means of ten seeds: breast_cancer has 3 % less log-loss), and is there already.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automl.learners.blend import Blend, Member
from automl.learners.boosters import Trees, begin_at, grow, rows_of, start
from automl.learners.networks import Networks, joined
from automl.race.race import LANES, REFIT, SHARED, TUNE, Race
from automl.race.trial import Sum, Trial, likely
from automl.terms import families

Floats = NDArray[np.float64]
_FEW = 5000
_CLEARLY = 0.002  # of a loss, that something else has to be better
_TOGETHER = 10_000  # trees of all splits: an answer walks them all, which takes some tenths of a millisecond
_THREADED = 3_000_000  # values from which one booster's threads help each other


def choose(race: Race, most: int = 4) -> list[tuple[Trial, float]]:
    """Choose the best candidate, and others beside it where a blend is clearly better (greedy, with repeats)."""
    there = [each for each in race.trials if each.grown or not each.has_trees or not race.fed]
    if race.base:  # which is enough where trees add nothing to it
        enough = race.base.loss * (1.0 - _CLEARLY)
        there = [each for each in there if not each.upon or each.loss < enough]
    ordered = likely(there)
    picked = [ordered[0]]
    total, loss = ordered[0].margins.copy(), ordered[0].loss
    gain = 0.0 if len(race.matrix) < _FEW else _CLEARLY  # of few rows a blend is also the safer choice
    for _ in range(8):
        options = ordered if len({id(each) for each in picked}) < most else list({id(e): e for e in picked}.values())
        losses = [race.loss((total + each.margins) / (len(picked) + 1)) for each in options]
        place = int(np.argmin(losses))
        if losses[place] > loss - max(1e-9, gain * abs(loss)):
            break
        picked.append(options[place])
        total += options[place].margins
        loss = losses[place]
    counts: dict[int, int] = {}
    for each in picked:
        counts[id(each)] = counts.get(id(each), 0) + 1
    unique = {id(each): each for each in picked}
    return [(unique[key], count / len(picked)) for key, count in counts.items()]


def _some(rows: int, wanted: int, seed: int) -> NDArray[np.int64]:
    return np.sort(np.random.default_rng(seed).choice(rows, wanted, replace=False))


class _Again:
    """What was chosen of a race, fitted on all rows."""

    def __init__(self, race: Race, members: int) -> None:
        self.race = race
        self.count = members
        self.rows = np.arange(len(race.matrix))
        self.sums: dict[tuple[str, float], Sum] = {}
        self.members: list[Member] = []
        self.weights: list[float] = []

    def add(self, member: Member, weight: float) -> None:
        """Add a member, which may be there already: a sum has its own share, and those of trees that begin at it."""
        for place, each in enumerate(self.members):
            if each is member:
                self.weights[place] += weight
                return
        self.members.append(member)
        self.weights.append(weight)

    def sum_of(self, trial: Trial) -> Sum:
        """Fit a linear model on all rows, once, or give that of the race where no time is left for it."""
        race, key = self.race, (trial.family, trial.strength)
        if key not in self.sums:
            has_products = trial.family == families.PRODUCTS
            cost = race.products_cost(len(self.rows)) if has_products else race.linear_cost()
            if race.fed and race.budget.short(REFIT, cost):
                self.sums[key] = trial.models[0]
            elif has_products:
                self.sums[key] = next(race.fit_products(self.rows, [trial.strength], REFIT))
            else:
                self.sums[key] = race.fit_linear(self.rows, [trial.strength], REFIT)[0]
            race.budget.over(REFIT)  # notes that the clock may have ended the fit
        return self.sums[key]

    def networks_of(self, trial: Trial) -> Networks:
        """Let networks learn from all rows, or give those of the race: of all splits, or where no time was kept."""
        race = self.race
        if trial is not race.learns_again or race.budget.short(REFIT, race.networks.again_cost(trial)):
            return joined(trial.networks)
        found = race.networks.again(trial, race.budget.at(REFIT))
        return joined(trial.networks) if race.budget.over(REFIT) else found

    def trees_of(self, trial: Trial, place: int) -> tuple[Trees, Sum | None]:
        """Grow trees on all rows, or give those of the race where no time is left; with the sum that they begin at."""
        race, rows = self.race, self.rows
        # More rows bear a few more rounds.
        grow_by = 1.0 + 0.5 * min(0.5, len(race.splits[0].watch) / max(1, len(race.splits[0].train)))
        rounds = trial.rounds if trial.family in (families.FOREST, families.TREE) else round(trial.rounds * grow_by)
        deadline = race.budget.at(REFIT if race.fed else TUNE + (REFIT - TUNE) * (place + 1) / self.count)
        part = race.rows_for(trial, rounds, self.count)
        seconds = race.round_cost(trial.params, part) * rounds / SHARED
        base = race.base if trial.upon else None
        kept = (trial.grown[0].trees, base.models[0] if base else None) if race.fed and trial.grown else None
        if kept and (part < len(rows) or race.budget.short(REFIT, seconds)):
            return kept  # few more rows are not worth as many fewer rounds
        threads = LANES if part * race.matrix.shape[1] > _THREADED else 1
        again = self.sum_of(base) if base else None
        if part < len(rows):
            rows = _some(len(rows), part, race.seed)
        data = race.data if len(rows) == len(self.rows) and not again else rows_of(race.data, rows)
        if again:
            data = begin_at(data, trial.upon * again.margin(race.matrix[rows]))
        booster = start(data, {**trial.params, "num_threads": threads})
        grown = grow(booster, race.objective.outputs, rounds, 0, deadline, watched=False)
        race.budget.cut |= grown.cut
        return kept if kept and grown.cut else (grown.trees, again)

    def add_splits(self, trial: Trial, weight: float) -> None:
        """Add what grew on each split, by the rows that judged it there; together these are all rows."""
        judged = [len(split.watch) / len(self.race.watched) for split in self.race.splits]
        for place, (growth, share) in enumerate(zip(trial.grown, judged, strict=True)):
            if trial.upon:
                assert self.race.base is not None
                self.add(self.race.base.models[place], weight * share * trial.upon)
            self.add(growth.first(trial.rounds), weight * share)


def _stay(race: Race, chosen: Sequence[tuple[Trial, float]]) -> bool:
    """Tell whether trees stay as they grew on each of several splits: all of them are kept, and are not too many."""
    grown = [trial for trial, _ in chosen if trial.has_trees]
    count = sum(trial.rounds for trial in grown) * race.objective.outputs * len(race.splits)
    return len(race.splits) > 1 and all(trial.grown for trial in grown) and count <= _TOGETHER


def refit(race: Race, chosen: Sequence[tuple[Trial, float]]) -> tuple[Blend, Floats]:
    """Fit the chosen candidates on all rows. Gives the blend, and its margins of the watched rows from the race."""
    again = _Again(race, len(chosen))
    stay = _stay(race, chosen)
    for place, (trial, weight) in enumerate(chosen):
        if trial.has_trees and stay:
            again.add_splits(trial, weight)
        elif trial.has_trees:
            trees, base = again.trees_of(trial, place)
            if base:
                again.add(base, weight * trial.upon)
            again.add(trees, weight)
        elif trial.shape:
            again.add(again.networks_of(trial), weight)
        else:
            again.add(again.sum_of(trial), weight)
        race.budget.tell("Refit", (place + 1) / len(chosen))
    margins = sum((weight * trial.margins for trial, weight in chosen), np.zeros_like(chosen[0][0].margins))
    blend = Blend(tuple(again.members), tuple(again.weights), race.matrix.shape[1], race.objective.outputs)
    return blend, margins
