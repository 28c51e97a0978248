"""Bytes carried between two connections: all of them, both ways, until both sides or one of them ends."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from lakehouse.stores.relay import carry

SIZE = 9_000_000  # more than sockets and the pipe between them hold


@pytest.fixture
def far_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connections whose other ends are carried between; those are closed when it ends."""
    near = []
    far = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        for _ in range(2):
            far.append(socket.create_connection(server.getsockname()))
            near.append(server.accept()[0])

    def run() -> None:
        with near[0], near[1]:
            carry(near[0], near[1], 60)

    thread = threading.Thread(target=run)
    thread.start()
    yield far[0], far[1]
    for one in far:
        one.close()
    thread.join()


def received(line: socket.socket) -> bytes:
    parts = []
    while part := line.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


def send_for_ever(line: socket.socket) -> None:
    while True:
        line.sendall(b"y" * SIZE)


def test_all_bytes_come_through_both_ways_at_once(far_ends: tuple[socket.socket, socket.socket]) -> None:
    texts = [bytes(range(256)) * (SIZE // 256), b"x" * SIZE]

    def send(line: socket.socket, text: bytes) -> None:
        line.sendall(text)
        line.shutdown(socket.SHUT_WR)

    with ThreadPoolExecutor(4) as pool:
        for line, text in zip(far_ends, texts, strict=True):
            pool.submit(send, line, text)
        came = [pool.submit(received, line) for line in far_ends]
        assert [one.result() for one in came] == texts[::-1]


def test_one_side_may_end_before_the_other(far_ends: tuple[socket.socket, socket.socket]) -> None:
    one, other = far_ends
    one.sendall(b"all that is asked")
    one.shutdown(socket.SHUT_WR)
    assert received(other) == b"all that is asked"
    other.sendall(b"the answer")
    other.close()
    assert received(one) == b"the answer"


def test_a_side_that_is_gone_ends_it(far_ends: tuple[socket.socket, socket.socket]) -> None:
    one, other = far_ends
    other.sendall(b"y" * 1000)
    one.close()  # with bytes unread: the connection is reset
    with pytest.raises(OSError, match=r"Broken pipe|reset"):
        send_for_ever(other)
