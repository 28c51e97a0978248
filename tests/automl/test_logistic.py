"""Logistic regression as scikit-learn's solver finds it."""

import time

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from automl.learners import logistic
from automl.learners.linear import fit_logistic


def made(rows: int, features: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    dice = np.random.default_rng(seed)
    matrix = dice.normal(size=(rows, features))
    noise = dice.gumbel(size=(rows, classes))
    return matrix, np.argmax(matrix @ dice.normal(size=(features, classes)) + noise, axis=1)


@pytest.mark.parametrize("is_sparse", [False, True])
@pytest.mark.parametrize("strength", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("classes", [2, 4])
def test_it_finds_what_scikit_learn_finds(classes: int, strength: float, is_sparse: bool) -> None:
    matrix, codes = made(2000, 8, classes, classes)
    if is_sparse:
        matrix = np.where(np.abs(matrix) > 1, matrix, 0.0)
    found = logistic.fit(sparse.csr_matrix(matrix) if is_sparse else matrix, codes, strength)
    other = LogisticRegression(C=strength, tol=1e-8, max_iter=2000).fit(matrix, codes)
    np.testing.assert_allclose(found[:-1], other.coef_.T, atol=3e-3)
    if classes == 2:
        np.testing.assert_allclose(found[-1], other.intercept_, atol=3e-3)
    else:  # the bases of all classes may move together
        np.testing.assert_allclose(found[-1] - found[-1].mean(), other.intercept_ - other.intercept_.mean(), atol=3e-3)


def test_it_goes_on_from_where_another_strength_ended() -> None:
    matrix, codes = made(3000, 6, 3, 1)
    alone = logistic.fit(matrix, codes, 10.0)
    behind = logistic.fit(matrix, codes, 10.0, logistic.fit(matrix, codes, 0.1))
    np.testing.assert_allclose(alone[:-1], behind[:-1], atol=1e-2)


def test_numbers_far_apart_and_classes_that_are_told_apart_are_no_trouble() -> None:
    matrix = np.linspace(-1e4, 1e4, 400)[:, None]
    found = logistic.fit(matrix, (matrix[:, 0] > 0).astype(np.int64), 1e6)
    assert np.isfinite(found).all()
    assert (((matrix @ found[:-1] + found[-1])[:, 0] > 0) == (matrix[:, 0] > 0)).mean() > 0.99


def test_a_model_is_there_however_late_it_is() -> None:
    matrix, codes = made(2000, 8, 2, 3)
    found = logistic.fit(matrix, codes, 1.0, deadline=time.monotonic() - 1)
    assert (((matrix @ found[:-1] + found[-1])[:, 0] > 0) == codes).mean() > 0.8


@pytest.mark.parametrize(("there", "classes"), [([0], 2), ([1], 2), ([0, 2], 3), ([2], 3), ([1, 2, 3], 5)])
def test_classes_that_no_row_has_are_never_the_answer(there: list[int], classes: int) -> None:
    matrix, codes = made(600, 4, max(2, len(there)), 5)
    codes = np.array(there)[codes % len(there)]
    (found,) = fit_logistic(matrix, codes, classes, np.zeros(4, np.int64), [1.0])
    margins = found.margin(matrix)
    answers = (margins[:, 0] > 0).astype(int) if classes == 2 else margins.argmax(axis=1)
    assert set(answers.tolist()) <= set(there)
    assert (answers == codes).mean() > 0.6
