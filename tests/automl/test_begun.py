"""Trees that begin at the margins of a sum: what they are judged by, what becomes of them, and what they explain."""

import time
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from automl.api import load_model, predict, predict_row, read_options, train
from automl.learners.blend import Blend
from automl.learners.boosters import Growth, Trees, agreed
from automl.learners.products import Products
from automl.progress import Budget
from automl.race.choosing import choose, refit
from automl.race.folds import splits
from automl.race.losses import for_classes, for_numbers
from automl.race.race import SHARES, Race
from automl.race.trial import Sum, Trial
from automl.supervised.model import Supervised
from automl.terms import families
from tests.automl.tables import matrix_source

Floats = NDArray[np.float64]
ALL = (families.LINEAR, families.PRODUCTS, families.BOOSTED)
SHAPE = (families.BOOSTED, {"learning_rate": 0.2, "num_leaves": 6})


def steps_on_a_product(rows: int) -> tuple[Floats, Floats]:
    """Rows whose target is a line and a product, for which trees need many splits, and a step, which no sum can say."""
    dice = np.random.default_rng(0)
    matrix = dice.normal(size=(rows, 4))
    matrix[::19, 3] = np.nan
    target = matrix[:, 0] + matrix[:, 0] * matrix[:, 1] + (matrix[:, 2] > 0.4) + dice.normal(0, 0.1, rows)
    return np.asfortranarray(matrix), (target - target.mean()) / target.std()


def race_of(matrix: Floats, target: Floats, classes: int = 0, seconds: float = 30.0) -> Race:
    """A race planned for some seconds on a clock that ends nothing: the same on every machine."""
    codes = np.zeros(len(target), np.int64)
    if classes:
        codes = np.searchsorted(np.quantile(target, np.arange(1, classes) / classes), target)
        target = codes.astype(float)
    goal = for_classes(classes) if classes else for_numbers("r2")
    budget = Budget(seconds, ends=time.monotonic() + 1000)
    kinds = np.zeros(matrix.shape[1], np.int64)
    return Race(matrix, target, kinds, goal, splits(codes, goal.outputs, 0), ALL, 0, budget)


def run(race: Race) -> tuple[Trial, Trial]:
    """Try the sums, and trees of one shape that begin at nothing and at all and half of the best; gives the latter."""
    race.run_linear()
    race.run_products()
    race.run_trees([SHAPE], first=True)
    race.begin_further()
    whole, half = race.trials[-2:]
    assert (whole.upon, half.upon) == SHARES
    return whole, half


@pytest.mark.parametrize("stay", [False, True])
@pytest.mark.parametrize("classes", [0, 2, 3])
def test_a_model_is_the_sums_and_the_trees(classes: int, stay: bool) -> None:
    race = race_of(*steps_on_a_product(500), classes)
    whole, half = run(race)
    assert race.base is not None
    assert race.base.family == families.PRODUCTS
    at_nothing = min(trial.loss for trial in race.trials if trial.has_trees and not trial.upon)
    assert race.best in (whole, half)
    assert race.best.loss < min(at_nothing, race.base.loss)
    if stay:  # as they grew on each of the splits
        blend, _ = refit(race, [(whole, 0.5), (half, 0.25), (race.base, 0.25)])
        kinds = [Products, Trees] * 5 + [Trees] * 5 + [Products]
        weights = [0.125, 0.1] * 5 + [0.05] * 5 + [0.25]
    else:
        blend, _ = refit(race, [(replace(whole, grown=()), 0.5), (replace(half, grown=()), 0.25), (race.base, 0.25)])
        kinds, weights = [Products, Trees, Trees], [0.5 + 0.125 + 0.25, 0.5, 0.25]
    assert [type(member) for member in blend.members] == kinds
    np.testing.assert_allclose(blend.weights, weights)
    margins = blend.margin(race.matrix)
    assert race.objective.loss(margins, race.target) < race.base.loss
    alone = np.vstack([blend.margin(race.matrix[place : place + 1]) for place in range(0, 500, 10)])
    assert np.array_equal(alone, margins[::10])
    # What features add to the mean margin is all that rows differ in.
    rest = margins - blend.contributions(race.matrix).sum(axis=1)
    np.testing.assert_allclose(rest, np.broadcast_to(rest[0], rest.shape), rtol=1e-9, atol=1e-9)
    again = Blend.restore(blend.parts(), 4, race.objective.outputs)
    assert np.array_equal(again.margin(race.matrix), margins)


def test_without_time_trees_stay_with_the_sum_that_they_began_at() -> None:
    race = race_of(*steps_on_a_product(9000))
    trial, _ = run(race)
    race.fed = True
    race.budget.take(30.0)
    blend, margins = refit(race, [(trial, 1.0)])
    assert race.base is not None
    assert blend.members[0] is race.base.models[0]
    np.testing.assert_allclose(blend.margin(race.matrix[race.watched]), margins, rtol=1e-9, atol=1e-9)
    # With time both are fitted again: trees do not go to a sum that they did not begin at.
    race.budget.planned = 0.0
    blend, _ = refit(race, [(trial, 1.0)])
    assert blend.members[0] is not race.base.models[0]
    assert blend.members[1] is not trial.grown[0].trees
    assert race.loss(blend.margin(race.matrix[race.watched])) < trial.loss


def test_candidates_that_go_on_go_on_from_there() -> None:
    race = race_of(*steps_on_a_product(9000))
    race.run_linear()
    race.run_products()
    race.budget.take(20.0)  # so that the first trees have the fewest rounds
    race.run_trees([(families.BOOSTED, {"num_leaves": 4})], first=True, upon=SHARES[1:])
    before = race.trials[-1]
    assert before.hungry
    race.budget.planned = 0.0
    race.feed()
    after = race.trials[-1]
    assert after.loss < before.loss
    assert len(after.grown[0].losses) > len(before.grown[0].losses)
    # LightGBM's own loss counts the margins at which trees begin, as that of the race does.
    assert after.loss == pytest.approx(after.grown[0].losses[after.rounds - 1], rel=1e-6)


def test_numbers_without_measure_end_nothing() -> None:
    matrix, target = steps_on_a_product(600)
    matrix[5, 0], matrix[7, 1], matrix[11, 2] = 1e100, -1e100, 1e60
    race = race_of(matrix, target)
    run(race)
    blend, margins = refit(race, choose(race))
    assert np.isfinite(margins).all()
    assert np.isfinite(blend.margin(matrix)).all()


def test_a_blend_may_have_what_is_worse_and_errs_elsewhere() -> None:
    race = race_of(*steps_on_a_product(600))
    truth = race.target[race.watched][:, None]
    wrong = np.random.default_rng(1).normal(size=truth.shape)
    # Twenty that are nearly alike crowd out a sum whose errors are the opposite.
    alike = [truth + wrong * (0.5 + 0.001 * each) for each in range(20)]
    race.trials = [Trial(families.BOOSTED, {}, race.loss(each), each, upon=1.0) for each in alike]
    race.trials.append(Trial(families.LINEAR, {}, race.loss(truth - wrong), truth - wrong))
    assert families.LINEAR in {trial.family for trial, _ in choose(race)}


def test_a_sum_is_enough_where_trees_add_nothing_to_it() -> None:
    race = race_of(*steps_on_a_product(600))
    truth = race.target[race.watched][:, None]
    wrong = np.random.default_rng(1).normal(size=truth.shape)

    def tried(size: float, upon: float, models: tuple[Sum, ...] = ()) -> Trial:
        found = truth + wrong * size
        return Trial(
            families.BOOSTED if upon else families.LINEAR, {}, race.loss(found), found, models=models, upon=upon
        )

    race.run_linear()
    base = tried(0.5, 0.0, race.trials[0].models)
    race.trials = [base, tried(0.4998, 1.0)]
    assert [trial for trial, _ in choose(race)] == [base]
    race.trials = [base, tried(0.48, 1.0)]
    assert [trial for trial, _ in choose(race)] == race.trials[1:]


def test_a_model_of_both_is_stored_and_answers_rows_and_explains() -> None:
    matrix, target = steps_on_a_product(250)
    listed = ["QuadraticRegression", "LGBMRegressor"]
    options = read_options({"task": "regression", "max_seconds": 120, "model_list": listed})
    rows = matrix_source(matrix, target)
    model = train(rows, "y", options)
    assert model.about["algorithm_name"] == "Ensemble(QuadraticRegression, LGBMRegressor)"
    members = model.about["hyperparameters"]["members"]
    assert "QuadraticRegression" in {
        each["hyperparameters"].get("begun_at", {}).get("algorithm_name") for each in members
    }
    again = load_model(model.to_bytes())
    found = predict(again, rows)
    assert found.equals(predict(model, rows))
    row = {f"f{place}": value for place, value in enumerate(matrix[0].tolist())} | {"f3": None}
    assert predict_row(again, row)["Prediction"] == found["Prediction"][0].as_py()
    fitted = again.fitted
    assert isinstance(fitted, Supervised)
    added = fitted.blend.contributions(matrix).sum(axis=1)[:, 0] * fitted.scale
    rest = found["Prediction"].to_numpy() - added
    np.testing.assert_allclose(rest, rest[0], rtol=1e-6)


def test_rounds_are_those_after_which_all_watched_rows_are_served() -> None:
    def grown(*losses: float) -> Growth:
        return Growth(None, 1, 1 + int(np.argmin(losses)), losses, False, False)

    first, second = grown(5.0, 3.0, 4.0, 5.0), grown(5.0, 4.0, 3.0, 2.0, 1.0, 2.0)
    assert agreed([first], [10]) == 2
    assert agreed([first, second], [10, 10]) == 5  # the first stays at 5.0 behind its end
    assert agreed([first, second], [90, 10]) == 2
