"""Clients on the same machine through a socket file, which all workers share."""

import os
import pwd
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


@pytest.fixture
def trusting(backend: Any) -> Any:
    """An account that wants no password of the user of the system that we run as, when the server's file is used."""
    us = pwd.getpwuid(os.geteuid()).pw_name
    if not backend.is_mariadb:
        backend.run("INSTALL PLUGIN auth_socket SONAME 'auth_socket.so'")
        backend.run(f"CREATE USER wf_trusting@localhost IDENTIFIED WITH auth_socket AS '{us}'")
        yield "wf_trusting"
        backend.run("DROP USER wf_trusting@localhost")
        backend.run("UNINSTALL PLUGIN auth_socket")
    elif backend.run(f"SELECT 1 FROM mysql.user WHERE User = '{us}' AND Host = 'localhost'"):
        ((known,),) = backend.run(f"SHOW CREATE USER '{us}'@localhost")
        secret = known.partition("PASSWORD '")[2].partition("'")[0]
        native = f"mysql_native_password USING '{secret}'"
        backend.run(f"ALTER USER '{us}'@localhost IDENTIFIED VIA {native} OR unix_socket")
        yield us
        backend.run(f"ALTER USER '{us}'@localhost IDENTIFIED VIA {native}")
    else:
        backend.run(f"CREATE USER '{us}'@localhost IDENTIFIED VIA unix_socket")
        yield us
        backend.run(f"DROP USER '{us}'@localhost")


def test_nobody_is_taken_for_the_user_that_warmfront_runs_as(
    backend: Any, trusting: str, running: Any, live_folder: Path
) -> None:
    path = live_folder / f"t-{backend.kind}"
    own = f"{backend.url}?socket={backend.socket}"
    instance = running(backend, "--backend", own, "--socket", str(path), "--workers", "1")
    for file in (backend.socket, str(path)):
        with (
            pymysql.connect(unix_socket=file, user=trusting, password="none") as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT CURRENT_USER()")
            assert cursor.fetchall() == ((f"{trusting}@localhost",),)
    for port in (backend.port, instance.port):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            pymysql.connect(host="127.0.0.1", port=port, user=trusting, password="none")
        assert caught.value.args[0] in (1045, 1698)


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
