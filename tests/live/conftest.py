"""Real servers for the live tests: each kind is started once per session, on free ports, in temporary folders."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.settings import Settings, Upstream
from warmfront.embedded import EmbeddedServer, Folders, make_data, write_first_start
from warmfront.servers import ServerProgram, fetched, installed, probe

KINDS = ("mysql", "mariadb")
# A test server may lose its last second in a crash: no test crashes the machine.
_FAST = (
    "--innodb-flush-log-at-trx-commit=2",
    "--sync-binlog=0",
    "--innodb-buffer-pool-size=256M",
    "--max-connections=500",
)


@dataclass(frozen=True)
class Backend:
    """A running server. `bin_dir` holds its mysqld; `root` is its folder."""

    kind: str
    host: str
    port: int
    socket: str
    user: str
    password: str
    version: str
    bin_dir: Path
    program: ServerProgram
    upstream: Upstream
    server: EmbeddedServer

    @property
    def is_mariadb(self) -> bool:
        """Tell whether it is MariaDB."""
        return self.kind == "mariadb"

    @property
    def url(self) -> str:
        """As given to `warmfront up --backend`."""
        return f"mysql://{self.user}:{self.password}@{self.host}:{self.port}"

    def connect(self, **options: Any) -> Any:
        """Open a connection as root; `options` are PyMySQL's."""
        defaults = {"user": self.user, "password": self.password, "autocommit": True, "local_infile": True}
        if "host" not in options:
            defaults["unix_socket"] = self.socket
        return pymysql.connect(**{**defaults, **options})

    def run(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run one statement as root and give its rows."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())


def _program(kind: str) -> ServerProgram:
    given = os.environ.get(f"WARMFRONT_TEST_{'MYSQLD' if kind == 'mysql' else 'MARIADBD'}")
    candidates = [probe(Path(given))] if given else [fetched(Settings().mysql_prefix), *installed()]
    for program in candidates:
        if program is not None and program.kind == kind and program.is_supported:
            return program
    pytest.fail(f"no {kind} server on this machine: scripts/test fetches or names what is missing", pytrace=False)


def _template(program: ServerProgram) -> Path:
    """An initialised data dir, kept between runs; made under another name and renamed, so two runs may race."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "warmfront-tests"
    cache.mkdir(parents=True, exist_ok=True)
    template = cache / f"{program.kind}-{program.version_text}"
    if not template.exists():
        with tempfile.TemporaryDirectory(dir=cache) as scratch:
            made = Path(scratch) / "data"
            make_data(program, made, Path(scratch) / "log")
            try:
                made.rename(template)
            except OSError:
                if not template.exists():
                    raise
    return template


def _start(program: ServerProgram, base: Path, options: tuple[str, ...] = ()) -> Backend:
    folders = Folders(base, base / "error.log")
    base.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_template(program), folders.data, symlinks=True)
    (folders.data / "auto.cnf").unlink(missing_ok=True)  # each server its own uuid
    password = secrets.token_urlsafe(12)
    write_first_start(folders, program.kind, password)
    server = EmbeddedServer(program, folders, password, (*_FAST, *options))
    up = server.start()
    return Backend(
        up.kind,
        up.host,
        up.port,
        str(up.socket),
        up.user,
        up.password,
        up.version,
        program.path.parent,
        program,
        up,
        server,
    )


@pytest.fixture(scope="session")
def live_folder() -> Iterator[Path]:
    """A short-named temporary folder: socket paths are limited to 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="wf-live-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session", params=KINDS)
def backend(request: pytest.FixtureRequest, live_folder: Path) -> Iterator[Backend]:
    """A server of each kind, shared by the whole session: tests make schemas of their own names in it."""
    made = _start(_program(request.param), live_folder / request.param)
    try:
        yield made
    finally:
        made.server.stop()


@pytest.fixture
def private_backend(backend: Backend, live_folder: Path) -> Iterator[Backend]:
    """A second server of the same kind for one test that stops, restarts or breaks it."""
    base = Path(tempfile.mkdtemp(prefix="p-", dir=live_folder))
    made = _start(backend.program, base)
    try:
        yield made
    finally:
        made.server.stop()
        shutil.rmtree(base, ignore_errors=True)
