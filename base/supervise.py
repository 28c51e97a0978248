"""Start child processes that never outlive their parent, and stop them."""

import ctypes
import os
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def with_parent() -> Callable[[], None]:
    """Give what a child runs before its program, so that the kernel ends it when we die, however that is.

    Call from the main thread: the kernel counts the death of the starting thread as the parent's.
    """
    parent = os.getpid()

    def bound() -> None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(1)

    return bound


def spawn(
    argv: Sequence[str | Path], log: Path, cwd: Path | None = None, pass_fds: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    """Start a program in its own session, output appended to `log`; the kernel ends it when we die.

    It inherits the open files `pass_fds` under their numbers. Call from the main thread (see `with_parent`).
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=cwd,
            pass_fds=tuple(pass_fds),
            preexec_fn=with_parent(),
        )


def stop(process: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a process to end, and kill it when it has not within `patience` seconds."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def log_tail(path: Path, lines: int = 12) -> str:
    """The end of a log file, for a message about why a process ended."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16384))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except OSError:
        return ""
