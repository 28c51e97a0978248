"""Columns of texts that have one spelling of each: no two of their values differ that a collation calls equal.

There bytes tell groups apart, as the collation would, and the value of a group is its key. That is found out from the
rows: a copy's entry is another object after each change of its rows, so what was found holds while it is the same.
A table that changes between its statements is never read for it: only who asks a second time gets an answer. Where it
changed before what was read had served often, it is asked for twice as often the next time before it is read again.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field

import duckdb

from engine.catalog import CatalogView, LoadedTable

_MOST_TABLES = 1024
_MOST_ROWS = 1_000_000  # of a table that is read for it: half a second at most
_LEAST_ASKED, _MOST_ASKED = 2, 64  # times in one state of a table before it is read
_SERVED = 16  # answers that are worth reading a table


@dataclass(slots=True)
class _Found:
    """What is known of a table in one state, by column and key; `patience` is how often each is asked for first."""

    entry: LoadedTable
    patience: int = _LEAST_ASKED
    asked: dict[tuple[str, str], int] = field(default_factory=dict)
    answers: dict[tuple[str, str], bool] = field(default_factory=dict)
    served: int = 0

    def of_next(self, entry: LoadedTable) -> "_Found":
        """What is known of the table's next state: nothing, but how patient to be."""
        if self.served >= _SERVED:
            return _Found(entry)
        return _Found(entry, min(self.patience * 2, _MOST_ASKED) if self.answers else self.patience)


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
                found = self._found[table] = found.of_next(entry) if found else _Found(entry)
            self._found.move_to_end(table)
            while len(self._found) > _MOST_TABLES:
                self._found.popitem(last=False)
            known = found.answers.get(question)
            if known is not None:
                found.served += 1
                return known
            found.asked[question] = found.asked.get(question, 0) + 1
            if found.asked[question] < found.patience:
                return False
        known = found.answers[question] = read_single(connection, table, column, key)
        return known


def read_single(connection: duckdb.DuckDBPyConnection, table: str, column: str, key: str) -> bool:
    """Read whether different values of a column have different keys, as SQL over `v`. Raises duckdb.Error."""
    name = '"' + column.replace('"', '""') + '"'
    values = f"SELECT DISTINCT {name} AS v FROM {table} WHERE {name} IS NOT NULL"
    row = connection.execute(f"SELECT count(*) = count(DISTINCT {key}) FROM ({values})").fetchone()
    return row is not None and bool(row[0])
