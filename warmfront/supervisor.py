"""Start what an instance is made of, keep it running, and stop it in order."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

import pymysql

from base import supervise
from base.errors import WarmfrontError
from base.settings import Settings, Upstream
from base.traces import TRACE
from proxy.line.origin import Trusted
from proxy.server import listen_locally
from warmfront import backends, certificates, doctor, instance
from warmfront.embedded import EmbeddedError, EmbeddedServer
from warmfront.private import open_private
from warmfront.watchdog import Watchdog

log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0  # seconds between restarts
_STEADY = 60.0  # seconds of life after which a process counts as healthy again
_TICK = 0.1  # seconds
_READY_TIMEOUT = 60.0  # seconds
_ENGINE_PATIENCE = 15.0  # seconds that readiness waits for the engine at most: queries can do without
_TRACE_PATIENCE = 0.5  # seconds
_STOP_PATIENCE = {"proxy": 5.0, "engine": 20.0}  # seconds


class Refused(WarmfrontError):
    """The backend does not have what it must; `findings` say what."""

    def __init__(self, findings: list[doctor.Finding]) -> None:
        super().__init__("the backend lacks something mandatory")
        self.findings = findings


class StartError(WarmfrontError):
    """A part did not come up; the text says which and why."""


@dataclass
class _Child:
    """One process that is kept running."""

    name: str
    argv: list[str]
    log: Path
    files: tuple[int, ...] = ()  # open files that it inherits
    process: subprocess.Popen[bytes] | None = None
    pause: float = _FIRST_PAUSE
    born: float = 0.0
    due: float = 0.0
    restarts: int = field(default=0)
    before: subprocess.Popen[bytes] | None = None  # the process that this one replaces, until its clients have left

    @property
    def kind(self) -> str:
        return self.name.split()[0]

    def start(self) -> None:
        succeeds = ["--instead-of", str(self.before.pid)] if self.before else []
        argv = [*self.argv[:4], *succeeds, *self.argv[4:]]
        self.process = supervise.spawn(argv, self.log, pass_fds=self.files)
        self.born = time.monotonic()

    def renew(self) -> subprocess.Popen[bytes] | None:
        """Start a process in the place of the one that runs, which leaves by itself; gives one that was leaving."""
        if self.process is None or self.process.poll() is not None:
            return None
        leaving, self.before = self.before, self.process
        self.start()
        return leaving

    def watch(self) -> None:
        """Notice the end of the process, and start it again when its pause is over."""
        now = time.monotonic()
        if self.before and self.before.poll() is not None:
            self.before = None
        if self.process is not None:
            code = self.process.poll()
            if code is None:
                return
            self.pause = _FIRST_PAUSE if now - self.born > _STEADY else min(self.pause * 2, _LONGEST_PAUSE)
            log.warning("%s ended: %s; starting it again in %.1f s", self.name, why_ended(code), self.pause)
            self.process, self.due = None, now + self.pause
        elif now >= self.due:
            self.restarts += 1
            self.start()


def why_ended(code: int) -> str:
    """Say in words how a process ended."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _check_balancers(settings: Settings) -> None:
    try:
        Trusted.parse(settings.proxy_protocol_networks)
    except ValueError as word:
        raise StartError(f"proxy_protocol_networks: {word} is no network, and neither localhost nor *") from None


class Supervisor:
    """One instance: `start` brings it up, `watch` keeps it up until a signal, `stop` ends it."""

    def __init__(self, settings: Settings, say: Callable[[str], None]) -> None:
        self.settings = settings
        self.paths = settings.paths
        self._say = say
        self._embedded: EmbeddedServer | None = None
        self._children: list[_Child] = []
        self._lock: TextIO | None = None  # open, it holds the lock on the data dir
        self._stopping = False
        self._renewing = False
        self._leaving: list[subprocess.Popen[bytes]] = []  # workers that have been replaced twice, and have clients
        self._backend_due = 0.0
        self._local: socket.socket | None = None
        self._watchdog = Watchdog(self.paths.engine_socket, settings.engine_hang_seconds)

    def start(self) -> None:
        """Bring everything up. Raises Refused, StartError and other WarmfrontErrors; call `stop` then as well."""
        self._lock = instance.claim(self.paths)
        self.paths.ready.unlink(missing_ok=True)
        port = self._check_port()
        _check_balancers(self.settings)
        if self.settings.socket is not None:
            self._local = listen_locally(self.settings.socket)
        certificates.ensure(self.paths)
        instance.ensure_secret(self.paths)
        upstream = self._start_backend()
        self._examine(upstream)
        if self.settings.backend_proxy_protocol and not upstream.is_mariadb:
            raise StartError("backend_proxy_protocol is for MariaDB: MySQL takes no PROXY header")
        self.settings = self.settings.with_upstream(upstream, self.settings.host, port)
        certificates.write_private(self.paths.settings, self.settings.to_json().encode())
        instance.write_client_cnf(self.settings)
        self._start_children()
        self._wait_for_proxy()
        self._wait_for_engine()
        instance.write_ready(self.settings)

    def watch(self) -> None:
        """Keep everything running until SIGINT or SIGTERM."""
        while not self._stopping:
            for child in self._children:
                child.watch()
                if child.kind == "engine":
                    self._end_if_hung(child)
            if self._renewing:
                self._renew()
            self._leaving = [process for process in self._leaving if process.poll() is None]
            self._watch_backend()
            time.sleep(_TICK)

    def _end_if_hung(self, child: _Child) -> None:
        process = child.process
        if process is None or not self._watchdog.is_hung(process.pid):
            return
        log.error("%s has neither answered nor worked for %d s", child.name, self.settings.engine_hang_seconds)
        process.send_signal(TRACE)  # where it hangs, for its log; a process that is stopped cannot tell
        time.sleep(_TRACE_PATIENCE)
        process.kill()
        process.wait()

    def _renew(self) -> None:
        """Replace the proxy workers: new ones take the new clients, old ones end with their last client."""
        self._renewing = False
        log.warning("replacing the proxy workers")
        for child in self._children:
            if child.kind == "proxy" and (leaving := child.renew()):
                self._leaving.append(leaving)

    def request_renewal(self, *_: object) -> None:
        """Signal handler: replace the proxy workers."""
        self._renewing = True

    def request_stop(self, *_: object) -> None:
        """Signal handler: leave `watch` or whatever is being waited for."""
        self._stopping = True

    @property
    def stopping(self) -> bool:
        """Tell whether a stop was requested."""
        return self._stopping

    def stop(self) -> None:
        """End proxies, engine and backend, in that order, each gracefully."""
        if self._lock is None:
            return  # the data dir is another's
        self._watchdog.close()
        self.paths.ready.unlink(missing_ok=True)
        for kind in ("proxy", "engine"):
            ours = [child for child in self._children if child.kind == kind]
            found = [*(child.process for child in ours), *(child.before for child in ours)]
            processes = [process for process in found if process] + (self._leaving if kind == "proxy" else [])
            for process in processes:
                if process.poll() is None:
                    process.terminate()
            for process in processes:
                supervise.stop(process, _STOP_PATIENCE[kind])
        if self._embedded is not None:
            self._embedded.stop()
        if self._local is not None and self.settings.socket is not None:
            self._local.close()
            self.settings.socket.unlink(missing_ok=True)

    def _check_port(self) -> int:
        port = self.settings.port or supervise.free_port()
        family = socket.AF_INET6 if ":" in self.settings.host else socket.AF_INET
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((self.settings.host, port))
            except OSError as error:
                raise StartError(f"cannot listen on {self.settings.host}:{port}: {error.strerror}") from error
        return port

    def _start_backend(self) -> Upstream:
        if self.settings.backend is not None:
            upstream = backends.parse_url(self.settings.backend)
            return backends.identify(upstream, self.settings)
        self._embedded = open_private(self.settings, self._say)
        self._say(f"starting {self._embedded.program.kind} {self._embedded.program.version_text}")
        return self._embedded.start()

    def _examine(self, upstream: Upstream) -> None:
        with backends.connect(upstream, self.settings) as connection:
            findings = doctor.examine(connection, upstream)
        if doctor.blocked(findings):
            raise Refused(findings)

    def _start_children(self) -> None:
        workers = self.settings.workers or os.cpu_count() or 1
        path = str(self.paths.settings)
        engine_log, proxy_log = self.paths.logs / "engine.log", self.paths.logs / "proxy.log"
        self.paths.engine_socket.unlink(missing_ok=True)
        files = (self._local.fileno(),) if self._local else ()
        proxy = [sys.executable, "-m", "proxy", path, *map(str, files)]
        self._children = [
            _Child("engine", [sys.executable, "-m", "engine", path], engine_log),
            *(_Child(f"proxy {n}", proxy, proxy_log, files) for n in range(1, workers + 1)),
        ]
        for child in self._children:
            child.start()

    def _wait_for_proxy(self) -> None:
        deadline = time.monotonic() + _READY_TIMEOUT
        while not self._stopping:
            try:
                instance.connect(self.settings, connect_timeout=2, read_timeout=5).close()
                return
            except (instance.InstanceError, pymysql.err.MySQLError, OSError) as error:
                if time.monotonic() > deadline:
                    tail = supervise.log_tail(self.paths.logs / "proxy.log")
                    raise StartError(f"the proxy does not answer: {error}\n{tail}") from error
            for child in self._children:
                child.watch()
            time.sleep(_TICK)

    def _wait_for_engine(self) -> None:
        deadline = time.monotonic() + _ENGINE_PATIENCE
        while not self._stopping and not self.paths.engine_socket.exists():
            if time.monotonic() > deadline:
                self._say("the engine is not up yet; until it is, the backend answers everything")
                return
            for child in self._children:
                child.watch()
            time.sleep(_TICK)

    def _watch_backend(self) -> None:
        server = self._embedded
        if server is None or server.process is None or self._stopping:
            return
        code = server.process.poll()
        if code is None or time.monotonic() < self._backend_due:
            return
        log.error("the backend ended: %s; starting it again", why_ended(code))
        try:
            server.start()
        except EmbeddedError as error:
            log.error("%s", error)
            self._backend_due = time.monotonic() + _LONGEST_PAUSE
