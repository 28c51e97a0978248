"""What every task's training gives back, and which columns it may look at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import pyarrow as pa

from automl.errors import AutoMLError, near
from automl.stored.parts import Parts
from automl.table.source import Column, Source
from automl.terms.options import TrainOptions
from automl.terms.tasks import Task


class Fitted(Protocol):
    """A trained model of one task."""

    @property
    def task(self) -> Task:
        """What it is for."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict it."""

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give the columns that are put beside the input's."""

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give a metric."""

    def parts(self) -> Parts:
        """Give what it is made of."""


@dataclass(frozen=True)
class Trained:
    """A trained model with what the metadata tells about it."""

    fitted: Fitted
    metric: str | None
    quality: float | None
    algorithm: str
    hyperparameters: Mapping[str, Any]
    columns: Sequence[Column]
    rows: int
    dropped: Mapping[str, str] = field(default_factory=dict)
    explanation: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)


def chosen_columns(source: Source, options: TrainOptions, apart: Sequence[str]) -> list[str]:
    """Give the names of the columns to learn from: all but `apart` and the excluded ones.

    Raises:
        AutoMLError: an option names a column that the table does not have.
    """
    excluded = {name.casefold() for name in apart}
    for key, names in (
        ("include_column_list", options.include_column_list),
        ("exclude_column_list", options.exclude_column_list),
    ):
        for name in names:
            if source.find(name) is None and name.casefold() not in excluded:
                raise AutoMLError(
                    f"Option '{key}' names '{name}', no column of {source.table}.{near(name, source.names)}"
                )
    excluded |= {name.casefold() for name in options.exclude_column_list}
    return [name for name in source.names if name.casefold() not in excluded]
