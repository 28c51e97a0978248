"""The race: candidates that had too few rounds get the time that is left."""

import time

import numpy as np

from automl.learners.boosters import dataset, grow, rows_of, start
from automl.progress import Budget
from automl.race.choosing import choose, refit
from automl.race.folds import splits
from automl.race.losses import for_classes
from automl.race.race import LANES, Race
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
