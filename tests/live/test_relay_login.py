"""Logging in through the proxy: every way a backend authenticates, in all combinations of TLS."""

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pymysql
import pytest

from wire.constants import Capability
from wire.framing import build_packets
from wire.handshake import Login, build_tls_request

pytestmark = pytest.mark.live

SHA2, NATIVE, ED25519 = "caching_sha2_password", "mysql_native_password", "ed25519"


@pytest.fixture(scope="module", params=["disabled", "required"])
def instance(request: pytest.FixtureRequest, backend: Any, live_folder: Any) -> Iterator[Any]:
    """An instance that reaches its backend by TCP, without and with TLS."""
    conftest = request.config.pluginmanager.get_plugin(str(Path(__file__).with_name("conftest.py")))
    # MariaDB 10.11 has TLS only when it is given a certificate.
    mode = "preferred" if backend.is_mariadb and request.param == "required" else request.param
    made = conftest.start_instance(
        backend,
        live_folder / f"login-{backend.kind}-{request.param}",
        *("--backend-tls", mode, "--workers", "1", "--connect-timeout", "2"),
    )
    yield made
    made.stop()


@pytest.fixture(scope="module")
def accounts(backend: Any) -> Iterator[dict[str, str]]:
    """Users of this module and their passwords."""
    made = {"wf_plain": "pass word'1", "wf_empty": ""}
    plugins = [NATIVE] if backend.is_mariadb else [SHA2]
    for user, password in made.items():
        backend.run(f"DROP USER IF EXISTS {user}@'%'")
        quoted = password.replace("'", "''")
        clause = f"IDENTIFIED BY '{quoted}'" if backend.is_mariadb else f"IDENTIFIED WITH {plugins[0]} BY '{quoted}'"
        backend.run(f"CREATE USER {user}@'%' {clause}")
    backend.run("CREATE USER wf_tls@'%' REQUIRE SSL")
    yield made
    for user in (*made, "wf_tls"):
        backend.run(f"DROP USER {user}@'%'")


def tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


@pytest.mark.parametrize("with_tls", [True, False])
def test_full_then_fast_then_wrong(instance: Any, backend: Any, accounts: dict[str, str], with_tls: bool) -> None:
    options: dict[str, Any] = {"ssl": tls()} if with_tls else {"ssl_disabled": True}
    backend.run("FLUSH PRIVILEGES")  # empties the cache of caching_sha2_password
    for user, password in accounts.items():
        for _ in range(2):
            with instance.connect(user=user, password=password, **options) as connection:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT USER()")
                    assert cursor.fetchone()[0].startswith(f"{user}@")
                assert isinstance(connection._sock, ssl.SSLSocket) is with_tls
        with pytest.raises(pymysql.err.OperationalError) as caught:
            instance.connect(user=user, password=f"{password}x", **options)
        assert caught.value.args[0] == 1045
        assert user in caught.value.args[1]


@pytest.mark.parametrize("with_tls", [False, True], ids=["plain", "tls"])
def test_a_client_is_told_of_its_own_line(instance: Any, accounts: dict[str, str], with_tls: bool) -> None:
    options: dict[str, Any] = {"ssl": tls()} if with_tls else {"ssl_disabled": True}
    with instance.connect(user="wf_plain", password=accounts["wf_plain"], **options) as connection:
        line = connection._sock
        expected = {"Ssl_version": line.version(), "Ssl_cipher": line.cipher()[0]} if with_tls else {}
        for statement in ("SHOW STATUS LIKE 'ssl\\_%'", "SHOW SESSION STATUS", "SHOW LOCAL STATUS LIKE 'Ssl_cipher'"):
            with connection.cursor() as cursor:
                cursor.execute(statement)
                told = dict(cursor.fetchall())
            assert told["Ssl_cipher"] == expected.get("Ssl_cipher", "")
            assert told.get("Ssl_version", expected.get("Ssl_version", "")) == expected.get("Ssl_version", "")
            assert len(told) == (1 if statement.endswith("_cipher'") else len(told))


@pytest.mark.parametrize("user", ["wf_tls", "wf_plain"])
@pytest.mark.parametrize("with_tls", [True, False], ids=["tls", "plain"])
def test_a_line_without_tls_is_refused_where_the_server_does(
    instance: Any, backend: Any, accounts: dict[str, str], user: str, with_tls: bool
) -> None:
    """The server's own line from us has TLS, or has none, whatever the client's has."""
    password = accounts.get(user, "")
    options: dict[str, Any] = {"ssl": tls()} if with_tls else {"ssl_disabled": True}
    with contextlib.closing(backend.connect()) as root, root.cursor() as cursor:
        for demanded in ("OFF", "ON") if user == "wf_plain" else ("OFF",):
            cursor.execute(f"SET GLOBAL require_secure_transport = {demanded}")
            try:
                told = [ends(way, user, password, options) for way in (backend, instance)]
            finally:
                cursor.execute("SET GLOBAL require_secure_transport = OFF")
            if not with_tls or instance.settings.backend_tls == "required":
                assert told[0] == told[1], demanded


def ends(way: Any, user: str, password: str, options: dict[str, Any]) -> object:
    """How a login ends: with an error, or a session that answers."""
    try:
        with way.connect(host=way.host, port=way.port, user=user, password=password, **options) as connection:
            return connection.query("SELECT CURRENT_USER()")
    except pymysql.err.OperationalError as problem:
        return problem.args


@pytest.mark.parametrize("with_tls", [True, False], ids=["tls", "plain"])
def test_a_changed_user_may_demand_tls(instance: Any, backend: Any, accounts: dict[str, str], with_tls: bool) -> None:
    if backend.is_mariadb:
        pytest.skip("has no TLS without a certificate, and takes a second to refuse")
    options: dict[str, Any] = {"ssl": tls()} if with_tls else {"ssl_disabled": True}
    with contextlib.closing(instance.connect(**options)) as connection:
        connection._execute_command(0x11, b"wf_tls\0\0\0" + (45).to_bytes(2, "little") + b"mysql_native_password\0\0")
        if with_tls and instance.settings.backend_tls == "required":
            answer_switches(connection, connection._read_packet())
            assert connection.query("SELECT 1")
        else:
            with pytest.raises(pymysql.err.OperationalError, match="Access denied for user 'wf_tls'@'"):
                answer_switches(connection, connection._read_packet())


def answer_switches(connection: Any, packet: Any) -> None:
    """Go on with an authentication without a password until the server says OK."""
    while not packet.is_ok_packet():
        assert packet.is_auth_switch_request()
        assert packet.get_all_data()[1:].split(b"\0")[0] in (SHA2.encode(), NATIVE.encode())
        connection.write_packet(b"")
        packet = connection._read_packet()


@pytest.mark.parametrize("with_tls", [True, False])
def test_change_user(instance: Any, backend: Any, accounts: dict[str, str], with_tls: bool) -> None:
    options: dict[str, Any] = {"ssl": tls()} if with_tls else {"ssl_disabled": True}
    with instance.connect(**options) as connection:
        payload = b"wf_empty\0\0\0" + (45).to_bytes(2, "little") + b"mysql_native_password\0\0"
        connection._execute_command(0x11, payload)
        connection._auth_plugin_name = "mysql_native_password"
        connection.user, connection.password = b"wf_empty", b""
        answer_switches(connection, connection._read_packet())
        with connection.cursor() as cursor:
            cursor.execute("SELECT USER()")
            assert cursor.fetchone()[0].startswith("wf_empty@")


def worker_of(instance: Any) -> psutil.Process:
    for child in psutil.Process(instance.process.pid).children(recursive=True):
        if "proxy" in child.cmdline():
            return child
    raise AssertionError("no proxy process")


def test_handshakes_that_never_end_are_ended(instance: Any, backend: Any) -> None:
    worker = worker_of(instance)
    instance.run("SELECT 1")
    time.sleep(0.5)
    before = worker.num_fds()
    capabilities = int(Capability.PROTOCOL_41 | Capability.SSL | Capability.SECURE_CONNECTION | Capability.PLUGIN_AUTH)
    request = build_packets(build_tls_request(Login(capabilities, 1 << 24, 45, b"", b"")), 1)
    silent = []
    for start in (b"", request[:7], request, request + b"\x16\x03\x01\x02", request + b"SELECT 1; plain text"):
        sock = socket.create_connection((instance.host, instance.port), 10)
        sock.recv(4096)
        sock.sendall(start)
        silent.append(sock)
    for sock in silent:
        sock.settimeout(10)
        with contextlib.suppress(ConnectionError):
            while sock.recv(4096):
                pass
        sock.close()
    deadline = time.monotonic() + 5
    while worker.num_fds() > before:
        assert time.monotonic() < deadline, f"{worker.num_fds()} file descriptors, {before} before"
        time.sleep(0.1)
    assert instance.run("SELECT 1") == [(1,)]


def test_sessions_leave_nothing_behind(instance: Any) -> None:
    worker = worker_of(instance)
    instance.run("SELECT 1")
    time.sleep(0.5)
    before = worker.num_fds()
    for _ in range(30):
        instance.run("SELECT 1")
    time.sleep(1)
    assert worker.num_fds() <= before + 1


def test_a_backend_that_is_down_is_named(private_backend: Any, running: Callable[..., Any]) -> None:
    instance = running(private_backend, "--workers", "1")
    private_backend.server.stop()
    with pytest.raises(pymysql.err.OperationalError) as caught:
        instance.connect()
    assert caught.value.args[0] == 2003


def test_an_accounts_own_limit_is_told_by_the_backend(warmfront_instance: Any, backend: Any) -> None:
    backend.run("CREATE USER few IDENTIFIED BY 'few' WITH MAX_USER_CONNECTIONS 1")
    told = []
    with warmfront_instance.connect(user="few", password="few"):
        for server in (backend, warmfront_instance):
            with pytest.raises(pymysql.err.OperationalError) as refused:
                pymysql.connect(host=server.host, port=server.port, user="few", password="few")
            told.append(refused.value.args)
    backend.run("DROP USER few")
    assert told[0] == told[1]
    assert told[0][0] == 1226
