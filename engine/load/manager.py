"""Which tables are loaded, and when: on request, by themselves, and again when a copy had to be given up."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace

import duckdb

from base.errors import SecondaryEngineError, WarmfrontError
from base.settings import Settings
from engine.backend.cascades import unlogged_actions
from engine.backend.connection import Connection
from engine.backend.describe import LAKE_ENGINE, describe_schema, user_schemas
from engine.catalog import CatalogView, Key, State
from engine.changes.position import Position
from engine.layout import reason_not_loadable
from engine.load.copy import NotLoadable, TableGone, copy_table
from engine.store.copies import Copies, Copying, Overtaken
from engine.store.database import Store
from statements.ml import is_catalog

log = logging.getLogger(__name__)

_AT_ONCE = 2  # loads
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0  # seconds before a load that failed is tried again
_AT_ONCE_AGAIN = 3  # times that a copy which is overtaken by events is made anew without a pause
_LONGEST_OVERTAKEN = 1.0  # seconds; the table may be left alone from now on
_IN_SERVICE = frozenset({State.AVAILABLE, State.LOADING, State.UNLOADED})


@dataclass(slots=True)
class _Job:
    key: Key
    load_type: str
    tries: int = 0
    needed: Position | None = None  # something happened there while it ran
    done: Future[None] = field(default_factory=Future)


class Loader:
    """Runs loads in threads of its own. Every method may be called from any thread and returns at once."""

    def __init__(self, settings: Settings, store: Store, copies: Copies) -> None:
        self._settings = settings
        self._store = store
        self._copies = copies
        self._lock = threading.Lock()
        self._jobs: dict[Key, _Job] = {}
        self._timers: set[threading.Timer] = set()
        self._trouble: dict[Key, tuple[int, float]] = {}  # how often a copy was given up lately, and when last
        self._stopped = False
        self._pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="load")

    def load(self, schema: str, name: str, load_type: str = "USER") -> Future[None]:
        """Load a table; the future is done when the table answers, or has SecondaryEngineError with the reason."""
        entry = self._store.entries.get((schema, name))
        if entry is not None and entry.state is State.AVAILABLE:
            there: Future[None] = Future()
            there.set_result(None)
            return there
        copying = self._copies.get((schema, name))
        if copying is not None and copying.in_place:
            return copying.done
        return self._request((schema, name), load_type, again=False).done

    def unload(self, schema: str, name: str) -> None:
        """Take a table out of the copy; it stays out until it is asked for. Raises SecondaryEngineError."""
        key = (schema, name)
        entry = self._store.entries.get(key)
        if entry is None or entry.state is State.UNLOADED:
            raise SecondaryEngineError(f"table {schema}.{name} is not loaded")
        with self._lock:
            job = self._jobs.pop(key, None)
        self._copies.set_state(key, State.UNLOADED, "unloaded")
        if job is not None:
            _fail(job, "the table was unloaded")

    def reload(self, key: Key, reason: str) -> None:
        """Copy a table again, in the background."""
        entry = self._store.entries.get(key)
        # A load under way that is overtaken has pauses of its own, and says nothing of whether a copy can be followed.
        loading = key in self._jobs
        pause = self._pause(key) if entry is not None and entry.state is State.STALE and not loading else 0.0
        log.info("table %s.%s is loaded again in %.1f s: %s", *key, pause, reason)
        self._request(key, entry.load_type if entry else "SELF", again=True, pause=pause)

    def _pause(self, key: Key) -> float:
        """How long to wait with a table that cannot be followed again and again, in seconds."""
        with self._lock:
            times, last = self._trouble.get(key, (0, 0.0))
            times = times + 1 if time.monotonic() - last < 2 * _LONGEST_PAUSE else 1
            self._trouble[key] = times, time.monotonic()
        return 0.0 if times <= _AT_ONCE_AGAIN else _backed_off(times - _AT_ONCE_AGAIN)

    def created(self, key: Key, load_type: str = "SELF") -> None:
        """A table came to be: load it when loading by itself is on, or when its user had loaded it."""
        if load_type == "USER" or (self._settings.autoload and not is_catalog(*key)):
            self._request(key, load_type, again=True)

    def recover(self) -> None:
        """After a start: load again what the store could not keep, and by itself what it never had."""
        for key, entry in list(self._store.entries.items()):
            if entry.state not in _IN_SERVICE:
                self.reload(key, entry.reason)
        if self._settings.autoload:
            self._pool.submit(self._autoload)

    def distrust(self, connection: Connection) -> None:
        """Take out of service what changes outside the log by the backend's present settings. Raises BackendError."""
        for key, entry in list(self._store.entries.items()):
            if entry.state in (State.AVAILABLE, State.LOADING):
                schema, name = key
                reason = unlogged_actions(connection, schema, [name], False).get(name)
                if reason and not entry.table.causes:
                    log.warning("table %s.%s is not followed any more: %s", schema, name, reason)
                    self._copies.set_state(key, State.STALE, reason)
                    self.reload(key, reason)

    def _autoload(self, tries: int = 1) -> None:
        try:
            with Connection(self._settings) as connection:
                for schema in user_schemas(connection):
                    for table in describe_schema(connection, schema):
                        key = (table.schema, table.name)
                        entry = self._store.entries.get(key)
                        if entry is not None:  # done, or being done
                            continue
                        if table.engine == LAKE_ENGINE or is_catalog(*key):  # nobody analyses the bytes of models
                            continue
                        if reason := reason_not_loadable(table):
                            self._copies.set_state(key, State.UNAVAILABLE, reason, table, "SELF")
                        else:
                            self._request(key, "SELF", again=False)
        except (WarmfrontError, duckdb.Error) as error:
            log.warning("tables cannot be listed: %s; tried again", error)
            self._later(_backed_off(tries), lambda: self._pool.submit(self._autoload, tries + 1))

    def view(self) -> CatalogView:
        """The newest catalog for showing, with the progress of loads under way."""
        view = self._store.view()
        tables = dict(view.tables)
        for key, entry in tables.items():
            copying = self._copies.get((entry.table.schema, entry.table.name))
            if copying is not None:
                tables[key] = replace(entry, progress=copying.progress, rows=copying.rows)
        return replace(view, tables=tables)

    def stop(self) -> None:
        """End all loads; those waiting fail."""
        self._stopped = True
        with self._lock:
            jobs = list(self._jobs.values())
            timers = list(self._timers)
        for timer in timers:
            timer.cancel()
        for job in jobs:
            self._copies.cancel(job.key, "the engine is stopping")
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _request(self, key: Key, load_type: str, again: bool, pause: float = 0.0) -> _Job:
        with self._lock:
            job = self._jobs.get(key)
            if job is not None:
                if again:
                    job.needed = self._store.position
                if load_type == "USER":
                    job.load_type = "USER"
                return job
            job = self._jobs[key] = _Job(key, load_type)
        self._later(pause, lambda: self._start(job))
        return job

    def _start(self, job: _Job) -> None:
        with suppress(RuntimeError):  # the pool ends when the engine does
            self._pool.submit(self._run, job)

    def _run(self, job: _Job) -> None:
        if self._jobs.get(job.key) is not job:
            return  # unloaded while it waited
        job.needed = None
        job.tries += 1
        try:
            copying = copy_table(self._settings, self._store, self._copies, job.key, job.load_type)
            if job.key not in self._jobs:
                self._copies.set_state(job.key, State.UNLOADED, "unloaded")
            copying.done.add_done_callback(lambda future: self._ended(job, future.exception(), copying))
        except BaseException as error:  # the job must end, whatever happened
            self._copies.cancel(job.key, str(error))
            self._ended(job, error)

    def _ended(self, job: _Job, error: BaseException | None, copying: Copying | None = None) -> None:
        with self._lock:
            if self._jobs.get(job.key) is not job:
                return
            if error is None or isinstance(error, NotLoadable):
                read = copying is not None and job.needed is not None and copying.has_read(job.needed)
                retry = job.needed is not None and not read
            else:
                retry = True
            if not retry or self._stopped:
                del self._jobs[job.key]
        if self._stopped:
            _fail(job, "the engine is stopping")
        elif retry:
            self._retry(job, error)
        elif error is not None:
            self._give_up(job, error)
        elif not job.done.done():
            job.done.set_result(None)

    def _retry(self, job: _Job, error: BaseException | None) -> None:
        overtaken = error is None or job.needed is not None or isinstance(error, Overtaken)
        pause = _backed_off(job.tries)
        if overtaken:
            pause = 0.0 if job.tries <= _AT_ONCE_AGAIN else min(pause, _LONGEST_OVERTAKEN)
        if error is not None:
            log.warning("load of %s.%s failed: %s; tried again in %.1f s", *job.key, error, pause)
            # Who asked gets the reason now; the load goes on in the background.
            if not overtaken and job.tries > 2:
                _fail(job, str(error))
                job.done = Future()
        self._later(pause, lambda: self._start(job))

    def _give_up(self, job: _Job, error: BaseException) -> None:
        log.warning("table %s.%s is not loaded: %s", *job.key, error)
        try:
            if isinstance(error, TableGone):
                with self._store.write() as transaction:
                    transaction.forget(job.key)
            else:
                self._refuse(job, error)
        except duckdb.Error as failure:
            log.warning("the reason cannot be noted: %s", failure)
        _fail(job, str(error))

    def _refuse(self, job: _Job, error: BaseException) -> None:
        reason = str(error).removeprefix("Secondary engine operation failed. ").rstrip(".")
        with Connection(self._settings) as connection:
            found = describe_schema(connection, *job.key)
        if found:
            self._copies.set_state(job.key, State.UNAVAILABLE, reason, found[0], job.load_type)

    def _later(self, pause: float, action: Callable[[], object]) -> None:
        if self._stopped:
            return
        if not pause:
            action()
            return

        def run() -> None:
            self._timers.discard(timer)
            if not self._stopped:
                action()

        timer = threading.Timer(pause, run)
        timer.daemon = True
        self._timers.add(timer)
        timer.start()


def _backed_off(times: int) -> float:
    return float(min(_FIRST_PAUSE * 2.0 ** min(times - 1, 30), _LONGEST_PAUSE))


def _fail(job: _Job, reason: str) -> None:
    if not job.done.done():
        text = reason.removeprefix("Secondary engine operation failed. ").rstrip(".")
        job.done.set_exception(SecondaryEngineError(text))
