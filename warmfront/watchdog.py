"""Find an engine that is hung, so that it can be ended and started again: what it holds on the backend ends with it.

A process that lives but does nothing keeps its table locks and snapshots, and DDL waits for those. One that does not
listen yet holds nothing: it may be waiting for a backend that is not there.
"""

import socket
import time
from pathlib import Path

from base.pulse import Pulse

_EVERY = 5.0  # seconds from one answer to the next question
_LOOK = 1.0  # seconds between two looks at a process that does not answer


class Watchdog:
    """Asks one process after the other, by its unix socket, whether it greets who connects; never blocks."""

    def __init__(self, path: Path, patience: float) -> None:
        """`patience`: seconds without an answer and without any work done; 0 means that nothing counts as hung."""
        self._path = path
        self._patience = patience
        self._pid = 0
        self._pulse: Pulse | None = None
        self._probe: socket.socket | None = None
        self._asked = False
        self._since = self._due = 0.0  # the question, or the last work seen after it; and the next look

    def is_hung(self, pid: int) -> bool:
        """Tell whether the process has neither answered nor worked for too long; to be asked again and again."""
        if not self._patience:
            return False
        now = time.monotonic()
        if pid != self._pid:
            self._begin(pid, now)
        if self._hears():
            self._asked, self._due = False, now + _EVERY
        elif now >= self._due:
            self._due = now + _LOOK
            if not self._asked or (self._pulse and self._pulse.beats()):
                self._since = now
            if self._probe is None:
                self._asked = self._ask()
        return self._asked and now - self._since > self._patience

    def close(self) -> None:
        """Close the connection."""
        self._hang_up()

    def _begin(self, pid: int, now: float) -> None:
        self._hang_up()
        self._pid, self._pulse = pid, Pulse(pid)
        self._asked, self._due = False, now + _EVERY

    def _ask(self) -> bool:
        """Connect; False when it does not listen."""
        probe = socket.socket(socket.AF_UNIX)
        probe.setblocking(False)
        try:
            probe.connect(str(self._path))
        except BlockingIOError:  # its queue is full: nobody takes from it
            probe.close()
        except OSError:
            probe.close()
            return False
        else:
            self._probe = probe
        return True

    def _hears(self) -> bool:
        if self._probe is None:
            return False
        try:
            greeted = bool(self._probe.recv(1))
        except BlockingIOError:
            return False
        except OSError:
            greeted = False
        self._hang_up()
        return greeted

    def _hang_up(self) -> None:
        if self._probe is not None:
            self._probe.close()
            self._probe = None
