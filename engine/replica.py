"""The fresh copy as one thing: store, replication, loads and fence, put together from the settings."""

import logging
import os
from collections.abc import Callable

import duckdb

from base.settings import Settings
from engine.backend.connection import Connection
from engine.backend.describe import folds_table_names
from engine.load.manager import Loader
from engine.replicate.fence import Fence
from engine.replicate.follow import Follower
from engine.replicate.lag import LagMeter
from engine.store.copies import Copies
from engine.store.database import Store
from engine.store.upkeep import Upkeep
from engine.verify.rolling import Rolling
from engine.verify.verifier import Verifier

log = logging.getLogger(__name__)

_FATAL_EXIT = 70


def _exit(error: BaseException) -> None:
    """DuckDB refuses all work after a fatal error; the supervisor starts a process that opens the file anew."""
    log.critical("the column store failed and is opened again: %s", error)
    logging.shutdown()
    os._exit(_FATAL_EXIT)


class Replica:
    """Everything that keeps the copy. The parts are public: `store`, `copies`, `loader`,
    `follower`, `fence`, `upkeep`, `verifier`, `rolling`, `lag`."""

    def __init__(self, settings: Settings, on_fatal: Callable[[BaseException], None] = _exit) -> None:
        """Open the store. Raises BackendError when the backend does not answer, duckdb.Error when no file can be."""
        with Connection(settings) as connection:
            fold = folds_table_names(connection)
        self.store = Store(
            settings.paths.store_file,
            settings.engine_memory_limit,
            settings.engine_threads or os.cpu_count() or 1,
            fold,
        )
        self.copies = Copies(self.store)
        self.loader = Loader(settings, self.store, self.copies)
        self.follower = Follower(settings, self.store, self.copies, self.loader, on_fatal)
        progress = self.follower.progress
        self.lag = LagMeter(
            settings, self.store, self.follower.oldest_waiting, lambda: progress.newest_commit, progress.per_second
        )
        self.upkeep = Upkeep(self.store, self.copies, on_fatal)
        self.verifier = Verifier(settings, self.store, self.copies, self.loader.reload)
        self.idle: Callable[[], bool] = lambda: True  # whether nobody asks anything; who serves statements puts its own
        self.rolling = Rolling(settings, self.store, self.verifier, lambda: self.idle())
        self.fence = Fence(
            settings, self.store, self.follower.want, lambda: self.follower.seconds_behind, self.follower.doubt
        )

    def start(self) -> None:
        """Begin to replicate and to load, and bind the fence to the running event loop."""
        self.follower.start()
        self.fence.start()
        self.upkeep.start()
        self.lag.start()
        self.rolling.start()

    def keep(self) -> None:
        """Write what a user asked for to the disk: no log tells it after a crash."""
        try:
            self.store.checkpoint()
        except (duckdb.Error, OSError) as error:
            log.warning("not on the disk yet: %s", error)  # upkeep tries again

    def stop(self) -> None:
        """End all threads and close the file."""
        self.verifier.stop()
        self.rolling.stop()
        self.fence.stop()
        self.upkeep.stop()
        self.lag.stop()
        self.loader.stop()
        self.follower.stop()
        self.store.close()
