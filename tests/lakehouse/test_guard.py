"""https:// addresses: read over real TLS, and never of this machine or a private network unless that is allowed."""

import http.server
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from base.errors import LakeError
from engine.lake.reach import Reach
from lakehouse.descriptions.entries import read_entries
from lakehouse.stores.guard import Guard, GuardProxy, is_public
from lakehouse.stores.places import Places
from tests.lakehouse.http_files import Answering

Make = Callable[..., Places]
CONTENT = b"a,b\n1,2\n3,4\n"
SIGNED = "X-Amz-Signature=deadbeef"


class _Handler(Answering):
    plain_port = 0

    def do_GET(self) -> None:
        if self.command == "HEAD" and SIGNED in self.path:
            self.answer(403, b"")  # signed for GET
        elif self.path.startswith("/to/"):
            self.answer(302, b"", Location=self.path.removeprefix("/to/"))
        elif self.path.startswith("/whole"):
            self.answer(200, CONTENT)
        elif self.path.startswith("/data"):
            self.give_part(CONTENT)
        else:
            self.answer(404, b"")

    do_HEAD = do_GET


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("tls")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert),
        ],
        check=True,
        capture_output=True,
    )
    return key, cert


@pytest.fixture
def server(certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An https server whose certificate is trusted; gives its address."""
    key, cert = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(cert))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    made = http.server.ThreadingHTTPServer(("", 0), _Handler)
    made.socket = context.wrap_socket(made.socket, server_side=True)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield f"https://localhost:{made.server_address[1]}"
    made.shutdown()
    made.server_close()


def resolved(places: Places, url: str) -> Any:
    return places.resolve(read_entries([{"uri": url}]))[0]


def test_a_signed_url_is_read_in_parts(places: Make, server: str) -> None:
    made = places(lakehouse_private_addresses=True)
    found = resolved(made, f"{server}/data.csv?{SIGNED}")
    assert (found.size, made.read(found, 4, 3), made.read(found, 99, 1)) == (len(CONTENT), b"1,2", b"")
    assert found.shown == f"{server}/data.csv?***"


def test_the_column_store_reads_by_way_of_the_guard(places: Make, server: str) -> None:
    made = places(lakehouse_private_addresses=True)
    with duckdb.connect() as root:
        reach = Reach(made, root)
        found = [resolved(made, f"{server}/data.csv?{SIGNED}")]
        assert reach.prepare(root, found) is False
        with reach.files(root, found) as paths:
            assert root.execute("SELECT sum(a) FROM read_csv(?)", [paths]).fetchall() == [(4,)]
        reach.close()


def test_the_column_store_is_held_back_by_the_guard(places: Make, server: str) -> None:
    found = [resolved(places(lakehouse_private_addresses=True), f"{server}/data.csv?{SIGNED}")]
    with duckdb.connect() as root:
        reach = Reach(places(), root)
        with pytest.raises(LakeError, match=r"/data\.csv\?\*\*\*") as caught, reach.files(root, found) as paths:
            root.execute("SELECT sum(a) FROM read_csv(?)", [paths])
        assert SIGNED not in str(caught.value)
        reach.close()


def test_this_machine_and_private_networks_are_refused(places: Make, server: str) -> None:
    port = server.rpartition(":")[2]
    for host in (
        *("localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0.0.0.0", "[::1]", "[::ffff:127.0.0.1]"),
        *("10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "[fd00::1]", "[fe80::1]"),
        *("[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::127.0.0.1]", "224.0.0.1"),
    ):
        with pytest.raises(LakeError, match=r"open internet|not known|not an https"):
            resolved(places(), f"https://{host}:{port}/data.csv")


@pytest.mark.parametrize(
    "address",
    [
        *("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"),
        *(
            "!127.0.0.1",
            "!10.1.2.3",
            "!169.254.169.254",
            "!::1",
            "!::",
            "!fe80::1%eth0",
            "!fc00::1",
            "!::ffff:10.0.0.1",
        ),
        *(
            "!64:ff9b::a00:1",
            "!2002:a00:1::",
            "!192.0.2.1",
            "!fec0::1",
            "!::ffff:0:10.0.0.1",
            "!255.255.255.255",
            "!240.0.0.1",
            "!ff02::1",
            "!0.0.0.0",
        ),
    ],
)
def test_what_is_public(address: str) -> None:
    assert is_public(address.lstrip("!")) is not address.startswith("!")


def test_the_address_that_was_checked_is_the_one_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked at and private a moment later: it is asked for once."""
    asked: list[str] = []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        address = "192.0.2.1" if len(asked) > 1 else "8.8.8.8"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    connected: list[Any] = []

    def connect(_: socket.socket, address: Any) -> None:
        connected.append(address)
        raise OSError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(LakeError, match="does not answer"):
        Guard(False).connect("rebind.example", 443)
    assert (asked, connected) == (["rebind.example"], [("8.8.8.8", 443)])


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in ("8.8.8.8", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(LakeError, match="open internet"):
        Guard(False).connect("both.example", 443)


def test_redirects_are_checked_as_well(places: Make, server: str) -> None:
    made = places(lakehouse_private_addresses=True)
    assert resolved(made, f"{server}/to/{server}/data.csv").size == len(CONTENT)
    for target, words in (
        ("http://127.0.0.1/data.csv", "not https"),
        ("file:///etc/passwd", "not https"),
        (f"{server}/to/{server}/none", "404"),
    ):
        with pytest.raises(LakeError, match=words):
            resolved(made, f"{server}/to/{target}")
    loop = f"{server}/to/" * 9 + f"{server}/data.csv"
    with pytest.raises(LakeError, match="too often"):
        resolved(made, loop)


def test_servers_that_cannot_be_read_in_place(places: Make, server: str) -> None:
    made = places(lakehouse_private_addresses=True)
    for url, words in (
        (f"{server}/whole.csv", "does not give parts"),
        (f"{server}/data/", "lists no files"),
        (f"{server}/none?{SIGNED}", "says 404"),
        (server.replace("localhost", "127.0.0.2") + "/data.csv", "cannot be read"),  # not in the certificate
    ):
        with pytest.raises(LakeError, match=words) as caught:
            resolved(made, url)
        assert SIGNED not in str(caught.value)


def test_the_proxy_serves_who_knows_its_password_and_connects_only() -> None:
    proxy = GuardProxy(Guard(True))
    host, port = proxy.url.removeprefix("http://").split(":")

    def ask(text: str) -> bytes:
        with socket.create_connection((host, int(port)), 5) as line:
            line.sendall(text.encode())
            return line.recv(100).split(b"\r\n")[0]

    import base64

    good = "Proxy-Authorization: Basic " + base64.b64encode(f"guard:{proxy.password}".encode()).decode()
    assert b"407" in ask(f"CONNECT localhost:{port} HTTP/1.1\r\n\r\n")
    assert b"407" in ask(f"CONNECT localhost:{port} HTTP/1.1\r\nProxy-Authorization: Basic eDp5\r\n\r\n")
    assert b"403" in ask(f"GET http://localhost:{port}/ HTTP/1.1\r\n{good}\r\n\r\n")
    assert b"403" in ask(f"CONNECT localhost:x HTTP/1.1\r\n{good}\r\n\r\n")
    assert b"200" in ask(f"CONNECT localhost:{port} HTTP/1.1\r\n{good}\r\n\r\n")
    proxy.close()
