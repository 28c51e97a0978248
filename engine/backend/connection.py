"""The engine's own connections to the backend: log in, read the log position."""

import functools
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pymysql
import pymysql.cursors

from base.errors import BackendError
from base.settings import Settings
from engine.changes.position import Position

# Zero dates must arrive as they are, generated text must not depend on the server's settings.
_SESSION = {
    "time_zone": "'+00:00'",
    "sql_mode": "''",
    "net_write_timeout": "3600",
    "net_read_timeout": "3600",
}
_HIDES_KEYS_SINCE = (8, 0, 30)  # sql_generate_invisible_primary_key
_LOST = (pymysql.err.OperationalError, pymysql.err.InterfaceError)


class Connection:
    """One session on the backend. Not for use by two threads at once."""

    def __init__(self, settings: Settings, connect_timeout: float = 10.0, read_timeout: float | None = None) -> None:
        """Log in; times are in seconds. Raises BackendError."""
        server = settings.server
        self.is_mariadb = server.is_mariadb
        self.version = server.version_number
        options: dict[str, Any] = {
            "user": server.user,
            "password": server.password,
            "charset": "utf8mb4",
            "connect_timeout": connect_timeout,
            "autocommit": True,
            "read_timeout": read_timeout,
        }
        options |= {"unix_socket": server.socket} if server.socket else {"host": server.host, "port": server.port}
        options |= _tls(settings)
        variables = {**_SESSION, "tx_isolation" if self.is_mariadb else "transaction_isolation": "'REPEATABLE-READ'"}
        if not self.is_mariadb and self.version >= _HIDES_KEYS_SINCE:
            # Row events have the column, so the definition must.
            variables["show_gipk_in_create_table_and_information_schema"] = "ON"
        try:
            self.raw: pymysql.Connection[Any] = pymysql.connect(**options)
            # One statement: connections are made while readers wait.
            self.execute("SET " + ", ".join(f"SESSION {name} = {value}" for name, value in variables.items()))
        except pymysql.err.MySQLError as error:
            raise backend_error(error) from error

    def query(self, statement: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement and give all its rows. Raises BackendError."""
        try:
            with self.raw.cursor() as cursor:
                cursor.execute(statement, parameters)
                return list(cursor.fetchall())
        except pymysql.err.MySQLError as error:
            raise backend_error(error) from error

    def query_bytes(self, statement: str) -> list[tuple[Any, ...]]:
        """Run a statement and give all its rows, text as bytes. Raises BackendError.

        MariaDB shows a binary column's default as the bytes that it is, in a text that is no text then.
        """
        self.raw.use_unicode = False
        try:
            return self.query(statement)
        finally:
            self.raw.use_unicode = True

    def execute(self, statement: str) -> None:
        """Run a statement that gives no rows. Raises BackendError."""
        self.query(statement)

    @functools.cached_property
    def identity(self) -> str:
        """Name the server whose log it is: server_uuid, or "mariadb-<server_id>". Raises BackendError."""
        if self.is_mariadb:
            return f"mariadb-{self.query('SELECT @@server_id')[0][0]}"
        return str(self.query("SELECT @@server_uuid")[0][0])

    def close(self) -> None:
        """End the session; a connection that is gone already is no error."""
        try:
            self.raw.close()
        except pymysql.err.Error:
            self.raw._force_close()

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _tls(settings: Settings) -> dict[str, object]:
    """PyMySQL's options: by itself it encrypts wherever the server can, a socket file's line too."""
    wanted = settings.backend_tls
    if wanted == "disabled" or settings.server.socket:
        return {"ssl_disabled": True}
    return {} if wanted == "preferred" else {"ssl": _context(wanted == "verify", settings.backend_tls_ca)}


@functools.cache
def _context(verify: bool, ca: Path | None) -> ssl.SSLContext:
    """A context costs tens of milliseconds: it reads all certificates that the system trusts."""
    context = ssl.create_default_context(cafile=ca)
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def backend_error(error: pymysql.err.MySQLError) -> BackendError:
    """Turn PyMySQL's exception into ours, number and text kept."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 2013
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    return BackendError(number, "HY000", text)


def read_position(connection: Connection, with_gtids: bool = True) -> Position:
    """Read the end of the backend's binary log: it covers every commit that anyone could have seen.

    The executed set costs MariaDB a second query. Raises BackendError, also when the binary log is off.
    """
    modern = not connection.is_mariadb and connection.version >= (8, 4, 0)
    rows = connection.query("SHOW BINARY LOG STATUS" if modern else "SHOW MASTER STATUS")
    if not rows:
        raise BackendError(1381, "HY000", "the backend writes no binary log")
    gtids = ""
    if connection.is_mariadb and with_gtids:
        gtids = connection.query("SELECT @@gtid_binlog_pos")[0][0] or ""
    elif not connection.is_mariadb and len(rows[0]) > 4:
        gtids = (rows[0][4] or "").replace("\n", "")
    return Position(connection.identity, rows[0][0], int(rows[0][1]), gtids)
