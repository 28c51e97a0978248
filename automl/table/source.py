"""Rows with the MySQL kinds of their columns, as training and prediction take them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pyarrow as pa

from automl.errors import AutoMLError, near

MOST_COLUMNS = 1017  # HeatWave's limit of a table, mys-hwaml-limitations


class Kind(StrEnum):
    """What a column holds, from its MySQL type."""

    NUMBER = "number"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"
    DATETIME = "datetime"
    TIME = "time"
    JSON = "json"
    BINARY = "binary"


@dataclass(frozen=True, slots=True)
class Column:
    """A column by name and kind."""

    name: str
    kind: Kind


@dataclass(frozen=True)
class Source:
    """A table or a query's result. `facts` say what it was read from and are kept with a model as they are.

    `rows` has the columns of `columns`, in order: numbers as integers, floats or decimals, booleans, texts and JSON as
    strings, date32, timestamps, TIME as integers of microseconds. NULL is null.
    """

    table: str
    columns: tuple[Column, ...]
    rows: pa.Table
    facts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.columns) > MOST_COLUMNS:
            raise AutoMLError(
                f"Table {self.table} has {len(self.columns)} columns, and at most {MOST_COLUMNS} can be used. "
                "Make a view of those that matter."
            )

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def find(self, name: str) -> Column | None:
        """Give the column of this name, in any case as MySQL names columns."""
        folded = name.casefold()
        return next((column for column in self.columns if column.name.casefold() == folded), None)

    def column(self, name: str, what: str = "column") -> Column:
        """Give the column of this name.

        Raises:
            AutoMLError: there is none; the message has the nearest name.
        """
        found = self.find(name)
        if found is None:
            raise AutoMLError(f"Unknown {what} '{name}' in table {self.table}.{near(name, self.names)}")
        return found

    def values(self, name: str) -> pa.ChunkedArray:
        """Give the values of a column that exists."""
        return self.rows.column(self.names.index(self.column(name).name))

    def keep(self, names: Iterable[str]) -> "Source":
        """Give these columns alone, in this order."""
        kept = tuple(self.column(name) for name in names)
        rows = pa.table({column.name: self.values(column.name) for column in kept}) if kept else self.rows.select([])
        return Source(self.table, kept, rows, self.facts)

    def at(self, indexes: pa.Array) -> "Source":
        """Give the rows at these places."""
        return Source(self.table, self.columns, self.rows.take(indexes), self.facts)
