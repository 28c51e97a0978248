"""A running warmfront for a benchmark: started in a folder of its own, stopped and removed afterwards."""

import contextlib
import json
import pathlib
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psutil
import pymysql

from base.supervise import free_port, with_parent

READY = "warmfront ready:"


@dataclass(frozen=True)
class Instance:
    """Where a running instance listens, and how its backend is reached directly."""

    process: psutil.Process
    data_dir: pathlib.Path
    host: str
    port: int
    backend_host: str
    backend_port: int
    user: str
    password: str
    kind: str
    version: str

    def connect(self, direct: bool = False, **options: Any) -> "pymysql.connections.Connection[Any]":
        """Connect through warmfront, or to the backend itself."""
        host, port = (self.backend_host, self.backend_port) if direct else (self.host, self.port)
        options = {"autocommit": True, "local_infile": True} | options
        return pymysql.connect(host=host, port=port, user=self.user, password=self.password, **options)

    def wait_loaded(self, schema: str, tables: set[str], seconds: float = 600) -> None:
        """Wait until the tables are loaded; raises TimeoutError with what is missing."""
        deadline = time.monotonic() + seconds
        query = (
            "SELECT i.TABLE_NAME FROM performance_schema.rpd_tables t JOIN performance_schema.rpd_table_id i "
            "ON t.ID = i.ID WHERE i.SCHEMA_NAME = %s AND t.LOAD_STATUS = 'AVAIL_RPDGSTABSTATE'"
        )
        connection = self.connect()
        while True:
            with connection.cursor() as cursor:
                cursor.execute(query, (schema,))
                missing = tables - {name for (name,) in cursor.fetchall()}
            if not missing:
                connection.close()
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"not loaded after {seconds:.0f} s: {sorted(missing)}")
            time.sleep(0.1)

    def sysbench_user(self, user: str, schema: str) -> None:
        """Make an account and an empty schema for sysbench, whose client speaks mysql_native_password or RSA."""
        connection = self.connect(direct=True)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {schema}")
            cursor.execute(f"CREATE DATABASE {schema}")
            for host in ("%", "localhost"):
                cursor.execute(f"CREATE USER IF NOT EXISTS '{user}'@'{host}' IDENTIFIED BY 'sbtest'")
                cursor.execute(f"GRANT ALL ON {schema}.* TO '{user}'@'{host}'")
        connection.close()

    def engine(self) -> psutil.Process:
        """The engine's process."""
        for child in self.process.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                arguments = child.cmdline()
                if "-m" in arguments and "engine" in arguments:
                    return child
        raise ProcessLookupError("no engine process")


def wait_port(port: int, seconds: float = 30) -> None:
    """Wait until somebody listens; raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"nobody listens on port {port}")
        time.sleep(0.05)


@contextlib.contextmanager
def running(
    backend: str | None = None,
    data_dir: str | None = None,
    options: list[str] | None = None,
    tree: str | None = None,
) -> Iterator[Instance]:
    """Start `warmfront up` on a free port and stop it when the block ends.

    Without `data_dir` a temporary one is used and removed; with one, it is kept for the next run. `tree` is another
    clone, whose code is run with this one's packages.
    """
    with contextlib.ExitStack() as stack:
        folder = data_dir or stack.enter_context(tempfile.TemporaryDirectory(prefix="warmfront-bench-"))
        command = [sys.executable, "-m", "warmfront", "up", "--data-dir", folder, "--port", str(free_port())]
        command += ["--backend", backend] if backend else []
        # A run that is killed leaves no servers behind; those of other threads end with the block alone.
        bound = with_parent() if threading.current_thread() is threading.main_thread() else None
        child = subprocess.Popen(
            command + (options or []), stdout=subprocess.PIPE, text=True, cwd=tree, preexec_fn=bound
        )
        stack.callback(stop, child)
        await_ready(child)
        yield describe(child, pathlib.Path(folder))


def await_ready(child: "subprocess.Popen[str]", seconds: float = 300) -> None:
    """Read the child's output until it says it is ready; raises SystemExit when it ends or takes too long."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        assert child.stdout is not None
        for line in child.stdout:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + seconds
    while True:
        try:
            line = lines.get(timeout=max(0.1, deadline - time.monotonic()))
        except queue.Empty:
            raise SystemExit(f"warmfront was not ready after {seconds:.0f} s") from None
        if line is None:
            raise SystemExit(f"warmfront up ended with {child.wait()}")
        if line.startswith(READY):
            return


def stop(child: "subprocess.Popen[str]") -> None:
    """Stop as Ctrl-C does, and wait."""
    if child.poll() is None:
        child.send_signal(signal.SIGINT)
        child.wait(60)


def describe(child: "subprocess.Popen[str]", folder: pathlib.Path) -> Instance:
    """Read from the data dir how the instance and its backend are reached."""
    settings = json.loads((folder / "run" / "settings.json").read_text())
    backend = settings["upstream"]
    return Instance(
        process=psutil.Process(child.pid),
        data_dir=folder,
        host=settings["host"],
        port=settings["port"],
        backend_host=backend["host"],
        backend_port=backend["port"],
        user=backend["user"],
        password=backend["password"],
        kind=backend["kind"],
        version=backend["version"],
    )
