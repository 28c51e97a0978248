"""Which server the private backend is: one that is set, one on this machine, or MySQL fetched from Debian."""

from collections.abc import Callable
from pathlib import Path

from base.settings import Settings
from warmfront import servers
from warmfront.embedded import EmbeddedError, EmbeddedServer, Folders, prepare
from warmfront.mysql_fetch import FetchError, fetch
from warmfront.servers import ServerProgram

Say = Callable[[str], None]

_LEAST_BUFFER_POOL = 256 << 20  # bytes
_OTHER_WAYS = """Three other ways to a backend:
  1. a package:    apt-get install mariadb-server     (or MySQL 8.0 or newer from your system's archive)
  2. a container:  docker run -d -p 3306:3306 -e MYSQL_ROOT_PASSWORD=secret mysql:9 \\
                     --binlog-row-metadata=FULL --gtid-mode=ON --enforce-gtid-consistency=ON
                   then: warmfront up --backend mysql://root:secret@127.0.0.1:3306
  3. your own:     warmfront up --backend mysql://USER:PASSWORD@HOST:PORT"""


def open_private(settings: Settings, say: Say) -> EmbeddedServer:
    """The private server of a data dir, its files made at the first start; not started. Raises EmbeddedError."""
    paths = settings.paths
    folders = Folders(paths.mysql, paths.logs / "backend.log")
    kind_file = paths.mysql / "kind"
    kind = kind_file.read_text().strip() if kind_file.exists() else None
    program = _choose(settings, kind, say)
    if kind is None:
        say(f"making the data dir of a private {program.kind} {program.version_text}")
    password = prepare(program, folders)
    return EmbeddedServer(program, folders, password, (f"--innodb-buffer-pool-size={_buffer_pool()}",))


def _choose(settings: Settings, kind: str | None, say: Say) -> ServerProgram:
    """The first good server program; of the same kind as the data dir, when there is one already."""
    if settings.mysqld is not None:
        return _the_one_set(settings.mysqld, kind)
    for program in servers.installed():
        if program.is_supported and kind in (None, program.kind):
            return program
    if kind == "mariadb":
        raise EmbeddedError(f"{settings.data_dir} was made with MariaDB, and no MariaDB is on this machine any more")
    try:
        path = fetch(settings.mysql_prefix, say)
    except FetchError as error:
        raise EmbeddedError(f"there is no MySQL or MariaDB on this machine, and {error}\n{_OTHER_WAYS}") from error
    fetched = servers.probe(path)
    if fetched is None:
        raise EmbeddedError(f"{path} does not start\n{_OTHER_WAYS}")
    return fetched


def _the_one_set(path: Path, kind: str | None) -> ServerProgram:
    program = servers.probe(path)
    if program is None:
        raise EmbeddedError(f"{path} is no MySQL or MariaDB server that starts")
    if not program.is_supported:
        raise EmbeddedError(f"{path} is {program.kind} {program.version_text}, which is too old")
    if kind not in (None, program.kind):
        raise EmbeddedError(f"{path} is {program.kind}, and the data dir was made with {kind}")
    return program


def _buffer_pool() -> int:
    """A quarter of the machine's memory: the column store and the clients want some as well."""
    with open("/proc/meminfo") as file:
        total = next(int(line.split()[1]) << 10 for line in file if line.startswith("MemTotal:"))
    return max(_LEAST_BUFFER_POOL, total // 4 >> 20 << 20)
