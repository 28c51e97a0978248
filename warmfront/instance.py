"""One data dir: lock it, write its files, and find the instance that runs in it."""

import fcntl
import json
import os
import secrets
from pathlib import Path
from typing import Any, TextIO

import pymysql

from base import faults
from base.errors import WarmfrontError
from base.paths import Paths
from base.settings import Settings
from warmfront.certificates import write_private


class InstanceError(WarmfrontError):
    """The data dir is in use, or nothing runs in it; the text says which."""


def claim(paths: Paths) -> TextIO:
    """Make the data dir and lock it for this process; the lock lasts as long as the file is open.

    Raises InstanceError with the pid of the process that has it.
    """
    try:
        paths.data_dir.mkdir(parents=True, exist_ok=True)
        paths.data_dir.chmod(0o700)
        for folder in (paths.run, paths.logs, paths.store):
            folder.mkdir(exist_ok=True)
        file = paths.pid.open("a+")
    except OSError as error:
        raise InstanceError(f"cannot use the data dir {paths.data_dir}: {error.strerror}") from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        pid = paths.pid.read_text().strip() or "unknown"
        raise InstanceError(f"the data dir {paths.data_dir} is in use by process {pid}") from None
    file.truncate(0)
    faults.point("before", "claim")
    file.write(f"{os.getpid()}\n")
    file.flush()
    faults.point("after", "claim")
    return file


def ensure_secret(paths: Paths) -> None:
    """Make the engine's password when there is none yet."""
    if not paths.engine_secret.exists():
        write_private(paths.engine_secret, secrets.token_hex(32).encode())


def write_client_cnf(settings: Settings) -> None:
    """Write the option file that lets the mysql command line in, as the backend's own user."""
    server = settings.server
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    lines = [
        "[client]",
        f"user={_option_value(server.user)}",
        f"password={_option_value(server.password)}",
        f"host={host}",
        f"port={settings.port}",
        "protocol=tcp",
        "[mysql]",
        "local-infile=1",
    ]
    write_private(settings.paths.client_cnf, ("\n".join(lines) + "\n").encode())


def _option_value(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t")
    return f'"{escaped}"'


def write_ready(settings: Settings) -> None:
    """Say that clients can connect."""
    write_private(settings.paths.ready, json.dumps({"host": settings.host, "port": settings.port}).encode())


def running(data_dir: Path) -> Settings:
    """Settings of the instance that runs in a data dir. Raises InstanceError when none does."""
    paths = Paths(data_dir)
    try:
        with paths.pid.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        alive = False
    except FileNotFoundError:
        alive = False
    except BlockingIOError:
        alive = True
    if not alive:
        raise InstanceError(f"no instance runs in {data_dir}; start one with: warmfront up --data-dir {data_dir}")
    if not paths.ready.exists():
        raise InstanceError(f"the instance in {data_dir} is still starting")
    return Settings.read(paths.settings)


def connect(settings: Settings, **options: Any) -> Any:
    """Open a PyMySQL connection through the proxy. Raises InstanceError."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    base = {"user": settings.server.user, "password": settings.server.password, "autocommit": True}
    try:
        return pymysql.connect(**{**base, "host": host, "port": settings.port, "connect_timeout": 10, **options})
    except pymysql.err.MySQLError as error:
        raise InstanceError(f"cannot connect to {host}:{settings.port}: {error.args[-1]}") from error
