"""A load balancer before warmfront tells where clients are from, and MariaDB is told."""

import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pymysql
import pytest

from wire.proxy_protocol import SIGNATURE

pytestmark = pytest.mark.live

PASSWORD = "from far away 1"
LINE = b"PROXY TCP4 203.0.113.9 198.51.100.1 40000 3306\r\n"
BINARY = (
    SIGNATURE + b"\x21\x11\x00\x10" + bytes((203, 0, 113, 9, 198, 51, 100, 1)) + b"\x9c\x40\x0c\xea" + b"\x04\0\x01x"
)
OWN_CHECK = SIGNATURE + b"\x20\0\0\0"


def through_balancer(instance: Any, header: bytes, user: str, **options: Any) -> Any:
    """Log in on a connection that begins with a header, as one from a balancer does."""
    sock = socket.create_connection((instance.host, instance.port), 10)
    sock.sendall(header)
    connection = pymysql.connect(user=user, password=PASSWORD, defer_connect=True, **options)
    connection.connect(sock)
    return connection


def whom(connection: Any) -> list[str]:
    """Who the backend says that one is."""
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT USER(), CURRENT_USER()")
        return list(cursor.fetchone())


@pytest.fixture
def accounts(backend: Any) -> Any:
    """One account for clients of the balancer's, and one for everybody."""
    hosts = {"wf_far": "203.0.113.9", "wf_any": "%"}
    for user, host in hosts.items():
        backend.run(f"DROP USER IF EXISTS {user}@'{host}'")
        backend.run(f"CREATE USER {user}@'{host}' IDENTIFIED BY '{PASSWORD}'")
    yield
    for user, host in hosts.items():
        backend.run(f"DROP USER {user}@'{host}'")


@pytest.mark.parametrize("header", [LINE, BINARY], ids=["line", "binary"])
def test_headers_of_those_that_are_believed(backend: Any, accounts: Any, running: Any, header: bytes) -> None:
    options = ["--proxy-protocol-networks", "10.0.0.0/8, 127.0.0.1", "--workers", "1"]
    if backend.kind == "mariadb":
        backend.run("SET GLOBAL proxy_protocol_networks = '127.0.0.1'")
        options += ["--backend-proxy-protocol", "true"]
    try:
        instance = running(backend, *options)
        far = "203.0.113.9" if backend.kind == "mariadb" else "localhost"
        near = "localhost"
        for tls in ({"ssl_disabled": True}, {"ssl": {"check_hostname": False, "verify_mode": "none"}}):
            assert whom(through_balancer(instance, header, "wf_any", **tls)) == [f"wf_any@{far}", "wf_any@%"]
        assert whom(through_balancer(instance, OWN_CHECK, "wf_any")) == [f"wf_any@{near}", "wf_any@%"]
        assert whom(instance.connect(user="wf_any", password=PASSWORD)) == [f"wf_any@{near}", "wf_any@%"]
        if backend.kind == "mariadb":
            assert whom(through_balancer(instance, header, "wf_far")) == [f"wf_far@{far}", "wf_far@203.0.113.9"]
        with pytest.raises(pymysql.err.OperationalError) as caught:
            instance.connect(user="wf_far", password=PASSWORD)
        assert caught.value.args[0] == 1045
        with pytest.raises(pymysql.err.OperationalError):
            through_balancer(instance, b"PROXY TCP4 nobody nowhere 1 2\r\n", "wf_any")
        assert instance.run("SELECT 1") == [(1,)]
    finally:
        if backend.kind == "mariadb":
            backend.run("SET GLOBAL proxy_protocol_networks = ''")


def test_a_header_of_somebody_else_is_refused(backend: Any, warmfront_instance: Any, accounts: Any) -> None:
    for header in (LINE, BINARY, OWN_CHECK):
        with pytest.raises(pymysql.err.OperationalError) as caught:
            through_balancer(warmfront_instance, header, "wf_any", ssl_disabled=True)
        assert caught.value.args == (1130, "Proxy header is not accepted from 127.0.0.1")
    assert warmfront_instance.run("SELECT 1") == [(1,)]


def test_settings_that_cannot_be_meant(backend: Any, tmp_path: Path) -> None:
    argv = [
        sys.executable,
        "-m",
        "warmfront",
        "up",
        "--data-dir",
        str(tmp_path),
        "--port",
        "0",
        "--backend",
        backend.url,
    ]
    wrong = {"--proxy-protocol-networks=10.0.0.0/8,balancer": "balancer is no network, and neither localhost nor *"}
    if backend.kind == "mysql":
        wrong["--backend-proxy-protocol=true"] = "MySQL takes no PROXY header"
    for option, message in wrong.items():
        made = subprocess.run([*argv, option], capture_output=True, timeout=60, check=False)
        assert made.returncode == 1
        assert message.encode() in made.stderr
