"""Functions of our own that translated SQL calls in DuckDB."""

from typing import Protocol

import duckdb


class Function(Protocol):
    """A function by its name."""

    @property
    def function(self) -> str:
        """Its name in SQL."""
        ...

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make it callable on a database, from all its connections; nothing to do when it is already."""
        ...
