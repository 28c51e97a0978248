"""Real servers to test against: where their programs are, and how to start one on a free port in its own folder."""

import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.settings import Settings, Upstream
from warmfront.embedded import EmbeddedServer, Folders, make_data, write_first_start
from warmfront.servers import ServerProgram, fetched, installed, probe

KINDS = tuple(os.environ.get("WARMFRONT_TEST_SERVERS", "mysql mariadb").split())
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

    def kill(self) -> None:
        """End the server at once; asked to end, MySQL takes ten seconds where a replica was killed."""
        if self.server.process is not None:
            self.server.process.kill()
            self.server.process.wait()

    def run(self, statement: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Run one statement as root and give its rows."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement, arguments or None)
            return list(cursor.fetchall())


def program_of(kind: str) -> ServerProgram:
    """Find the server program of a kind; the test fails when there is none."""
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


def start_backend(
    program: ServerProgram, base: Path, options: tuple[str, ...] = (), server_id: int = 1, password: str = ""
) -> Backend:
    """Start a new server in an empty folder; a replica needs another number and the password of its source."""
    folders = Folders(base, base / "error.log")
    base.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_template(program), folders.data, symlinks=True)
    (folders.data / "auto.cnf").unlink(missing_ok=True)  # each server its own uuid
    password = password or secrets.token_urlsafe(12)
    write_first_start(folders, program.kind, password)
    server = EmbeddedServer(program, folders, password, (*_FAST, *options), server_id)
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
