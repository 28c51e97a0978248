"""One connection to the engine: login, small questions, and statements whose answer is streamed to a client."""

import asyncio
from pathlib import Path
from typing import Protocol, cast

from base.errors import MalformedPacket
from base.pulse import Pulse
from proxy.backend.answers import Answer, AnswerReader
from wire.auth import native_scramble
from wire.constants import Capability, Command
from wire.framing import PacketReader, build_packets
from wire.handshake import Login, build_login, parse_greeting
from wire.phase import LOST, AnswerTracker
from wire.responses import build_query_attributes, is_err, parse_err

# What the proxy always uses; the client's own flags that shape answers are added.
_BASE = (
    Capability.LONG_PASSWORD
    | Capability.PROTOCOL_41
    | Capability.SECURE_CONNECTION
    | Capability.PLUGIN_AUTH
    | Capability.QUERY_ATTRIBUTES
)
_SHAPING = Capability.DEPRECATE_EOF
_LOGIN_TIMEOUT = 2.0  # seconds
_ANSWER_LIMIT = 1 << 26  # bytes of an answer that is collected


class EngineGone(Exception):
    """The engine cannot be reached, or its connection broke."""


class EngineStopped(EngineGone):
    """The engine's process is stopped: its sockets stay open, and nobody will answer on them."""


class Sink(Protocol):
    """Who takes the bytes of a streamed answer."""

    def take(self, data: bytes) -> None:
        """Take the next bytes."""


class EngineLink(asyncio.Protocol):
    """A connection to run/engine.sock, used for one command at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.capabilities = 0
        self._reader = PacketReader()
        self._sink: Sink | None = None
        self._collected = bytearray()
        self._tracker = AnswerTracker(0)
        self._waiter: asyncio.Future[None] | None = None
        self._logged_in = False
        self.closed = False

    @property
    def rows(self) -> int:
        """Rows of the last answer."""
        return self._tracker.rows

    @property
    def failed(self) -> bool:
        """Tell whether the last answer ended with an error."""
        return self._tracker.failed

    @classmethod
    async def open(cls, path: Path, secret: Path, capabilities: int) -> "EngineLink":
        """Connect and log in. Raises EngineGone, and EngineStopped."""
        link = cls()
        try:
            password = secret.read_text().strip()
            async with asyncio.timeout(_LOGIN_TIMEOUT):
                await asyncio.get_running_loop().create_unix_connection(lambda: link, str(path))
                await link._log_in(password, capabilities)
        except (OSError, TimeoutError, MalformedPacket) as problem:
            stopped = link.transport is not None and not link.closed and Pulse.of(link.transport).stopped
            link.close()
            if stopped:
                raise EngineStopped("it is stopped") from problem
            raise EngineGone(f"cannot connect to the engine: {problem}") from problem
        except BaseException:
            link.close()
            raise
        return link

    async def _log_in(self, password: str, client: int) -> None:
        greeting = parse_greeting(await self._payload())
        self.capabilities = int(_BASE | (client & _SHAPING)) & greeting.capabilities
        response = native_scramble(password.encode(), greeting.nonce)
        login = Login(self.capabilities, 1 << 30, 45, b"warmfront", response, plugin="mysql_native_password")
        self._write(build_packets(build_login(login), 1))
        answer = await self._payload()
        if is_err(answer):
            raise EngineGone(f"the engine refused the login: {parse_err(answer).message}")
        if answer[:1] != b"\0":
            raise MalformedPacket("login answer")
        self._logged_in = True

    async def _payload(self) -> bytes:
        while (payload := self._reader.next_payload()) is None:
            if self.closed:
                raise EngineGone("the engine closed the connection")
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        return payload

    def _write(self, data: bytes) -> None:
        if not self.transport or self.closed:
            raise EngineGone("the engine closed the connection")
        self.transport.write(data)

    # --- callbacks ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Pass bytes to whoever waits for them."""
        if not self._logged_in:
            self._reader.feed(data)
            self._wake()
            return
        over = self._tracker.feed(data)
        if self._sink:
            self._sink.take(data)
        else:
            self._collected += data
        if over:
            self._wake()
        elif self._tracker.state == LOST or len(self._collected) > _ANSWER_LIMIT:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits."""
        self.closed = True
        self._wake()

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    # --- commands ---

    async def ask(self, text: bytes, attributes: dict[str, bytes] | None = None) -> Answer:
        """Run a statement and give its whole, small answer. Raises EngineGone."""
        return AnswerReader(await self.ask_raw(text, attributes), self.capabilities).result()

    async def ask_raw(self, text: bytes, attributes: dict[str, bytes] | None = None) -> bytes:
        """Run a statement and give the bytes of its whole, small answer. Raises EngineGone."""
        self._collected = bytearray()
        await self._send(text, attributes or {})
        return bytes(self._collected)

    async def stream(self, text: bytes, attributes: dict[str, bytes], sink: Sink) -> None:
        """Run a statement and give its answer to `sink` as it comes. Raises EngineGone."""
        self._sink = sink
        try:
            await self._send(text, attributes)
        finally:
            self._sink = None

    async def _send(self, text: bytes, attributes: dict[str, bytes]) -> None:
        self._tracker = AnswerTracker(self.capabilities)
        self._tracker.begin(Command.QUERY)
        self._waiter = asyncio.get_running_loop().create_future()
        payload = bytes((Command.QUERY,)) + build_query_attributes(attributes) + text
        self._write(build_packets(payload, 0))
        try:
            await self._waiter
        except asyncio.CancelledError:
            self.close()
            raise
        if self.closed:
            raise EngineGone("the engine closed the connection")

    def close(self) -> None:
        """Close at once: a statement that runs is abandoned."""
        self.closed = True
        if self.transport:
            self.transport.abort()
        self._wake()
