"""Read the definition that a table has on the server after a statement in its log."""

from base.errors import SecondaryEngineError
from base.settings import Settings
from engine.backend.connection import Connection, read_position
from engine.backend.describe import describe_table
from engine.catalog import Key
from engine.changes.position import Position
from engine.load.select import mysql_quote
from engine.load.visible import names_transactions
from engine.replicate.inplace import Described

_TIMEOUT = 10  # seconds; replication waits meanwhile


class Definitions:
    """Reads definitions, on a connection for each: they are asked for after DDL only."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def __call__(self, key: Key, position: Position) -> Described:
        """Describe a table not before `position` is done on the server. Raises WarmfrontError."""
        with Connection(self._settings, read_timeout=2 * _TIMEOUT) as connection:
            # The second: an engine that is stopped meanwhile must not keep others from the table.
            connection.execute(f"SET SESSION lock_wait_timeout = {_TIMEOUT}, wait_timeout = {_TIMEOUT}")
            # A statement at work on a table holds a lock until it is done; MariaDB's dictionary is the table's own.
            if not names_transactions(connection):
                connection.execute(f"LOCK TABLES {mysql_quote(key[0])}.{mysql_quote(key[1])} READ")
            elif not connection.is_mariadb:
                waited = connection.query("SELECT WAIT_FOR_EXECUTED_GTID_SET(%s, %s)", (position.named, _TIMEOUT))
                if waited[0][0] != 0:
                    raise SecondaryEngineError("the statement did not end in time")
            table = describe_table(connection, *key)
            until = read_position(connection, with_gtids=False)
        if until.server != position.server:
            raise SecondaryEngineError("the backend is another server")
        return Described(table, until)
