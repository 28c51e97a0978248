"""SIGHUP replaces the proxy workers, and no client notices."""

import contextlib
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
import pymysql
import pytest

pytestmark = pytest.mark.live


def workers(instance: Any) -> set[int]:
    """The pids of the proxy workers that are alive."""
    found = set()
    for child in psutil.Process(instance.process.pid).children():
        with contextlib.suppress(psutil.Error):  # it has just ended, and nobody has noticed
            words = child.cmdline()
            if "-m" in words and words[words.index("-m") + 1] == "proxy":
                found.add(child.pid)
    return found


def clients(instance: Any, pid: int) -> int:
    """How many clients a worker has."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.Error:
        return 0
    here = [each for each in connections if each.laddr and each.laddr.port == instance.port]
    return sum(each.status == psutil.CONN_ESTABLISHED for each in here)


def wait_until(true: Callable[[], bool]) -> None:
    """Wait for a state."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_workers_are_replaced_and_clients_stay(warmfront_instance: Any) -> None:
    before = workers(warmfront_instance)
    with warmfront_instance.connect() as client, client.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SET @kept = 7")
        warmfront_instance.process.send_signal(signal.SIGHUP)
        wait_until(lambda: len(workers(warmfront_instance) - before) == len(before))
        # Those without a client end, the client's goes on beside the new ones. Others may have clients of other tests.
        wait_until(lambda: all(clients(warmfront_instance, pid) for pid in workers(warmfront_instance) & before))
        assert warmfront_instance.run("SELECT 1") == [(1,)]
        cursor.execute("SELECT @kept")
        assert cursor.fetchall() == ((7,),)
        assert client.server_status & pymysql.constants.SERVER_STATUS.SERVER_STATUS_IN_TRANS
    wait_until(lambda: all(clients(warmfront_instance, pid) for pid in workers(warmfront_instance) & before))
    assert len(workers(warmfront_instance) - before) == len(before)
