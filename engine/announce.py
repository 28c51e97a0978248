"""Tell the proxies which tables can answer, the moment that changes: they ask once and are answered when it has."""

import asyncio
import time
from collections.abc import Callable

import pyarrow as pa

from engine.catalog import CatalogView, State

_LOOK = 0.1  # seconds between two looks at the catalog while somebody waits
_LONGEST = 1.0  # seconds after which the answer comes anyway: whoever asks learns that the engine lives
_SCHEMA = pa.schema(
    [("VERSION", pa.uint64()), ("SCHEMA_NAME", pa.string()), ("TABLE_NAME", pa.string()), ("IS_LAKE", pa.uint8())]
)


class Announcer:
    """The tables that can answer, under a number that grows with every change; for one event loop."""

    def __init__(self, view: Callable[[], CatalogView]) -> None:
        self._view = view
        self._tables: list[tuple[str, str, bool]] = []
        self._version = time.time_ns()  # of no engine before this one

    async def since(self, version: int) -> pa.Table:
        """Give the tables once they are others than those of `version`, or after a second.

        The first row has the number for the next question and no table.
        """
        deadline = time.monotonic() + _LONGEST
        while (began := time.monotonic()) < deadline and self._look() == version:
            # Very many tables take a while to look at.
            await asyncio.sleep(min(max(_LOOK, 50 * (time.monotonic() - began)), _LONGEST))
        schemas, names = [None, *(s for s, _, _ in self._tables)], [None, *(n for _, n, _ in self._tables)]
        versions, lake = [self._version] * len(names), [0, *(int(is_lake) for _, _, is_lake in self._tables)]
        return pa.table([versions, schemas, names, lake], schema=_SCHEMA)

    def _look(self) -> int:
        view = self._view()
        tables = sorted((e.table.schema, e.table.name, e.is_lake) for e in view if e.state is State.AVAILABLE)
        if tables != self._tables:
            self._tables = tables
            self._version += 1
        return self._version
