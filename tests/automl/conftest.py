"""Models that several tests look at."""

import time

import pytest

from automl.api import Model, read_options, train
from tests.automl.tables import churn


@pytest.fixture(scope="session")
def churn_model() -> Model:
    """A classification of `churn`."""
    options = read_options({"optimization_metric": "balanced_accuracy", "max_seconds": 6})
    # As if called in an hour: what is tried goes by its estimated cost, and no clock ends it on a busy machine.
    return train(churn(), "left_us", options, called=time.monotonic() + 3600)
