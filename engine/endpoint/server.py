"""The engine's endpoint: MySQL protocol on a unix socket that only the owner of the data dir can open."""

import asyncio
import itertools
import logging
import os
from pathlib import Path
from typing import cast

from base.errors import (
    AccessDenied,
    MalformedPacket,
    PacketTooLarge,
    QueryInterrupted,
    SecondaryEngineError,
    WarmfrontError,
)
from engine.endpoint.dispatch import Dispatcher
from engine.endpoint.login import LoginExchange
from engine.running.cancel import Running
from engine.running.outlet import AnswerCutShort
from engine.running.session import Ping, Query, Quit, Request, Reset, UseSchema, parse_request
from wire.framing import PacketReader, build_packets
from wire.responses import Ok, build_err, build_ok

log = logging.getLogger(__name__)

_LARGEST = 64 << 20  # bytes of one packet from a client
_WAITING = 16  # packets a client may send ahead
_BUFFER = 1 << 20  # bytes on their way to a client before its statement has to wait
_LOGIN_TIME = 10.0  # seconds
VERSION = "9.7.0-warmfront"


class Connection(asyncio.Protocol):
    """One client of the endpoint."""

    _ids = itertools.count(1)

    def __init__(self, dispatcher: Dispatcher, secret: bytes) -> None:
        self._dispatcher = dispatcher
        self._login = LoginExchange(secret, next(self._ids), VERSION)
        self._packets = PacketReader(_LARGEST)
        self._received: asyncio.Queue[tuple[bytes, int] | None] = asyncio.Queue()
        self._started: list[Running] = []
        self._writable = asyncio.Event()
        self._writable.set()
        self._closed = False
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None]

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin serving."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of asyncio's
        self._transport.set_write_buffer_limits(high=_BUFFER)
        self._task = asyncio.get_running_loop().create_task(self._serve())

    def data_received(self, data: bytes) -> None:
        """Take packets apart; a client that breaks the protocol is told and dropped."""
        try:
            self._packets.feed(data)
            while (payload := self._packets.next_payload()) is not None:
                self._received.put_nowait((payload, self._packets.sequence))
            if self._received.qsize() > _WAITING:
                raise MalformedPacket("flood of packets")
        except WarmfrontError as error:
            self._fail(error)

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client keeps up again."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop what runs for a client that went away."""
        self._closed = True
        self._writable.set()
        self._received.put_nowait(None)
        for running in list(self._started):
            running.cancel(QueryInterrupted())

    # What the executor calls

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes; returns when the client keeps up. Raises ConnectionResetError when it is gone."""
        if not self._closed:
            self._transport.write(data)
            await self._writable.wait()
        if self._closed:
            raise ConnectionResetError("the client has gone")

    # The conversation

    async def _serve(self) -> None:
        try:
            async with asyncio.timeout(_LOGIN_TIME):
                capabilities = await self._log_in()
            while capabilities is not None and (received := await self._received.get()) is not None:
                if not await self._command(*received, capabilities):
                    break
        except WarmfrontError as error:
            self._fail(error)
        except (ConnectionError, TimeoutError):
            pass
        except Exception:
            log.exception("a connection of the endpoint failed")
        finally:
            self._transport.close()

    async def _log_in(self) -> int | None:
        self._transport.write(build_packets(self._login.greet(), 0))
        while self._login.capabilities is None:
            received = await self._received.get()
            if received is None:
                return None
            payload, first = received
            try:
                answers = self._login.receive(payload)
            except AccessDenied as error:
                log.warning("%s", error)
                raise
            self._transport.write(b"".join(build_packets(a, first + i) for i, a in enumerate(answers)))
        return self._login.capabilities

    async def _command(self, payload: bytes, first: int, capabilities: int) -> bool:
        """Answer one command, from sequence number `first` on; False ends the connection."""
        try:
            if first != 1:  # what the proxy relays as it is has to begin at 1
                raise SecondaryEngineError("Statements of 16 MiB and more are not supported")
            request = parse_request(payload, capabilities)
            if isinstance(request, Quit):
                return False
            await self._answer(request, capabilities)
        except AnswerCutShort as error:
            # Rows have been sent: the client must not take them for the whole answer.
            if not self._closed:
                self._transport.write(_err(error.error, error.sequence))
            return False
        except PacketTooLarge:
            raise
        except WarmfrontError as error:
            await self.write(_err(error, first))
        return True

    async def _answer(self, request: Request, capabilities: int) -> None:
        match request:
            case Query():
                offload = self._dispatcher.read(request)
                if offload is None:
                    await self.write(await self._dispatcher.answer(request, capabilities, self._started))
                else:
                    await self._dispatcher.executor.run(offload, self, self._started)
            case Ping() | Reset() | UseSchema() | Quit():
                await self.write(build_packets(build_ok(Ok()), 1))

    def _fail(self, error: WarmfrontError) -> None:
        log.info("a connection of the endpoint is closed: %s", error)
        if not self._closed:
            self._transport.write(_err(error, self._packets.sequence))
            self._transport.close()


def _err(error: WarmfrontError, sequence: int) -> bytes:
    return build_packets(build_err(error.number, error.sqlstate, str(error)), sequence)


async def listen(path: Path, dispatcher: Dispatcher, secret: bytes) -> asyncio.AbstractServer:
    """Open the endpoint; a socket file that a dead engine left is replaced."""
    path.unlink(missing_ok=True)
    mask = os.umask(0o177)
    try:
        loop = asyncio.get_running_loop()
        return await loop.create_unix_server(lambda: Connection(dispatcher, secret), str(path), backlog=1024)
    finally:
        os.umask(mask)
