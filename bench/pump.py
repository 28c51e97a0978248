"""A bare byte pump on uvloop: what Python can do at most for a relay that looks at nothing.

python -m bench.pump FILE HOST PORT        # FILE is the number of a listening socket that is inherited
"""

import asyncio
import socket
import sys
from collections.abc import Callable

import uvloop


class Half(asyncio.BaseProtocol):
    """One side of a pair: what comes goes to the other, which is slowed down while nobody reads here."""

    def __init__(self, other: asyncio.Transport) -> None:
        self.data_received: Callable[[bytes], None] = other.write
        self._other = other

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the other side."""
        self._other.close()

    def pause_writing(self) -> None:
        """Slow the other side down."""
        if not self._other.is_closing():
            self._other.pause_reading()

    def resume_writing(self) -> None:
        """Let the other side go on."""
        if not self._other.is_closing():
            self._other.resume_reading()


async def pair(client: socket.socket, host: str, port: int) -> None:
    """Connect to where the bytes go, and tie the two connections together."""
    loop = asyncio.get_running_loop()
    back_socket = socket.socket()
    back_socket.setblocking(False)
    await loop.sock_connect(back_socket, (host, port))
    for sock in (client, back_socket):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    front, _ = await loop.connect_accepted_socket(asyncio.Protocol, client)  # the server speaks first
    back, _ = await loop.create_connection(lambda: Half(front), sock=back_socket)
    front.set_protocol(Half(back))


async def serve(listener: socket.socket, host: str, port: int) -> None:
    """Pump for everyone who connects, for ever."""
    tasks = set()
    while True:
        client, _ = await asyncio.get_running_loop().sock_accept(listener)
        task = asyncio.create_task(pair(client, host, port))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    inherited = socket.socket(fileno=int(sys.argv[1]))
    inherited.setblocking(False)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(inherited, sys.argv[2], int(sys.argv[3])))
