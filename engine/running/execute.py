"""Offloaded statements: translate, wait until the copy is fresh, run on one snapshot, stream the rows.

The event loop waits; a worker thread translates, runs and encodes. Nothing is sent before the first batch of rows
exists, so what fails until then is one ERR packet and the client's statement can still go to the backend.
"""

import asyncio
import functools
import json
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Protocol

import duckdb
import pyarrow as pa

from base.errors import QueryTimeout, SecondaryEngineError, StatementTimeExceeded, WarmfrontError
from engine.catalog import CatalogView
from engine.lake.export import Exporter, Written
from engine.lake.tables import AccessIsNew, LakeTables, wanted_of
from engine.last import LastOf
from engine.results.encoder import RowEncoder
from engine.results.literals import literal_query, text_of
from engine.running.answers import build_result_set
from engine.running.cancel import Running, RunningStatements
from engine.running.history import History, QueryRecord
from engine.running.outlet import AnswerCutShort, Channel, Outlet
from engine.running.quarantine import Quarantine
from engine.running.slots import Slots
from engine.running.unchanged import Unchanged, what_was_read
from engine.store.database import Snapshot, Store
from engine.translate.bind.values.answers import Asked
from engine.translate.found import Found
from engine.translate.refusal import Refusal, is_passing
from engine.translate.translator import Translation
from lakehouse.descriptions.export_spec import ExportSpec
from statements.context import SessionContext
from wire.constants import Capability, Status
from wire.framing import build_packets
from wire.integers import build_lenenc
from wire.responses import (
    ColumnDefinition,
    Ok,
    build_column_definition,
    build_end_of_rows,
    build_eof,
    build_ok,
    parse_column_definition,
)

log = logging.getLogger(__name__)

CONCURRENT = 12  # statements at once, as HeatWave; the others queue
_THREADS = 128  # those at once, and those whose clients do not read
_BATCH_ROWS = 8192  # small enough for the first rows to come early and for a batch to stay in the CPU's cache
_EXPORT_ROWS = 16384  # nobody waits for the first
_EXPORT_BUFFER = "32MB"  # what DuckDB may be ahead: with its 1 MB the threads stop and begin again at every reading
_HELD = 64 << 20  # bytes of an answer that wait for its last row, where a row may fail that the backend can answer
_MOST_WARNINGS = 65535  # that a packet tells of
_LONGEST_WAIT, _PAUSE = 60.0, 0.05  # seconds for what is read at first use: many collations on a busy machine
_STOPPING = "The engine is stopping"


class Translates(Protocol):
    """The translator, as the executor uses it."""

    def translate(
        self,
        statement: str,
        context: SessionContext,
        view: CatalogView,
        definitions: Sequence[ColumnDefinition],
        rows: duckdb.DuckDBPyConnection | None = None,
    ) -> Translation | Refusal:
        """Translate a statement for one snapshot's view; with its connection, for its rows only."""

    def is_asking(self) -> bool:
        """Tell whether the backend is being asked for something that a translation lacked."""

    def widen(self, statement: str, error: BaseException) -> bool:
        """Tell whether a statement that failed is to be tried again, for its translation is another one now."""

    def prepare(self, translation: Translation) -> bool:
        """Make what the translation needs in the store; True when that is new, which older snapshots do not see."""


# Seconds at most, and the server that the session is on; raises SecondaryEngineError.
WaitUntilFresh = Callable[[float, str], Awaitable[None]]
# Holds models while a statement asks them, and gives what is to be run on the connection; the last tells that nobody
# wants their answers any more.
Hold = Callable[[Sequence[Asked], str, duckdb.DuckDBPyConnection, Callable[[], bool]], AbstractContextManager[str]]


@dataclass(frozen=True, slots=True)
class Offload:
    """One statement to run, as the proxy sent it."""

    text: str
    context: SessionContext
    payloads: list[bytes]  # column definitions, byte for byte
    definitions: list[ColumnDefinition]
    only_asked: bool = False  # whether it could be run is the question; the answer is OK
    literals: int = 0  # bytes that the answer may have as literals; 0 for packets of rows
    export: ExportSpec | None = None  # the answer goes into files; what is answered is the number of its rows


def read_offload(
    text: str,
    context: bytes,
    payloads: list[bytes],
    only_asked: bool = False,
    literals: int = 0,
    export: ExportSpec | None = None,
) -> Offload:
    """Put a statement and its attributes together. Raises MalformedPacket and SecondaryEngineError."""
    try:
        session = SessionContext.from_json(context.decode())
        definitions = [parse_column_definition(p, session.capabilities) for p in payloads]
    except (ValueError, TypeError) as error:
        raise SecondaryEngineError(f"The session's state cannot be read: {error}") from error
    return Offload(text, session, payloads, definitions, only_asked, literals, export)


def build_head(payloads: list[bytes], capabilities: int, status: Status, warned: int = 0) -> tuple[bytes, int]:
    """The packets before the rows, from sequence 1, and the number of the next packet."""
    count = build_lenenc(len(payloads))
    if capabilities & Capability.OPTIONAL_RESULTSET_METADATA:
        count = b"\x01" + count
    if capabilities & Capability.MARIADB_CACHE_METADATA:
        count += b"\x01"
    parts = [count, *payloads]
    if not capabilities & Capability.DEPRECATE_EOF:
        parts.append(build_eof(status, warned))
    framed = b"".join(build_packets(part, 1 + i) for i, part in enumerate(parts))
    return framed, (1 + len(parts)) & 0xFF


class SnapshotTarget:
    """The snapshot, and the connection that looks at files, as something to interrupt: closed ones are none."""

    def __init__(self, snapshot: Snapshot, looking: duckdb.DuckDBPyConnection) -> None:
        self._snapshot = snapshot
        self._looking = looking

    def interrupt(self) -> None:
        """Stop what runs on either."""
        for each in (self._snapshot, self._looking):
            with suppress(duckdb.Error):
                each.interrupt()


def translated(
    translator: Translates,
    offload: Offload,
    view: CatalogView,
    running: Running,
    rows: duckdb.DuckDBPyConnection | None = None,
) -> Translation | None:
    """Translate a statement; None when it needs something of the store that its snapshot does not see.

    Nobody else can answer for files and models, nor under FORCED: what the translator still asks the backend for is
    waited for then, until it has its answer. Raises SecondaryEngineError with the reason when it is refused.
    """
    context, began = offload.context, time.time()
    found = translator.translate(offload.text, context, view, offload.definitions, rows)
    is_last = not (context.lake or context.models or context.alone)
    while not is_last and is_passing(found) and time.time() - began < _LONGEST_WAIT:
        is_last = not translator.is_asking()  # all was said before this translation: the server does not know it
        if not is_last:
            time.sleep(_PAUSE)
            running.check()
        found = translator.translate(offload.text, context, view, offload.definitions, rows)
    if isinstance(found, Refusal):
        raise SecondaryEngineError(found.reason)
    return None if translator.prepare(found) else found


class Executor:
    """Runs offloaded statements."""

    def __init__(
        self,
        store: Store,
        translator: Translates,
        wait_until_fresh: WaitUntilFresh,
        history: History,
        quarantine: Quarantine,
        lake: LakeTables,
        unchanged: Unchanged,
    ) -> None:
        self.running = RunningStatements()
        self.exporter: Exporter | None = None
        self.held: Hold = lambda asked, sql, connection, stopped: nullcontext(sql)
        self.found: LastOf[int] = LastOf()  # what FOUND_ROWS() tells of each session's last statement, if not its rows
        self.on_answered: Callable[[Offload], None] | None = None  # sees each statement whose answer is complete
        self._quarantine = quarantine
        self._store = store
        self._translator = translator
        self._wait_until_fresh = wait_until_fresh
        self._history = history
        self._lake = lake
        self._unchanged = unchanged
        self._stopping = False
        self._slots = Slots(CONCURRENT)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="query")

    async def run(self, offload: Offload, channel: Channel, started: list[Running]) -> None:
        """Run one statement and send its whole answer.

        `started` gets the statement while it runs, for the connection to cancel. Raises WarmfrontError when nothing
        has been sent; an error after the first row is raised as `AnswerCutShort`.
        """
        context = offload.context
        shown = context.given or offload.text
        running = self.running.start(context.connection_id, shown)
        started.append(running)
        record = self._history.begin(context.connection_id, shown, counted=not offload.only_asked)
        if context.max_execution_time:
            error = StatementTimeExceeded() if context.backend == "mariadb" else QueryTimeout()
            running.cancel_after(context.max_execution_time / 1000, error)
        try:
            if reason := self._quarantine.reason(offload.text):
                raise SecondaryEngineError(reason)
            await running.wait_for(self._slots.acquire())
            try:
                outlet = await self._run_in_slot(offload, channel, running, record)
            finally:
                self._slots.release()
            await outlet.drain()
        except Exception as error:
            record.failure = str(error)
            raise
        finally:
            started.remove(running)
            self.running.end(running)
            self._history.end(record)
        if self.on_answered and not offload.only_asked and not offload.export:
            self.on_answered(offload)

    async def _run_in_slot(self, offload: Offload, channel: Channel, running: Running, record: QueryRecord) -> Outlet:
        if offload.context.freshness == "strict" and not offload.only_asked:
            await running.wait_for(self._fresh(offload.context))
        if self._stopping:
            raise SecondaryEngineError(_STOPPING)
        record.waited = time.time() - record.started
        loop = asyncio.get_running_loop()
        outlet = Outlet(channel, loop, running, self._slots)
        work = functools.partial(self._work, offload, outlet, running, record)
        # The thread is not left behind when this task is cancelled: it ends by the interrupt.
        await asyncio.shield(loop.run_in_executor(self._threads, work))
        return outlet

    async def _fresh(self, context: SessionContext) -> None:
        await self._wait_until_fresh(context.freshness_timeout, context.server)

    def _work(self, offload: Offload, outlet: Outlet, running: Running, record: QueryRecord) -> None:
        """The worker thread's part."""
        try:
            while not self._try(offload, outlet, running, record):
                pass
        except Exception as error:  # whatever a translation or the store comes up with, the backend can still answer
            outlet.abort()
            failure = running.error or as_ours(error)
            if outlet.used:
                raise AnswerCutShort(failure, outlet.sequence) from error
            raise failure from error

    def _try(self, offload: Offload, outlet: Outlet, running: Running, record: QueryRecord) -> bool:
        """Answer on a new snapshot; False when the translation needed something that this snapshot does not see."""
        with self._store.snapshot() as snapshot, closing(self._store.cursor()) as looking:
            running.attach(SnapshotTarget(snapshot, looking))
            try:
                wanted = wanted_of(offload.text, offload.context)
                with (
                    self._lake.bytes.counting(looking, bool(wanted.names)) as looked,
                    self._lake.seen(snapshot.connection, looking, snapshot.view, wanted) as view,
                ):
                    record.warnings = min(wanted.noted.total, _MOST_WARNINGS)
                    if wanted.names:
                        self._lake.warnings.put(offload.context.connection_id, wanted.noted)
                    with self._lake.bytes.counting(snapshot.connection, bool(wanted.names)) as counted:
                        done = self._try_on(offload, outlet, snapshot, view, running, record)
                    record.bytes_read = counted.bytes
                record.bytes_looked = looked.bytes
                outlet.commit()
                return done
            except AccessIsNew:
                return False
            except Exception as error:
                if not self._translator.widen(offload.text, error) or outlet.used or running.error:
                    raise
                outlet.abort()
                record.rows = 0
                return False
            finally:
                running.detach()

    def _try_on(
        self,
        offload: Offload,
        outlet: Outlet,
        snapshot: Snapshot,
        view: CatalogView,
        running: Running,
        record: QueryRecord,
    ) -> bool:
        began = time.time()
        translation = translated(self._translator, offload, view, running, snapshot.connection)
        record.translated += time.time() - began
        if translation is None:
            return False
        record.sql, record.tables = translation.sql, translation.tables

        def stopped() -> bool:
            return running.error is not None

        with self.held(translation.asked, translation.sql, snapshot.connection, stopped) as sql:
            translation = replace(translation, sql=sql)
            self._run_translated(offload, translation, outlet, snapshot, view, running, record)
        return True

    def _run_translated(
        self,
        offload: Offload,
        translation: Translation,
        outlet: Outlet,
        snapshot: Snapshot,
        view: CatalogView,
        running: Running,
        record: QueryRecord,
    ) -> None:
        if offload.context.since:
            self._unchanged.require_since(offload.context.since, view, translation.tables)
        if offload.only_asked:
            outlet.finish(build_packets(build_ok(Ok(status=Status(offload.context.status))), 1))
        elif offload.literals:
            outlet.finish(_literals(offload, translation, snapshot, record))
        elif offload.export:
            written = self._export(offload.export, offload.context, translation, snapshot, running, record)
            ok = Ok(written.rows, status=Status(offload.context.status), warnings=record.warnings)
            outlet.finish(build_packets(build_ok(ok), 1), written)
        else:
            self._answer(offload, translation, snapshot, outlet, record)

    def _answer(
        self, offload: Offload, translation: Translation, snapshot: Snapshot, outlet: Outlet, record: QueryRecord
    ) -> None:
        context = offload.context
        definitions = translation.definitions
        encoder = RowEncoder(definitions, context.protocol, context.character_set_results, context.backend)
        reader = snapshot.connection.execute(translation.sql).to_arrow_reader(_BATCH_ROWS)
        payloads = [
            given if definition == prepared else build_column_definition(definition)
            for given, prepared, definition in zip(offload.payloads, offload.definitions, definitions, strict=True)
        ]
        # A piece waits for the next one, or for the end: a short answer goes out whole, and a client sees none of it
        # when the engine dies before.
        held: bytes | memoryview
        held, sequence = build_head(
            payloads, context.capabilities, Status(context.status), min(context.warned, _MOST_WARNINGS)
        )
        has_rows = False
        for batch in _whole(reader) if translation.guarded else reader:
            record.rows += batch.num_rows
            for piece, after in encoder.encode(batch, sequence):
                if has_rows:
                    outlet.send(held, sequence)
                    held = piece
                else:
                    held, has_rows = bytes(held) + bytes(piece), True
                sequence = after
        self._note_found(context, translation, snapshot, record)
        warned = min(record.warnings + context.warned, _MOST_WARNINGS)
        end = build_end_of_rows(Status(context.status), warned, context.capabilities)
        outlet.finish(bytes(held) + build_packets(end, sequence))
        record.bytes_sent = outlet.sent

    def _note_found(
        self, context: SessionContext, translation: Translation, snapshot: Snapshot, record: QueryRecord
    ) -> None:
        """Keep what FOUND_ROWS() tells of the statement, where that is not the number of its rows."""
        found = translation.found
        self.found.put(context.connection_id, None if found is None else found_in(snapshot, found, record.rows))

    def _export(
        self,
        spec: ExportSpec,
        context: SessionContext,
        translation: Translation,
        snapshot: Snapshot,
        running: Running,
        record: QueryRecord,
    ) -> Written:
        """Write the answer into files, which appear when it is known that what they are made of has not changed."""
        if self.exporter is None:
            raise SecondaryEngineError("This engine does not export")

        def begun(prefix: str) -> None:
            record.export_prefix = prefix

        snapshot.connection.execute(f"SET SESSION streaming_buffer_size = '{_EXPORT_BUFFER}'")
        batches = snapshot.connection.execute(translation.sql).to_arrow_reader(_EXPORT_ROWS)
        written = self.exporter.export(spec, translation.definitions, batches, context.backend, running.check, begun)
        record.rows = written.rows
        return written

    async def stop(self) -> None:
        """End what runs, so that the proxy asks the backend instead, and take no more."""
        self._stopping = True
        self.running.kill_all(SecondaryEngineError(_STOPPING))
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)


def _literals(offload: Offload, translation: Translation, snapshot: Snapshot, record: QueryRecord) -> bytes:
    """Give a whole answer as literals: first the number of rows and a token of what was read, then the rows."""
    types = [str(kind) for kind in snapshot.connection.sql(translation.sql).types]
    sql = literal_query(translation.sql, types, translation.definitions)
    rows, size, parts = 0, 0, []
    for batch in snapshot.connection.execute(sql).to_arrow_reader(_BATCH_ROWS):
        rows += batch.num_rows
        size += batch.nbytes
        if size > offload.literals:
            raise SecondaryEngineError("The rows to be written are more than one statement holds")
        parts.append(bytes(text_of(batch)))
    record.rows = rows
    found = translation.found
    known = {
        "rows": rows,
        "found": rows if found is None else found_in(snapshot, found, rows),
        "read": what_was_read(snapshot, _followed(offload, translation)),
    }
    head = json.dumps(known).encode()
    answer = pa.table({"literals": pa.array([head, *parts], pa.binary())})
    return build_result_set(answer, offload.context.capabilities)


def found_in(snapshot: Snapshot, found: Found, rows: int) -> int:
    """Give what FOUND_ROWS() tells of an answer of so many rows."""
    counted = snapshot.connection.execute(found.counted).fetchone() if found.needs_count(rows) else None
    return found.number(rows, counted[0] if counted else 0)


def _followed(offload: Offload, translation: Translation) -> list[tuple[str, str]]:
    """The tables read whose changes are in the backend's log: those of files are locked by nobody anywhere."""
    lake = {(name.schema, name.name) for name in offload.context.lake}
    return [table for table in translation.tables if table not in lake]


def _whole(reader: pa.RecordBatchReader) -> list[pa.RecordBatch]:
    """Read an answer to its end before any of it leaves; raises SecondaryEngineError when it is too long for that."""
    batches, size = [], 0
    for batch in reader:
        size += batch.nbytes
        if size > _HELD:
            raise SecondaryEngineError("A row may still fail, and the answer is too long to hold until the last one")
        batches.append(batch)
    return batches


def as_ours(error: BaseException) -> WarmfrontError:
    """What a statement's client is told of an error that came up inside."""
    if isinstance(error, WarmfrontError):
        return error
    if isinstance(error, MemoryError | duckdb.OutOfMemoryException):
        return SecondaryEngineError("Out of memory in the column store")
    if isinstance(error, duckdb.Error | pa.ArrowException | OSError):
        return SecondaryEngineError(f"The column store failed: {str(error).strip().splitlines()[0][:300]}")
    log.error("a statement failed inside the engine", exc_info=error)
    return SecondaryEngineError(f"Internal error ({type(error).__name__})")
