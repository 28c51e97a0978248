"""Clients on the same machine through a socket file, which all workers share."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pymysql
import pytest

pytestmark = pytest.mark.live

USER, PASSWORD = "wf_local", "pass word"


@pytest.fixture
def account(backend: Any) -> Any:
    """A user whose password the server does not have in its cache."""
    backend.run(f"DROP USER IF EXISTS {USER}@'%'")
    backend.run(f"CREATE USER {USER}@'%' IDENTIFIED BY '{PASSWORD}'")
    yield
    backend.run(f"DROP USER {USER}@'%'")


def test_a_socket_file_is_a_secure_line(backend: Any, account: Any, running: Any, live_folder: Path) -> None:
    path = live_folder / f"l-{backend.kind}"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    instance = running(backend, "--socket", str(path), "--workers", "2", "--tls", "required")
    for _ in range(4):
        with (
            pymysql.connect(unix_socket=str(path), user=USER, password=PASSWORD) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT CURRENT_USER(), REPEAT('x', 300000)")
            assert cursor.fetchall() == ((f"{USER}@%", "x" * 300000),)
        backend.run("FLUSH PRIVILEGES")  # the next login is a full authentication again
    folder = str(live_folder / f"taken-{backend.kind}")
    argv = [sys.executable, "-m", "warmfront", "up", "--data-dir", folder, "--port", "0", "--backend", backend.url]
    taken = subprocess.run([*argv, "--socket", str(path)], capture_output=True, timeout=60, check=False)
    assert taken.returncode == 1
    assert f"cannot listen on {path}: Address already in use".encode() in taken.stderr
    assert instance.stop() == 0
    assert not path.exists()
