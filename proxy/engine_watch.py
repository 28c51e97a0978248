"""What a worker knows of the engine: whether it lives, and which tables it can answer from. Also passes KILL on."""

import asyncio
import contextlib
import logging

from base.errors import WarmfrontError
from base.settings import Settings
from proxy.decisions import StayCache
from proxy.engine_link import EngineGone, EngineLink
from proxy.rules import LoadedTables
from wire.constants import Capability

log = logging.getLogger("proxy")

_PING_INTERVAL = 0.25  # seconds
_PING_TIMEOUT = 1.0  # seconds after which the engine counts as hung
_GIVE_UP = 2  # failed pings in a row
_TABLES_EVERY = 3  # pings: the question costs the engine some milliseconds
PATIENCE = 5.0  # seconds that a FORCED statement waits for an engine that restarts
LONG_PATIENCE = 15.0  # the same for a question about the engine, which nobody else can answer
_TABLES = (
    b"SELECT i.SCHEMA_NAME, i.TABLE_NAME FROM performance_schema.rpd_tables t "
    b"JOIN performance_schema.rpd_table_id i ON t.ID = i.ID WHERE t.LOAD_STATUS = 'AVAIL_RPDGSTABSTATE'"
)


class EngineWatch:
    """Pings the engine and polls its tables; `alive` and `loaded` are the latest answers."""

    def __init__(self, settings: Settings, stays: StayCache) -> None:
        self._settings = settings
        self._stays = stays
        self._link: EngineLink | None = None
        self._lock = asyncio.Lock()
        self.alive = False
        self.loaded = LoadedTables()
        self.running: set[EngineLink] = set()  # links with a statement under way

    async def open(self, capabilities: int) -> EngineLink:
        """Open a connection for a session. Raises EngineGone."""
        paths = self._settings.paths
        return await EngineLink.open(paths.engine_socket, paths.engine_secret, capabilities)

    async def run(self) -> None:
        """Watch for ever."""
        turn = failures = 0
        while True:
            started = asyncio.get_running_loop().time()
            try:
                await self._look(turn % _TABLES_EVERY == 0 or not self.alive)
                failures = 0
            except (EngineGone, TimeoutError, WarmfrontError) as problem:
                failures += 1
                self._lost(str(problem) or "it does not answer", failures)
            turn += 1
            self._stays.age()
            spent = asyncio.get_running_loop().time() - started
            await asyncio.sleep(max(0.01, _PING_INTERVAL - spent))

    async def refresh(self, patience: float = PATIENCE) -> None:
        """Ask for the loaded tables now, and wait some seconds for an engine that is down."""
        deadline = asyncio.get_running_loop().time() + patience
        while True:
            with contextlib.suppress(EngineGone, TimeoutError, WarmfrontError):
                await self._look(True)
                return
            if asyncio.get_running_loop().time() > deadline:
                return
            await asyncio.sleep(0.1)

    async def kill(self, text: bytes) -> None:
        """Pass a KILL on, on a connection of its own: the shared one may be waiting for an answer."""
        with contextlib.suppress(EngineGone, TimeoutError, WarmfrontError):
            link = await self.open(int(Capability.DEPRECATE_EOF))
            try:
                async with asyncio.timeout(_PING_TIMEOUT):
                    await link.ask(text)
            finally:
                link.close()

    async def _look(self, tables: bool) -> None:
        async with self._lock, asyncio.timeout(_PING_TIMEOUT):
            if self._link is None or self._link.closed:
                self._link = await self.open(int(Capability.DEPRECATE_EOF))
            answer = await self._link.ask(_TABLES if tables else b"SELECT 1")
        if answer.error:
            raise EngineGone(answer.error.message)
        if tables:
            self._take_tables([row for row in answer.rows if row[0] is not None])
        if not self.alive:
            log.info("the engine answers: %d tables are loaded", len(self.loaded.tables))
            self._stays.forget()
            self.alive = True

    def _take_tables(self, rows: list[list[bytes | None]]) -> None:
        pairs = frozenset(((row[0] or b"").decode(), (row[1] or b"").decode()) for row in rows)
        loaded = LoadedTables.of(pairs)
        if loaded != self.loaded:
            self.loaded = loaded
            self._stays.forget()

    def _lost(self, why: str, failures: int) -> None:
        if self._link:
            self._link.close()
            self._link = None
        if self.alive:
            log.warning("the engine is gone: %s; statements run on the backend", why)
        self.alive = False
        # A busy machine may miss one ping: what runs is given up only when the engine misses another.
        if failures >= _GIVE_UP:
            for link in list(self.running):
                link.close()

    def close(self) -> None:
        """Close the worker's own connection."""
        if self._link:
            self._link.close()
