"""What a worker knows of the engine: whether it lives, and which tables it can answer from. Also passes KILL on."""

import asyncio
import contextlib
import logging
import os
import weakref

from base.errors import WarmfrontError
from base.pulse import Pulse
from base.settings import Settings
from proxy.backend.answers import Answer
from proxy.decisions import StayCache
from proxy.engine.link import EngineGone, EngineLink, EngineStopped
from proxy.engine.loaded import LoadedTables
from wire.constants import Capability

log = logging.getLogger("proxy")

_RETRY = 0.25  # seconds between tries to reach an engine that is gone
_DUE = 1.5  # seconds after which an answer is late: the engine gives one every second
_CHECK = 0.5  # seconds between looks at an engine whose answer is late
_SILENT = 3.0  # seconds without an answer and without any work done, after which it counts as hung
_LATEST = 30.0  # seconds after which it counts as hung whatever it does
_ASK_TIMEOUT = 3.0  # seconds
PATIENCE = 5.0  # seconds that a FORCED statement waits for an engine that restarts
LONG_PATIENCE = 15.0  # the same for a question about the engine, which nobody else can answer
_TABLES = b"SHOW WARMFRONT TABLES SINCE %d"
_FRESH = b" WHEN FRESH"


class EngineWatch:
    """Waits for news of the engine's tables; `alive` and `loaded` are the latest.

    The engine answers when its tables change, and every second. One that is dead closes its socket, which is
    noticed at once. One that is late is given up when it is stopped or does nothing, not while it is only busy.
    """

    def __init__(self, settings: Settings, stays: StayCache) -> None:
        self._settings = settings
        self._stays = stays
        self._link: EngineLink | None = None
        self._version = 0
        self._name = b"%d" % os.getpid()
        self.alive = False
        self.heard = asyncio.Event()  # set once the engine has answered
        self.loaded = LoadedTables()
        self._links: weakref.WeakSet[EngineLink] = weakref.WeakSet()  # what sessions wait on

    async def open(self, capabilities: int) -> EngineLink:
        """Open a connection, which is closed when the engine turns out to be hung. Raises EngineGone."""
        paths = self._settings.paths
        link = await EngineLink.open(paths.engine_socket, paths.engine_secret, capabilities)
        self._links.add(link)
        return link

    async def run(self) -> None:
        """Watch for ever."""
        while True:
            try:
                await self._wait_for_news()
            except (EngineGone, TimeoutError, WarmfrontError, OSError) as problem:
                hung = isinstance(problem, TimeoutError | EngineStopped)
                self._lost(str(problem) or "it does not answer", hung)
                await asyncio.sleep(_RETRY)
            self._stays.age()

    async def refresh(self, patience: float = PATIENCE, fresh: bool = False) -> None:
        """Ask for the loaded tables now, and wait some seconds for an engine that is down.

        When `fresh`, the copy is let come to the end of the log first: what was dropped and made again a moment ago
        passes for loaded until then.
        """
        text = _TABLES % 0 + (_FRESH if fresh else b"")
        longest = _ASK_TIMEOUT + (self._settings.freshness_timeout if fresh else 0.0)
        deadline = asyncio.get_running_loop().time() + patience
        told = False
        while True:
            with contextlib.suppress(EngineGone, TimeoutError, WarmfrontError):
                self._take(await self._ask(text, longest))
                return
            if not told:
                log.info("a statement that only the engine can answer waits for it")
                told = True
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.1)

    async def kill(self, text: bytes) -> None:
        """Pass a KILL on, on a connection of its own: the shared one may be waiting for an answer."""
        with contextlib.suppress(EngineGone, TimeoutError, WarmfrontError):
            await self._ask(text)

    async def _ask(self, text: bytes, longest: float = _ASK_TIMEOUT) -> Answer:
        link = await self.open(int(Capability.DEPRECATE_EOF))
        try:
            async with asyncio.timeout(longest):
                return await link.ask(text)
        finally:
            link.close()

    async def _wait_for_news(self) -> None:
        if self._link is None or self._link.closed:
            self._version = 0
            self._link = await self.open(int(Capability.DEPRECATE_EOF))
        asking = asyncio.ensure_future(self._link.ask(_TABLES % self._version, {"wf_worker": self._name}))
        try:
            await self._await_answer(asking, self._link)
            self._take(asking.result())
            self.heard.set()
        finally:
            asking.cancel()

    async def _await_answer(self, asking: "asyncio.Future[Answer]", link: EngineLink) -> None:
        """Raise TimeoutError when the engine is hung."""
        await asyncio.wait({asking}, timeout=_DUE)
        if asking.done() or link.transport is None:
            return
        pulse = Pulse.of(link.transport)
        late = silent = 0.0
        while not asking.done():
            if pulse.stopped:
                raise TimeoutError("it is stopped")
            if silent >= _SILENT or late >= _LATEST:
                raise TimeoutError("it does not answer")
            await asyncio.wait({asking}, timeout=_CHECK)
            late += _CHECK
            silent = 0.0 if pulse.beats() else silent + _CHECK

    def _take(self, answer: Answer) -> None:
        if answer.error or not answer.rows:
            raise EngineGone(answer.error.message if answer.error else "it gives no tables")
        version = int(answer.rows[0][0] or 0)
        if version >= self._version:
            self._version = version
            self._take_tables(answer.rows[1:])
        if not self.alive:
            log.info("the engine answers: %d tables are loaded", len(self.loaded.tables))
            self._stays.forget()
            self.alive = True

    def _take_tables(self, rows: list[list[bytes | None]]) -> None:
        pairs = frozenset(((row[1] or b"").decode(), (row[2] or b"").decode()) for row in rows)
        lake = frozenset(((row[1] or b"").decode(), (row[2] or b"").decode()) for row in rows if row[3] == b"1")
        loaded = LoadedTables.of(pairs, lake)
        if loaded != self.loaded:
            self.loaded = loaded
            self._stays.forget()

    def expect_lake(self, schema: str, name: str) -> None:
        """A lake table was made that the engine has not heard of: until it tells of its tables, this is one of them."""
        new = frozenset({(schema, name)})
        self.loaded = LoadedTables.of(self.loaded.tables | new, self.loaded.lake | new)
        self._stays.forget()

    def _lost(self, why: str, hung: bool) -> None:
        if self._link:
            self._link.close()
            self._link = None
        if self.alive:
            log.warning("the engine is gone: %s; statements run on the backend", why)
        self.alive = False
        if hung:  # whoever waits for a dead engine has seen the socket close
            for link in list(self._links):
                link.close()

    def close(self) -> None:
        """Close the worker's own connection."""
        if self._link:
            self._link.close()
