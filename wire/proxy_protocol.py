"""The PROXY protocol: who a connection is really from, told by the load balancer before it.

Versions 1 (a line) and 2 (binary) of HAProxy's specification, "The PROXY protocol", sections 2.1 and 2.2. MariaDB takes
both, before its client's first packet (its manual, "Proxy Protocol Support"); MySQL takes neither.
"""

import ipaddress
import struct
from dataclasses import dataclass

from base.errors import MalformedPacket

LINE = b"PROXY "  # how version 1 begins
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"  # how version 2 begins
LINE_LIMIT = 107  # bytes of a line of version 1, its end included
HEAD_SIZE = 16  # bytes of version 2 before the addresses

Host = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL, _PROXY = 0x20, 0x21
_TCP4, _TCP6 = 0x11, 0x21
_SIZE = {_TCP4: 4, _TCP6: 16}


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The two ends of a client's connection as the first balancer saw them."""

    source: Host
    source_port: int
    destination: Host
    destination_port: int


def begins_header(head: bytes) -> bool:
    """Tell whether a connection's first four bytes begin a header: no client's first packet has such a length."""
    return head in (LINE[:4], SIGNATURE[:4])


def parse_line(line: bytes) -> Endpoints | None:
    """Read a header of version 1 with its CRLF; None for an UNKNOWN connection. Raises MalformedPacket."""
    if not line.startswith(LINE) or not line.endswith(b"\r\n") or len(line) > LINE_LIMIT:
        raise MalformedPacket("PROXY header")
    kind, *rest = line[len(LINE) : -2].split(b" ")
    if kind == b"UNKNOWN":
        return None
    if kind not in (b"TCP4", b"TCP6") or len(rest) != 4:
        raise MalformedPacket("PROXY header")
    try:
        source, destination = (ipaddress.ip_address(part.decode("ascii")) for part in rest[:2])
        ports = [int(part) for part in rest[2:] if part.isdigit() and len(part) <= 5]
    except ValueError:
        raise MalformedPacket("PROXY header") from None
    if len(ports) != 2 or max(ports) > 65535 or {source.version, destination.version} != {int(kind[3:])}:
        raise MalformedPacket("PROXY header")
    return Endpoints(source, ports[0], destination, ports[1])


def parse_head(head: bytes) -> int:
    """Read the first `HEAD_SIZE` bytes of version 2; gives the bytes that follow. Raises MalformedPacket."""
    if len(head) != HEAD_SIZE or not head.startswith(SIGNATURE) or head[12] not in (_LOCAL, _PROXY):
        raise MalformedPacket("PROXY header")
    return int.from_bytes(head[14:16], "big")


def parse_body(head: bytes, body: bytes) -> Endpoints | None:
    """Read the addresses of version 2; None where there are none that mean a TCP client. Raises MalformedPacket."""
    size = _SIZE.get(head[13])
    if head[12] == _LOCAL or size is None:
        return None
    if len(body) < 2 * size + 4:
        raise MalformedPacket("PROXY header")
    source, destination = (ipaddress.ip_address(body[at : at + size]) for at in (0, size))
    source_port, destination_port = struct.unpack_from("!HH", body, 2 * size)
    return Endpoints(source, source_port, destination, destination_port)


def build_header(ends: Endpoints) -> bytes:
    """Write a header of version 2."""
    source, destination = _alike(ends.source, ends.destination)
    kind = _TCP4 if source.version == 4 else _TCP6
    ports = struct.pack("!HH", ends.source_port, ends.destination_port)
    body = source.packed + destination.packed + ports
    return SIGNATURE + bytes((_PROXY, kind)) + len(body).to_bytes(2, "big") + body


def _alike(source: Host, destination: Host) -> tuple[Host, Host]:
    """Two addresses of one family: an IPv4 one beside an IPv6 one is written as the mapped one it stands for."""
    if source.version == destination.version:
        return source, destination
    return _mapped(source), _mapped(destination)


def _mapped(host: Host) -> Host:
    return host if host.version == 6 else ipaddress.ip_address(f"::ffff:{host}")
