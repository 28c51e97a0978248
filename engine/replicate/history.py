"""Whether the backend's log goes on from where the copy stopped: is it the same log, another server's, or a lost one?

A position names a file and an offset of one server, and what had been executed there as GTIDs. The same server must
still have them, in the same file: a log that was reset, or a server restored from a backup, may use all numbers a
second time, but the file was begun at another time. Another server must have executed all that the copy has; what it
has purged it cannot send.
"""

import contextlib
import random
import time
import uuid
from dataclasses import dataclass

import pymysql

from base.settings import Settings
from engine.backend.connection import Connection, backend_error
from engine.changes.position import Position
from engine.load.visible import names_transactions
from wire.binlog_events import EventParser
from wire.binlog_types import FormatDescription
from wire.constants import Command

_PATIENCE = 5.0  # seconds that a transaction which is in the log may take to count as executed
_PROBE_TIMEOUT = 10.0  # seconds without an answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a backend's log is to a position. Neither lost nor moved: it goes on there."""

    lost: str = ""  # why the copy has to be made anew
    moved: bool = False  # another server, which has all that the copy has and can send the rest


def judge(settings: Settings, connection: Connection, position: Position) -> Verdict:
    """Compare a backend with the position that a copy of it stopped at. Raises BackendError."""
    moved = position.server != connection.identity
    if moved and position.nameless:
        return Verdict("the backend is another server, and GTIDs do not name all that the copy has")
    if not moved and (lost := _file_differs(settings, connection, position)):
        return Verdict(lost)
    if moved and not names_transactions(connection):
        return Verdict("the backend is another server, and its transactions have no GTIDs")
    lost = _missing_in_mariadb(connection, position) if connection.is_mariadb else _missing(connection, position, moved)
    return Verdict(lost, moved and not lost)


def _file_differs(settings: Settings, connection: Connection, position: Position) -> str:
    """Why the log does not go on from the file of a position; empty when it does, and for a purged file of MariaDB."""
    if not position.file:
        return ""
    sizes = {Position(position.server, row[0], 0).key: int(row[1]) for row in connection.query("SHOW BINARY LOGS")}
    here = Position(position.server, position.file, 0).key
    if here not in sizes:
        if here > max(sizes, default=here):
            return f"the backend's log ends before file {position.file}"
        # MySQL would pass over transactions without a GTID; MariaDB has none.
        return "" if connection.is_mariadb else f"file {position.file} of the backend's log has been purged"
    if sizes[here] < position.offset:
        return f"file {position.file} of the backend's log ends at {sizes[here]}, before {position.offset}"
    if position.born and file_birth(settings, position.file) != position.born:
        return f"file {position.file} of the backend's log is another than it was"
    return ""


def file_birth(settings: Settings, file: str) -> int:
    """When a file of the backend's log was begun, in seconds since the epoch. Raises BackendError."""
    with contextlib.closing(Connection(settings, read_timeout=_PROBE_TIMEOUT)) as connection:
        name = uuid.uuid4()
        checksum = "@@global.binlog_checksum"
        connection.execute(
            f"SET @master_binlog_checksum = {checksum}, @source_binlog_checksum = {checksum}, "
            f"@slave_uuid = '{name}', @replica_uuid = '{name}', @mariadb_slave_capability = 4"
        )
        server_id = random.randrange(1 << 31, (1 << 32) - 1)
        request = (4).to_bytes(4, "little") + bytes(2) + server_id.to_bytes(4, "little") + file.encode()
        parser = EventParser()
        try:
            connection.raw._execute_command(Command.BINLOG_DUMP, request)
            while True:
                header, event = parser.parse(connection.raw._read_packet().get_all_data()[1:])
                if isinstance(event, FormatDescription):
                    return header.timestamp
        except pymysql.err.MySQLError as error:
            raise backend_error(error) from error
        finally:
            connection.raw._force_close()  # a dump has no end


def _missing(connection: Connection, position: Position, moved: bool) -> str:
    """Which transactions of the copy MySQL does not have, or cannot send; empty when there are none."""
    deadline = time.monotonic() + _PATIENCE  # the log is written before a transaction counts as executed
    while gone := connection.query("SELECT GTID_SUBTRACT(%s, @@global.gtid_executed)", (position.named,))[0][0]:
        if time.monotonic() > deadline:
            return f"the backend lacks transactions that the copy has: {_shown(gone)}"
        time.sleep(0.1)
    if moved:
        purged = connection.query("SELECT GTID_SUBTRACT(@@global.gtid_purged, %s)", (position.gtids,))[0][0]
        if purged:
            return f"the backend has purged transactions that the copy lacks: {_shown(purged)}"
    return ""


def _missing_in_mariadb(connection: Connection, position: Position) -> str:
    """Which transactions of the copy MariaDB does not have: per domain and server the last number tells."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        state = {}
        for domain, server, sequence in _parts(connection.query("SELECT @@global.gtid_binlog_state")[0][0]):
            state[domain, server] = sequence
        gone = [f"{d}-{s}-{n}" for d, s, n in _parts(position.named) if state.get((d, s), -1) < n]
        if not gone:
            return ""
        if time.monotonic() > deadline:
            return f"the backend lacks transactions that the copy has: {_shown(', '.join(gone))}"
        time.sleep(0.1)


def _parts(gtids: str | None) -> list[tuple[int, int, int]]:
    found = []
    for text in (gtids or "").split(","):
        if text.strip():
            domain, server, sequence = map(int, text.strip().split("-"))
            found.append((domain, server, sequence))
    return found


def _shown(gtids: str) -> str:
    text = gtids.replace("\n", "")
    return text if len(text) < 120 else text[:117] + "…"
