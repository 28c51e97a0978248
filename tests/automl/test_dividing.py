"""TRAIN_TEST_SPLIT, task by task."""

import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from automl.errors import AutoMLError
from automl.race.dividing import split
from automl.table.source import Column, Kind, Source

CLASSES = ["a"] * 60 + ["b"] * 33 + ["c"] * 5 + ["d"] * 2
LABELS: list[int | None] = [0] * 40 + [1] * 10 + [None] * 50


def source(rows: int = 100) -> Source:
    """A hundred rows whose times run backwards."""
    days = [datetime.date(2020, 1, 1) - datetime.timedelta(n) for n in range(rows)]
    columns = {"day": Kind.DATE, "class": Kind.TEXT, "number": Kind.NUMBER, "label": Kind.NUMBER}
    values: list[list[Any]] = [days, CLASSES[:rows], [*range(rows)], LABELS[:rows]]
    arrays = [pa.array(each) for each in values]
    table = pa.table(dict(zip(columns, arrays, strict=True)))
    return Source("shop.t", tuple(Column(*each) for each in columns.items()), table)


def counts(places: Any, values: list[Any]) -> dict[Any, int]:
    taken = [values[place] for place in places]
    return {each: taken.count(each) for each in dict.fromkeys(values)}


@pytest.mark.parametrize("options", [None, {}, {"task": "regression"}, {"task": "recommendation", "seed": 4}])
def test_every_row_is_in_one_part(options: dict[str, Any] | None) -> None:
    train, test = split(source(), "number", options)
    assert (len(train), len(test)) == (80, 20)
    assert sorted([*train, *test]) == [*range(100)]
    assert [*train] == sorted(train)
    again = split(source(), "number", options)
    assert np.array_equal(again[1], test)
    assert not np.array_equal(split(source(), "number", {**(options or {}), "seed": 5})[1], test)


def test_a_class_has_its_share_and_five_rows_that_train() -> None:
    train, test = split(source(), "class", {"task": "classification"})
    assert counts(train, CLASSES) == {"a": 48, "b": 27, "c": 5, "d": 2}
    assert counts(test, CLASSES) == {"a": 12, "b": 6, "c": 0, "d": 0}
    # Without a task, shares alone.
    assert counts(split(source(), "class")[1], CLASSES)["a"] == 12


def test_numbers_may_be_classes() -> None:
    options = {"task": "Anomaly_Detection", "semisupervised": "true"}
    assert counts(split(source(), "label", options)[1], LABELS) == {0: 8, 1: 2, None: 10}
    drawn = {seed: counts(split(source(), "label", {"seed": seed})[1], LABELS)[1] for seed in range(6)}
    assert len(set(drawn.values())) > 1


def test_the_last_times_test() -> None:
    train, test = split(source(), None, {"task": "forecasting", "datetime_index": "DAY"})
    assert [*train] == [*range(99, 19, -1)]
    assert [*test] == [*range(19, -1, -1)]


def test_the_last_lines_test() -> None:
    assert [*split(source(), None, {"task": "log_anomaly_detection", "test_size": 0.1})[1]] == [*range(90, 100)]


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        (None, {"task": "clasification"}, "classification"),
        (None, {"task": "classification"}, "needs the target column"),
        (None, {"task": "forecasting"}, "needs the option 'datetime_index'"),
        (None, {"task": "forecasting", "datetime_index": "dya"}, "'day'"),
        (None, {"datetime_index": "day"}, "'task': forecasting"),
        ("label", {"semisupervised": True}, "'task': anomaly_detection or log_anomaly_detection"),
        ("label", {"task": "anomaly_detection", "semisupervised": "perhaps"}, "true or false"),
        ("label", {"tsak": "regression"}, "'task'"),
        ("labell", {}, "'label'"),
    ],
)
def test_what_is_wrong_is_said(target: str | None, options: dict[str, Any], said: str) -> None:
    with pytest.raises(AutoMLError, match=said):
        split(source(), target, options)


def test_too_few_rows() -> None:
    for rows, options in ((2, {}), (5, {"task": "classification"})):
        with pytest.raises(AutoMLError, match="too few"):
            split(source(rows), "class", options)
