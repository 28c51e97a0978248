"""TRAIN_TEST_SPLIT: which rows train and which test, as the task asks for it (mys-hwaml-train-test-split)."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError, near
from automl.table.source import Kind, Source
from automl.terms.options import column_name, number, read_task, truth
from automl.terms.tasks import Task

TEST_SIZE = 0.2
LEAST_OF_CLASS = 5  # rows of each class that train, if there are so many: what ML_TRAIN needs
_MOST_CLASSES = 1000
_READERS = {
    "test_size": number(0, 1, "a number between 0 and 1", open_ended=True),
    "seed": number(0, 2**31 - 1, "a whole number from 0 to 2147483647", whole=True),
    "stratify": truth,
    "semisupervised": truth,
    "datetime_index": column_name,
}
_ONLY_FOR = {
    "semisupervised": frozenset({Task.ANOMALY, Task.LOG_ANOMALY}),
    "datetime_index": frozenset({Task.FORECASTING}),
}

Places = NDArray[np.int64]


def split(source: Source, target: str | None, options: Mapping[str, Any] | None = None) -> tuple[Places, Places]:
    """Give the places of the rows that train and of those that test, in order: of the rows, or of time.

    Options: `task`, as ML_TRAIN has it; `datetime_index`, the column of times that forecasting needs;
    `semisupervised`, for anomaly detection with labels; `test_size` (the share that tests, 0.2), `seed`, `stratify`
    (whether every class of the target has its share in both). Of a forecasting the last times test, of logs the last
    rows; every class has its share for a classification, labels that are known in part, and, without a task, for a
    target that is no number. The same rows in the same order and a seed give the same split.

    Raises:
        AutoMLError: too few rows, an unknown option or column.
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    for key in given:
        if key not in (*_READERS, "task"):
            raise AutoMLError(f"Unknown option '{key}' for TRAIN_TEST_SPLIT.{near(key, ('task', *_READERS))}")
    task = read_task(given["task"]) if "task" in given else None
    read = {
        key: _READERS[key](key, value, task or Task.CLASSIFICATION) for key, value in given.items() if key != "task"
    }
    for key in read:
        if task not in _ONLY_FOR.get(key, {task}):
            raise AutoMLError(f"Option '{key}' needs the option 'task': {' or '.join(sorted(_ONLY_FOR[key]))}.")
    rows = source.rows.num_rows
    size = read.get("test_size", TEST_SIZE)
    wanted = round(rows * size)
    if not 0 < wanted < rows:
        raise AutoMLError(f"Table {source.table} has {rows} rows: too few to split them with test_size {size:g}.")
    in_order = _in_order(source, task, read)
    if in_order is not None:
        return in_order[: rows - wanted], in_order[rows - wanted :]
    codes = _classes(source, target, task, read)
    dice = np.random.default_rng(read.get("seed", 0))
    # Of rows in the order of their classes every n-th tests: each class has its share, to a row.
    order = dice.permutation(rows)
    order = order[np.argsort(codes[order], kind="stable")]
    places = np.arange(rows)
    chosen = np.floor((places + 1) * wanted / rows) > np.floor(places * wanted / rows)
    if task is Task.CLASSIFICATION:
        chosen &= _is_spare(codes[order], chosen)
        if not chosen.any():
            raise AutoMLError(
                f"Table {source.table} has {rows} rows: too few to test any when {LEAST_OF_CLASS} of each class train."
            )
    return np.sort(order[~chosen]), np.sort(order[chosen])


def _in_order(source: Source, task: Task | None, read: Mapping[str, Any]) -> Places | None:
    """The rows in the order in which they happened, where the last are to test."""
    if task is Task.LOG_ANOMALY and not read.get("semisupervised"):
        return np.arange(source.rows.num_rows)
    if task is not Task.FORECASTING:
        return None
    if "datetime_index" not in read:
        raise AutoMLError(f"Task {task} needs the option 'datetime_index'.")
    times = source.values(source.column(read["datetime_index"], "datetime_index").name)
    order = pc.array_sort_indices(times, null_placement="at_start")
    return np.asarray(order.to_numpy(), np.int64)


def _classes(source: Source, target: str | None, task: Task | None, read: Mapping[str, Any]) -> Places:
    """A code for each row by its class; 0 for all where classes do not matter. NULL is a class."""
    none = np.zeros(source.rows.num_rows, np.int64)
    with_classes = task is Task.CLASSIFICATION or bool(read.get("semisupervised"))
    if target is None:
        if with_classes:
            raise AutoMLError("A split that gives every class its share needs the target column.")
        return none
    column = source.column(target, "target column")
    by_kind = task is None and column.kind in (Kind.TEXT, Kind.BOOLEAN)
    if not read.get("stratify", with_classes or by_kind):
        return none
    found = source.values(column.name).combine_chunks().dictionary_encode()
    if len(found.dictionary) > _MOST_CLASSES:
        return none
    return np.asarray(found.indices.fill_null(len(found.dictionary)).to_numpy(), np.int64)


def _is_spare(codes: Places, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell of rows in the order of their classes which may test without leaving a class too few that train."""
    counts = np.bincount(codes)
    training = np.bincount(codes, weights=~chosen, minlength=len(counts)).astype(np.int64)
    lacking = np.minimum(np.maximum(LEAST_OF_CLASS - training, 0), counts - training)
    before: Places = np.cumsum(chosen) - chosen  # rows that test before each, of all classes
    starts = np.concatenate(([0], np.cumsum(counts)[:-1]))
    within = before - before[np.minimum(starts, len(codes) - 1)][codes]
    return np.asarray(within >= lacking[codes], np.bool_)
