"""The race: candidates that had too few rounds get the time that is left."""

import time
from dataclasses import replace

import numpy as np

from automl.learners.blend import MOST_MEMBERS
from automl.learners.boosters import dataset, grow, rows_of, start
from automl.progress import Budget
from automl.race.choosing import choose, refit
from automl.race.folds import splits
from automl.race.losses import for_classes
from automl.race.race import LANES, PORTFOLIO, Race
from automl.race.trial import likely
from automl.terms import families

_NEVER = 1e12


def made(rows: int, features: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose class is the nearest of several centers."""
    dice = np.random.default_rng(0)
    centers = dice.normal(size=(3 * classes, features))
    matrix = dice.normal(size=(rows, features))
    return matrix, np.argmin(((matrix[:, None] - centers) ** 2).sum(axis=2), axis=1) % classes


def test_rounds_are_added_to_those_before() -> None:
    matrix, codes = made(1500, 6, 3)
    none = np.zeros(6, np.int64)
    params = {**for_classes(3).params, "num_threads": 1, "learning_rate": 0.2}
    found = []
    for parts in ((30,), (10, 20)):
        data = dataset(matrix, codes.astype(float), none)
        train, watch = rows_of(data, np.arange(1000)), rows_of(data, np.arange(1000, 1500))
        booster, growth = start(train, params, watch), None
        for rounds in parts:
            growth = grow(booster, 3, rounds, 1000, _NEVER, growth)
        assert growth is not None
        assert (len(growth.losses), growth.cut) == (30, False)
        found.append(growth)
    assert found[0].rounds == found[1].rounds
    assert found[0].losses == found[1].losses
    margins = [each.margins(matrix[1000:], each.rounds) for each in found]
    np.testing.assert_array_equal(*margins)
    np.testing.assert_array_equal(found[0].trees.margin(matrix[1000:]), margins[0])


def test_candidates_that_were_still_getting_better_go_on_and_are_kept() -> None:
    matrix, codes = made(9000, 12, 4)
    goal = for_classes(4)
    # Planned for one second, on a clock that ends nothing: the same on every machine.
    budget = Budget(1.0, ends=time.monotonic() + 1000)
    race = Race(
        matrix,
        codes.astype(float),
        np.zeros(12, np.int64),
        goal,
        splits(codes, goal.outputs, 0),
        (families.LINEAR, families.BOOSTED),
        0,
        budget,
    )
    before: list[float] = []
    feed = race.feed

    def seen() -> None:
        before.append(race.best.loss)
        feed()

    race.feed = seen  # type: ignore[method-assign]
    race.run()
    assert race.fed
    assert race.best.loss < before[0]
    assert sum(bool(trial.grown) for trial in race.trials) <= 2 * LANES
    budget.take(10.0)  # nothing is left to fit them again
    picked = choose(race)
    assert all(trial.grown for trial, _ in picked)
    blend, margins = refit(race, picked)
    np.testing.assert_allclose(blend.margin(matrix[race.watched]), margins, rtol=1e-9, atol=1e-9)


def crossed(rows: int, features: int = 6) -> Race:
    """A race of few rows, whose boosters of five splits are kept."""
    matrix, codes = made(rows, features, 2)
    budget = Budget(30.0, ends=time.monotonic() + 1000)
    kinds, goal = np.zeros(features, np.int64), for_classes(2)
    wanted = (families.LINEAR, families.BOOSTED, families.FOREST)
    race = Race(matrix, codes.astype(float), kinds, goal, splits(codes, goal.outputs, 0), wanted, 0, budget)
    race.run_linear()
    race.run_trees([PORTFOLIO[0], PORTFOLIO[5]], first=True)
    race.begin_further()
    return race


def test_of_few_rows_the_trees_of_all_splits_are_the_model() -> None:
    race = crossed(700)
    assert len(race.splits) == 5
    trees = [trial for trial in race.trials if trial.has_trees]
    assert [trial.upon for trial in trees] == [0.0, 0.0, 1.0, 0.5]
    for trial in trees:
        blend, margins = refit(race, [(trial, 0.25), (race.base, 0.75)])
        np.testing.assert_allclose(margins, 0.25 * trial.margins + 0.75 * race.base.margins)
        expected = 0.75 * blend.members[-1].margin(race.matrix)
        for growth, split, base in zip(trial.grown, race.splits, race.base.models, strict=True):
            begin = trial.upon * base.margin(race.matrix)
            share = len(split.watch) / len(race.matrix)
            expected += 0.25 * share * growth.margins(race.matrix, trial.rounds, begin)
        np.testing.assert_allclose(blend.margin(race.matrix), expected, rtol=1e-9, atol=1e-9)
        assert len(blend.members) <= MOST_MEMBERS


def test_many_trees_are_grown_once_on_all_rows() -> None:
    race = crossed(700)
    trial = next(trial for trial in race.trials if trial.has_trees)
    few, _ = refit(race, [(trial, 1.0)])
    many, _ = refit(race, [(replace(trial, rounds=2001), 1.0)])
    assert (len(few.members), len(many.members)) == (5, 1)
    assert many.members[0].size > 2001


def test_wide_boosters_are_not_kept() -> None:
    race = crossed(300, 129)
    assert len(race.splits) == 5
    assert not any(trial.grown for trial in race.trials)
    trial = next(trial for trial in race.trials if trial.has_trees)
    assert len(refit(race, [(trial, 1.0)])[0].members) == 1


def test_boosters_are_kept_of_candidates_that_may_be_chosen() -> None:
    race = crossed(700)
    for _ in range(6):
        race.run_trees([PORTFOLIO[0], PORTFOLIO[1]])
    kept = {id(trial) for trial in likely(race.trials)}
    grown = {id(trial) for trial in race.trials if trial.grown}
    assert grown == {id(trial) for trial in race.trials if trial.has_trees and id(trial) in kept}
    assert len(grown) < sum(trial.has_trees for trial in race.trials)
