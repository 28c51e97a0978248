"""Keep the store at the backend's heels: source to applier, in one thread, from the stored position on."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import duckdb

from base.errors import WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection, read_position
from engine.catalog import State
from engine.changes.position import Position
from engine.load.manager import Loader
from engine.load.visible import names_transactions
from engine.replicate.apply import Applier
from engine.replicate.definitions import Definitions
from engine.replicate.dump import end_with_gtids
from engine.replicate.history import file_birth, judge
from engine.replicate.progress import Progress
from engine.replicate.source import BackendMoved, LogLost, Source
from engine.store.bookkeeping import NOWHERE
from engine.store.copies import Copies
from engine.store.database import Store
from engine.store.lost import FATAL

log = logging.getLogger(__name__)

_POLL = 0.5  # seconds
_LOOK = 3.0  # seconds between two looks at whose log it is
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
        self.applier = Applier(store, copies, loader, Definitions(settings))
        self.progress = Progress()
        self._source: Source | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="follow", daemon=True)
        self._recovered = False
        self._lost = ""  # why the copy has to be made anew
        self._doubt = threading.Event()
        self._verdict: tuple[Source, WarmfrontError] | None = None  # of the last look, and what was followed then
        self._looker = threading.Thread(target=self._look_on, name="look", daemon=True)
        store.hurry = self.want

    def start(self) -> None:
        """Begin to follow; loads begin by themselves when the backend is reached."""
        self._thread.start()
        self._looker.start()

    def stop(self) -> None:
        """End the threads; what was applied is kept. One that waits for a backend that is gone is left behind."""
        self._stop.set()
        self._doubt.set()
        self.applier.stop()
        if self._source is not None:
            self._source.stop()
        if self._thread.is_alive():
            self._thread.join()
        if self._looker.is_alive():
            self._looker.join(_POLL)

    def want(self, position: Position) -> None:
        """Ask for everything up to a position as soon as possible."""
        if self._source is not None:
            self._source.want(position)

    def doubt(self) -> None:
        """Ask that the backend's log be compared with the one that is followed."""
        self._doubt.set()

    @property
    def connected(self) -> bool:
        """Tell whether the backend's log is being read."""
        return self._source is not None and self._source.connected

    @property
    def seconds_behind(self) -> float:
        """Age of the newest commit in the store, in seconds; 0 when nothing has been applied yet."""
        newest = self.progress.newest_commit
        return max(0.0, time.time() - newest) if newest else 0.0

    def oldest_waiting(self) -> float:
        """The oldest commit that was read and is not applied, seconds since the epoch; 0 when there is none."""
        source = self._source
        return self.progress.applying or (source.oldest_commit() if source is not None else 0.0)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._begin()
                self._follow()
            except LogLost as error:
                log.warning("everything is loaded again: %s", error)
                self._lost = str(error).rstrip(".")
            except WarmfrontError as error:
                log.warning("replication: %s", error)
            except FATAL as error:
                self._on_fatal(error)
                return
            except duckdb.Error as error:
                log.error("the column store cannot be written: %s", error)
            except Exception:  # a defect of ours must be seen, and must not leave the copy where it is for ever
                if not self._stop.is_set():
                    log.exception("replication stopped, and is begun again")
            self._end_source()
            self._stop.wait(_PAUSE)

    def _begin(self) -> None:
        self._end_source()
        with Connection(self._settings) as connection:
            if not self._lost and self._store.position.server:
                self._adopt(connection)
            if self._lost:
                self._start_over(self._lost)
                self._lost = ""
            if not self._store.position.server:
                position = self._beginning(connection)
                with self._store.write("position") as transaction:
                    transaction.set_position(position)
            self._loader.distrust(connection)
        applier = self.applier
        self._source = Source(self._settings, self._store.position, applier.table, self._check, applier.dependents)
        self.progress.start(self._store.position)
        self._source.start()
        if not self._recovered:
            self._loader.recover()
            self._recovered = True

    def _beginning(self, connection: Connection) -> Position:
        """The end of the log, with the GTIDs of that very place."""
        if connection.is_mariadb:
            position = end_with_gtids(connection)
            return replace(position, born=file_birth(self._settings, position.file))
        position = read_position(connection)
        # What is at MySQL's end of the log may not count as executed yet.
        if names_transactions(connection):
            return replace(position, file="", offset=0)
        return replace(position, offset=4, born=file_birth(self._settings, position.file))

    def _adopt(self, connection: Connection) -> None:
        """Go on with a server that took the place of the one that was followed, when it has all that the copy has."""
        position = self._store.position
        verdict = judge(self._settings, connection, position)
        self._lost = verdict.lost
        if self._lost:
            log.warning("everything is loaded again: %s", self._lost)
        if verdict.moved:
            log.info("the backend is another server now, %s; the copy goes on there", connection.identity)
            with self._store.write("position") as transaction:
                # Loads under way have positions of the server that was.
                orphans = self._copies.cancel_all("the backend is another server now")
                transaction.set_position(Position(connection.identity, "", 0, position.gtids))
            for key in orphans:
                self._loader.reload(key, "the backend is another server now")

    def _check(self, connection: Connection, position: Position) -> None:
        """Raise LogLost or BackendMoved when the log of a backend is not the one that ends at `position`."""
        verdict = judge(self._settings, connection, position)
        if verdict.lost:
            raise LogLost(verdict.lost)
        if verdict.moved:
            raise BackendMoved(f"the backend is another server now, {connection.identity}")

    def _follow(self) -> None:
        source = self._source
        while source is not None and not self._stop.is_set():
            batch = source.next_batch(_POLL)
            if batch is not None:
                self.progress.begin(batch)
                self.applier.apply(batch)
                self.progress.end(batch)
            verdict, self._verdict = self._verdict, None
            if verdict is not None and verdict[0] is source:
                raise verdict[1]

    def _look_on(self) -> None:
        """See now and then whether the log is still the one that is followed: a connection to one that is not may stay
        open. In a thread of its own: readers would wait for the backend's answers."""
        seen = NOWHERE  # where the copy was when we looked last
        while not self._stop.is_set():
            doubted = self._doubt.wait(_LOOK)
            self._doubt.clear()
            source = self._source
            if not self._stop.is_set() and source is not None and source.connected:
                seen = self._look(source, doubted, seen)

    def _look(self, source: Source, doubted: bool, seen: Position) -> Position:
        before = self._store.position
        try:
            with Connection(self._settings, read_timeout=_LOOK) as connection:
                there = read_position(connection, with_gtids=False)
                stuck = before == seen and there.key != before.key
                if doubted or stuck or there.server != before.server:
                    self._check(connection, before)
        except (LogLost, BackendMoved) as error:
            self._verdict = source, error
        except WarmfrontError as error:
            log.debug("the backend does not tell whose log it writes: %s", error)
        except Exception:  # a defect of ours must be seen, and must not end the looking
            log.exception("the backend's log cannot be judged")
        return before

    def _end_source(self) -> None:
        if self._source is not None:
            self._source.stop()
            self._source = None

    def _start_over(self, reason: str) -> None:
        """Empty the copy; what was in it is loaded again, as what its users had asked for."""
        self._recovered = False
        self._copies.cancel_all(reason)
        with self._store.write("start over") as transaction:
            for key, entry in list(transaction.tables.items()):
                state = entry.state if entry.state is State.UNLOADED else State.RECOVERING
                self._copies.take_out(transaction, key, state, reason)
            transaction.set_position(NOWHERE)
