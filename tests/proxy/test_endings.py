"""Connections whose other side takes nothing."""

import asyncio
import errno
import socket

import pytest
import uvloop

from proxy.line.endings import end_if_stuck


@pytest.mark.parametrize("reading", [True, False])
def test_a_client_that_takes_nothing_is_left(reading: bool) -> None:
    async def run() -> Exception | None:
        lost: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()

        class Writer(asyncio.Protocol):
            def connection_lost(self, exc: Exception | None) -> None:
                lost.set_result(exc)

        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
            ours = server.accept()[0]
            ours.setblocking(False)
            end_if_stuck(ours, 1.0)
            transport, _ = await asyncio.get_running_loop().connect_accepted_socket(Writer, ours)
            if not reading:
                transport.pause_reading()
            transport.write(bytes(64 << 20))
            return await asyncio.wait_for(lost, 60)

    problem = uvloop.run(run())
    assert isinstance(problem, OSError)
    assert problem.errno == errno.ETIMEDOUT
