"""Wait until what the backend's log holds up to a position can be read: the log is written before InnoDB commits."""

import time

from base.errors import SecondaryEngineError
from engine.backend.connection import Connection
from engine.changes.position import Position
from engine.store.database import Store

_TIMEOUT = 30.0  # seconds until a commit that is in the log must be visible


def await_applied(store: Store, position: Position, timeout: float) -> None:
    """Wait until the store has passed a position. Raises SecondaryEngineError after `timeout` seconds."""
    store.hurry(position)
    end = time.monotonic() + timeout
    while not store.position.covers(position):
        if time.monotonic() > end:
            raise SecondaryEngineError("the copy is too far behind")
        time.sleep(0.005)


def await_visible(connection: Connection, store: Store, position: Position) -> None:
    """Wait until a read that begins now sees all up to a position. Raises SecondaryEngineError, BackendError."""
    if connection.is_mariadb:
        _await_snapshot(connection, position)
        return
    # Only the store's position names the transactions: the server's own list of them lags behind its log.
    await_applied(store, position, _TIMEOUT)
    if not names_transactions(connection):
        raise SecondaryEngineError("without gtid_mode = ON nothing tells when commits in the log become visible")
    arguments = (store.position.named, _TIMEOUT)
    if connection.query("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", arguments)[0][0] != 0:
        raise SecondaryEngineError("commits in the backend's log did not become visible in time")


def names_transactions(connection: Connection) -> bool:
    """Tell whether all transactions under way have GTIDs: MySQL is not ON before. Raises BackendError."""
    return connection.is_mariadb or connection.query("SELECT @@global.gtid_mode")[0][0] == "ON"


def _await_snapshot(connection: Connection, position: Position) -> None:
    """MariaDB tells the log position that belongs to a snapshot."""
    end = time.monotonic() + _TIMEOUT
    while time.monotonic() < end:
        connection.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT")
        status = dict(connection.query("SHOW STATUS LIKE 'binlog_snapshot_%'"))
        connection.execute("COMMIT")
        file, offset = status.get("Binlog_snapshot_file", ""), int(status.get("Binlog_snapshot_position") or 0)
        if Position(position.server, file, offset) >= position:
            return
        time.sleep(0.002)
    raise SecondaryEngineError("commits in the backend's log did not become visible in time")
