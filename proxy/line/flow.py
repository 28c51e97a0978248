"""What a client is being sent from, and when that is read: not while the client takes nothing, nor too long at once."""

import asyncio


class Flow:
    """The way of one session's answers."""

    __slots__ = ("_resting", "full", "source")

    def __init__(self, source: asyncio.Transport) -> None:
        self.source = source
        self.full = False  # the client takes nothing more for now
        self._resting = False

    def pause(self) -> None:
        """Let the source wait: the client does not read."""
        self.full = True
        if not self.source.is_closing():
            self.source.pause_reading()

    def resume(self) -> None:
        """Go on: the client reads again."""
        self.full = False
        self._read()

    def send_from(self, source: asyncio.Transport) -> None:
        """Name the connection that is to be slowed down while the client does not read."""
        if self.full or self._resting:
            self._read()
        self.source = source
        if self.full and not source.is_closing():
            source.pause_reading()

    def rest(self) -> None:
        """Read the source again when others had their turn: the loop reads a full buffer up to 32 times in one."""
        if not self._resting and not self.source.is_closing():
            self._resting = True
            self.source.pause_reading()
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._resting = False
        if not self.full:
            self._read()

    def _read(self) -> None:
        if not self.source.is_closing():
            self.source.resume_reading()
