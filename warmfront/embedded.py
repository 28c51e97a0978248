"""A private real MySQL or MariaDB: initialise, start, stop. Used by `up` and by the test suite."""

import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pymysql

from base import supervise
from base.errors import WarmfrontError
from base.settings import Upstream
from warmfront.servers import ServerProgram

_LONGEST_SOCKET_PATH = 107  # sun_path of unix(7), less the final NUL
_START_TIMEOUT = 120.0  # seconds; crash recovery of a large data dir takes its time
_STOP_TIMEOUT = 60.0  # seconds

_COMMON_OPTIONS = (
    "--bind-address=127.0.0.1",
    "--log-bin=binlog",
    "--binlog-row-image=FULL",
    "--binlog-row-metadata=FULL",
    "--binlog-expire-logs-seconds=259200",  # three days: the copy follows within seconds
    "--local-infile=ON",
    "--character-set-server=utf8mb4",
)
_KIND_OPTIONS = {
    "mysql": (
        "--gtid-mode=ON",
        "--enforce-gtid-consistency=ON",
        "--mysqlx=OFF",
        "--secure-file-priv=NULL",
    ),
    "mariadb": ("--binlog-format=ROW",),
}


class EmbeddedError(WarmfrontError):
    """The private server could not be initialised or started; the text says why."""


@dataclass(frozen=True, slots=True)
class Folders:
    """Where one private server keeps its things: inside `base`, log lines in `log`."""

    base: Path
    log: Path

    @property
    def data(self) -> Path:
        """The server's own data dir."""
        return self.base / "data"

    @property
    def temporary(self) -> Path:
        """Its temporary files: a server that starts removes all of them, so none may share the folder."""
        return self.base / "tmp"

    @property
    def socket(self) -> Path:
        """Its socket."""
        return self.base / "mysql.sock"

    @property
    def first_start(self) -> Path:
        """SQL that sets the root password; exists until the first start has done it."""
        return self.base / "first-start.sql"


def user_options() -> list[str]:
    """The servers refuse to run as root unless told so."""
    return ["--user=root"] if os.geteuid() == 0 else []


def make_data(program: ServerProgram, data: Path, log_file: Path) -> None:
    """Make an empty data dir for a server, root without a password. Raises EmbeddedError.

    It is made beside its place and renamed, so that an interrupted run leaves nothing half made.
    """
    fresh = data.with_name(data.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.parent.mkdir(parents=True, exist_ok=True)
    if program.kind == "mysql":
        argv = [program.path, "--no-defaults", "--initialize-insecure", f"--datadir={fresh}", *user_options()]
    else:
        installer = program.companion("mariadb-install-db")
        if installer is None:
            raise EmbeddedError("mariadb-install-db is missing beside mariadbd; install the package mariadb-server")
        argv = [
            installer,
            "--no-defaults",
            f"--datadir={fresh}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            *user_options(),
        ]
    with log_file.open("ab") as output:
        code = subprocess.run([str(word) for word in argv], stdout=output, stderr=subprocess.STDOUT).returncode
    if code != 0:
        raise EmbeddedError(f"{argv[0]} ended with code {code}:\n{supervise.log_tail(log_file)}")
    fresh.rename(data)


def write_first_start(folders: Folders, kind: str, password: str) -> None:
    """Leave SQL for the first start: root gets its password, every other account that was made goes."""
    lines = [f"ALTER USER 'root'@'localhost' IDENTIFIED BY '{password}';"]
    if kind == "mariadb":
        lines = [
            "DELETE FROM mysql.global_priv WHERE NOT (User IN ('root','mariadb.sys') AND Host='localhost');",
            "FLUSH PRIVILEGES;",
            *lines,
        ]
    folders.first_start.touch(mode=0o600)
    folders.first_start.write_text("\n".join(lines) + "\n")


class EmbeddedServer:
    """One private server: started by `start`, watched through `process`, ended by `stop`."""

    def __init__(
        self, program: ServerProgram, folders: Folders, password: str, options: Sequence[str] = (), server_id: int = 1
    ) -> None:
        self.program = program
        self.folders = folders
        self.password = password
        self.options = (*options, f"--server-id={server_id}")
        self.port = 0
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Upstream:
        """Start it and wait until it answers. Raises EmbeddedError with the end of its log."""
        if len(os.fsencode(self.folders.socket)) > _LONGEST_SOCKET_PATH:
            raise EmbeddedError(f"the path of the socket is too long for the system: {self.folders.socket}")
        self.folders.temporary.mkdir(mode=0o700, exist_ok=True)
        self.port = self.port or supervise.free_port()
        self.process = supervise.spawn(self._argv(), self.folders.log)
        upstream = self._wait()
        self.folders.first_start.unlink(missing_ok=True)
        return upstream

    def stop(self) -> None:
        """End it gracefully: InnoDB is flushed, the binlog closed."""
        if self.process is not None:
            supervise.stop(self.process, _STOP_TIMEOUT)

    def _argv(self) -> list[str | Path]:
        argv: list[str | Path] = [
            self.program.path,
            "--no-defaults",
            f"--datadir={self.folders.data}",
            f"--tmpdir={self.folders.temporary}",
            f"--socket={self.folders.socket}",
            f"--pid-file={self.folders.base / 'mysqld.pid'}",
            f"--port={self.port}",
            *_COMMON_OPTIONS,
            *_KIND_OPTIONS[self.program.kind],
            *user_options(),
            *self.options,
        ]
        if self.folders.first_start.exists():
            argv.append(f"--init-file={self.folders.first_start}")
        return argv

    def _wait(self) -> Upstream:
        assert self.process is not None
        deadline = time.monotonic() + _START_TIMEOUT
        while True:
            code = self.process.poll()
            if code is not None:
                raise EmbeddedError(
                    f"{self.program.path.name} ended with code {code}:\n{supervise.log_tail(self.folders.log)}"
                )
            try:
                return self._ask()
            except (pymysql.err.MySQLError, OSError) as error:
                if time.monotonic() > deadline:
                    self.stop()
                    raise EmbeddedError(f"{self.program.path.name} does not answer: {error}") from error
            time.sleep(0.05)

    def _ask(self) -> Upstream:
        with (
            pymysql.connect(
                user="root", password=self.password, unix_socket=str(self.folders.socket), connect_timeout=10
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT VERSION()")
            (version,) = cursor.fetchone()
        return Upstream(
            self.program.kind, "127.0.0.1", self.port, str(self.folders.socket), "root", self.password, str(version)
        )


def prepare(program: ServerProgram, folders: Folders) -> str:
    """Make the server's files at the first start and give root's password, new or kept."""
    folders.base.mkdir(parents=True, exist_ok=True, mode=0o700)
    folders.log.parent.mkdir(parents=True, exist_ok=True)
    secret = folders.base / "root.password"
    if folders.data.exists():
        return secret.read_text().strip()
    password = secrets.token_urlsafe(24)
    secret.touch(mode=0o600)
    secret.write_text(password + "\n")
    write_first_start(folders, program.kind, password)
    make_data(program, folders.data, folders.log)
    (folders.base / "kind").write_text(program.kind + "\n")
    return password
