"""Keep the store at the backend's heels: source to applier, in one thread, from the stored position on."""

import logging
import threading
import time
from collections.abc import Callable

import duckdb

from base.errors import WarmfrontError
from base.settings import Settings
from engine.backend import Connection, read_position
from engine.catalog import State
from engine.load.manager import Loader
from engine.replicate.apply import FATAL, Applier
from engine.replicate.changes import Position
from engine.replicate.source import LogLost, Source
from engine.store.copies import Copies
from engine.store.database import Store

log = logging.getLogger(__name__)

_POLL = 0.5  # seconds
_PAUSE = 1.0  # seconds before replication is begun again


class Follower:
    """Replication of one store. `on_fatal` is called when the process has to be started again."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        copies: Copies,
        loader: Loader,
        on_fatal: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._store = store
        self._copies = copies
        self._loader = loader
        self._on_fatal = on_fatal
        self.applier = Applier(store, copies, loader)
        self._source: Source | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)
        self._recovered = False
        store.hurry = self.want

    def start(self) -> None:
        """Begin to follow; loads begin by themselves when the backend is reached."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; what was applied is kept."""
        self._stop.set()
        self.applier.stop()
        if self._source is not None:
            self._source.stop()
        if self._thread.is_alive():
            self._thread.join()

    def want(self, position: Position) -> None:
        """Ask for everything up to a position as soon as possible."""
        if self._source is not None:
            self._source.want(position)

    @property
    def connected(self) -> bool:
        """Tell whether the backend's log is being read."""
        return self._source is not None and self._source.connected

    @property
    def seconds_behind(self) -> float:
        """Age of the newest commit in the store, in seconds; 0 when nothing has been applied yet."""
        newest = self.applier.commit_timestamp
        return max(0.0, time.time() - newest) if newest else 0.0

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._begin()
                self._follow()
            except LogLost as error:
                log.warning("everything is loaded again: %s", error)
                self._start_over(str(error))
            except WarmfrontError as error:
                log.warning("replication: %s", error)
            except FATAL as error:
                self._on_fatal(error)
                return
            except duckdb.Error as error:
                log.error("the column store cannot be written: %s", error)
            self._end_source()
            self._stop.wait(_PAUSE)

    def _begin(self) -> None:
        with Connection(self._settings) as connection:
            position = self._store.position
            if position.server and position.server != connection.identity:
                self._start_over("the backend is another server")
                position = self._store.position
            if not position.server:
                with self._store.write() as transaction:
                    transaction.set_position(read_position(connection))
            self._loader.distrust(connection)
        self._source = Source(self._settings, self._store.position, self.applier.table)
        self._source.start()
        if not self._recovered:
            self._loader.recover()
            self._recovered = True

    def _follow(self) -> None:
        source = self._source
        while source is not None and not self._stop.is_set():
            batch = source.next_batch(_POLL)
            if batch is not None:
                self.applier.apply(batch)

    def _end_source(self) -> None:
        if self._source is not None:
            self._source.stop()
            self._source = None

    def _start_over(self, reason: str) -> None:
        """Throw the copy away; what was in it is loaded again, as what its users had asked for."""
        self._end_source()
        kept = dict(self._store.entries)
        for key in kept:
            self._copies.cancel(key, reason)
        self._store.reset()
        self._recovered = False
        with self._store.write() as transaction:
            for entry in kept.values():
                state = entry.state if entry.state is State.UNLOADED else State.RECOVERING
                transaction.put(entry.with_state(state, reason))
