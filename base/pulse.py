"""Tell a process that is hung from one that is only busy, by what the kernel says of it."""

import asyncio
import socket
import struct
from pathlib import Path

_RUNNING = "R"  # on a processor, or waiting for one
_STOPPED = frozenset("TtZX")  # by a signal, by a debugger, dead


class Pulse:
    """The process at the other end of a unix socket."""

    def __init__(self, pid: int) -> None:
        self._stat = Path(f"/proc/{pid}/stat")
        self._spent = self._read()[1]

    @classmethod
    def of(cls, transport: asyncio.Transport) -> "Pulse":
        """The process that listens where a unix socket is connected to."""
        options = transport.get_extra_info("socket")
        found = options.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return cls(struct.unpack("3i", found)[0])

    @property
    def stopped(self) -> bool:
        """Tell whether it cannot answer because it was stopped or has died."""
        return self._read()[0] in _STOPPED

    def beats(self) -> bool:
        """Tell whether it has worked since the last question, or waits for a processor."""
        state, spent = self._read()
        worked = spent > self._spent
        self._spent = spent
        return worked or state == _RUNNING

    def _read(self) -> tuple[str, int]:
        """State and processor time so far; the state is "" where the kernel does not tell."""
        try:
            fields = self._stat.read_text().rpartition(")")[2].split()
            return fields[0], int(fields[11]) + int(fields[12])
        except (OSError, IndexError, ValueError):
            return "", 0
