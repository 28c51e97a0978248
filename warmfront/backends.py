"""Reach a backend: read its URL, open a connection with the TLS that is set, ask who it is."""

import ssl
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql

from base.errors import BackendError, SettingsError
from base.settings import Settings, Upstream

_FORM = "mysql://USER:PASSWORD@HOST:PORT"


def parse_url(url: str) -> Upstream:
    """Read mysql://USER:PASSWORD@HOST:PORT[?socket=PATH]; kind and version are not known yet. Raises SettingsError."""
    try:
        parts = urlsplit(url)
        port = parts.port or 3306
    except ValueError:
        raise SettingsError(f"the backend's URL has no valid port; it looks like {_FORM}") from None
    if parts.scheme not in ("mysql", "mariadb") or not parts.username:
        raise SettingsError(f"the backend's URL has to look like {_FORM}")
    socket = parse_qs(parts.query).get("socket", [None])[0]
    return Upstream(
        "mysql",
        parts.hostname or "localhost",
        port,
        socket,
        unquote(parts.username),
        unquote(parts.password or ""),
    )


def connect(upstream: Upstream, settings: Settings, **options: Any) -> Any:
    """Open a PyMySQL connection to the backend. Raises BackendError with its number and message."""
    where: dict[str, Any] = {"host": upstream.host, "port": upstream.port}
    if upstream.socket:
        where = {"unix_socket": upstream.socket}
    elif settings.backend_tls != "disabled":
        where["ssl"] = _tls_context(settings)
    base = {"user": upstream.user, "password": upstream.password, "connect_timeout": 10, "autocommit": True}
    try:
        return pymysql.connect(**{**base, **where, **options})
    except (pymysql.err.OperationalError, pymysql.err.InternalError) as error:
        # With preferred, a server without TLS is as good.
        if "ssl" in where and settings.backend_tls == "preferred" and "SSL" in str(error):
            return connect_plain(upstream, base, options)
        raise as_backend_error(error) from error


def connect_plain(upstream: Upstream, base: dict[str, Any], options: dict[str, Any]) -> Any:
    """Open a connection without TLS. Raises BackendError."""
    try:
        return pymysql.connect(host=upstream.host, port=upstream.port, **base, **options)
    except pymysql.err.MySQLError as error:
        raise as_backend_error(error) from error


def as_backend_error(error: Exception) -> BackendError:
    """Carry a PyMySQL error's number and text over into our own tree."""
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 2003
    return BackendError(number, "HY000", str(error.args[1] if len(error.args) > 1 else error))


def _tls_context(settings: Settings) -> ssl.SSLContext:
    ca = str(settings.backend_tls_ca) if settings.backend_tls_ca else None
    context = ssl.create_default_context(cafile=ca)
    if settings.backend_tls != "verify":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def identify(upstream: Upstream, settings: Settings) -> Upstream:
    """Ask a backend for kind and version. Raises BackendError."""
    with connect(upstream, settings) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        version = str(cursor.fetchone()[0])
    kind = "mariadb" if "mariadb" in version.lower() else "mysql"
    return Upstream(
        kind,  # type: ignore[arg-type]
        upstream.host,
        upstream.port,
        upstream.socket,
        upstream.user,
        upstream.password,
        version,
    )
