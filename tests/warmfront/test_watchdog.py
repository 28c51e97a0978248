"""What counts as a hung engine, with real processes at a real socket."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from warmfront import watchdog
from warmfront.watchdog import Watchdog

PATIENCE = 0.4  # seconds
GREETS = """
while True:
    line, _ = listener.accept()
    line.sendall(b"x")
"""
SLEEPS = "\nimport time; time.sleep(600)\n"
WORKS = "\nwhile True: pass\n"
LISTENS = """
import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("ready", flush=True)
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a process that listens at `tmp_path`/s and goes on with a program."""
    monkeypatch.setattr(watchdog, "_EVERY", 2 * PATIENCE)
    monkeypatch.setattr(watchdog, "_LOOK", 0.1)
    started = []

    def start(program: str) -> subprocess.Popen[bytes]:
        (tmp_path / "s").unlink(missing_ok=True)
        argv = [sys.executable, "-c", LISTENS + program, str(tmp_path / "s")]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def hung_within(dog: Watchdog, pid: int, seconds: float) -> bool:
    """Ask for so long, or until it is hung."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if dog.is_hung(pid):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("program", [GREETS, WORKS])
def test_one_that_answers_or_works_is_left_alone(tmp_path: Path, run: Callable[[str], object], program: str) -> None:
    process = run(program)
    assert isinstance(process, subprocess.Popen)
    dog = Watchdog(tmp_path / "s", PATIENCE)
    assert not hung_within(dog, process.pid, 5 * PATIENCE)
    dog.close()


def test_one_that_does_nothing_is_hung(tmp_path: Path, run: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = run(SLEEPS)
    dog = Watchdog(tmp_path / "s", PATIENCE)
    assert hung_within(dog, process.pid, 30)
    other = run(SLEEPS)
    assert not dog.is_hung(other.pid)  # a new process has its time before it
    dog.close()


def test_one_that_is_stopped_is_hung_until_it_goes_on(
    tmp_path: Path, run: Callable[[str], subprocess.Popen[bytes]]
) -> None:
    process = run(GREETS)
    dog = Watchdog(tmp_path / "s", PATIENCE)
    process.send_signal(signal.SIGSTOP)
    assert hung_within(dog, process.pid, 30)
    process.send_signal(signal.SIGCONT)
    deadline = time.monotonic() + 30
    while dog.is_hung(process.pid):
        assert time.monotonic() < deadline
    assert not hung_within(Watchdog(tmp_path / "s", 0), process.pid, PATIENCE)
    dog.close()


def test_one_that_does_not_listen_is_left_alone(tmp_path: Path, run: Callable[[str], subprocess.Popen[bytes]]) -> None:
    """It waits for a backend, and holds nothing there; an older one may have left its file behind."""
    process = run(SLEEPS)
    assert not hung_within(Watchdog(tmp_path / "nowhere", PATIENCE), process.pid, 5 * PATIENCE)
    process.kill()
    process.wait()
    assert (tmp_path / "s").exists()
    other = subprocess.Popen([sys.executable, "-c", SLEEPS])
    try:
        assert not hung_within(Watchdog(tmp_path / "s", PATIENCE), other.pid, 5 * PATIENCE)
    finally:
        other.kill()
        other.wait()


def test_one_whose_queue_is_full_is_hung(tmp_path: Path, run: Callable[[str], subprocess.Popen[bytes]]) -> None:
    process = run(SLEEPS)
    waiting = []
    with contextlib.suppress(BlockingIOError):
        while True:
            waiting.append(socket.socket(socket.AF_UNIX))
            waiting[-1].setblocking(False)
            waiting[-1].connect(str(tmp_path / "s"))
    assert hung_within(Watchdog(tmp_path / "s", PATIENCE), process.pid, 30)
    for line in waiting:
        line.close()
