"""The way out to https:// addresses that users name: no address of this machine or of a private network behind it.

A name is resolved once, every address that it has is looked at, and the connection is made to the very address that
was found good, so that a name which resolves to something else a moment later gains nothing. The column store goes
the same way, through a proxy on the loopback that takes CONNECT only; its redirects come by here as well.
"""

import base64
import hmac
import http.client
import ipaddress
import logging
import secrets
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from base.errors import LakeError
from lakehouse.descriptions.entries import shown

log = logging.getLogger(__name__)

CONNECTING = 10.0  # seconds, until a host has taken a connection
IDLE = 120.0  # seconds without a byte
Carry = Callable[[socket.socket, socket.socket, float], None]

_REDIRECTS = 5
_REDIRECTING = (301, 302, 303, 307, 308)
_HEAD_LIMIT = 16384  # bytes of a request's head
_EMBEDDED = tuple(map(ipaddress.ip_network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")))


def is_public(address: str) -> bool:
    """Tell whether an IP address is one of the open internet, also where it wraps an IPv4 address."""
    found: ipaddress.IPv4Address | ipaddress.IPv6Address = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if any(found in network for network in _EMBEDDED):
            found = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        elif inner := (found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])):
            found = inner
        elif int(found) < 1 << 32 or found.is_site_local:  # IPv4 in IPv6 of old, :: and ::1; private networks of old
            return False
    return found.is_global and not found.is_multicast


@dataclass(frozen=True, slots=True)
class Guard:
    """Connects to what is allowed."""

    allows_private: bool

    def connect(self, host: str, port: int) -> socket.socket:
        """Open a connection to a host that may be reached. Raises LakeError."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise LakeError(f"host {host} is not known") from None
        if not self.allows_private and not all(is_public(str(address[0])) for *_, address in found):
            raise LakeError(f"host {host} is not on the open internet: see the setting lakehouse_private_addresses")
        for family, kind, protocol, _, address in found:
            made = socket.socket(family, kind, protocol)
            try:
                made.settimeout(CONNECTING)
                made.connect(address)
            except OSError:
                made.close()
                continue
            made.settimeout(IDLE)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return made
        raise LakeError(f"host {host} does not answer on port {port}")

    def get(self, url: str, headers: dict[str, str]) -> tuple[http.client.HTTPResponse, http.client.HTTPSConnection]:
        """Send a GET and give the answer, of which nothing is read yet; the connection is the caller's to close.

        Raises LakeError, also for an answer that is no success.
        """
        asked = url
        for _ in range(_REDIRECTS + 1):
            connection, path = self._dial(url, asked)
            try:
                connection.request("GET", path, headers=headers)
                answer = connection.getresponse()
                if answer.status in (200, 206):
                    return answer, connection
                target = answer.getheader("Location") if answer.status in _REDIRECTING else None
                if target is None:
                    raise LakeError(f"{shown(asked)} cannot be read: the server says {answer.status}")
                url = urljoin(url, target)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise LakeError(f"{shown(asked)} cannot be read: {type(error).__name__}") from None
            except LakeError:
                connection.close()
                raise
            connection.close()
        raise LakeError(f"{shown(asked)} is redirected too often")

    def _dial(self, url: str, asked: str) -> tuple[http.client.HTTPSConnection, str]:
        scheme, _, rest = url.partition("://")
        place, slash, path = rest.partition("/")
        if scheme.lower() != "https" or "@" in place:
            raise LakeError(f"{shown(asked)} leads to an address that is not https://")
        connection = http.client.HTTPSConnection(place, timeout=IDLE)
        raw = self.connect(connection.host, connection.port)
        try:
            connection.sock = ssl.create_default_context().wrap_socket(raw, server_hostname=connection.host)
        except (OSError, ValueError) as error:  # a certificate that is not good is one of them
            raw.close()
            told = error.verify_message if isinstance(error, ssl.SSLCertVerificationError) else "no TLS"
            raise LakeError(f"{shown(asked)} cannot be read: {told}") from None
        return connection, slash + path


class GuardProxy:
    """CONNECT through the guard, on a free port of the loopback, for who knows the password."""

    def __init__(self, guard: Guard) -> None:
        from lakehouse.stores.relay import carry  # loads numba, for which no connection is to wait

        self.password = secrets.token_hex(16)
        expected = b"Basic " + base64.b64encode(f"guard:{self.password}".encode())

        class Handler(socketserver.StreamRequestHandler):
            timeout = IDLE

            def handle(self) -> None:
                with suppress(OSError):
                    _serve(self, guard, expected, carry)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler, bind_and_activate=True)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="guard", daemon=True).start()

    @property
    def url(self) -> str:
        """Its address, as clients are given it."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def close(self) -> None:
        """Take no more connections."""
        self._server.shutdown()
        self._server.server_close()


def _serve(handler: Any, guard: Guard, expected: bytes, carry: Carry) -> None:
    line = handler.rfile.readline(_HEAD_LIMIT).split()
    given, size = b"", 0
    while (header := handler.rfile.readline(_HEAD_LIMIT)).strip():
        size += len(header)
        name, _, value = header.partition(b":")
        if name.strip().lower() == b"proxy-authorization":
            given = value.strip()
        if size > _HEAD_LIMIT:
            return None
    if not hmac.compare_digest(given, expected):
        return _refuse(handler, "407 Proxy Authentication Required")
    if len(line) < 2 or line[0] != b"CONNECT":  # a redirect to http:// arrives here
        return _refuse(handler, "403 Forbidden")
    host, _, port = line[1].decode("ascii", "replace").rpartition(":")
    try:
        out = guard.connect(host.strip("[]"), int(port))
    except (LakeError, ValueError) as error:
        log.info("a connection was refused: %s", error)
        return _refuse(handler, "403 Forbidden")
    with out:
        handler.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        carry(handler.connection, out, IDLE)
    return None


def _refuse(handler: Any, status: str) -> None:
    handler.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
