"""Ask a server for its log: after a set of GTIDs, or from a file and an offset.

GTIDs name a place on any server, but not always the right one. MySQL begins with the newest file before which no GTID
is missing, and so passes over transactions that have none, of a time when gtid_mode was not ON. In MariaDB's log a
number may come twice where gtid_strict_mode is off. File and offset are exact on the server that they were read from;
MySQL's transactions that come a second time are known by their GTIDs.

Sources: "COM_BINLOG_DUMP_GTID" and "COM_BINLOG_DUMP" of the MySQL source documentation, "Replication Protocol" of
MariaDB's.
"""

from dataclasses import replace
from typing import Any

import pymysql

from base.errors import BackendError
from engine.backend.connection import Connection, read_position
from engine.changes.position import Position
from wire.constants import Command
from wire.framing import build_packets
from wire.gtid import GtidPosition, GtidSet

HEARTBEAT = 0.1  # seconds
_TRIES = 20  # to read place and GTIDs of a log's end that moves
_FIRST = 4  # offset of a file's first event
_LARGEST = (1 << 32) - 1  # offset that COM_BINLOG_DUMP can name
_HEARTBEAT_V2 = 2  # flag of MySQL's commands
_THROUGH_GTID = 4
_ANNOTATE = 2  # flag of MariaDB's COM_BINLOG_DUMP: send the statements of row events too


def begins_by_place(connection: Connection, start: Position) -> bool:
    """Tell whether to ask for the log behind a position by its file and offset. Raises BackendError."""
    if connection.identity != start.server or not start.file:
        return False
    if connection.is_mariadb:
        # After a move to another server the place may lie before transactions that the GTIDs name. Where the server
        # cannot tell, the GTIDs serve; but none of them would mean the beginning of the log.
        found = gtids_at(connection, start)
        return not start.gtids if found is None else found == GtidPosition(start.gtids)
    return any(row[0] == start.file for row in connection.query("SHOW BINARY LOGS"))


def gtids_at(connection: Connection, place: Position) -> GtidPosition | None:
    """Ask MariaDB for the GTIDs at a file and offset of its log.

    None when the file is not there, or has an event before the place that is larger than max_allowed_packet: the
    server does not read such a one.
    """
    ((found,),) = connection.query("SELECT BINLOG_GTID_POS(%s, %s)", (place.file, place.offset))
    return None if found is None else GtidPosition(found)


def end_with_gtids(connection: Connection) -> Position:
    """Read the end of MariaDB's log, with the GTIDs of that very place; without any when they cannot be told.

    It may be told of a transaction that begins there too: whatever is copied is read later.
    """
    here = read_position(connection, with_gtids=False)
    for _ in range(_TRIES):
        found = gtids_at(connection, here)
        if found is not None:
            return replace(here, gtids=str(found))
        gtids = connection.query("SELECT @@gtid_binlog_pos")[0][0] or ""
        before, here = here, read_position(connection, with_gtids=False)
        if before.key == here.key:
            return replace(here, gtids=gtids)
    return here


def request_dump(
    connection: Connection, stream: Any, start: Position, server_id: int, replica_uuid: str, by_place: bool = False
) -> None:
    """Register as a replica and ask for the log after a position's GTIDs, or from its place. Raises BackendError."""
    place = _place(connection, start) if by_place else None
    connection.execute("SET " + ", ".join(_variables(connection.is_mariadb, start.named, replica_uuid, by_place)))
    identity = server_id.to_bytes(4, "little")
    _command(connection, Command.REGISTER_SLAVE, identity + bytes(3) + bytes(2) + bytes(4) + bytes(4))
    flags = _ANNOTATE if connection.is_mariadb else _HEARTBEAT_V2
    if place is not None:
        file, offset = place
        request = _dump(flags, offset, identity, file)
    elif connection.is_mariadb:
        request = _dump(flags, _FIRST, identity, "")
    else:
        executed = GtidSet(start.named).build()
        request = (
            bytes((Command.BINLOG_DUMP_GTID,))
            + (flags | _THROUGH_GTID).to_bytes(2, "little")
            + identity
            + bytes(4)  # no file name
            + _FIRST.to_bytes(8, "little")
            + len(executed).to_bytes(4, "little")
            + executed
        )
    stream.sendall(build_packets(request, 0))


def _variables(mariadb: bool, gtids: str, replica_uuid: str, by_place: bool) -> list[str]:
    """What a replica says of itself before it asks."""
    heartbeat = int(HEARTBEAT * 1e9)
    variables = ["@master_binlog_checksum = @@global.binlog_checksum", f"@master_heartbeat_period = {heartbeat}"]
    if not mariadb:
        return [
            *variables,
            "@source_binlog_checksum = @@global.binlog_checksum",
            f"@source_heartbeat_period = {heartbeat}",
            f"@slave_uuid = '{replica_uuid}'",
            f"@replica_uuid = '{replica_uuid}'",
        ]
    variables.append("@mariadb_slave_capability = 4")
    if by_place:
        return variables
    strict = ["@slave_gtid_strict_mode = 1", "@slave_gtid_ignore_duplicates = 0"]
    return [*variables, f"@slave_connect_state = '{gtids}'", *strict]


def _place(connection: Connection, start: Position) -> tuple[str, int]:
    """File and offset to ask for. What lies too far to be named is the end of a file, which the server then changes."""
    if start.offset <= _LARGEST:
        return start.file, start.offset
    for file, *_ in connection.query("SHOW BINARY LOGS"):
        if Position(start.server, file, 0).key[0] > start.key[0]:
            return file, _FIRST
    raise BackendError(2013, "HY000", f"file {start.file} of the backend's log has not ended yet")


def _dump(flags: int, offset: int, identity: bytes, file: str) -> bytes:
    head = bytes((Command.BINLOG_DUMP,)) + offset.to_bytes(4, "little") + flags.to_bytes(2, "little")
    return head + identity + file.encode()


def _command(connection: Connection, command: Command, body: bytes) -> None:
    try:
        connection.raw._execute_command(command, body)
        connection.raw._read_ok_packet()
    except pymysql.err.MySQLError as error:
        number = error.args[0] if error.args and isinstance(error.args[0], int) else 2013
        raise BackendError(number, "HY000", str(error.args[-1])) from error
