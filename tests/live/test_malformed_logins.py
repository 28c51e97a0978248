"""Logins that are not the protocol: the proxy's error is the server's, byte by byte."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from tests.live.test_bad_input import drained, login_of, read_packet
from wire.framing import build_packets

pytestmark = pytest.mark.live

MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "no payload": lambda login: b"\0\0\0\1",
    "one byte": lambda login: build_packets(b"\0", 1),
    "a command": lambda login: build_packets(b"\x03SELECT 1", 1),
    "flags alone": lambda login: build_packets(login[4:8].replace(b"\x08", b"\0"), 1),
    "31 bytes": lambda login: build_packets(login[4:35], 1),
    "no user": lambda login: build_packets(login[4:36], 1),
    "no end of the user": lambda login: build_packets(login[4:36] + b"someone", 1),
    "half a token": lambda login: build_packets(login[4:50], 1),
    "a token that is longer than the packet": lambda login: build_packets(login[4:36] + b"user\0\xfaabc", 1),
    "number 0": lambda login: login[:3] + b"\0" + login[4:],
    "number 5": lambda login: login[:3] + b"\5" + login[4:],
    "HTTP": lambda login: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "COM_QUIT": lambda login: build_packets(b"\1", 0),
}


@pytest.mark.parametrize("how", MALFORMED)
def test_malformed_logins_have_the_servers_error(warmfront_instance: Any, backend: Any, how: str) -> None:
    told = []
    for port in (backend.port, warmfront_instance.port):
        with socket.create_connection(("127.0.0.1", port), 10) as sock:
            sock.sendall(MALFORMED[how](login_of(read_packet(sock))))
            told.append(drained(sock))
    assert told[0] == told[1]
    assert told[0][4:5] == b"\xff"
