"""Freshness: a statement runs only on a copy that has passed the backend's log position of the moment it was sent."""

import asyncio
import logging
import threading
from collections.abc import Callable

from base.errors import BackendError, SecondaryEngineError, WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection, read_position
from engine.changes.position import Position
from engine.store.database import Store

log = logging.getLogger(__name__)

_LOG_CHANGED = 1236  # ER_SOURCE_FATAL_ERROR_READING_BINLOG
_READ_TIMEOUT = 5.0  # seconds the backend may take to tell its position


class NotFresh(SecondaryEngineError):
    """The copy did not become fresh in time, or the backend's position cannot be read."""


class Fence:
    """Waits for freshness on one event loop.

    One position read serves everybody who came before it was sent; who comes later waits for the next one.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        want: Callable[[Position], None],
        behind: Callable[[], float],
        doubt: Callable[[], None],
    ) -> None:
        """`want` asks replication to hurry up to a position; `behind` gives the copy's age in seconds.

        `doubt` is called when the backend's log cannot be the one that is followed.
        """
        self._settings = settings
        self._store = store
        self._want = want
        self._behind = behind
        self._doubt = doubt
        self._loop: asyncio.AbstractEventLoop | None = None
        self._asking: list[asyncio.Future[Position]] = []
        self._waiting: dict[asyncio.Future[None], Position] = {}
        self._wake = threading.Condition()
        self._stopping = False
        self._thread = threading.Thread(target=self._read_positions, name="fence", daemon=True)

    def start(self) -> None:
        """Bind to the running event loop and begin to serve."""
        self._loop = asyncio.get_running_loop()
        self._store.listen(self._applied)
        self._thread.start()

    def stop(self) -> None:
        """End the thread; those who wait time out."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    async def wait(self, freshness: str = "strict", timeout: float = 5.0) -> Position:
        """Wait until the store has everything committed before this call; gives the position it is at.

        With freshness "relaxed" nothing is waited for. `timeout` is in seconds. Raises NotFresh with the reason.
        """
        if self._store.broken:
            raise NotFresh(self._store.broken)
        if freshness == "relaxed":
            return self._store.position
        try:
            async with asyncio.timeout(timeout):
                target = await self._ask()
                await self._until(target)
        except TimeoutError:
            raise NotFresh(f"the copy is {self._behind():.1f} s behind") from None
        return self._store.position

    async def log_end(self, timeout: float = 5.0) -> Position:
        """Give the backend's log position of now; raises NotFresh when it does not tell within `timeout` seconds."""
        try:
            async with asyncio.timeout(timeout):
                return await self._ask()
        except TimeoutError:
            raise NotFresh("the backend does not tell its position") from None

    async def _ask(self) -> Position:
        assert self._loop is not None, "the fence has not been started"
        future: asyncio.Future[Position] = self._loop.create_future()
        with self._wake:
            self._asking.append(future)
            self._wake.notify()
        return await future

    async def _until(self, target: Position) -> None:
        if self._has(target):
            return
        assert self._loop is not None
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting[future] = target
        try:
            self._want(target)
            if not self._has(target):  # it may have come just before we were listed
                await future
        finally:
            self._waiting.pop(future, None)

    def _has(self, target: Position) -> bool:
        return self._store.position.covers(target)

    def _applied(self, _: Position) -> None:
        if self._waiting and self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        for future, target in self._waiting.items():
            if not future.done() and self._has(target):
                future.set_result(None)

    def _read_positions(self) -> None:
        connection: Connection | None = None
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._asking or self._stopping)
                if self._stopping:
                    break
                asking, self._asking = self._asking, []
            try:
                if connection is None:
                    connection = Connection(self._settings, read_timeout=_READ_TIMEOUT)
                here = self._store.position
                target = read_position(connection, with_gtids=False)
                if here.server and not target.covers(here):
                    # The log is never behind the copy, which was read from it: it was reset, or is another server's.
                    self._doubt()
                    raise BackendError(_LOG_CHANGED, "HY000", "its log is not the one that is followed")
                self._answer(asking, target)
            except WarmfrontError as error:
                if connection is not None:
                    connection.close()
                connection = None
                self._answer(asking, NotFresh(f"the backend does not tell its position: {error}"))
        if connection is not None:
            connection.close()

    def _answer(self, asking: list[asyncio.Future[Position]], answer: Position | NotFresh) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_settle, asking, answer)


def _settle(asking: list[asyncio.Future[Position]], answer: Position | NotFresh) -> None:
    for future in asking:
        if future.done():
            continue
        if isinstance(answer, Position):
            future.set_result(answer)
        else:
            future.set_exception(answer)
