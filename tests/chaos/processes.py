"""The processes of a run, and what is done to them: killed, paused, cut off, and started again."""

import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pymysql

from base.paths import Paths
from base.settings import Settings
from base.supervise import free_port
from tests.chaos.nursery import Child, Nursery
from tests.live.servers import Backend
from warmfront import certificates, instance

_PATIENCE = 120.0  # seconds that a server may take to answer again


class Family:
    """Backend, engine and one proxy worker; started here, without the supervisor's growing pauses."""

    def __init__(self, backend: Backend, folder: Path) -> None:
        self.backend = backend
        self.settings = Settings(
            data_dir=folder,
            upstream=backend.upstream,
            port=free_port(),
            workers=1,
            engine_memory_limit=1 << 29,
            engine_threads=2,
            secondary_engine_cost_threshold=0,
        )
        self.paths = Paths(folder)
        self.killed: Counter[str] = Counter()
        self._nursery = Nursery("engine.__main__", "proxy.__main__")
        self._running: dict[str, Child] = {}
        with instance.claim(self.paths):
            certificates.ensure(self.paths)
            instance.ensure_secret(self.paths)
            certificates.write_private(self.paths.settings, self.settings.to_json().encode())

    def start(self, name: str) -> None:
        """Start the engine or the proxy."""
        log = self.paths.logs / f"{name}.log"
        self._running[name] = self._nursery.start(f"{name}.__main__", str(self.paths.settings), log=log)

    def forget(self, name: str) -> None:
        """A process that was killed and is not started again."""
        del self._running[name]

    def stop_all(self) -> None:
        """End engine and proxy; the backend is another's."""
        for child in self._running.values():
            child.stop()
        self._nursery.close()

    def ended(self) -> str:
        """Name a process that ended by itself."""
        return ", ".join(name for name, child in self._running.items() if not child.alive)

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL."""
        if name == "backend":
            process = self.backend.server.process
            assert process is not None
            process.kill()
            process.wait()
        else:
            self._running[name].kill()
        self.killed[name] += 1

    def revive(self, name: str) -> None:
        """Start what was killed, and wait for a backend to answer."""
        if name == "backend":
            self.backend.server.start()
        else:
            self.start(name)

    @contextlib.contextmanager
    def paused(self, name: str) -> Iterator[None]:
        """Hold a process with SIGSTOP."""
        server = self.backend.server.process
        assert server is not None
        pid = server.pid if name == "backend" else self._running[name].pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def cut_replication(self) -> None:
        """End the backend's side of the replication connection."""
        with contextlib.suppress(pymysql.err.MySQLError, OSError):
            # Not SHOW PROCESSLIST: it cuts statements in the middle of a character.
            for (thread,) in self.backend.run(
                "SELECT ID FROM information_schema.PROCESSLIST WHERE COMMAND LIKE 'Binlog Dump%%'"
            ):
                self.backend.run(f"KILL {thread}")

    def through_proxy(self) -> Any:
        """Connect as a client does."""
        return pymysql.connect(
            user=self.backend.user,
            password=self.backend.password,
            host=self.settings.host,
            port=self.settings.port,
            autocommit=True,
            read_timeout=_PATIENCE,
        )

    def direct(self) -> Any:
        """Connect to the backend itself."""
        return self.backend.connect(read_timeout=_PATIENCE)

    def wait_until_answering(self) -> None:
        """Wait for proxy and backend."""
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                with self.through_proxy() as connection:
                    connection.ping()
                    return
            except (pymysql.err.MySQLError, OSError):
                assert time.monotonic() < deadline, "the proxy does not answer"
                time.sleep(0.05)


class Troubles:
    """Random trouble, one at a time; each gives the words that say what it did."""

    def __init__(self, family: Family, rng: Random) -> None:
        self._family = family
        self._rng = rng

    def cause(self) -> str:
        """Do something bad, and put up again what it took down."""
        choice = self._rng.choices(list(_TROUBLES), weights=[weight for weight, _ in _TROUBLES.values()])[0]
        _TROUBLES[choice][1](self)
        return choice

    def _kill(self, *names: str) -> None:
        for name in names:
            self._family.kill(name)
        if self._rng.random() < 0.3:
            time.sleep(self._rng.uniform(0, 1))
        for name in self._rng.sample(names, len(names)):
            self._family.revive(name)

    def _pause(self, name: str) -> None:
        with self._family.paused(name):
            time.sleep(self._rng.uniform(0.1, 1.5))

    def _cut(self) -> None:
        self._family.cut_replication()


_TROUBLES: dict[str, tuple[int, Callable[[Troubles], None]]] = {
    "kill engine": (48, lambda t: t._kill("engine")),
    "kill backend": (14, lambda t: t._kill("backend")),
    "kill engine and backend": (10, lambda t: t._kill("engine", "backend")),
    "kill proxy": (8, lambda t: t._kill("proxy")),
    "pause engine": (6, lambda t: t._pause("engine")),
    "pause backend": (4, lambda t: t._pause("backend")),
    "cut replication": (10, lambda t: t._cut()),
}
