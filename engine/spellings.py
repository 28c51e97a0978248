"""Columns of texts that have one spelling of each: no two of their values differ that a collation calls equal.

There bytes tell groups apart, as the collation would, and the value of a group is its key. That is found out from the
rows: a copy's entry is another object after each change of its rows, so what was found holds while it is the same.
A table that changes between its statements is never read for it: only who asks a second time gets an answer.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import duckdb

from engine.catalog import CatalogView, LoadedTable

_MOST_TABLES = 1024
_MOST_ROWS = 1_000_000  # of a table that is read for it: half a second at most


@dataclass(slots=True)
class _Found:
    """What is known of a table in one state: by column and key, None where it was asked for once."""

    entry: LoadedTable
    answers: dict[tuple[str, str], bool | None] = field(default_factory=dict)


class Spellings:
    """Answers for any thread, each from the snapshot that its statement runs on."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, _Found] = OrderedDict()  # by the store's name
        self._lock = threading.Lock()

    def are_single(
        self, view: CatalogView, connection: duckdb.DuckDBPyConnection, table: str, column: str, key: str
    ) -> bool:
        """Tell whether different values of a column have different keys; False also where that is not known.

        `table` is the store's name, `key` SQL over `v`, of functions that the connection sees. Raises duckdb.Error.
        """
        entry = next((entry for entry in view if entry.store_name == table), None)
        if entry is None or entry.is_lake or entry.rows > _MOST_ROWS:
            return False
        question = (column, key)
        with self._lock:
            found = self._found.get(table)
            if found is None or found.entry is not entry:
                found = self._found[table] = _Found(entry)
            self._found.move_to_end(table)
            while len(self._found) > _MOST_TABLES:
                self._found.popitem(last=False)
            if question not in found.answers:
                found.answers[question] = None
                return False
            known = found.answers[question]
        if known is None:
            known = found.answers[question] = read_single(connection, table, column, key)
        return known


def read_single(connection: duckdb.DuckDBPyConnection, table: str, column: str, key: str) -> bool:
    """Read whether different values of a column have different keys, as SQL over `v`. Raises duckdb.Error."""
    name = '"' + column.replace('"', '""') + '"'
    values = f"SELECT DISTINCT {name} AS v FROM {table} WHERE {name} IS NOT NULL"
    row = connection.execute(f"SELECT count(*) = count(DISTINCT {key}) FROM ({values})").fetchone()
    return row is not None and bool(row[0])
