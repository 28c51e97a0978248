"""Where a client is really from: its own address, or the one that a load balancer in front of us tells.

As on MariaDB the greeting goes out first, and the header may come before the client's first packet: so balancers work
that send it at once as well as those that wait for the client, and clients that come without one.
"""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from struct import Struct

from base.errors import BackendError
from proxy.line.pipe import read_exactly
from wire.proxy_protocol import (
    HEAD_SIZE,
    LINE_LIMIT,
    SIGNATURE,
    Endpoints,
    Host,
    parse_body,
    parse_head,
    parse_line,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_CREDENTIALS = Struct("iII")  # of a process, its user and group: unix(7)
_BODY_LIMIT = 4096  # bytes; what balancers add beside the addresses is far shorter


async def read_header(loop: asyncio.AbstractEventLoop, sock: socket.socket, head: bytes) -> Endpoints | None:
    """Read the rest of a header that began with these four bytes; None when it names no TCP client.

    Raises MalformedPacket and Gone.
    """
    if head == SIGNATURE[:4]:
        head += await read_exactly(loop, sock, HEAD_SIZE - len(head))
        size = parse_head(head)
        return parse_body(head, await read_exactly(loop, sock, min(size, _BODY_LIMIT)))
    while not head.endswith(b"\r\n") and len(head) < LINE_LIMIT:
        head += await read_exactly(loop, sock, 1)  # not one byte more: the client's packet follows
    return parse_line(head)


def ends_of(sock: socket.socket) -> Endpoints | None:
    """The two ends of a TCP connection; None for a socket file, or for a connection that is gone."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return None
    try:
        peer, here = sock.getpeername(), sock.getsockname()
    except OSError:
        return None
    return Endpoints(_host(peer[0]), peer[1], _host(here[0]), here[1])


def is_of_our_user(sock: socket.socket) -> bool:
    """Tell whether a connection is through a socket file, and from the user of the system that we run as."""
    if sock.family != socket.AF_UNIX:
        return False
    told = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(told)
    return bool(user == os.geteuid())


def _host(text: str) -> Host:
    host = ipaddress.ip_address(text.partition("%")[0])
    return getattr(host, "ipv4_mapped", None) or host


@dataclass(frozen=True, slots=True)
class Trusted:
    """Who may say whom a connection is from: networks, and whether the socket file is one of them."""

    networks: tuple[Network, ...] = ()
    everybody: bool = False
    local: bool = False

    @classmethod
    def parse(cls, text: str) -> "Trusted":
        """Read a list as MariaDB's setting has it: networks, `localhost` for a socket file, `*` for all.

        Raises ValueError with the word that is none of these.
        """
        words = [word for word in text.replace(",", " ").split() if word]
        networks: list[Network] = []
        for word in words:
            if word not in ("*", "localhost"):
                try:
                    networks.append(ipaddress.ip_network(word, strict=False))
                except ValueError:
                    raise ValueError(word) from None
        return cls(tuple(networks), "*" in words, "localhost" in words)

    def takes(self, ends: Endpoints | None) -> bool:
        """Tell whether a header is believed on a connection with these ends, None for a socket file."""
        if self.everybody:
            return True
        return self.local if ends is None else _within(ends.source, self.networks)

    def require(self, ends: Endpoints | None) -> None:
        """Raise MariaDB's error where a header is not believed."""
        if not self.takes(ends):
            whom = ends.source if ends else "localhost"
            raise BackendError(1130, "HY000", f"Proxy header is not accepted from {whom}")


def _within(host: Host, networks: Sequence[Network]) -> bool:
    return any(host.version == network.version and host in network for network in networks)
