"""Stores that lead their reader elsewhere: by redirects of every kind, to addresses that nobody may reach."""

import http.server
import io
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from base.errors import LakeError
from engine.lake.environment import leading_by
from engine.lake.reach import Reach
from lakehouse.stores.guard import Guard
from lakehouse.stores.places import Found, Places
from lakehouse.stores.secrets import Access
from lakehouse.stores.socks import Endpoint, StoreProxy, endpoint_of
from tests.lakehouse.http_files import Answering

Make = Callable[..., Places]
_OUT = io.BytesIO()
pq.write_table(pa.table({"id": [1, 2, 3]}), _OUT)
CONTENT = _OUT.getvalue()


class _Handler(Answering):
    """Gives parts of one file under every name; as far as `leads_to` says so, only behind a redirect."""

    server: "_Store"

    def do_GET(self) -> None:
        self.server.asked.append((self.command, self.path, "Authorization" in self.headers))
        if target := self.server.leads_to.get(self.command):
            status, address = target
            self.answer(status, b"", Location=address)
        else:
            self.give_part(CONTENT)

    do_HEAD = do_GET


class _Store(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, bool]] = []
        self.leads_to: dict[str, tuple[int, str]] = {}
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[_Store, _Store]]:
    """Two servers of this machine."""
    made = _Store(), _Store()
    yield made
    for one in made:
        one.shutdown()
        one.server_close()


@pytest.fixture
def stores(both: tuple[_Store, _Store]) -> tuple[_Store, _Store]:
    """A store, and a server of the same machine that is none."""
    for one in both:
        one.asked, one.leads_to = [], {}
    return both


@contextmanager
def reader(make: Make, folder: Path, store: _Store, **settings: object) -> Iterator[Callable[[], Any]]:
    """What the column store reads of an object that was found before the store began to lead elsewhere."""
    file = folder / "stores.toml"
    file.touch(0o600)
    file.write_text(f'[s]\nscope = "s3://lake/"\nendpoint = "{store.address}"\naccess_key = "A"\nsecret_key = "S"\n')
    found = [Found("s3", "lake", "x.parquet", len(CONTENT), f"1-{len(CONTENT)}")]
    with duckdb.connect() as root:
        reach = Reach(make(lakehouse_secrets=file, **settings), root)
        reach.prepare(root, found)
        root.execute("SET http_retries = 0")
        root.execute("SET enable_external_file_cache = false")  # as the engine's own store has it

        def read() -> Any:
            with reach.files(root, found, [root]) as paths:
                return root.execute("SELECT sum(id) FROM read_parquet(?)", [list(paths)]).fetchall()

        yield read
        reach.close()


def test_a_redirect_to_this_machine_reaches_nobody(
    places: Make, tmp_path: Path, stores: tuple[_Store, _Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it is, and whatever proxies the environment names."""
    store, inner = stores
    port = inner.server_address[1]
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, inner.address)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    hosts = ("localhost", "127.1", "2130706433", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "10.0.0.1")
    redirects = [
        *((method, status, "127.0.0.1") for method in ("HEAD", "GET") for status in (301, 302, 303, 307, 308)),
        *(("HEAD", 302, host) for host in hosts),
    ]
    with reader(places, tmp_path, store) as read:
        assert read() == [(6,)]
        for method, status, host in redirects:
            store.leads_to = {method: (status, f"http://{host}:{port}/secret")}
            with pytest.raises(LakeError, match=r"s3://lake/x\.parquet: its store .* lakehouse_private_addresses"):
                read()
    assert inner.asked == []


def test_redirects_are_followed_where_the_settings_allow_it(
    places: Make, tmp_path: Path, stores: tuple[_Store, _Store]
) -> None:
    """Without the keys."""
    store, other = stores
    store.leads_to = dict.fromkeys(("HEAD", "GET"), (307, f"{other.address}/x.parquet"))
    with reader(places, tmp_path, store, lakehouse_private_addresses=True) as read:
        assert read() == [(6,)]
    assert all(has_keys for *_, has_keys in store.asked)
    assert other.asked
    assert not any(has_keys for *_, has_keys in other.asked)


def test_the_environment_is_put_back() -> None:
    import ctypes

    libc = ctypes.CDLL(None)
    libc.getenv.restype = ctypes.c_char_p
    before = libc.getenv(b"all_proxy")
    led = leading_by("socks5h://a:b@127.0.0.1:1")
    assert libc.getenv(b"all_proxy") == b"socks5h://a:b@127.0.0.1:1"
    assert "all_proxy" not in os.environ
    led.close()
    assert libc.getenv(b"all_proxy") == before


def test_which_connections_are_a_store_s() -> None:
    amazon = endpoint_of(Access("", "s3://b/", region="eu-west-1"))
    assert amazon == Endpoint("s3.eu-west-1.amazonaws.com", 443, True)
    assert amazon.covers("bucket.S3.eu-west-1.amazonaws.com", 443)
    assert not amazon.covers("bucket.s3.eu-west-1.amazonaws.com", 80)
    assert not amazon.covers("evils3.eu-west-1.amazonaws.com", 443)
    own = endpoint_of(Access("", "s3://b/", endpoint="http://Store.example:9000", path_style=True))
    assert own == Endpoint("store.example", 9000, False)
    assert not own.covers("a.store.example", 9000)
    assert endpoint_of(Access("", "s3://b/", endpoint="http://[::1]")) == Endpoint("::1", 80, True)


def test_the_proxy_of_stores_serves_who_knows_its_password() -> None:
    proxy = StoreProxy(Guard(allows_private=True))
    _, _, rest = proxy.url.partition("://")
    login, _, place = rest.partition("@")
    user, password = (part.encode() for part in login.split(":"))
    host, port = place.split(":")

    def ask(*parts: bytes) -> bytes:
        with socket.create_connection((host, int(port)), 5) as line:
            told = b""
            for part in parts:
                line.sendall(part)
                told += line.recv(100)
            return told

    def login_of(word: bytes) -> bytes:
        return bytes((1, len(user))) + user + bytes((len(word),)) + word

    with pytest.raises(ConnectionRefusedError):
        ask(b"\x05\x01\x02")
    proxy.begin()
    to = b"\x05\x01\x00\x01\x7f\x00\x00\x01" + int(port).to_bytes(2, "big")
    assert ask(b"\x05\x01\x00") == b"\x05\xff"
    assert ask(b"\x04\x01\x02") == b"\x05\xff"
    assert ask(b"\x05\x01\x02", login_of(b"x")) == b"\x05\x02\x01\x01"
    assert ask(b"\x05\x01\x02", login_of(password), to)[:6] == b"\x05\x02\x01\x00\x05\x00"
    for command in (b"\x05\x02" + to[2:], b"\x05\x01\x00\x09"):
        with_command = command if len(command) > 4 else command + b"\x00\x00"
        assert ask(b"\x05\x01\x02", login_of(password), with_command)[4:6] == b"\x05\x07"
    proxy.close()
