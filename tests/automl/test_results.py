"""The texts of answers: a row alone and rows in columns say the same."""

import json

import numpy as np
import pytest

from automl.answers import results


@pytest.mark.parametrize("chance", [0.00015, 0.99985, 0.50005, 0.25, 0.0, 1.0])
def test_a_row_alone_has_the_digits_that_it_has_among_many(chance: float) -> None:
    alone = results.classification_one("y", ["no", "yes"], 0, [chance, 1 - chance])
    for count in (1, 2000):
        chances = np.tile(np.array([chance, 1 - chance]), (count, 1))
        found = results.classification("y", ["no", "yes"], np.zeros(count, np.int64), chances)
        assert json.loads(found[0].as_py()) == alone
