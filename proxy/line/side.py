"""One connection of a session in the command phase, as the event loop sees it: its events are the session's own."""

import asyncio
from collections.abc import Callable


class Side(asyncio.BaseProtocol):
    """One connection of a session in the command phase; its callbacks are the session's own methods."""

    def __init__(
        self,
        received: Callable[[bytes], None],
        lost: Callable[[Exception | None], None],
        pause: Callable[[], None],
        resume: Callable[[], None],
        ended: Callable[[], bool] = lambda: False,
    ) -> None:
        self.data_received = received
        self._lost = lost
        self._ended = ended
        # Assigned, not defined: one Python call less per event.
        self.pause_writing = pause  # type: ignore[method-assign]
        self.resume_writing = resume  # type: ignore[method-assign]

    def eof_received(self) -> bool:
        """Close on end of file, unless there is something left to be said."""
        return self._ended()

    def connection_lost(self, exc: Exception | None) -> None:
        """Pass the end on."""
        self._lost(exc)
