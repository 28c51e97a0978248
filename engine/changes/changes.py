"""Changes of one table in columns, as the log has them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from statements.schema import Table

DELETED = 0  # kind of a row that is a before image
INSERTED = 1  # kind of a row that is an after image

ABSENT, VALUE, DIFFERENCE, DEFAULT = 0, 1, 2, 3  # what a row image has of a column


@dataclass(slots=True)
class Changes:
    """Row images of one table in log order; an UPDATE is a before image followed by its after image.

    `kinds` has DELETED or INSERTED per row of `rows`, whose columns are the table's carried columns by name.
    `missing` is None when the log had all of them, as it has with binlog_row_image=FULL. `table` is the definition that
    they were decoded with, by which a load knows changes that were read for one before it; None when that is not known.
    """

    schema: str
    name: str
    kinds: npt.NDArray[np.int8]
    rows: pa.RecordBatch
    missing: "Missing | None" = None
    table: Table | None = None

    @property
    def images(self) -> int:
        """Row images in it."""
        return len(self.kinds)

    def read(self) -> Iterator["Changes"]:
        """Give itself: changes that are not in memory come in pieces."""
        yield self


@dataclass(slots=True)
class Missing:
    """What row images lack: `known` has ABSENT, VALUE or DIFFERENCE per column and row.

    A cell that is no VALUE is NULL in the rows. `differences` holds the binary JSON differences of a column's cells
    that are DIFFERENCE, and NULL elsewhere; only of columns that have some.
    """

    known: npt.NDArray[np.uint8]
    differences: dict[str, pa.Array] = field(default_factory=dict)


def join_changes(group: list[Changes]) -> Changes:
    """Put successive changes of one table together."""
    first = group[0]
    if len(group) == 1:
        return first
    kinds = np.concatenate([changes.kinds for changes in group])
    rows = pa.concat_batches([changes.rows for changes in group])
    return Changes(first.schema, first.name, kinds, rows, _join_missing(group), first.table)


def _join_missing(group: list[Changes]) -> Missing | None:
    if all(changes.missing is None for changes in group):
        return None
    columns = group[0].rows.num_columns
    known, differences = [], {}
    for changes in group:
        found = changes.missing
        known.append(np.ones((columns, len(changes.kinds)), np.uint8) if found is None else found.known)
    for name in sorted({name for changes in group if changes.missing for name in changes.missing.differences}):
        parts = [changes.missing.differences.get(name) if changes.missing else None for changes in group]
        filled = [
            pa.nulls(len(changes.kinds), pa.binary()) if part is None else part
            for part, changes in zip(parts, group, strict=True)
        ]
        differences[name] = pa.concat_arrays(filled)
    return Missing(np.concatenate(known, axis=1), differences)


class ChangeSource(Protocol):
    """Changes of one table, in memory or not."""

    @property
    def schema(self) -> str:
        """Schema of the table."""

    @property
    def name(self) -> str:
        """Name of the table."""

    @property
    def images(self) -> int:
        """Row images in it."""

    @property
    def table(self) -> Table | None:
        """The definition that they were decoded with."""

    def read(self) -> Iterator[Changes]:
        """Give them piece by piece, in log order; may be called again. Raises OSError."""
