"""Logins in which one side talks without an end: what the other does not read would be held by us."""

import asyncio
import itertools
import socket
from collections.abc import Awaitable, Callable

import pytest
import uvloop

from base.settings import Settings, Upstream
from proxy.line.login import LoggedIn, LoginRefused, log_in
from proxy.sessions.worker import Worker
from wire.constants import Capability, Status
from wire.framing import build_packets
from wire.handshake import Greeting, Login, build_greeting, build_login

CAPABILITIES = int(
    Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH | Capability.DEPRECATE_EOF
)
GREETING = build_packets(
    build_greeting(Greeting("9.7.0", 7, b"n" * 20, CAPABILITIES, 45, int(Status.AUTOCOMMIT), "caching_sha2_password")),
    0,
)
LOGIN = build_packets(build_login(Login(CAPABILITIES, 1 << 24, 45, b"u", b"x" * 32, plugin="caching_sha2_password")), 1)
Backend = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Client = Callable[[socket.socket], Awaitable[None]]


async def logging_in(backend: Backend, client: Client) -> LoggedIn:
    """Log a client in at a backend; both are gone behind it."""
    server = await asyncio.start_server(backend, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    upstream = Upstream("mysql", "127.0.0.1", port, None, "nobody", "", "9.7.0")
    wanted = Settings(tls="disabled", backend_tls="disabled", upstream=upstream, connect_timeout=600.0)
    ours, far = socket.socketpair()
    for each in (ours, far):
        each.setblocking(False)
    talking = asyncio.create_task(client(far))
    try:
        return await log_in(ours, Worker(wanted).doors)
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
        server.close()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say who the server is, and read the login."""
    writer.write(GREETING)
    await reader.readexactly(int.from_bytes(await reader.readexactly(4), "little") & 0xFFFFFF)


async def log_in_and_listen(sock: socket.socket) -> None:
    """A client that answers nothing."""
    await asyncio.get_running_loop().sock_sendall(sock, LOGIN)
    await asyncio.sleep(600)


async def flood(write: Callable[[bytes], Awaitable[None]], payload: bytes, sequence: int) -> None:
    """Send packets without an end."""
    for first in itertools.count(sequence, 256):
        await write(b"".join(build_packets(payload, first + number) for number in range(256)))


@pytest.mark.parametrize("size", [20, 60_000])
def test_a_backend_whose_dialogue_does_not_end_is_left(size: int) -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def write(data: bytes) -> None:
            writer.write(data)
            await writer.drain()

        await greet(reader, writer)
        await flood(write, b"\x01" + b"x" * size, 2)

    with pytest.raises(LoginRefused, match="endless authentication data"):
        uvloop.run(asyncio.wait_for(logging_in(endless, log_in_and_listen), 60))


@pytest.mark.parametrize("size", [20, 60_000])
def test_a_client_whose_dialogue_does_not_end_is_left(size: int) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await greet(reader, writer)
        await asyncio.sleep(600)

    async def endless(sock: socket.socket) -> None:
        async def write(data: bytes) -> None:
            await asyncio.get_running_loop().sock_sendall(sock, data)

        await write(LOGIN)
        await flood(write, b"x" * size, 2)

    with pytest.raises(LoginRefused, match="endless authentication data"):
        uvloop.run(asyncio.wait_for(logging_in(silent, endless), 60))
