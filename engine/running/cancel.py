"""Stop running statements: KILL by the backend's connection id, a client that went away, time that is up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from base.errors import WarmfrontError

T = TypeVar("T")
_AGAIN = 0.05  # seconds: an interrupt that comes between two calls of the store is lost, so it is repeated


class Interruptible(Protocol):
    """Something that a thread runs and another thread can stop."""

    def interrupt(self) -> None:
        """Stop it; harmless when nothing runs."""


class Running:
    """One statement under way. The event loop makes, cancels and finishes it; its worker does the rest."""

    def __init__(self, connection_id: int, loop: asyncio.AbstractEventLoop, text: str = "") -> None:
        self.connection_id = connection_id
        self.text = text  # what users see of it
        self._began = loop.time()
        self.error: WarmfrontError | None = None
        self._loop = loop
        self._stopped: asyncio.Future[None] = loop.create_future()
        self._target: Interruptible | None = None
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def seconds(self) -> float:
        """For how long it has been running."""
        return self._loop.time() - self._began

    def cancel(self, error: WarmfrontError) -> None:
        """Stop the statement; the first error given is the one its client sees."""
        if self.error is None:
            self.error = error
            if not self._stopped.done():
                self._stopped.set_result(None)
            self._interrupt()

    def cancel_after(self, seconds: float, error: WarmfrontError) -> None:
        """Stop the statement when this time has passed."""
        self._timers.append(self._loop.call_later(seconds, self.cancel, error))

    def finish(self) -> None:
        """The statement is over: nothing is stopped from now on."""
        self._target = None
        for timer in self._timers:
            timer.cancel()
        if not self._stopped.done():
            self._stopped.cancel()

    def attach(self, target: Interruptible) -> None:
        """Say what to interrupt. Raises the error of a statement that was cancelled already."""
        self._target = target
        self.check()

    def detach(self) -> None:
        """There is nothing to interrupt any more."""
        self._target = None

    def check(self) -> None:
        """Raise the error the statement was cancelled with."""
        if self.error is not None:
            raise self.error

    async def wait_for(self, work: Coroutine[Any, Any, T]) -> T:
        """Await something that is dropped when the statement is cancelled. Raises the error it was cancelled with.

        A result that came just in time is given all the same, so that what was acquired can be released.
        """
        if self.error is not None:
            work.close()  # or it is said that nobody awaited it
            raise self.error
        task = asyncio.ensure_future(work)
        waiting: set[asyncio.Future[Any]] = {task, self._stopped}
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                self.check()
            return await task
        finally:
            task.cancel()

    def _interrupt(self) -> None:
        target = self._target
        if target is not None:
            target.interrupt()
        self._timers.append(self._loop.call_later(_AGAIN, self._interrupt))


class RunningStatements:
    """All statements under way, by the backend connection they belong to."""

    def __init__(self) -> None:
        self._by_connection: dict[int, set[Running]] = {}

    def start(self, connection_id: int, text: str = "") -> Running:
        """Note a statement; call from the event loop."""
        running = Running(connection_id, asyncio.get_running_loop(), text)
        self._by_connection.setdefault(connection_id, set()).add(running)
        return running

    def end(self, running: Running) -> None:
        """Forget a statement that is over."""
        running.finish()
        found = self._by_connection.get(running.connection_id)
        if found is not None:
            found.discard(running)
            if not found:
                del self._by_connection[running.connection_id]

    def kill(self, connection_id: int, error: WarmfrontError) -> int:
        """Stop what runs for a backend connection; gives how many statements that were."""
        found = list(self._by_connection.get(connection_id, ()))
        for running in found:
            running.cancel(error)
        return len(found)

    def shown(self) -> list[Running]:
        """The statements of users that are under way; call from the event loop."""
        return [each for found in self._by_connection.values() for each in found if each.text]

    def kill_all(self, error: WarmfrontError) -> None:
        """Stop everything."""
        for connection_id in list(self._by_connection):
            self.kill(connection_id, error)

    def __len__(self) -> int:
        return sum(map(len, self._by_connection.values()))
