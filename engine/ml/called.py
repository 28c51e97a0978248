"""Models that statements ask: functions of the column store, called with a call's token and whole columns.

DuckDB gives it some two thousand rows at a time, from all its threads. What a call is, is in `_held` while a statement
with it runs: the model cannot go meanwhile, and what it complains of reaches the user in its own words.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, cast

import duckdb
import pyarrow as pa

from base.errors import QueryInterrupted
from engine.ml.answers import answer
from engine.ml.formulas import with_sums
from engine.ml.models import Loaded, ModelKey, Models
from engine.ml.progress import Statistics
from engine.translate.bind.values.answers import Asked
from engine.translate.lower.answers import FUNCTION, NUMBER_FUNCTION

_FUNCTIONS = {FUNCTION: ("VARCHAR", pa.array([], pa.string())), NUMBER_FUNCTION: ("DOUBLE", pa.array([], pa.float64()))}
_FEW = 32  # rows that are explained at once: each may take as long as thousands of predictions


@dataclass(slots=True)
class _Held:
    """A call that statements under way have in them."""

    asked: Asked
    loaded: Loaded
    users: int = 0
    rows: int = 0
    failures: list[Exception] = field(default_factory=list)
    stopped: list[Callable[[], bool]] = field(default_factory=list)  # of each statement


class Called:
    """The functions and what they may be called with. Safe to use from several threads."""

    def __init__(self, models: Models, statistics: Statistics) -> None:
        self._models = models
        self._statistics = statistics
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the functions callable on a database, as long as this connection is open."""
        for name, (kind, none) in _FUNCTIONS.items():
            connection.create_function(
                name,
                partial(self._call, none),
                None,
                duckdb.sqltype(kind),
                type=cast(Any, "arrow"),
                null_handling=cast(Any, "special"),
            )

    @contextmanager
    def held(
        self, asked: Sequence[Asked], sql: str, connection: duckdb.DuckDBPyConnection, stopped: Callable[[], bool]
    ) -> Iterator[str]:
        """Hold the calls of a statement while it runs; gives what is to be run in its place on that connection.

        `stopped` tells that nobody wants the answers any more. Raises ModelNotHere, and what a model complains of.
        """
        found = [(each, self._models.get(_key(each))) for each in asked]
        with self._lock:
            held = [self._held.setdefault(each.token, _Held(each, loaded)) for each, loaded in found]
            for entry in held:
                entry.users += 1
                entry.stopped.append(stopped)
        before = [entry.rows for entry in held]
        try:
            yield with_sums(connection, sql, [(each, loaded.model) for each, loaded in found])
        except duckdb.Error as error:
            failure = next((entry.failures[0] for entry in held if entry.failures), None)
            raise failure or error from error
        finally:
            with self._lock:
                for entry, rows in zip(held, before, strict=True):
                    name = f"ML_{entry.asked.model.function.upper()}_ROW"
                    self._statistics.add(name, n_rows=entry.rows - rows)
                    entry.users -= 1
                    entry.stopped.remove(stopped)
                    if not entry.users:
                        self._held.pop(entry.asked.token, None)

    def _call(self, none: pa.Array, tokens: pa.ChunkedArray, *columns: pa.ChunkedArray) -> pa.Array:
        rows = len(tokens)
        if not rows:
            return none
        entry = self._held[tokens[0].as_py()]
        step = rows if entry.asked.model.function == "predict" else _FEW
        found = []
        try:
            for start in range(0, rows, step):
                if all(stopped() for stopped in entry.stopped):
                    raise QueryInterrupted
                part = [column.slice(start, step) for column in columns]
                found.append(answer(entry.loaded.model, entry.asked, part, min(step, rows - start)))
        except Exception as error:
            entry.failures.append(error)
            raise
        entry.rows += rows
        return pa.concat_arrays(found)


def _key(asked: Asked) -> ModelKey:
    model = asked.model
    return ModelKey(model.schema, model.handle, model.checksum)
