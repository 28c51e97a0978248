"""From an accepted client socket to two logged-in connections, one on each side, or to a closed one.

The backend speaks first: its greeting goes on with the same nonce and thread id, so that any method of
authentication works end to end, and KILL with the number that the client sees. See `exchange` for what the
proxy does itself.
"""

import asyncio
import contextlib
import socket
import ssl
from dataclasses import dataclass, field, replace
from typing import Any

from base.errors import AccessDenied, BackendError, BadHandshake, MalformedPacket, PacketsOutOfOrder, WarmfrontError
from base.settings import Settings
from proxy.line.compressed import CompressedTransport
from proxy.line.exchange import Exchange, Step
from proxy.line.origin import Trusted, ends_of, is_of_our_user, read_header
from proxy.line.passwords import KeyPair
from proxy.line.pipe import Gone, PacketPipe, read_exactly, read_first_packet
from proxy.line.plain_clients import PlainClient, ask
from wire.compression import Codec, agreed_algorithm
from wire.constants import Capability
from wire.framing import build_packets
from wire.handshake import (
    Greeting,
    Login,
    build_login,
    build_tls_request,
    is_tls_request,
    mask_greeting,
    mask_login,
    parse_greeting,
    parse_login,
)
from wire.proxy_protocol import begins_header, build_header
from wire.responses import build_err

# Not offered to clients: they change the shape of answers in ways that an engine's answer would have to follow. TLS is
# ours to offer.
WITHHELD = (
    Capability.OPTIONAL_RESULTSET_METADATA
    | Capability.MARIADB_COM_MULTI
    | Capability.MARIADB_CACHE_METADATA
    | Capability.SSL
)
# Between the client and us only: compressed packets could not be followed.
_CLIENT_SIDE = Capability.SSL | Capability.COMPRESS | Capability.ZSTD_COMPRESSION_ALGORITHM
_AT_ONCE = 32  # connections that a worker opens to the backend at once, whose queue of those not yet taken may be 80
_SERVER_SENT = Capability.CONNECT_WITH_DB  # bits some clients set although no server announces them


@dataclass(frozen=True, slots=True)
class Doors:
    """What every login of a worker needs."""

    settings: Settings
    client_tls: ssl.SSLContext | None
    backend_tls: ssl.SSLContext | None
    keys: KeyPair | None
    balancers: Trusted
    gate: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))


@dataclass(slots=True)
class LoggedIn:
    """Two connections in the command phase; `capabilities` are those the backend was told."""

    client: PacketPipe
    backend: PacketPipe
    greeting: Greeting
    login: Login
    capabilities: int
    accepted: bytes  # the backend's OK packet
    client_secure: bool
    backend_secure: bool
    plain: PlainClient | None = None  # where only the backend's line has TLS


class LoginRefused(Exception):
    """The login came to an end that the client has been told of."""


async def connect_backend(settings: Settings, by_file: bool) -> socket.socket:
    """Open a connection to the backend, through its socket file or at the first of its addresses that takes one.

    Raises BackendError.
    """
    server = settings.server
    path = server.socket if by_file else None
    where = f"through socket '{path}'" if path else f"on '{server.host}:{server.port}'"
    try:
        if path:
            return await _connect(socket.AF_UNIX, path)
        found = await asyncio.get_running_loop().getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except OSError as problem:
        raise BackendError(2003, "HY000", f"Can't connect to MySQL server {where} ({problem.errno})") from problem
    problems: list[OSError] = []
    for family, _, _, _, address in found:
        try:
            return await _connect(family, address)
        except OSError as problem:
            problems.append(problem)
    raise BackendError(2003, "HY000", f"Can't connect to MySQL server {where} ({problems[-1].errno})") from problems[-1]


async def _connect(family: int, address: Any) -> socket.socket:
    sock = socket.socket(family)
    try:
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def log_in(client_socket: socket.socket, doors: Doors) -> LoggedIn:
    """Relay one login. Closes everything and raises LoginRefused, Gone or TimeoutError when it does not succeed.

    The time that a client has begins when its turn comes, as a server's does when it takes a connection out of the
    queue.
    """
    attempt = _Attempt(client_socket, doors)
    try:
        async with asyncio.timeout(None) as limit:
            return await attempt.run(limit)
    except TimeoutError:
        raise
    except WarmfrontError as problem:
        await attempt.refuse(build_err(problem.number, problem.sqlstate, str(problem)))
        raise LoginRefused(f"{problem.number} {problem}") from problem
    except (OSError, ssl.SSLError, ConnectionError) as problem:
        raise Gone from problem
    finally:
        if not attempt.succeeded:
            attempt.close()


class _Attempt:
    def __init__(self, client_socket: socket.socket, doors: Doors) -> None:
        self._doors = doors
        self._loop = asyncio.get_running_loop()
        self._client_socket = client_socket
        self._is_local = client_socket.family == socket.AF_UNIX  # a secure line, as the server sees it too
        # Whoever the system says comes through the file is let in without a password by some accounts (auth_socket,
        # unix_socket), and the server would be told of us.
        ours = is_of_our_user(client_socket) and not doors.balancers.takes(None)
        self._by_file = ours and bool(doors.settings.server.socket)
        self._backend_socket: socket.socket | None = None
        self._client: PacketPipe | None = None
        self._backend: PacketPipe | None = None
        self._ends = ends_of(client_socket)  # as far as a balancer tells, of the client's connection to it
        self._sequence = 0  # of the next packet to the client while its socket is bare
        self._unanswered: bytes | None = None  # what a backend is told whose greeting no client answers
        self._bell = asyncio.Event()
        self.succeeded = False

    async def run(self, limit: asyncio.Timeout) -> LoggedIn:
        settings = self._doors.settings
        async with self._doors.gate:
            limit.reschedule(self._loop.time() + settings.connect_timeout)
            self._backend_socket = await connect_backend(settings, self._by_file)
            payload = await read_first_packet(self._loop, self._backend_socket)
        if payload[:1] == b"\xff":
            await self.refuse(payload)
            raise LoginRefused("the backend refused the connection")
        greeting = parse_greeting(payload)
        self._unanswered = build_packets(_nobody(greeting), 1)
        offered = greeting.capabilities & ~WITHHELD
        if self._doors.client_tls:
            offered |= Capability.SSL
        await self._loop.sock_sendall(self._client_socket, build_packets(mask_greeting(payload, offered), 0))
        self._sequence = 1
        login_payload = await self._read_login(offered)
        try:
            login = parse_login(login_payload)
        except MalformedPacket as problem:
            raise BadHandshake from problem
        agreed = login.capabilities & (offered | _SERVER_SENT)
        capabilities = agreed & ~int(_CLIENT_SIDE)
        backend_secure = await self._open_backend(greeting, replace(login, capabilities=capabilities))
        assert self._client
        has_tls = self._client.transport is not None and bool(self._client.transport.get_extra_info("ssl_object"))
        client_secure = has_tls or self._is_local
        several = bool(capabilities & Capability.MULTI_FACTOR_AUTHENTICATION)
        exchange = Exchange(greeting.plugin, greeting.nonce, client_secure, backend_secure, self._doors.keys, several)
        if login.plugin:
            exchange.plugin = login.plugin
        on_tls = Capability.SSL if self._backend_is_tls else 0
        self._send_login(login_payload, replace(login, capabilities=capabilities | on_tls), exchange)
        plain = (
            PlainClient(settings.server.is_mariadb, self._is_local, bool(login.response))
            if self._backend_is_tls and not has_tls
            else None
        )
        accepted = await self._talk(exchange, plain, capabilities)
        self.succeeded = True
        assert self._backend
        self._compress(agreed, login.zstd_level)
        return LoggedIn(
            self._client, self._backend, greeting, login, capabilities, accepted, client_secure, backend_secure, plain
        )

    def _compress(self, capabilities: int, level: int | None) -> None:
        """From here on the client's line is compressed, if that was agreed on."""
        pipe, algorithm = self._client, agreed_algorithm(capabilities)
        if algorithm and pipe and pipe.transport:
            pipe.transport = CompressedTransport(pipe.transport, Codec(algorithm, level), pipe.take_rest())

    def _send_login(self, payload: bytes, login: Login, exchange: Exchange) -> None:
        assert self._backend
        if exchange.must_restart(exchange.plugin):
            payload = build_login(replace(login, response=b"", plugin="restart"))
        else:
            if login.zstd_level is not None:
                payload = payload[:-1]  # the last field, of a flag that does not go on
            payload = mask_login(payload, login.capabilities)
        self._backend.write(payload)

    async def _read_login(self, offered: int) -> bytes:
        balancer = self._ends
        head = await read_exactly(self._loop, self._client_socket, 4)
        told = begins_header(head)
        if told:
            self._ends = await read_header(self._loop, self._client_socket, head) or balancer
            head = await read_exactly(self._loop, self._client_socket, 4)
        if head[3] != self._sequence:
            raise PacketsOutOfOrder
        self._sequence += 1
        payload = await read_first_packet(self._loop, self._client_socket, head)
        if told:  # not before the client's packet was read: what lies unread at the end would cut the error off
            self._doors.balancers.require(balancer)
        context = None
        tls = is_tls_request(payload)
        if tls:
            context = self._doors.client_tls
            if context is None:
                raise BadHandshake
        elif self._doors.settings.tls == "required" and not self._is_local:
            raise BackendError(3159, "HY000", "Connections using insecure transport are prohibited.")
        pipe = PacketPipe(self._sequence, self._bell)
        await self._loop.connect_accepted_socket(lambda: pipe, self._client_socket, ssl=context)
        self._client = pipe
        return await pipe.read() if tls else payload

    @property
    def _backend_is_tls(self) -> bool:
        transport = self._backend.transport if self._backend else None
        return transport is not None and bool(transport.get_extra_info("ssl_object"))

    async def _open_backend(self, greeting: Greeting, login: Login) -> bool:
        """Put the backend's socket under a transport, with TLS if both agree; True when it is a secure line."""
        settings = self._doors.settings
        sock = self._backend_socket
        assert sock
        self._unanswered = None
        context = None if self._by_file else self._doors.backend_tls
        if context and not greeting.capabilities & Capability.SSL:
            if settings.backend_tls != "preferred":
                raise BackendError(2026, "HY000", "SSL connection error: the backend offers no TLS")
            context = None
        name = settings.server.host if context else None
        if settings.backend_proxy_protocol and self._ends:
            await self._loop.sock_sendall(sock, build_header(self._ends))
        if context:
            await self._loop.sock_sendall(sock, build_packets(build_tls_request(login), 1))
        pipe = PacketPipe(2 if context else 1, self._bell)
        try:
            await self._loop.create_connection(lambda: pipe, sock=sock, ssl=context, server_hostname=name)
        except ssl.SSLError as problem:
            raise BackendError(2026, "HY000", f"SSL connection error to the backend: {problem.reason}") from problem
        self._backend = pipe
        return context is not None or self._by_file

    async def _talk(self, exchange: Exchange, plain: PlainClient | None, capabilities: int) -> bytes:
        """Pass the dialogue on until the backend says OK, to a client without TLS too; gives that packet.

        Raises MalformedPacket.
        """
        assert self._client
        assert self._backend
        client, backend = self._client, self._backend
        while True:
            if (payload := backend.try_read()) is not None:
                step = exchange.from_backend(payload)
            elif (payload := client.try_read()) is not None:
                step = exchange.from_client(payload)
            elif client.lost:
                raise Gone
            elif backend.lost:
                raise BackendError(2013, "HY000", "Lost connection to the backend during login")
            else:
                self._bell.clear()
                await self._bell.wait()
                continue
            if step.accepted and plain:
                plain.judge(*await ask(backend, capabilities))
            _send(step, client, backend)
            if step.done:
                if not step.accepted:
                    raise LoginRefused("the backend refused the login")
                return payload

    async def refuse(self, payload: bytes) -> None:
        """Tell the client why, as far as it can still be told."""
        with contextlib.suppress(OSError):
            if self._client:
                self._client.write(payload)
            else:
                await self._loop.sock_sendall(self._client_socket, build_packets(payload, self._sequence))

    def close(self) -> None:
        """Close both sides, after what was written has gone out.

        A server blocks a host from which max_connect_errors handshakes in a row were broken off (error 1129), and all
        clients come from ours: a login that is refused is none of those.
        """
        if self._unanswered and self._backend_socket:
            with contextlib.suppress(OSError):
                self._backend_socket.send(self._unanswered)
        for pipe, sock in ((self._client, self._client_socket), (self._backend, self._backend_socket)):
            if pipe and pipe.transport:
                pipe.transport.close()
            elif sock:
                sock.close()


def _nobody(greeting: Greeting) -> bytes:
    """A login that is whole, and refused."""
    wanted = Capability.PROTOCOL_41 | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH
    flags = int(wanted) & greeting.capabilities
    return build_login(Login(flags, 1 << 24, 45, b"nobody", b"", plugin=greeting.plugin))


def _send(step: Step, client: PacketPipe, backend: PacketPipe) -> None:
    for payload in step.to_client:
        client.write(payload)
    for payload in step.to_backend:
        backend.write(payload)


__all__ = ["AccessDenied", "Doors", "LoggedIn", "LoginRefused", "connect_backend", "log_in"]
