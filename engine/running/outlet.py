"""The way of an answer from the worker thread that makes it to a client that may be slow, or gone."""

import asyncio
import time
from concurrent.futures import Future, wait
from typing import Protocol

from base.errors import QueryInterrupted, WarmfrontError
from engine.lake.export import Written
from engine.running.cancel import Running
from engine.running.slots import Slots

_STALLED = 60.0  # seconds that a client may take for a piece of the answer, MySQL's net_write_timeout
_SLOW = 0.05  # seconds after which a client that does not read lets other statements run
_LOOK = 0.25  # seconds between two looks whether a statement that waits for its client was stopped


class Channel(Protocol):
    """Where the packets of an answer go."""

    async def write(self, data: bytes | memoryview) -> None:
        """Send bytes; returns when the client keeps up. Raises ConnectionError when it is gone."""


class AnswerCutShort(Exception):
    """A statement failed after rows had been sent; `sequence` is the number of the ERR packet to come."""

    def __init__(self, error: WarmfrontError, sequence: int) -> None:
        super().__init__(str(error))
        self.error = error
        self.sequence = sequence


class Outlet:
    """The worker thread's way to the client: one piece may be on its way while the next is made, no more."""

    def __init__(self, channel: Channel, loop: asyncio.AbstractEventLoop, running: Running, slots: Slots) -> None:
        self._channel = channel
        self._loop = loop
        self._running = running
        self._slots = slots
        self._pending: Future[None] | None = None
        self._end = b""
        self._written: Written | None = None
        self.used = False
        self.sent = 0
        self.sequence = 1  # of the packet after those sent

    def send(self, data: bytes | memoryview, sequence: int) -> None:
        """Send a piece when the one before it has gone. Raises the error the statement was cancelled with."""
        self._flush()
        self._running.check()
        self.used = True
        self.sequence = sequence
        self.sent += len(data)
        self._pending = asyncio.run_coroutine_threadsafe(self._channel.write(data), self._loop)

    def finish(self, data: bytes, written: Written | None = None) -> None:
        """Leave the last piece to `drain`: no thread is woken for it, nor waits for the one before.

        What was `written` elsewhere waits for `commit`.
        """
        self._written = written
        self._running.check()
        self._end = data
        self.sent += len(data)

    def commit(self) -> None:
        """Let appear what was written elsewhere; the statement has succeeded. Raises LakeError."""
        written, self._written = self._written, None
        if written:
            written.commit()

    def abort(self) -> None:
        """Remove what was written elsewhere."""
        written, self._written = self._written, None
        if written:
            written.abort()

    async def drain(self) -> None:
        """Wait on the event loop until everything has gone, the last piece too. Raises AnswerCutShort."""
        try:
            async with asyncio.timeout(_STALLED):
                if self._pending is not None:
                    await asyncio.wrap_future(self._pending)
                await self._channel.write(self._end)
        except (ConnectionError, TimeoutError) as error:
            raise AnswerCutShort(QueryInterrupted(), self.sequence) from error

    def _flush(self) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            return
        try:
            if not _done(pending, _SLOW):
                with self._slots.lent(self._loop):
                    self._wait(pending)
            pending.result()
        except (ConnectionError, TimeoutError) as error:
            raise QueryInterrupted from error
        finally:
            pending.cancel()

    def _wait(self, pending: Future[None]) -> None:
        """Wait for a client that does not read. Raises TimeoutError, and the error the statement was stopped with."""
        deadline = time.monotonic() + _STALLED
        while not _done(pending, _LOOK):
            self._running.check()
            if time.monotonic() > deadline:
                raise TimeoutError


def _done(pending: Future[None], seconds: float) -> bool:
    return pending.done() or bool(wait((pending,), seconds).done)
