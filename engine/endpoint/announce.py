"""Tell the proxies which tables can answer, the moment that changes: they ask once and are answered when it has.

A worker that asks what is newer than a version has taken that version in. So it is known when all of them have.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa

from engine.catalog import CatalogView, State

_LOOK = 0.1  # seconds between two looks at the catalog while somebody waits
_LONGEST = 1.0  # seconds after which the answer comes anyway: whoever asks learns that the engine lives
_GONE = 5.0  # seconds without a question after which a worker is no longer waited for: the living ask every second
_SCHEMA = pa.schema(
    [("VERSION", pa.uint64()), ("SCHEMA_NAME", pa.string()), ("TABLE_NAME", pa.string()), ("IS_LAKE", pa.uint8())]
)


class Announcer:
    """The tables that can answer, under a number that grows with every change; for one event loop."""

    def __init__(self, view: Callable[[], CatalogView]) -> None:
        self._view = view
        self._tables: list[tuple[str, str, bool]] = []
        self._version = time.time_ns()  # of no engine before this one
        self._heard: dict[bytes, tuple[int, float]] = {}  # by worker: the version it has taken in, when it last asked
        self._changed = asyncio.Event()  # wakes those who wait for tables
        self._asked = asyncio.Event()  # wakes those who wait for workers

    async def since(self, version: int, worker: bytes = b"") -> pa.Table:
        """Give the tables once they are others than those of `version`, or after a second.

        The first row has the number for the next question and no table. `worker` is the name of a worker that asks
        again as soon as it is answered.
        """
        self._note(worker, version)
        deadline = time.monotonic() + _LONGEST
        while time.monotonic() < deadline:
            began = time.thread_time()  # what others do meanwhile on the processor is no reason to look seldom
            if self._look() != version:
                break
            # Very many tables take a while to look at.
            await _until(self._changed, min(max(_LOOK, 50 * (time.thread_time() - began)), _LONGEST))
        self._note(worker, version)
        schemas, names = [None, *(s for s, _, _ in self._tables)], [None, *(n for _, n, _ in self._tables)]
        versions, lake = [self._version] * len(names), [0, *(int(is_lake) for _, _, is_lake in self._tables)]
        return pa.table([versions, schemas, names, lake], schema=_SCHEMA)

    async def told(self) -> None:
        """Wait until every worker has taken in the tables as they are now; one that is gone costs five seconds.

        A client's next statement may come to any of them.
        """
        version = self._look()
        deadline = time.monotonic() + _GONE
        self._changed = _stirred(self._changed)
        while (now := time.monotonic()) < deadline and self._is_behind(version, now):
            await _until(self._asked, _LOOK)

    def _is_behind(self, version: int, now: float) -> bool:
        return any(heard < version and now - asked < _GONE for heard, asked in self._heard.values())

    def _note(self, worker: bytes, version: int) -> None:
        if worker:
            now = time.monotonic()
            self._heard = {each: seen for each, seen in self._heard.items() if now - seen[1] < _GONE}
            self._heard[worker] = version, now
            self._asked = _stirred(self._asked)

    def _look(self) -> int:
        view = self._view()
        tables = sorted((e.table.schema, e.table.name, e.is_lake) for e in view if e.state is State.AVAILABLE)
        if tables != self._tables:
            self._tables = tables
            self._version += 1
        return self._version


def _stirred(event: asyncio.Event) -> asyncio.Event:
    """Wake all who wait for an event, and give the next one."""
    event.set()
    return asyncio.Event()


async def _until(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
