"""How many values of categories linear models and networks know."""

import numpy as np
import pytest

from automl.anomaly.space import learn_space
from automl.learners.linear import MOST_LEVELS, learn_layout
from automl.learners.networks import learn_inputs


@pytest.mark.parametrize(
    ("categories", "sizes"),
    [
        ([0, 15, 300], [16, 301]),
        ([5000], [MOST_LEVELS + 1]),
        ([600, 700], [MOST_LEVELS + 1] * 2),
        ([600, 512, 10], [508, 508, 11]),
        ([600] * 30, [65] * 30),
        ([0, 0], []),
    ],
)
def test_categories_share_what_their_tables_have_together(categories: list[int], sizes: list[int]) -> None:
    layout = learn_layout(np.zeros((4, len(categories))), np.array(categories))
    assert layout.sizes.tolist() == sizes


def test_distances_and_networks_have_fewer() -> None:
    matrix, categories = np.zeros((4, 2)), np.array([15, 900])
    assert learn_space(matrix, categories).layout.sizes.tolist() == [16, 65]
    assert learn_inputs(matrix, categories).size == 16 + 370
