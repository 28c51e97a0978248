"""The column store's way to object stores: every connection that it opens is asked for here, also after a redirect.

DuckDB's httpfs follows redirects wherever they lead and has no setting against it. But its client takes a proxy of
SOCKS 5 from the environment, by which each connection names the host and the port that it is for. Endpoints of the
administrator's are trusted, whatever their addresses; of anything else the guard decides, and connects to the address
that it has looked at. The bytes themselves are carried by the system's kernel.
"""

import hmac
import logging
import secrets
import socket
import socketserver
import struct
import threading
from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from base.errors import LakeError
from lakehouse.stores.guard import CONNECTING, IDLE, Guard
from lakehouse.stores.secrets import Access

log = logging.getLogger(__name__)

_VERSION, _CONNECT, _BY_PASSWORD = 5, 1, 2
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESSES = {_IPV4: (socket.AF_INET, 4), _IPV6: (socket.AF_INET6, 16)}
_DONE, _NOT_ALLOWED, _UNREACHABLE, _UNKNOWN_COMMAND = 0, 2, 4, 7
_NO_METHOD = b"\x05\xff"
_WAITING = 256  # connections that wait to be served: a scan of many files opens them all at once


class Endpoint(NamedTuple):
    """A store that is trusted: a host in small letters, its port, and whether buckets are hosts below it."""

    host: str
    port: int
    has_buckets_below: bool

    def covers(self, host: str, port: int) -> bool:
        """Tell whether a connection is one to this store."""
        name = host.lower()
        is_same = name == self.host or (self.has_buckets_below and name.endswith(f".{self.host}"))
        return is_same and port == self.port


def endpoint_of(access: Access) -> Endpoint:
    """Give the store that an access is for, which is Amazon's when it names none."""
    parts = urlsplit(access.endpoint or f"https://s3.{access.region}.amazonaws.com")
    port = parts.port or (80 if parts.scheme == "http" else 443)
    return Endpoint(parts.hostname or "", port, not access.path_style)


class StoreProxy:
    """SOCKS 5 on a port of the loopback, for who knows the password: it is taken at once, and served once begun."""

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._password = secrets.token_hex(16)
        self.trusted: frozenset[Endpoint] = frozenset()
        serve = self._serve

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with suppress(OSError):
                    serve(self.request)

        class Server(socketserver.ThreadingTCPServer):
            request_queue_size = _WAITING
            daemon_threads = True

        self._server = Server(("127.0.0.1", 0), Handler, bind_and_activate=False)
        self._server.server_bind()
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Its address with the password, as the client of httpfs takes it from `all_proxy`: names are resolved here."""
        host, port = self._server.server_address[:2]
        return f"socks5h://store:{self._password}@{host!s}:{port}"

    def begin(self) -> None:
        """Serve connections from now on; they are refused before."""
        from lakehouse.stores.relay import carry  # loads numba, for which no connection is to wait

        self._carry = carry
        self._server.server_activate()
        self._thread = threading.Thread(target=self._server.serve_forever, name="stores", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take no more connections."""
        if self._thread:
            self._server.shutdown()
        self._server.server_close()

    def _serve(self, line: socket.socket) -> None:
        line.settimeout(CONNECTING)
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self._knows_password(line):
            return None
        _, command, _, kind = _exactly(line, 4)
        host = _host(line, kind)
        (port,) = struct.unpack("!H", _exactly(line, 2))
        if command != _CONNECT or host is None:
            return _answer(line, _UNKNOWN_COMMAND)
        try:
            out = self._dial(host, port)
        except LakeError as error:
            log.warning("object stores: a connection that one led to was refused: %s", error.reason)
            return _answer(line, _NOT_ALLOWED)
        except OSError:
            return _answer(line, _UNREACHABLE)
        with out:
            _answer(line, _DONE)
            self._carry(line, out, IDLE)
        return None

    def _knows_password(self, line: socket.socket) -> bool:
        version, count = _exactly(line, 2)
        if version != _VERSION or _BY_PASSWORD not in _exactly(line, count):
            line.sendall(_NO_METHOD)
            return False
        line.sendall(bytes((_VERSION, _BY_PASSWORD)))
        _, length = _exactly(line, 2)
        _exactly(line, length)
        given = _exactly(line, _exactly(line, 1)[0])
        is_known = hmac.compare_digest(given, self._password.encode())
        line.sendall(bytes((1, 0 if is_known else 1)))
        return is_known

    def _dial(self, host: str, port: int) -> socket.socket:
        """Connect to a store, or to what one has led to. Raises LakeError for what may not be reached, and OSError."""
        if not any(endpoint.covers(host, port) for endpoint in self.trusted):
            return self._guard.connect(host, port)
        made = socket.create_connection((host, port), CONNECTING)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def _exactly(line: socket.socket, size: int) -> bytes:
    """Receive as many bytes. Raises OSError."""
    parts, left = [], size
    while left:
        part = line.recv(left)
        if not part:
            raise ConnectionError
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _host(line: socket.socket, kind: int) -> str | None:
    if kind == _NAME:
        return _exactly(line, _exactly(line, 1)[0]).decode("ascii", "replace")
    if kind not in _ADDRESSES:
        return None
    family, size = _ADDRESSES[kind]
    return socket.inet_ntop(family, _exactly(line, size))


def _answer(line: socket.socket, code: int) -> None:
    line.sendall(bytes((_VERSION, code, 0, _IPV4)) + bytes(6))
