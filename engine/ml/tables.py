"""Tables of predictions, explanations or parts of a source, made in a thread ahead of the proxy that writes them."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from automl.errors import AutoMLError
from automl.table.source import Source
from base.errors import SecondaryEngineError, WarmfrontError
from engine.ml.source import OpenSource, Sources
from engine.ml.written import LiteralWriter
from engine.running.cancel import Running
from engine.running.execute import Offload, as_ours

# Answers for the rows of one batch; a model that looks at all rows together gets one batch.
Answer = Callable[[Source], pa.Table]
# Rows of the tables that are written, each part with the number of its table; and what makes them in a thread.
Parts = Iterator[tuple[int, pa.Table]]
Making = Callable[[], Parts]

_BATCH = 65536  # rows of a query
_AHEAD = 2  # pieces that wait for the proxy
_LOOK = 0.2  # seconds a thread waits before it looks whether it was stopped

_SQL_TYPES: tuple[tuple[Callable[[pa.DataType], bool], str], ...] = (
    (pa.types.is_boolean, "TINYINT(1)"),
    (pa.types.is_unsigned_integer, "BIGINT UNSIGNED"),
    (pa.types.is_integer, "BIGINT"),
    (pa.types.is_floating, "DOUBLE"),
    (pa.types.is_date, "DATE"),
    (pa.types.is_timestamp, "DATETIME(6)"),
)
_JSON_COLUMN = "ml_results"


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows as literals, and which of the tables they belong to; without text it is the end."""

    rows: int = 0
    text: bytes = b""
    into: int = 0


def sql_type(field: pa.Field) -> str:
    """The type that a column of answers has in the table that is written."""
    if field.name == _JSON_COLUMN:
        return "JSON"
    if pa.types.is_decimal(field.type):
        return f"DECIMAL({field.type.precision},{field.type.scale})"
    return next((name for fits, name in _SQL_TYPES if fits(field.type)), "TEXT")


def answered(opened: OpenSource, answer: Answer, batch_rows: int) -> Parts:
    """Yield the rows with the answers behind them, all into one table; at least once, for the columns."""
    any_rows = False
    reader = opened.batches(batch_rows) if batch_rows else [opened.whole().rows]
    for batch in reader:
        rows = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        any_rows = True
        yield 0, _beside(opened, rows, answer(opened.source(rows)))
    if not any_rows:
        empty = opened.snapshot.connection.execute(f"SELECT * FROM ({opened.sql}) AS wf LIMIT 0").to_arrow_table()
        yield 0, _beside(opened, empty, answer(opened.source(empty)))


def as_they_are(opened: OpenSource) -> Parts:
    """Yield the rows of a query, which asks models itself."""
    reader = opened.batches(_BATCH)
    yield 0, reader.schema.empty_table()
    for batch in reader:
        yield 0, pa.Table.from_batches([batch])


def divided(opened: OpenSource, divide: Callable[[Source], tuple[pa.Array, pa.Array]]) -> Parts:
    """Yield the rows of the first part, then those of the second."""
    source = opened.whole()
    for into, places in enumerate(divide(source)):
        yield into, source.rows.take(places)


def _beside(opened: OpenSource, rows: pa.Table, answers: pa.Table) -> pa.Table:
    if answers.num_rows != rows.num_rows:
        raise SecondaryEngineError("The model gave another number of rows than it was asked about")
    taken = {column.name.casefold() for column in opened.columns}  # the store's own names are others
    for name in answers.column_names:
        if name.casefold() in taken:
            raise AutoMLError(
                f"Table {opened.table} has a column '{name}', which is one of the answers: "
                "give it another name in a view."
            )
    for field in answers.schema:
        rows = rows.append_column(field, answers.column(field.name))
    return rows


class TableJob:
    """One table under way. Its thread ends by itself when `running` is cancelled."""

    def __init__(self, running: Running, loop: asyncio.AbstractEventLoop) -> None:
        self.running = running
        self.columns: list[tuple[str, str]] = []  # of the answers: name, SQL type
        self.rows = 0
        self._loop = loop
        self._pieces: asyncio.Queue[Piece | WarmfrontError] = asyncio.Queue(_AHEAD)
        self._begun = loop.create_future()

    def start(self, threads: Executor, work: Making, definitions: Any, most: int) -> "asyncio.Future[None]":
        """Begin; the future is done when the thread has ended."""
        return self._loop.run_in_executor(threads, self._run, work, definitions, most)

    async def head(self) -> list[tuple[str, str]]:
        """Wait for the columns of the answers. Raises what went wrong."""

        async def begun() -> None:
            await asyncio.shield(self._begun)

        await self.running.wait_for(begun())
        return self.columns

    async def next(self) -> Piece:
        """Wait for the next piece. Raises what went wrong, and the error the job was cancelled with."""
        found = await self.running.wait_for(self._pieces.get())
        if isinstance(found, WarmfrontError):
            raise found
        return found

    # In the thread

    def _run(self, work: Making, definitions: Any, most: int) -> None:
        writer = LiteralWriter(definitions)
        try:
            for into, table in work():
                self._begin(table, len(definitions))
                for rows, text in writer.pieces(table, most):
                    self.rows += rows
                    self._put(Piece(rows, text, into))
            self._put(Piece())
        except Exception as error:
            failure = self.running.error or as_ours(error)
            self._loop.call_soon_threadsafe(self._fail, failure)
        finally:
            writer.close()

    def _begin(self, table: pa.Table, known: int) -> None:
        if not self.columns:
            fields = [table.schema.field(number) for number in range(known, table.num_columns)]
            self.columns = [(field.name, sql_type(field)) for field in fields]
            self._loop.call_soon_threadsafe(self._set_begun)

    def _set_begun(self) -> None:
        if not self._begun.done():
            self._begun.set_result(None)

    def _fail(self, failure: WarmfrontError) -> None:
        if not self._begun.done():
            self._begun.set_exception(failure)
            self._begun.exception()  # seen, even when nobody waits
            return
        while not self._pieces.empty():
            self._pieces.get_nowait()
        self._pieces.put_nowait(failure)

    def _put(self, piece: Piece) -> None:
        put = asyncio.run_coroutine_threadsafe(self._pieces.put(piece), self._loop)
        while True:
            self.running.check()
            try:
                put.result(_LOOK)
                return
            except TimeoutError:
                continue
            finally:
                if self.running.error is not None:
                    put.cancel()


async def opened_rows(
    sources: Sources,
    offload: Offload,
    table: str,
    running: Running,
    made: Callable[[OpenSource], Parts],
) -> Making:
    """Wait until the copy is fresh, then give what opens the source in a thread and makes tables of it."""
    await sources.wait(offload, running)

    def work() -> Parts:
        with sources.open(offload, table, running) as opened:
            yield from made(opened)

    return work
