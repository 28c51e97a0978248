"""Reaching the backend: every address of its name, the socket file, and what is said when nothing answers."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from base.errors import BackendError
from base.settings import Settings, Upstream
from proxy.line.login import connect_backend


@pytest.fixture
def listening() -> Iterator[tuple[str, int]]:
    """An address that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


def settings(host: str, port: int, path: str | None = None) -> Settings:
    return Settings(upstream=Upstream("mysql", host, port, path, "u", "secret", "9.7.0"))


def connect(wanted: Settings, addresses: list[tuple[str, int]] | None = None) -> Any:
    """Connect, with a name that has these addresses, and give the peer's."""

    async def run() -> Any:
        loop = asyncio.get_running_loop()
        if addresses is not None:
            found = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
            loop.getaddrinfo = lambda *_, **__: asyncio.sleep(0, found)  # type: ignore[method-assign, assignment, return-value]
        with await connect_backend(wanted, by_file=True) as sock:
            return sock.getpeername()

    return asyncio.run(run())


def test_an_address_that_answers_comes_after_one_that_does_not(listening: tuple[str, int]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()
    assert connect(settings("db", 3306), [closed, listening]) == listening
    assert connect(settings("db", 3306), [listening, closed]) == listening
    with pytest.raises(BackendError, match=r"Can't connect to MySQL server on 'db:3306' \(111\)") as caught:
        connect(settings("db", 3306), [closed, closed])
    assert caught.value.number == 2003


def test_a_name_that_nobody_knows_is_an_error_of_mysql() -> None:
    with pytest.raises(BackendError, match=r"'no-such-host\.invalid:3306'"):
        connect(settings("no-such-host.invalid", 3306))


def test_a_socket_file(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with pytest.raises(BackendError, match=r"through socket .* \(2\)"):
        connect(settings("", 0, path))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        assert connect(settings("", 0, path)) == path
