"""Run the engine's copy, without its endpoint, beside a backend; also as a process of its own, to be killed.

As a process its argument is the path of a settings file, and it prints the position's offset as it moves.
"""

import asyncio
import sys
import threading
import time
from pathlib import Path
from typing import Any

from base.settings import Settings, Upstream
from engine.replica import Replica
from engine.replicate.fence import NotFresh
from tests.live.compare import difference


def settings_for(upstream: Upstream, folder: Path, **more: Any) -> Settings:
    """Settings of a copy in `folder`, small in memory."""
    options = {"autoload": False, "engine_memory_limit": 1 << 29, "engine_threads": 2, **more}
    return Settings(data_dir=folder, upstream=upstream, **options)


class Copy:
    """A replica on an event loop in a thread of its own, with blocking calls."""

    def __init__(self, settings: Settings) -> None:
        self.replica = Replica(settings)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)

    async def _start(self) -> None:
        self.replica.start()

    def load(self, schema: str, name: str, timeout: float = 60) -> None:
        """Load a table as it is now and wait for it."""
        self.wait()
        self.replica.loader.load(schema, name).result(timeout)

    def wait(self, timeout: float = 30) -> None:
        """Wait until the copy is fresh."""
        asyncio.run_coroutine_threadsafe(self.replica.fence.wait("strict", timeout), self._loop).result(timeout + 5)

    def difference(self, connection: Any, schema: str, name: str) -> str:
        """Make the copy fresh and say how it differs; nobody may write meanwhile."""
        self.wait()
        with self.replica.store.snapshot() as snapshot:
            return difference(connection, snapshot, schema, name)

    def wait_until_equal(self, connection: Any, schema: str, name: str, timeout: float = 30) -> None:
        """Wait for a table that loads in the background, and for it to equal its source.

        A copy that has just begun may ask for the position of a log that was reset before it finds that out itself.
        """
        deadline = time.monotonic() + timeout
        while found := self._difference_or_doubt(connection, schema, name):
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    def _difference_or_doubt(self, connection: Any, schema: str, name: str) -> str:
        try:
            return self.difference(connection, schema, name)
        except NotFresh as error:
            return str(error)

    def answer(self, schema: str, name: str) -> str:
        """What the catalog says of a table: the reason, or AVAILABLE."""
        found = self.replica.store.view().table(schema, name)
        return found if isinstance(found, str) else found.state.name

    def stop(self) -> None:
        """End everything."""
        self.replica.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


def _main() -> None:
    copy = Copy(Settings.read(sys.argv[1]))
    shown = -1
    while True:
        if (offset := copy.replica.store.position.offset) != shown:
            print(offset, flush=True)
            shown = offset
        time.sleep(0.01)


if __name__ == "__main__":
    _main()
