"""What becomes the model of what a race has tried: the best candidate or a blend of several, on all rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from automl.learners.blend import Blend, Member
from automl.learners.boosters import grow, rows_of, start
from automl.learners.linear import Linear
from automl.learners.products import Products
from automl.race.race import LANES, REFIT, SHARED, TUNE, Race, Trial
from automl.terms import families

Floats = NDArray[np.float64]
_FEW = 5000
_THREADED = 3_000_000  # values from which one booster's threads help each other


def choose(race: Race, most: int = 4) -> list[tuple[Trial, float]]:
    """Choose the best candidate, and others beside it where a blend is clearly better (greedy, with repeats)."""
    there = [each for each in race.trials if each.grown or not each.has_trees or not race.fed]
    ordered = sorted(there, key=lambda trial: trial.loss)[:12]
    picked = [ordered[0]]
    total, loss = ordered[0].margins.copy(), ordered[0].loss
    gain = 0.0 if len(race.matrix) < _FEW else 0.002  # of few rows a blend is also the safer choice
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


def _sum_again(race: Race, trial: Trial, rows: NDArray[np.int64]) -> Linear | Products:
    """Fit a linear model on all rows, or give that of the race where no time is left for it."""
    cost = race.products_cost(len(rows)) if trial.family == families.PRODUCTS else race.linear_cost()
    if race.fed and trial.model is not None and race.budget.short(REFIT, cost):
        return trial.model
    again: Linear | Products
    if trial.family == families.PRODUCTS:
        again = next(race.fit_products(rows, [trial.strength], REFIT))
    else:
        again = race.fit_linear(rows, [trial.strength], REFIT)[0]
    race.budget.over(REFIT)  # notes that the clock may have ended the fit
    return again


def refit(race: Race, chosen: Sequence[tuple[Trial, float]]) -> tuple[Blend, Floats]:
    """Fit the chosen candidates on all rows. Gives the blend, and its margins of the watched rows from the race."""
    rows = np.arange(len(race.matrix))
    # More rows bear a few more rounds.
    grow_by = 1.0 + 0.5 * min(0.5, len(race.splits[0].watch) / max(1, len(race.splits[0].train)))
    members: list[Member] = []
    for place, (trial, _) in enumerate(chosen):
        if not trial.has_trees:
            members.append(_sum_again(race, trial, rows))
        else:
            rounds = trial.rounds if trial.family in (families.FOREST, families.TREE) else round(trial.rounds * grow_by)
            deadline = race.budget.at(REFIT if race.fed else TUNE + (REFIT - TUNE) * (place + 1) / len(chosen))
            part = race.rows_for(trial, rounds, len(chosen))
            seconds = race.round_cost(trial.params, part) * rounds / SHARED
            if race.fed and trial.grown and (part < len(rows) or race.budget.short(REFIT, seconds)):
                members.append(trial.grown[0].trees)  # few more rows are not worth as many fewer rounds
                continue
            threads = LANES if part * race.matrix.shape[1] > _THREADED else 1
            data = race.data if part == len(rows) else rows_of(race.data, _some(len(rows), part, race.seed))
            booster = start(data, {**trial.params, "num_threads": threads})
            grown = grow(booster, race.objective.outputs, None, rounds, 0, deadline)
            race.budget.cut |= grown.cut
            members.append(trial.grown[0].trees if race.fed and trial.grown and grown.cut else grown.trees)
        race.budget.tell("Refit", (place + 1) / len(chosen))
    weights = tuple(weight for _, weight in chosen)
    margins = sum((weight * trial.margins for trial, weight in chosen), np.zeros_like(chosen[0][0].margins))
    return Blend(tuple(members), weights, race.matrix.shape[1], race.objective.outputs), margins
