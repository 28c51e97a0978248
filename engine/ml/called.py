"""Models that statements ask: one function of the column store, called with a call's token and whole columns.

DuckDB gives it some two thousand rows at a time, from all its threads. What a call is, is in `_held` while a statement
with it runs: the model cannot go meanwhile, and what it complains of reaches the user in its own words.
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import duckdb
import pyarrow as pa

from base.errors import QueryInterrupted
from engine.ml.answers import answer
from engine.ml.models import Loaded, ModelKey, Models
from engine.ml.progress import Statistics
from engine.translate.bind.answers import Asked
from engine.translate.lower.answers import FUNCTION

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
    """The function and what it may be called with. Safe to use from several threads."""

    def __init__(self, models: Models, statistics: Statistics) -> None:
        self._models = models
        self._statistics = statistics
        self._held: dict[str, _Held] = {}
        self._lock = threading.Lock()

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the function callable on a database, as long as this connection is open."""
        connection.create_function(
            FUNCTION,
            self._call,
            None,
            duckdb.sqltype("VARCHAR"),
            type=cast(Any, "arrow"),
            null_handling=cast(Any, "special"),
        )

    @contextmanager
    def held(self, asked: Sequence[Asked], stopped: Callable[[], bool]) -> Iterator[None]:
        """Hold the calls of a statement while it runs. Raises ModelNotHere, and what a model complains of.

        `stopped` tells that nobody wants the answers any more.
        """
        found = [(each, self._models.get(_key(each))) for each in asked]
        with self._lock:
            held = [self._held.setdefault(each.token, _Held(each, loaded)) for each, loaded in found]
            for entry in held:
                entry.users += 1
                entry.stopped.append(stopped)
        before = [entry.rows for entry in held]
        try:
            yield
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

    def _call(self, tokens: pa.ChunkedArray, *columns: pa.ChunkedArray) -> pa.Array:
        rows = len(tokens)
        if not rows:
            return pa.array([], pa.string())
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
