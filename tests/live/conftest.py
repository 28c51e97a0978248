"""Real servers for the live tests: each kind is started once per session, on free ports, in temporary folders."""

import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.settings import Settings
from base.supervise import log_tail, spawn, stop
from engine.collate.store import Collations
from tests.live.ml_kit import ml_client, ml_model, ml_shop
from tests.live.servers import KINDS, Backend, program_of, start_backend

__all__ = ["ml_client", "ml_model", "ml_shop"]

ENGINE_GONE = 3877  # the secondary engine is not there


@pytest.fixture(scope="session")
def live_folder() -> Iterator[Path]:
    """A short-named temporary folder: socket paths are limited to 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="wf-live-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", params=KINDS)
def backend(request: pytest.FixtureRequest, live_folder: Path) -> Iterator[Backend]:
    """A server of each kind, shared by the whole session: tests make schemas of their own names in it."""
    made = start_backend(program_of(request.param), live_folder / request.param)
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture(scope="session")
def collations(backend: Backend, live_folder: Path) -> Collations:
    """The server's collations, each fetched once for all tests."""
    return Collations(live_folder / f"collations-{backend.kind}")


@pytest.fixture
def private_backend(backend: Backend, live_folder: Path) -> Iterator[Backend]:
    """A second server of the same kind for one test that stops, restarts or breaks it."""
    base = Path(tempfile.mkdtemp(prefix="p-", dir=live_folder))
    made = start_backend(backend.program, base)
    try:
        yield made
    finally:
        made.kill()
        shutil.rmtree(base, ignore_errors=True)


@dataclass(frozen=True)
class Instance:
    """The whole product before `backend`; its users are the backend's."""

    backend: Backend
    data_dir: Path
    process: subprocess.Popen[bytes]
    settings: Settings
    output: Path

    @property
    def host(self) -> str:
        """Where clients connect to."""
        return self.settings.host

    @property
    def port(self) -> int:
        """Where clients connect to."""
        return self.settings.port

    def connect(self, **options: Any) -> Any:
        """Open a connection through the proxy as root; `options` are PyMySQL's."""
        base = {"user": self.backend.user, "password": self.backend.password, "autocommit": True, "local_infile": True}
        return pymysql.connect(**{**base, "host": self.host, "port": self.port, **options})

    def run(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run one statement through the proxy and give its rows."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())

    def wait_until_loaded(self, schema: str, table: str, seconds: float = 60) -> None:
        """Wait until the copy of a table can be queried."""
        deadline = time.monotonic() + seconds
        statement = (
            "SELECT t.LOAD_STATUS FROM performance_schema.rpd_tables t JOIN performance_schema.rpd_table_id i "
            f"ON i.ID = t.ID WHERE i.SCHEMA_NAME = '{schema}' AND i.TABLE_NAME = '{table}'"
        )
        while (seen := self._asked(statement)) != [("AVAIL_RPDGSTABSTATE",)]:
            assert time.monotonic() < deadline, f"{schema}.{table} is {seen}\n{self.logs()}"
            time.sleep(0.05)

    def _asked(self, statement: str) -> object:
        """The rows of a question to the engine, or the error while there is none (it is started again)."""
        try:
            return self.run(statement)
        except pymysql.err.Error as error:
            if error.args[0] != ENGINE_GONE:
                raise
            return error

    def logs(self) -> str:
        """The ends of all logs, for a failing test's message."""
        files = [self.output, *sorted((self.data_dir / "logs").glob("*.log"))]
        return "\n".join(f"--- {file.name}\n{log_tail(file, 30)}" for file in files)

    def stop(self) -> int:
        """End it as Ctrl-C does and give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)


def start_instance(backend: Backend, data_dir: Path, *options: str) -> Instance:
    """Run `warmfront up` before a server and wait until it is ready."""
    data_dir.mkdir(parents=True, exist_ok=True)
    output = data_dir / "output"
    argv = [sys.executable, "-m", "warmfront", "up", "--data-dir", str(data_dir), "--port", "0"]
    process = spawn([*argv, "--backend", backend.url, *options], output)
    deadline = time.monotonic() + 90
    while "warmfront ready:" not in output.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            stop(process, 20)
            logs = "\n".join(log_tail(file, 30) for file in sorted((data_dir / "logs").glob("*.log")))
            pytest.fail(f"warmfront up did not get ready\n{output.read_text()}\n{logs}", pytrace=False)
        time.sleep(0.05)
    return Instance(backend, data_dir, process, Settings.read(data_dir / "run" / "settings.json"), output)


@pytest.fixture(scope="session")
def warmfront_instance(backend: Backend, live_folder: Path) -> Iterator[Instance]:
    """The whole product before `backend`, shared by the whole session, with autoload and a low cost threshold."""
    made = start_instance(
        backend, live_folder / f"wf-{backend.kind}", "--secondary-engine-cost-threshold", "0", "--workers", "2"
    )
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def lake_folder() -> Iterator[Path]:
    """What lake tables may be read from."""
    with tempfile.TemporaryDirectory(prefix="wf-lake-") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def lake_instance(backend: Backend, live_folder: Path, lake_folder: Path) -> Iterator[Instance]:
    """The whole product with a folder for lake tables; its cost threshold is the default, which they do not heed."""
    options = ("--lakehouse-paths", str(lake_folder), "--lakehouse-refresh-interval", "0.5", "--workers", "2")
    made = start_instance(backend, live_folder / f"lake-{backend.kind}", *options)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def running(live_folder: Path) -> Iterator[Callable[..., Instance]]:
    """Start further instances: `running(backend, "--workers", "1")`; all are stopped after the test."""
    made: list[Instance] = []

    def start(backend: Backend, *options: str) -> Instance:
        made.append(start_instance(backend, Path(tempfile.mkdtemp(prefix="i-", dir=live_folder)), *options))
        return made[-1]

    yield start
    for instance in made:
        instance.stop()
