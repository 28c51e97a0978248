"""Headers of the PROXY protocol: what its specification writes is read, and nothing else."""

import contextlib
import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import MalformedPacket
from wire.proxy_protocol import (
    HEAD_SIZE,
    SIGNATURE,
    Endpoints,
    begins_header,
    build_header,
    parse_body,
    parse_head,
    parse_line,
)

FOUR = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
SIX = st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address)
PORT = st.integers(0, 65535)


@given(st.one_of(st.tuples(FOUR, FOUR), st.tuples(SIX, SIX), st.tuples(FOUR, SIX), st.tuples(SIX, FOUR)), PORT, PORT)
def test_what_is_built_is_read(hosts, source_port, destination_port):
    """Both addresses come back; an IPv4 one beside an IPv6 one as the mapped address it stands for."""
    header = build_header(Endpoints(hosts[0], source_port, hosts[1], destination_port))
    assert begins_header(header[:4])
    assert parse_head(header[:HEAD_SIZE]) == len(header) - HEAD_SIZE
    found = parse_body(header[:HEAD_SIZE], header[HEAD_SIZE:])
    assert (found.source_port, found.destination_port) == (source_port, destination_port)
    for host, other in zip((found.source, found.destination), hosts, strict=True):
        assert (getattr(host, "ipv4_mapped", None) or host) == (getattr(other, "ipv4_mapped", None) or other)


@pytest.mark.parametrize(
    ("line", "source"),
    [
        (b"PROXY TCP4 192.168.0.1 10.0.0.11 56324 443\r\n", "192.168.0.1"),
        (b"PROXY TCP6 2001:db8::7 ::1 1 65535\r\n", "2001:db8::7"),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f:f ffff 65535 65535\r\n", None),
    ],
)
def test_lines_of_version_1(line, source):
    found = parse_line(line)
    assert (str(found.source) if found else None) == source


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY TCP4 192.168.0.1 10.0.0.11 56324 443",
        b"PROXY TCP4 192.168.0.1 10.0.0.11 56324\r\n",
        b"PROXY TCP4 192.168.0.1 10.0.0.11 56324 70000\r\n",
        b"PROXY TCP4 192.168.0.1 10.0.0.11 -1 443\r\n",
        b"PROXY TCP4 ::1 ::1 1 2\r\n",
        b"PROXY TCP6 10.0.0.1 10.0.0.2 1 2\r\n",
        b"PROXY TCP4 host other 1 2\r\n",
        b"PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n",
        b"PROXY  TCP4 10.0.0.1 10.0.0.2 1 2\r\n",
        b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2 " + b"x" * 80 + b"\r\n",
        b"PROXY TCP4 \xff 10.0.0.2 1 2\r\n",
    ],
)
def test_lines_that_are_none(line):
    with pytest.raises(MalformedPacket):
        parse_line(line)


@given(st.binary(max_size=130), st.booleans())
def test_any_bytes_are_read_or_malformed(data, signed):
    """Whatever comes, it is a header or an error of ours."""
    data = SIGNATURE + data if signed else data
    for read in (parse_line, parse_head, lambda d: parse_body(d[:HEAD_SIZE].ljust(HEAD_SIZE, b"\0"), d[HEAD_SIZE:])):
        with contextlib.suppress(MalformedPacket):
            read(data)


def test_what_means_no_tcp_client():
    """A health check of the balancer's own, and a socket file behind it, name no client."""
    local = SIGNATURE + bytes((0x20, 0, 0, 0))
    assert parse_body(local, b"") is None
    unix = SIGNATURE + bytes((0x21, 0x31, 0, 216))
    assert parse_body(unix, bytes(216)) is None


def test_no_first_packet_of_a_client_looks_like_one():
    """A login's number is 1, and its length is less than these four bytes say."""
    assert not begins_header((200).to_bytes(3, "little") + b"\x01")
