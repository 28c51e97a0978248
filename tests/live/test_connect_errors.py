"""Broken-off logins: a server counts them by host, and all clients come from the proxy's."""

import asyncio
import contextlib
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymysql
import pytest

from base.settings import Settings
from proxy.line.login import Doors, LoginRefused, log_in
from proxy.line.origin import Trusted
from proxy.line.pipe import Gone
from tests.live.servers import start_backend

pytestmark = pytest.mark.live

MOST = 3  # max_connect_errors
BLOCKED = 1129  # ER_HOST_IS_BLOCKED


def own_address() -> str:
    """An address of this machine other than the loopback's, whose errors no server counts."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing
        except OSError:
            pytest.skip("this machine has the loopback only")
        return str(probe.getsockname()[0])


@pytest.fixture
def counting(backend: Any, live_folder: Path) -> Iterator[Any]:
    """A server that listens for everybody and takes few errors."""
    base = Path(tempfile.mkdtemp(prefix="c-", dir=live_folder))
    made = start_backend(backend.program, base, ("--bind-address=0.0.0.0", f"--max-connect-errors={MOST}"))
    try:
        made.run("CREATE USER app@'%' IDENTIFIED BY 'app'")
        yield made
    finally:
        made.server.stop()
        shutil.rmtree(base, ignore_errors=True)


def connect(address: str, port: int) -> None:
    pymysql.connect(host=address, port=port, user="app", password="app").close()


def broken_off(settings: Settings, sent: bytes) -> None:
    """Begin a login through the proxy and go away in the middle of it."""

    async def run() -> None:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        login = asyncio.create_task(log_in(theirs, Doors(settings, None, None, None, Trusted())))
        loop = asyncio.get_running_loop()
        ours.setblocking(False)
        assert await loop.sock_recv(ours, 4096)
        ours.sendall(sent)
        ours.close()
        with contextlib.suppress(Gone, LoginRefused):
            await login

    asyncio.run(run())


def test_broken_off_logins_do_not_block_the_proxys_host(counting: Any) -> None:
    address = own_address()
    settings = Settings(upstream=replace(counting.upstream, host=address, socket=None))
    for turn in range(3 * MOST):
        broken_off(settings, (b"", b"\x20\0\0\1abc", b"\xff\xff\xff\1", b"\1\0\0\1x")[turn % 4])
    connect(address, counting.port)
    # The same without the proxy is what would have happened.
    for _ in range(3 * MOST):
        with socket.create_connection((address, counting.port)) as sock:
            sock.recv(4096)
    time.sleep(0.5)
    with pytest.raises(pymysql.err.MySQLError) as caught:
        connect(address, counting.port)
    assert caught.value.args[0] == BLOCKED
