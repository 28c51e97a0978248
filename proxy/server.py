"""What clients of a worker connect to: listens, lets them log in, holds their sessions, and drains when told to."""

import asyncio
import contextlib
import logging
import os
import resource
import socket
from collections.abc import Sequence
from pathlib import Path

from base.errors import SettingsError
from base.log import Sparing
from base.settings import Settings
from proxy.dispatch import Dispatch
from proxy.engine.watch import PATIENCE
from proxy.line.endings import end_if_stuck
from proxy.line.login import LoginRefused, log_in
from proxy.line.pipe import Gone
from proxy.routing.router import Router
from proxy.sessions.session import Session
from proxy.sessions.worker import Worker
from wire.framing import build_packets
from wire.responses import build_err

log = logging.getLogger("proxy")
_refusals = logging.getLogger("proxy.line.login")  # what anybody who reaches the port can cause
_refusals.addFilter(Sparing())

_BACKLOG = 4096  # connections that come at once; the kernel may take fewer
_SPARE_FILES = 64  # file descriptors kept for the worker itself
_FILES_PER_SESSION = 3


def listen(settings: Settings) -> socket.socket:
    """Open the listening socket, which all workers of an instance share by SO_REUSEPORT."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    sock = socket.socket(family)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        sock.bind((settings.host, settings.port))
    except OSError as problem:
        sock.close()
        raise SettingsError(f"cannot listen on {settings.host}:{settings.port}: {problem.strerror}") from problem
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock


def listen_locally(path: Path) -> socket.socket:
    """Open a socket file, for the workers to inherit; one that nobody listens on any more is replaced."""
    sock = socket.socket(socket.AF_UNIX)
    try:
        if path.is_socket() and not _is_served(path):
            path.unlink()
        sock.bind(str(path))
        path.chmod(0o777)  # as the server's own: who may log in is for the accounts to say
    except OSError as problem:
        sock.close()
        raise SettingsError(f"cannot listen on {path}: {problem.strerror or problem}") from problem
    sock.listen(_BACKLOG)
    sock.setblocking(False)
    return sock


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            return False
        return True


def session_limit() -> int:
    """Raise the limit of open files as far as allowed; gives how many clients a worker can serve with it."""
    with contextlib.suppress(OSError, ValueError):
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    files = os.sysconf("SC_OPEN_MAX")
    if files < 0:  # no limit
        files = 1 << 20
    return max(16, (files - _SPARE_FILES) // _FILES_PER_SESSION)


class Server:
    """Listens for the clients of a worker."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.worker = Worker(settings)
        self.sessions: set[Session] = set()
        self._limit = session_limit()
        self._logins: set[asyncio.Task[None]] = set()
        self._watching: list[asyncio.Task[None]] = []
        self._left: asyncio.Event | None = None  # what ends a worker that drains

    async def hear(self, stop: asyncio.Event) -> None:
        """Begin to watch the engine, and wait some seconds for what it knows, or for `stop`.

        The backend cannot answer for a lake table: clients had better not come to a worker that knows of none.
        """
        self._watching.append(asyncio.create_task(self.worker.engine.run()))
        waiting = [asyncio.create_task(event.wait()) for event in (self.worker.engine.heard, stop)]
        await asyncio.wait(waiting, timeout=PATIENCE, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()

    async def serve(self, listeners: Sequence[socket.socket], stop: asyncio.Event, drain: asyncio.Event) -> None:
        """Serve clients until `stop` is set; then close every session.

        From `drain` on no more clients are taken, and the last one's leaving ends it.
        """
        accepting = [asyncio.create_task(self._accept(listener)) for listener in listeners]
        draining = asyncio.create_task(self._drain(accepting, listeners, stop, drain))
        try:
            await stop.wait()
        finally:
            tasks = [*accepting, draining, *self._watching]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.worker.engine.close()
            await self.worker.apart.close()
            for listener in listeners:
                listener.close()
            for login in list(self._logins):
                login.cancel()
            await asyncio.gather(*self._logins, return_exceptions=True)
            for session in list(self.sessions):
                session.close()
            await asyncio.sleep(0)

    async def _drain(
        self,
        accepting: Sequence[asyncio.Task[None]],
        listeners: Sequence[socket.socket],
        stop: asyncio.Event,
        drain: asyncio.Event,
    ) -> None:
        """Wait to be told, stop listening, and stop when nobody is left."""
        await drain.wait()
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        for listener in listeners:
            # Those who have connected already are this worker's: closing the listener would reset them.
            with contextlib.suppress(OSError):
                while listener.family != socket.AF_UNIX:
                    self._take(listener.accept()[0])
            listener.close()
        self._left = stop
        log.info("another worker goes on; %d clients are left", len(self.sessions) + len(self._logins))
        self._end_if_left()

    def _end_if_left(self) -> None:
        if self._left and not self.sessions and not self._logins:
            self._left.set()

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener)
            except OSError as problem:  # out of file descriptors, or the client has gone already
                _refusals.warning("cannot accept a connection: %s", problem.strerror)
                await asyncio.sleep(0.05)
                continue
            self._take(client)

    def _take(self, client: socket.socket) -> None:
        """Let a client log in."""
        client.setblocking(False)
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            end_if_stuck(client)
        task = asyncio.get_running_loop().create_task(self._log_in(client))
        self._logins.add(task)
        task.add_done_callback(self._logged_in)

    def _logged_in(self, login: asyncio.Task[None]) -> None:
        self._logins.discard(login)
        self._end_if_left()

    async def _log_in(self, client: socket.socket) -> None:
        if len(self.sessions) + len(self._logins) > self._limit:
            await self._turn_away(client)
            return
        try:
            logged_in = await log_in(client, self.worker.doors)
        except LoginRefused as reason:
            _refusals.info("a login was refused: %s", reason)
        except Gone:
            log.debug("a client went away during login")
        except TimeoutError:
            _refusals.info("a login took longer than %g s", self.settings.connect_timeout)
        except Exception:
            log.exception("a login failed")
        else:
            session = Session(self.worker, logged_in, self._forget)
            self.sessions.add(session)
            Dispatch(Router(session))
            session.start()

    async def _turn_away(self, client: socket.socket) -> None:
        try:
            await asyncio.get_running_loop().sock_sendall(
                client, build_packets(build_err(1040, "08004", "Too many connections"), 0)
            )
        except OSError:
            log.debug("a client that was turned away had gone")
        finally:
            client.close()

    def _forget(self, session: Session) -> None:
        self.sessions.discard(session)
        self._end_if_left()
