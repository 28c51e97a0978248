"""Models that several tests look at."""

import pytest

from automl.api import Model, read_options, train
from tests.automl.tables import churn


@pytest.fixture(scope="session")
def churn_model() -> Model:
    """A classification of `churn`."""
    return train(churn(), "left_us", read_options({"optimization_metric": "balanced_accuracy", "max_seconds": 4}))
