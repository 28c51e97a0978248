"""TRAIN_TEST_SPLIT: which rows train and which test."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.errors import AutoMLError, near
from automl.options import number
from automl.source import Kind, Source
from automl.tasks import Task

_READERS = {
    "test_size": number(0, 1, "a number between 0 and 1", open_ended=True),
    "seed": number(0, 2**31 - 1, "a whole number from 0 to 2147483647", whole=True),
}
TEST_SIZE = 0.2
_MOST_CLASSES = 1000


def split(
    source: Source, target: str | None, options: Mapping[str, Any] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give the places of the rows that train and of those that test, both in order.

    Options: `test_size` (the share that tests, 0.2), `seed`, `stratify` (whether every class of the target has its
    share in both; by default where the target is no number). The same rows in the same order and a
    seed give the same split.

    Raises:
        AutoMLError: too few rows, an unknown option or column.
    """
    given = dict(options or {})
    for key in given:
        if key not in (*_READERS, "stratify"):
            raise AutoMLError(f"Unknown option '{key}' for TRAIN_TEST_SPLIT.{near(key, (*_READERS, 'stratify'))}")
    read = {key: _READERS[key](key, value, Task.CLASSIFICATION) for key, value in given.items() if key in _READERS}
    rows = source.rows.num_rows
    size = read.get("test_size", TEST_SIZE)
    wanted = round(rows * size)
    if not 0 < wanted < rows:
        raise AutoMLError(f"Table {source.table} has {rows} rows: too few to split them with test_size {size:g}.")
    dice = np.random.default_rng(read.get("seed", 0))
    codes = np.zeros(rows, np.int64)
    if target is not None:
        column = source.column(target, "target column")
        if given.get("stratify", column.kind in (Kind.TEXT, Kind.BOOLEAN)):
            found = source.values(column.name).combine_chunks().dictionary_encode()
            if len(found.dictionary) <= _MOST_CLASSES:
                codes = found.indices.fill_null(len(found.dictionary)).to_numpy().astype(np.int64)
    # Of rows in the order of their classes every n-th tests: each class has its share, to a row.
    order = dice.permutation(rows)
    order = order[np.argsort(codes[order], kind="stable")]
    places = np.arange(rows)
    chosen = np.floor((places + 1) * wanted / rows) > np.floor(places * wanted / rows)
    return np.sort(order[~chosen]), np.sort(order[chosen])
