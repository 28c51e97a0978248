"""How many statements run at once: one that waits for its client to read lets others in meanwhile."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Slots:
    """A semaphore of the event loop whose holders may lend their place from a worker thread."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)

    async def acquire(self) -> bool:
        """Wait for a place."""
        return await self._free.acquire()

    def release(self) -> None:
        """Give the place up."""
        self._free.release()

    @contextmanager
    def lent(self, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
        """In a worker thread: let another statement run while this one waits; waits for a place again at the end."""
        loop.call_soon_threadsafe(self._free.release)
        try:
            yield
        finally:
            asyncio.run_coroutine_threadsafe(self._free.acquire(), loop).result()
