"""A private MySQL or MariaDB for a benchmark, and the engine's copy of it in the benchmark's own process."""

import asyncio
import contextlib
import secrets
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pymysql

from base.settings import Settings, Upstream
from engine.replica import Replica
from warmfront.embedded import EmbeddedServer, Folders, make_data, write_first_start
from warmfront.servers import installed, probe

_OPTIONS = ("--innodb-flush-log-at-trx-commit=2", "--sync-binlog=0", "--innodb-buffer-pool-size=1G")


@contextlib.contextmanager
def private_backend(program: str | None, folder: Path | None = None) -> Iterator[Upstream]:
    """Start a server of its own; with `folder` its data is kept there for the next run."""
    with contextlib.ExitStack() as stack:
        base = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wf-bench-")))
        found = probe(Path(program)) if program else next(installed(), None)
        if found is None:
            raise SystemExit("no mysqld or mariadbd: name one with --mysqld")
        folders, note = Folders(base, base / "error.log"), base / "password"
        if not folders.data.exists():
            base.mkdir(parents=True, exist_ok=True)
            make_data(found, folders.data, folders.log)
            note.write_text(secrets.token_urlsafe(12))
            write_first_start(folders, found.kind, note.read_text())
        server = EmbeddedServer(found, folders, note.read_text(), _OPTIONS)
        stack.callback(server.stop)
        yield server.start()


def connect(upstream: Upstream, **options: Any) -> "pymysql.connections.Connection[Any]":
    """A connection to the backend as root."""
    defaults: dict[str, Any] = {"unix_socket": upstream.socket, "autocommit": True}
    return pymysql.connect(user=upstream.user, password=upstream.password, **{**defaults, **options})


class Copy:
    """The engine's copy on an event loop in a thread of its own, with blocking calls."""

    def __init__(self, upstream: Upstream, folder: Path, **more: Any) -> None:
        self.replica = Replica(Settings(data_dir=folder, upstream=upstream, autoload=False, **more))
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Begin to follow the backend."""
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self) -> None:
        self.replica.start()

    def wait(self, seconds: float = 3600) -> None:
        """Wait until everything committed before this call is in the copy."""
        fence = self.replica.fence.wait("strict", seconds)
        asyncio.run_coroutine_threadsafe(fence, self._loop).result(seconds + 5)

    def load(self, schema: str, name: str, seconds: float = 3600) -> None:
        """Load a table as it is now."""
        self.wait()
        self.replica.loader.load(schema, name).result(seconds)

    def stop(self) -> None:
        """End everything; the file stays."""
        self.replica.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
