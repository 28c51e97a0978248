"""Binlog events to whole transactions to batches. Sans-IO: bytes of events in, batches out."""

import logging
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from base.errors import WarmfrontError
from engine.changes.batch import Batch, Prepared
from engine.changes.position import Position
from engine.replicate.ddl import SYSTEM_SCHEMAS, Effect, Xid, read_effect
from engine.replicate.decode import KINDS, Decoder
from engine.replicate.dependents import Dependents, disturbance, disturbed
from engine.replicate.hidden_values import hidden_values
from engine.replicate.plain import PIECES, ROWS, Log, PlainScanner, Stretch
from engine.replicate.work import Transaction, Work
from statements.schema import Table
from wire.binlog_events import CHECKSUM, DUMMY_TABLE, HEADER, EventParser, UnknownEvent, parse_header
from wire.binlog_table_map import TableMap
from wire.binlog_types import (
    Annotation,
    Event,
    FormatDescription,
    Gtid,
    Header,
    Heartbeat,
    Ignored,
    Incident,
    MariaGtid,
    Payload,
    PreviousGtids,
    Query,
    Rotate,
    Rows,
    XaPrepare,
)
from wire.binlog_types import Xid as XidEvent
from wire.gtid import GtidPosition, GtidSet

log = logging.getLogger(__name__)

Lookup = Callable[[str, str], Table | None]
EARLY_DECODE = 64 << 20  # bytes of row images after which an open transaction is turned into columns
_WRAP = 1 << 32
_LONGEST_PAUSE = 64  # events between two tries to read them at once

# Events that stand between transactions: all up to them is whole.
_BETWEEN = (Rotate, FormatDescription, PreviousGtids, Heartbeat, Ignored)


class Assembler:
    """Follows one server's log from a position on.

    `lookup` gives a table's definition as it was loaded, or None for a table that is not followed; it is asked at
    every statement's table map. Finished batches are in `ready`; `flush` ends the one in the making.
    """

    def __init__(
        self,
        start: Position,
        lookup: Lookup,
        mariadb: bool,
        fold_names: bool = False,
        early: int = EARLY_DECODE,
        spill_folder: Path | None = None,
        dependents: Dependents = lambda schema, name: (),
    ) -> None:
        """`early` bytes of an open transaction's images are decoded before its end, and kept in `spill_folder`."""
        self.ready: deque[Batch] = deque()
        self._lookup = lookup
        self._dependents = dependents
        self._fold = fold_names
        self._early, self._spill_folder = early, spill_folder
        self._mariadb = mariadb
        self._gtids: GtidSet | GtidPosition = GtidPosition(start.gtids) if mariadb else GtidSet(start.gtids)
        self._decoder = Decoder()
        self._parser = EventParser()
        self._plain = PlainScanner(mariadb)
        self._maps: dict[int, tuple[TableMap, Table | None, tuple[tuple[tuple[str, str], str], ...]]] = {}
        self._file = start.file
        self._offset = start.offset
        self._born = start.born
        self._committed = replace(start, gtids="")  # their text is dear
        self._transaction: Transaction | None = None
        self._work = Work()
        self._transactions = 0
        self._timestamp = 0.0
        self.oldest_commit = 0.0  # of what no batch holds yet, seconds since the epoch
        self._flushed = self._committed

    @property
    def pending_bytes(self) -> int:
        """Bytes of row images of committed transactions that no batch holds yet."""
        return self._work.size

    @property
    def pending(self) -> bool:
        """Whether a flush would give a batch."""
        return self._committed != self._flushed or self._transactions > 0 or bool(self._work.failures)

    @property
    def timestamp(self) -> float:
        """When the last whole transaction was committed, in seconds since the epoch."""
        return self._timestamp

    @property
    def position(self) -> Position:
        """The place after the last whole transaction that has been read."""
        return replace(self._committed, gtids=self.gtids)

    def has_reached(self, wanted: Position) -> bool:
        """Whether all up to a place on the same server has been read."""
        return self._committed >= wanted

    @property
    def gtids(self) -> str:
        """Everything up to the last whole transaction, as the server takes it to go on from there."""
        return str(self._gtids)

    def reconnected(self, server: str) -> None:
        """Forget the transaction in the middle: the server sends it again from its begin."""
        self._parser = EventParser()
        self._plain = PlainScanner(isinstance(self._gtids, GtidPosition))
        self._transaction = None
        self._maps.clear()
        if server != self._committed.server:
            # Files and offsets of another server say nothing here; its first event brings its own.
            self._committed = Position(server, "", 0)

    def feed_all(self, events: list[bytes]) -> Iterator[None]:
        """Take events as they stand in the log, and stop after each that makes a batch `ready`: what follows is read
        with the tables as they are then. Raises MalformedPacket, ChecksumMismatch."""
        at, checksums, log = 0, self._parser.checksums, Log(events)
        for stretch in self._plain.find(log, checksums):
            yield from self._feed_some(log, at, stretch.first)
            at = stretch.first
            if self._transaction is None and self._parser.checksums == checksums and self._is_new(stretch):
                self._take_stretch(stretch, events[stretch.end - 1])
                at = stretch.end
        yield from self._feed_some(log, at, len(events))

    def _feed_some(self, log: Log, at: int, stop: int) -> Iterator[None]:
        again, pause = at, 1  # rows that are not plain are seldom followed by plain ones
        while at < stop:
            transaction = self._transaction
            if at >= again and transaction is not None and transaction.begun and log.events[at][4] in PIECES:
                behind = self._take_piece(transaction, log, at, stop)
                again, pause = (at + pause, min(2 * pause, _LONGEST_PAUSE)) if behind == at else (behind, 1)
                at = behind
            if at < stop:
                self.feed(log.events[at])
                at += 1
                if self.ready:
                    yield

    def _take_piece(self, transaction: Transaction, log: Log, at: int, stop: int) -> int:
        """Take plain rows events inside a transaction all at once; gives the event behind them."""
        mapped = (shape for shape, _, _ in self._maps.values())
        piece = self._plain.find_rows(log, at, stop, self._parser.checksums, mapped)
        if piece is None:
            return at
        for shape, kinds, images in piece.rows:
            self._take_map(shape)
            _, table, dependents = self._maps[shape.table_id]
            for key in disturbed(dependents, *(verb for verb, kind in KINDS.items() if dependents and kind in kinds)):
                transaction.touched.add(key)
                transaction.work.fail(*key, disturbance(shape))
            if table is not None:
                transaction.work.add_all(table, shape, kinds, images)
        if piece.ended > at:
            transaction.annotation = ""
            transaction.statement_tables.clear()
        # What the statement that goes on behind them has said of itself.
        for raw in log.events[max(piece.ended, at) : piece.end]:
            if raw[4] not in ROWS:
                self._handle(*self._parser.parse(raw))
        self._offset = self._widen(parse_header(log.events[piece.end - 1]).next_position)
        self._spill(transaction)
        return piece.end

    def _take_stretch(self, stretch: Stretch, end: bytes) -> None:
        """Take plain transactions as `_commit` does, all at once; `end` is the last one's commit."""
        header = parse_header(end)
        for shape, kinds, images in stretch.rows:
            table = None if shape.schema in SYSTEM_SCHEMAS else self._lookup(shape.schema, shape.name)
            if table is not None:
                self._work.add_all(table, shape, kinds, images)
            dependents = self._dependents(shape.schema, shape.name)
            for key in disturbed(dependents, *(verb for verb, kind in KINDS.items() if dependents and kind in kinds)):
                self._work.fail(*key, disturbance(shape))
        for number in stretch.numbers.tolist():
            self._add_number(number)
        self._timestamp = stretch.time / 1e6 if stretch.time else float(header.timestamp)
        self._offset = self._widen(header.next_position)
        self._committed = self._here()
        self._transactions += len(stretch.numbers)

    def _is_new(self, stretch: Stretch) -> bool:
        """Whether surely none of these transactions was followed before."""
        return not isinstance(self._gtids, GtidSet) or stretch.numbers.min() >= self._gtids.end(self._plain.uuid)

    def _add_number(self, number: int) -> None:
        if isinstance(self._gtids, GtidSet):
            self._gtids.add(self._plain.uuid, number)
        else:
            self._gtids.add(*self._plain.domain, number)

    def _learn(self, raw: bytes, event: Event) -> None:
        """Let what plain transactions are made of be known by sight."""
        if isinstance(event, TableMap):
            self._plain.learn_map(raw[HEADER : len(raw) - CHECKSUM * self._parser.checksums], event)
        elif isinstance(event, Gtid) and event.uuid and not event.tag:
            self._plain.learn_uuid(event.uuid)
        elif isinstance(event, MariaGtid):
            self._plain.learn_domain(event.domain, event.server_id)

    def feed(self, raw: bytes) -> None:
        """Take one event as it stands in the log; raises MalformedPacket, ChecksumMismatch."""
        try:
            header, event = self._parser.parse(raw)
        except UnknownEvent as error:
            self._fail_all(str(error).rstrip("."))
            return
        self._learn(raw, event)
        self._advance(header, event)
        if isinstance(event, Payload):
            try:
                for _, inner in self._parser.parse_payload(event):
                    self._handle(header, inner)
            except UnknownEvent as error:
                self._fail_all(str(error).rstrip("."))
        else:
            self._handle(header, event)

    def flush(self) -> Batch | None:
        """End the batch in the making; None when nothing has happened since the last one."""
        if not self.pending:
            return None
        work, self._work = self._work, Work()
        work.decode(self._decoder)
        failed = set(work.failures)
        changes = [c for c in work.changes if (c.schema, c.name) not in failed]
        batch = Batch(
            self.position,
            changes,
            work.events,
            list(work.failures.values()),
            self._transactions,
            self._timestamp,
            self.oldest_commit,
            work.prepared,
        )
        self._flushed = self._committed
        self._transactions = 0
        self.oldest_commit = 0.0
        return batch

    def _advance(self, header: Header, event: Event) -> None:
        """Keep the place in the log. Events' positions have 32 bits, files may be larger."""
        if isinstance(event, Rotate):
            if event.file != self._file:
                self._born = 0  # its format description follows
            self._file, self._offset = event.file, event.offset
        elif isinstance(event, Heartbeat):
            if self._transaction is None and event.file == self._file:
                self._offset = max(self._offset, self._widen(event.offset))
        elif not header.artificial:
            self._offset = self._widen(header.next_position)
        if isinstance(event, FormatDescription):
            self._born = header.timestamp
        if self._transaction is None and isinstance(event, _BETWEEN):
            self._publish()

    def _widen(self, offset: int) -> int:
        offset |= self._offset & ~(_WRAP - 1)
        # A step back of more than half the range is a counter that has wrapped.
        return offset + _WRAP if offset + _WRAP // 2 < self._offset else offset

    def _here(self) -> Position:
        return Position(self._committed.server, self._file, self._offset, born=self._born)

    def _publish(self) -> None:
        """Make the present place known; never backwards, which a server does when it repeats a file's head."""
        here = self._here()
        if here > self._committed or (here.born != self._committed.born and here >= self._committed):
            self._committed = here

    def _handle(self, header: Header, event: Event) -> None:
        if isinstance(event, Rows):
            self._take_rows(event)
        elif isinstance(event, TableMap):
            self._take_map(event)
        elif isinstance(event, Gtid | MariaGtid):
            if self._transaction is not None:
                self._fail_all("a transaction in the log has no end")
            begun = isinstance(event, MariaGtid) and not event.standalone
            self._transaction = Transaction(event, self._is_known(event), begun)
        elif isinstance(event, XidEvent):
            self._commit(header)
        elif isinstance(event, Annotation):
            self._open().annotation = event.statement
        elif isinstance(event, Query):
            self._take_query(header, event)
        elif isinstance(event, XaPrepare):
            self._prepare(header, event)
        elif isinstance(event, Incident):
            self._fail_all(f"the source's log has a gap: {event.message}")
            self._commit(header)
        elif isinstance(event, FormatDescription) and not header.artificial:
            self._transaction = None  # cut off when the server crashed, and rolled back when it came up again

    def _is_known(self, gtid: Gtid | MariaGtid) -> bool:
        """Whether a MySQL transaction was followed before: from a place in the log some may come again."""
        if isinstance(gtid, Gtid) and isinstance(self._gtids, GtidSet):
            return self._gtids.has(gtid.uuid, gtid.gno, gtid.tag)
        return False

    def _open(self) -> Transaction:
        if self._transaction is None:
            self._transaction = Transaction()
        return self._transaction

    def _fail_all(self, reason: str) -> None:
        """Not part of a transaction: it holds even when the end of this one is never seen."""
        self._work.fail("", "", reason)

    def _take_map(self, event: TableMap) -> None:
        table = None if event.schema in SYSTEM_SCHEMAS else self._lookup(event.schema, event.name)
        self._maps[event.table_id] = event, table, self._dependents(event.schema, event.name)
        transaction = self._open()
        transaction.touched.add((event.schema, event.name))
        transaction.statement_tables.add((event.schema, event.name))

    def _take_rows(self, event: Rows) -> None:
        transaction = self._open()
        if event.table_id != DUMMY_TABLE:
            try:
                self._add_rows(transaction, event)
            except (WarmfrontError, OSError):
                raise
            except Exception as error:  # a defect of ours costs one table, not the stream
                shape, table, _ = self._maps[event.table_id]
                meant = table or shape
                log.exception("a row event of %s.%s", meant.schema, meant.name)
                transaction.work.fail(meant.schema, meant.name, f"changes cannot be read: {error!r}")
        if event.statement_end:
            transaction.annotation = ""
            transaction.statement_tables.clear()

    def _add_rows(self, transaction: Transaction, event: Rows) -> None:
        known = self._maps.get(event.table_id)
        if known is None:
            transaction.work.fail("", "", "row event without its table map")
            return
        shape, table, dependents = known
        for key in disturbed(dependents, event.kind):
            transaction.touched.add(key)
            transaction.work.fail(*key, disturbance(shape))
        if table is None:
            return
        if event.columns != len(shape.columns):
            cut = "row event is cut short or has another shape than its table map"
            transaction.work.fail(table.schema, table.name, cut)
            return
        if self._mariadb:
            several = len(transaction.statement_tables) != 1
            if reason := hidden_values(table, event, transaction.annotation, several):
                transaction.work.fail(table.schema, table.name, reason)
                return
        transaction.work.add(table, shape, event)
        self._spill(transaction)

    def _spill(self, transaction: Transaction) -> None:
        if transaction.work.size > self._early:
            transaction.work.decode(self._decoder)
            if self._spill_folder is not None:
                transaction.spill(self._spill_folder)

    def _take_query(self, header: Header, event: Query) -> None:
        effect = read_effect(event, self._fold)
        transaction = self._open()
        if effect.kind in ("begin", "xa begin"):
            transaction.begun = True
            return
        self._apply_effect(transaction, effect, event)
        if effect.kind == "commit" or not transaction.begun or effect.kind == "rollback":
            self._commit(header)

    def _apply_effect(self, transaction: Transaction, effect: Effect, event: Query) -> None:
        if effect.kind == "ddl":
            transaction.work.events.extend(effect.events)
        elif effect.kind == "dml":
            for schema in event.updated or ("",):
                reason = f"change logged as a statement: {event.statement[:60]}"
                transaction.work.fail(schema.lower() if self._fold else schema, "", reason)
        elif effect.kind == "rollback":
            self._give_up(transaction, "transaction rolled back in the log")
        elif effect.kind == "savepoint":
            transaction.savepoints.append((effect.name, transaction.work))
            transaction.work = Work()
        elif effect.kind == "rollback to":
            self._roll_back_to(transaction, effect.name)
        elif effect.kind == "xa commit":
            if effect.xid is None:
                transaction.work.fail("", "", "change by a prepared XA transaction")
            else:
                transaction.work.prepared.append(Prepared("commit", _xid_text(effect.xid)))
        elif effect.kind == "xa rollback" and effect.xid:
            transaction.work.prepared.append(Prepared("rollback", _xid_text(effect.xid)))

    def _give_up(self, transaction: Transaction, reason: str) -> None:
        transaction.work = Work(failures=transaction.work.failures)
        transaction.savepoints.clear()
        for schema, name in transaction.touched:
            transaction.work.fail(schema, name, reason)

    def _roll_back_to(self, transaction: Transaction, name: str) -> None:
        """Drop what was done since a savepoint. It is in the log only beside changes that cannot be undone."""
        work = transaction.work
        undone = [work]
        while transaction.savepoints:
            saved, before = transaction.savepoints[-1]
            if saved == name:
                transaction.work = Work(failures={**work.failures})
                break
            transaction.savepoints.pop()
            undone.append(before)
        else:
            self._give_up(transaction, "rollback to a savepoint that is not in the log")
            return
        for part in undone:
            for table, _ in part.runs.values():
                if table.engine.lower() != "innodb":
                    transaction.work.fail(table.schema, table.name, "rollback beside a table without transactions")
            for change in part.changes:
                transaction.work.fail(change.schema, change.name, "rollback inside a large transaction")
            transaction.work.events.extend(part.events)

    def _prepare(self, header: Header, event: XaPrepare) -> None:
        transaction = self._open()
        if not event.one_phase and not transaction.known:
            work = self._whole(transaction)
            work.decode(self._decoder)
            changes = tuple(c for c in work.changes if (c.schema, c.name) not in work.failures)
            prepared = Prepared("prepare", _xid_text(event.xid), frozenset(transaction.touched), changes)
            unknown = {key: failure for key, failure in work.failures.items() if not key[1]}
            transaction.work = Work(events=work.events, prepared=[prepared], failures=unknown)
            transaction.savepoints.clear()
        self._commit(header)

    def _whole(self, transaction: Transaction) -> Work:
        """All work of a transaction that has not been undone."""
        work = Work()
        for _, part in [*transaction.savepoints, ("", transaction.work)]:
            work.take(part, self._decoder)
        return work

    def _commit(self, header: Header) -> None:
        """End the transaction: its work joins the batch, which ends before and after DDL."""
        transaction = self._open()
        self._transaction = None
        work = Work() if transaction.known else self._whole(transaction)
        alone = bool(work.events) or any(prepared.kind == "commit" for prepared in work.prepared)
        if alone:
            self._finish_batch()
        gtid = transaction.gtid
        self._timestamp = float(header.timestamp)
        if isinstance(gtid, Gtid) and isinstance(self._gtids, GtidSet):
            if gtid.uuid:
                self._gtids.add(gtid.uuid, gtid.gno, gtid.tag)
            else:
                self._gtids.add_nameless()
        if isinstance(gtid, Gtid) and gtid.commit_timestamp:
            self._timestamp = gtid.commit_timestamp / 1e6
        if isinstance(gtid, MariaGtid) and isinstance(self._gtids, GtidPosition):
            self._gtids.add(gtid.domain, gtid.server_id, gtid.sequence)
        self._committed = self._here()
        self._transactions += 1
        self.oldest_commit = self.oldest_commit or self._timestamp
        self._work.take(work, self._decoder)
        if alone:
            self._finish_batch()

    def _finish_batch(self) -> None:
        batch = self.flush()
        if batch is not None:
            self.ready.append(batch)


def _xid_text(xid: Xid) -> str:
    return f"{xid[2]}:{xid[0].hex()}:{xid[1].hex()}"
