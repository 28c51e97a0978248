"""Shadow mode: a sample of offloaded statements runs once more on both sides, at one position, and is compared.

Both answers come as packets of rows in the text protocol, so that they are equal only to the last byte. A statement
whose answer MySQL itself leaves open is not compared, nor is one whose rows are too many.
"""

import datetime
import logging
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace

import duckdb
import pymysql
import sqlglot
from sqlglot import exp

from base.errors import BackendError, WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection, backend_error, read_position
from engine.changes.position import Position
from engine.results.encoder import RowEncoder
from engine.running.execute import Offload, Translates
from engine.running.quarantine import Quarantine
from engine.store.database import Snapshot, Store
from engine.translate.refusal import Refusal
from statements.context import SessionContext
from wire.constants import Command
from wire.framing import PacketReader

log = logging.getLogger(__name__)

MOST_ROWS = 10_000
_WAITING = 64  # statements that wait to be compared; more are let go
_TRIES = 20  # to find both sides at one position
_PAUSE = 0.25  # seconds between two looks
_LONGEST = 60  # seconds that the backend may take for a statement
_BATCH_ROWS = 8192
# What leaves rows or values to the order in which they happen to be read.
_OPEN = (exp.Limit, exp.Fetch, exp.Offset, exp.Window, exp.GroupConcat, exp.AnyValue)
_NO_LIMIT = 18446744073709551615


class _TooMany(Exception):
    """An answer has more rows than are compared."""


class _Moving(Exception):
    """The two sides could not be found at one position."""


class Shadow:
    """One thread that compares; `offer` is called from any thread and never waits."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        translator: Translates,
        quarantine: Quarantine,
        is_idle: Callable[[], bool],
    ) -> None:
        """`is_idle` tells whether no statement of a client runs in the engine."""
        self._compared = self._skipped = self._different = 0
        self._settings = settings
        self._store = store
        self._translator = translator
        self._quarantine = quarantine
        self._is_idle = is_idle
        self._chosen: deque[Offload] = deque(maxlen=_WAITING)
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        """Begin, when the settings ask for it."""
        if self._settings.shadow_percent:
            self._thread.start()

    def stop(self) -> None:
        """End the thread after the comparison under way."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def counters(self) -> dict[str, int]:
        """Status variables: what was done since the engine's start, and how many shapes are in quarantine."""
        return {
            "warmfront_shadow_compared": self._compared,
            "warmfront_shadow_skipped": self._skipped,
            "warmfront_shadow_different": self._different,
            "warmfront_quarantined_statements": len(self._quarantine),
        }

    def offer(self, offload: Offload) -> None:
        """Take a statement that was answered into the sample, or not; some the backend could not, or not so, answer."""
        context = offload.context
        if context.extras or context.lake or context.models or context.any_spelling:
            return
        if random.random() * 100 < self._settings.shadow_percent:
            self._chosen.append(offload)
            self._wake.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait()
            self._wake.clear()
            while self._chosen and not self._stopping:
                if self._is_idle():
                    self.check(self._chosen.popleft())
                else:
                    time.sleep(_PAUSE)

    def check(self, offload: Offload) -> str | None:
        """Compare one statement and put it under quarantine when it differs.

        Gives the first difference, "" when there is none, and None when it was not compared.
        """
        try:
            difference = self._compare(offload)
            if difference:
                # The log is written a moment before InnoDB shows a commit: what differs twice is no such moment.
                difference = self._compare(offload)
        except (_TooMany, _Moving, WarmfrontError, duckdb.Error, pymysql.err.MySQLError, OSError) as error:
            log.debug("not compared: %s", error)
            difference = None
        if difference is None:
            self._skipped += 1
            return None
        self._compared += 1
        if difference:
            self._different += 1
            self._quarantine.add(offload.text, difference)
        return difference

    def _compare(self, offload: Offload) -> str | None:
        context = replace(offload.context, protocol="text")
        if not is_comparable(offload.text, context):
            return None
        with Connection(self._settings, read_timeout=_LONGEST + 5) as connection:
            _take_on(connection, context)
            with self._both_at_one_position(connection) as snapshot:
                ours = self._ours(replace(offload, context=context), snapshot)
            if ours is None:
                return None
            theirs = _theirs(connection, offload.text)
        return first_difference(ours, theirs)

    def _both_at_one_position(self, connection: Connection) -> Snapshot:
        """Open a snapshot on both sides with the same transactions in it. Raises _Moving when writes never rest."""
        for _ in range(_TRIES):
            before = read_position(connection)
            connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
            if read_position(connection) == before and (snapshot := self._snapshot_at(before)):
                return snapshot
            connection.execute("ROLLBACK")
            if self._stopping:
                break
            time.sleep(_PAUSE)
        raise _Moving("the backend is written to all the time")

    def _snapshot_at(self, position: Position) -> Snapshot | None:
        self._store.hurry(position)
        deadline = time.monotonic() + 2.0
        while self._store.position < position and time.monotonic() < deadline and not self._stopping:
            time.sleep(0.005)
        snapshot = self._store.snapshot()
        if snapshot.position.server == position.server and snapshot.position.key == position.key:
            return snapshot
        snapshot.close()
        return None

    def _ours(self, offload: Offload, snapshot: Snapshot) -> list[bytes] | None:
        translation = self._translator.translate(offload.text, offload.context, snapshot.view, offload.definitions)
        if isinstance(translation, Refusal) or self._translator.prepare(translation):
            return None
        context = offload.context
        encoder = RowEncoder(translation.definitions, "text", context.character_set_results, context.backend)
        packets, rows = PacketReader(), 0
        for batch in snapshot.connection.execute(translation.sql).to_arrow_reader(_BATCH_ROWS):
            rows += batch.num_rows
            if rows > MOST_ROWS:
                raise _TooMany("more rows than are compared")
            for piece, _ in encoder.encode(batch, 0):
                packets.feed(piece)
        return [packets.next_payload() or b"" for _ in range(rows)]


def is_comparable(statement: str, context: SessionContext) -> bool:
    """Tell whether a statement, and every view it reads, leaves nothing but the order of its rows open."""
    texts = (statement, *(view.body for view in context.views))
    if context.values:  # another connection has others
        return False
    return context.sql_select_limit == _NO_LIMIT and all(map(is_determined, texts))


def is_determined(statement: str) -> bool:
    """Tell whether MySQL leaves nothing of a statement's answer open but the order of its rows."""
    try:
        tree = sqlglot.parse_one(statement, read="mysql")
    except sqlglot.errors.SqlglotError:
        return False
    return tree.find(*_OPEN) is None


def first_difference(ours: list[bytes], theirs: list[bytes]) -> str:
    """Describe how two answers differ, in whatever order their rows are; "" when they do not."""
    missing, extra = Counter(theirs), Counter(ours)
    missing, extra = missing - extra, extra - missing
    if not missing and not extra:
        return ""
    shown = [f"{len(ours)} rows against {len(theirs)} on the backend"]
    shown += [f"only in the engine: {_shown(row)}" for row in list(extra)[:1]]
    shown += [f"only on the backend: {_shown(row)}" for row in list(missing)[:1]]
    return "; ".join(shown)


def _shown(row: bytes) -> str:
    return repr(row[:200])[1:]


def _take_on(connection: Connection, context: SessionContext) -> None:
    """Make a session what the statement's own was. Raises BackendError."""
    values: dict[str, object] = {
        "sql_mode": context.sql_mode,
        "time_zone": context.time_zone,
        "character_set_client": "utf8mb4",
        "character_set_results": context.character_set_results or None,
        "collation_connection": context.collation_connection,
        "div_precision_increment": context.div_precision_increment,
        "group_concat_max_len": context.group_concat_max_len,
        "default_week_format": context.default_week_format,
        "lc_time_names": context.lc_time_names,
    }
    if context.utc_now:
        moment = datetime.datetime.fromisoformat(context.utc_now).replace(tzinfo=datetime.UTC)
        values["timestamp"] = round(moment.timestamp(), 6)
    values |= {"max_statement_time": _LONGEST} if connection.is_mariadb else {"max_execution_time": _LONGEST * 1000}
    assignments = ", ".join(f"SESSION {name} = %s" for name in values)
    connection.query(f"SET {assignments}", list(values.values()))
    if context.schema:
        connection.execute("USE `" + context.schema.replace("`", "``") + "`")


def _theirs(connection: Connection, statement: str) -> list[bytes]:
    """Run a statement on the backend and give its rows' packets. Raises BackendError and _TooMany."""
    raw = connection.raw
    try:
        raw._execute_command(Command.QUERY, statement.encode())
        head = raw._read_packet()
        if head.is_ok_packet():
            raise BackendError(2013, "HY000", "the statement gives no rows")
        for _ in range(head.read_length_encoded_integer() + 1):  # definitions, and the EOF behind them
            raw._read_packet()
        rows: list[bytes] = []
        while not (packet := raw._read_packet()).is_eof_packet():
            if len(rows) == MOST_ROWS:
                raise _TooMany("more rows than are compared")
            rows.append(packet.get_all_data())
        return rows
    except pymysql.err.MySQLError as error:
        raise backend_error(error) from error
