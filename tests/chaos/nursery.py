"""A process that has imported everything and forks engines and proxies on request: starting one costs no second.

Each line of its input is JSON: the argument vector after `python -m`, and the log file. It answers with the pid. The
children are its own, so that it is who collects them.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from base import faults

_ROOT = Path(__file__).parents[2]
_PATIENCE = 60.0  # seconds that a killed process may take to be gone


class Nursery:
    """The caller's side."""

    def __init__(self, *modules: str) -> None:
        """`modules` are those that are asked for later; each has a function `main`."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery", *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )

    def start(self, module: str, *arguments: str, log: Path, fault: str = "") -> "Child":
        """Fork a process that runs a module's `main`, armed with a fault."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([[module, *arguments], str(log), fault]) + "\n")
        self._process.stdin.flush()
        return Child(int(self._process.stdout.readline()))

    def close(self) -> None:
        """End it; its children must have been ended."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


class Child:
    """A process that the nursery has forked."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    @property
    def alive(self) -> bool:
        """Whether it is still there; one whose threads are still ending holds its files and is."""
        return Path(f"/proc/{self.pid}").exists()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, unless it has gone already."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and wait until it has gone."""
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        """Ask it to end and wait until it has gone."""
        self.send(signal.SIGTERM)
        self.wait()

    def wait(self, seconds: float = _PATIENCE) -> None:
        """Wait until it has gone."""
        deadline = time.monotonic() + seconds
        while self.alive:
            assert time.monotonic() < deadline, f"process {self.pid} does not end"
            time.sleep(0.005)


def _fork(argv: Sequence[str], log: str, fault: str) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        empty = os.open(os.devnull, os.O_RDONLY)
        os.dup2(empty, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.argv = list(argv)
        if fault:
            faults.arm(fault)
        status = import_module(argv[0]).main() or 0
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Import, then fork what is asked for until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    import engine.process  # noqa: F401  # what the modules import when they run
    from engine import warm

    warm.warm_loads()
    warm.warm_changes()
    for module in sys.argv[1:]:
        import_module(module)
    for line in sys.stdin:
        print(_fork(*json.loads(line)), flush=True)


if __name__ == "__main__":
    main()
