"""Be a replica of the backend: log in, ask for the log from a GTID position, read it in a thread of its own.

Batches go through a bounded queue. While it is full the thread goes on collecting up to `batch_bytes`, then stops
reading, so that the backend's send buffer fills: back-pressure without a limit on how far behind a reader may be.
Sources: "COM_BINLOG_DUMP_GTID" of the MySQL source documentation, "Replication Protocol" of MariaDB's.
"""

import contextlib
import logging
import random
import select
import selectors
import socket
import ssl
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any

import pymysql

from base.errors import BackendError, MalformedPacket, WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection
from engine.backend.describe import folds_table_names
from engine.changes.batch import Batch
from engine.changes.position import Position
from engine.replicate.assemble import Assembler, Lookup
from engine.replicate.decode import warm_up
from engine.replicate.dependents import Dependents
from engine.replicate.dump import begins_by_place, request_dump
from wire.binlog_events import ChecksumMismatch
from wire.constants import MAX_PACKET_PAYLOAD
from wire.responses import is_eof, is_err, parse_err

log = logging.getLogger(__name__)

QUEUED = 2  # finished batches that wait for the store
_REST = 0.02  # seconds between two reads while nobody waits: events come in bulk, and writers keep the processor
_LITTLE = 64 << 10  # bytes at once, and
_RECENT = 2.0  # seconds since the commit, of a stream that is read up to its end
_SILENCE = 30.0  # seconds without a byte, heartbeats included, after which the connection is given up
_BUFFER = 4 << 20
_AT_ONCE = 512 << 10  # bytes read before what is in them is looked at
_BACKOFF = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0)
_BAD_EVENTS = 3  # malformed events at one position before we give up on it

_FATAL = 1236  # ER_SOURCE_FATAL_ERROR_READING_BINLOG
_LOST_ERRORS = frozenset({_FATAL, 1789, 1945, 1947, 1948, 1949, 1950, 1955})
_PASSING = ("same server_uuid", "same server_id", "server_uuid/server_id")


Check = Callable[[Connection, Position], None]


class LogLost(WarmfrontError):
    """The backend no longer has the log from where we stopped: everything has to be loaded again."""

    number = _FATAL


class BackendMoved(WarmfrontError):
    """The backend is another server than before, and has all that the copy has: it goes on there."""

    number = 2013


class Source:
    """Follows the backend's log from `start` on, in a thread, until stopped or until the log is lost.

    `check` is called with a new connection and the place to go on from; what it raises ends the thread.
    `lookup` gives a followed table's definition as loaded; it is called on the thread, at every statement.
    """

    def __init__(
        self,
        settings: Settings,
        start: Position,
        lookup: Lookup,
        check: Check | None = None,
        dependents: Dependents = lambda schema, name: (),
    ) -> None:
        self._dependents = dependents
        self._settings = settings
        self._check = check
        self._lookup = lookup
        self._start_position = start
        self._assembler: Assembler | None = None
        self._ready: deque[Batch] = deque()
        self._changed = threading.Condition()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._in_hand = False  # whether a batch was taken that may not be applied yet
        self._wanted: list[Position] = []  # places that readers wait for and no batch has reached
        self._longest = settings.batch_interval_ms / 1000  # seconds a commit waits for company when nobody wants it
        self._most = settings.batch_bytes  # of row images in one batch, unless one transaction is larger
        self._stopping = False
        self._lost: WarmfrontError | None = None
        self._server_id = random.randrange(1 << 31, (1 << 32) - 1)
        self._uuid = str(uuid.uuid4())
        self._bad_events = 0
        self.connected = False
        self.error: str | None = None  # why it is not connected
        self._thread = threading.Thread(target=self._run, name="binlog", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the connection and the thread; batches not taken are dropped, their position was never stored."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._wake()
        if self._thread.is_alive():
            self._thread.join()
        self._wake_read.close()
        self._wake_write.close()

    def want(self, position: Position) -> None:
        """Ask that everything up to a position be handed over as soon as it has been read."""
        with self._changed:
            self._wanted.append(position)
            self._changed.notify_all()
        self._wake()

    def next_batch(self, timeout: float | None = None) -> Batch | None:
        """Wait for the next batch, at most `timeout` seconds; None when none came or after `stop`.

        Who asks again has applied the batch it was given before. Raises LogLost, or another WarmfrontError that ended
        the thread, after the last good batch.
        """
        with self._changed:
            self._in_hand = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._ready or self._stopping or self._lost, timeout)
            if self._stopping:
                return None
            if not self._ready:
                if self._lost:
                    raise self._lost
                return None
            batch = self._ready.popleft()
            self._in_hand = True
            self._changed.notify_all()
        self._wake()
        return batch

    def oldest_commit(self) -> float:
        """The oldest commit that was read and not handed over, seconds since the epoch; 0 when there is none."""
        with self._changed:
            if self._ready:
                return self._ready[0].oldest_commit
        return self._assembler.oldest_commit if self._assembler is not None else 0.0

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            self._wake_write.send(b"\0")

    def _run(self) -> None:
        warm_up()
        failures = 0
        while not self._stopping:
            before = self._assembler.position if self._assembler else None
            try:
                self._follow()
            except (LogLost, BackendMoved) as error:
                self._end(error)
                return
            except (WarmfrontError, OSError, pymysql.err.Error) as error:
                self._note(error, before)
                if self._bad_events >= _BAD_EVENTS:
                    self._end(LogLost(f"the log cannot be read: {error}"))
                    return
                moved = self._assembler is not None and self._assembler.position != before
                failures = 0 if moved else failures + 1
            except Exception as error:  # a defect of ours must be seen, and must not leave readers waiting
                log.exception("replication stopped")
                self._end(WarmfrontError(f"replication stopped: {error!r}"))
                return
            self._pause(_BACKOFF[min(failures, len(_BACKOFF) - 1)])

    def _note(self, error: Exception, before: Position | None) -> None:
        self.connected = False
        if self._stopping:
            return
        self.error = str(error)
        log.warning("replication connection: %s", error)
        moved = self._assembler is not None and self._assembler.position != before
        if isinstance(error, MalformedPacket | ChecksumMismatch):
            self._bad_events = 1 if moved else self._bad_events + 1

    def _end(self, error: WarmfrontError) -> None:
        self.connected = False
        self.error = str(error)
        with self._changed:
            self._lost = error
            self._changed.notify_all()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)

    def _follow(self) -> None:
        """One connection: from login until it ends, which is always by an exception or by `stop`."""
        with contextlib.closing(Connection(self._settings)) as connection:
            server = connection.identity
            if self._assembler is None:
                fold = folds_table_names(connection)
                self._assembler = Assembler(
                    self._start_position,
                    self._lookup,
                    connection.is_mariadb,
                    fold,
                    early=self._most,
                    spill_folder=self._settings.paths.store_file.parent,
                    dependents=self._dependents,
                )
            assembler = self._assembler
            if self._check is not None:
                self._check(connection, assembler.position)
            by_place = begins_by_place(connection, assembler.position)
            assembler.reconnected(server)
            with self._changed:
                self._wanted = [position for position in self._wanted if position.server == server]
            stream: Any = connection.raw._sock  # PyMySQL has no call for a dump
            start = assembler.position
            request_dump(connection, stream, start, self._server_id, self._uuid, by_place)
            self.connected = True
            self.error = None
            place = f"{start.file}:{start.offset}" if by_place else start.gtids
            log.info("replicating from %s after %s", server, place or "the beginning")
            try:
                self._read(stream, assembler)
            finally:
                connection.raw._force_close()

    def _read(self, stream: Any, assembler: Assembler) -> None:
        stream.settimeout(_SILENCE)
        packets = _Packets(stream)
        oldest: float | None = None  # when the first commit came that no batch holds
        heard = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(stream, selectors.EVENT_READ, "stream")
            selector.register(self._wake_read, selectors.EVENT_READ, "wake")
            while not self._stopping:
                readable = packets.buffered_by_tls
                may_read = assembler.pending_bytes < self._most or self._has_room()
                if not readable:
                    for key, _ in selector.select(self._patience(oldest)):
                        if key.data == "wake":
                            self._drain_wake()
                        else:
                            readable = True
                if readable and may_read:
                    heard = time.monotonic()
                    for _ in assembler.feed_all(packets.receive()):
                        self._pass_on(assembler)
                    if packets.received < _LITTLE and time.time() - assembler.timestamp < _RECENT:
                        self._rest()
                elif readable:
                    self._pause(0.005)  # full: leave the bytes to the kernel
                elif time.monotonic() - heard > _SILENCE:
                    raise BackendError(2013, "HY000", "the backend has stopped sending heartbeats")
                if assembler.pending:
                    now = time.monotonic()
                    oldest = now if oldest is None else oldest
                    if self._is_due(assembler, now - oldest):
                        self._hand_over(assembler.flush())
                        oldest = None
                else:
                    oldest = None
                    self._pass_by(assembler)

    def _patience(self, oldest: float | None) -> float:
        if oldest is None:
            return 1.0
        return max(oldest + self._longest - time.monotonic(), 0.0) if self._has_room() else 0.05

    def _has_room(self) -> bool:
        return len(self._ready) < QUEUED

    def _is_due(self, assembler: Assembler, age: float) -> bool:
        """Whether to end the batch. For a reader it ends at once, but only when no other is queued before it."""
        full = age >= self._longest or assembler.pending_bytes >= self._most
        with self._changed:
            wanted = [position for position in self._wanted if not assembler.has_reached(position)]
            due = (full and self._has_room()) or (len(wanted) < len(self._wanted) and not self._ready)
            if due:
                self._wanted = wanted
        return due

    def _pass_by(self, assembler: Assembler) -> None:
        """Forget the places that are in batches already: they must not end the next one early."""
        with self._changed:
            self._wanted = [position for position in self._wanted if not assembler.has_reached(position)]

    def _rest(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._wanted, _REST)

    def _pass_on(self, assembler: Assembler) -> None:
        """Hand over what a DDL statement has ended, and wait until it is applied.

        What comes behind it belongs to tables as they are after it: no event may be looked up before.
        """
        while assembler.ready and not self._stopping:
            batch = assembler.ready.popleft()
            self._hand_over(batch)
            if batch.events:
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping or not (self._ready or self._in_hand))

    def _hand_over(self, batch: Batch | None) -> None:
        if batch is None:
            return
        with self._changed:
            self._changed.wait_for(lambda: self._stopping or self._has_room())
            self._ready.append(batch)
            self._changed.notify_all()

    def _drain_wake(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._wake_read.recv(4096):
                pass


class _Packets:
    """Splits what the stream brings into events."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream, select.POLLIN)
        self._buffer = bytearray(_BUFFER)
        self._start = 0
        self._end = 0
        self._parts: list[bytes] = []
        self.received = 0  # bytes of the last read

    @property
    def buffered_by_tls(self) -> bool:
        """Whether decrypted bytes wait where no selector sees them."""
        return isinstance(self._stream, ssl.SSLSocket) and self._stream.pending() > 0

    def receive(self) -> list[bytes]:
        """Read what is there and give the whole events in it. Raises LogLost, BackendError."""
        self._make_room()
        self.received = 0
        with memoryview(self._buffer) as view:
            # TLS gives 16 KiB at a time, and events cost less the more there are.
            while self.received < _AT_ONCE and self._end < len(self._buffer):
                got = self._stream.recv_into(view[self._end :])
                self._end += got
                self.received += got
                if not got or not self._has_more():
                    break
            if not self.received:
                raise BackendError(2013, "HY000", "the backend closed the replication connection")
            return list(self._split(view))  # it may say why before it closes

    def _has_more(self) -> bool:
        return self.buffered_by_tls or bool(self._poll.poll(0))

    def _make_room(self) -> None:
        if self._start == self._end:
            self._start = self._end = 0
        needed = 4
        if self._end - self._start >= 4:
            needed += int.from_bytes(self._buffer[self._start : self._start + 3], "little")
        if self._start + needed > len(self._buffer) or self._end == len(self._buffer):
            rest = bytes(self._buffer[self._start : self._end])
            if needed > len(self._buffer):
                self._buffer = bytearray(needed)
            self._buffer[: len(rest)] = rest
            self._start, self._end = 0, len(rest)

    def _split(self, view: memoryview) -> list[bytes]:
        events = []
        at, end = self._start, self._end
        while end - at >= 4:
            length = view[at] | view[at + 1] << 8 | view[at + 2] << 16
            stop = at + 4 + length
            if stop > end:
                break
            payload = view[at + 4 : stop]
            at = stop
            if length == MAX_PACKET_PAYLOAD or self._parts:
                self._parts.append(bytes(payload))
                if length == MAX_PACKET_PAYLOAD:
                    continue
                whole = b"".join(self._parts)
                self._parts.clear()
                events.append(_event_of(whole))
            elif length and payload[0] == 0:
                events.append(bytes(payload[1:]))
            else:
                events.append(_event_of(bytes(payload)))
        self._start = at
        return events


def _event_of(payload: bytes) -> bytes:
    if payload[:1] == b"\0":
        return payload[1:]
    if is_err(payload):
        error = parse_err(payload)
        if error.number in _LOST_ERRORS and not any(text in error.message for text in _PASSING):
            raise LogLost(f"the backend cannot send its log from where the copy stopped: {error.message}")
        raise BackendError(error.number, error.sqlstate, error.message)
    if is_eof(payload):
        raise BackendError(2013, "HY000", "the backend ended the replication stream")
    raise MalformedPacket("replication stream")
