"""The backend's time zones: read in the background at first use, and known until the server begins anew.

A server keeps a zone as it first read it from its tables until it is restarted. A connection that stays open shows
that it was not.
"""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import pymysql

from base.errors import WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection
from engine.zones import ZoneTable, fetch_zone

log = logging.getLogger(__name__)


class ZoneSource:
    """Finds zones for any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._held: dict[str, ZoneTable | None] = {}
        self._fetching: set[str] = set()
        self._watch: Connection | None = None
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="zones")

    def find(self, zone: str) -> ZoneTable | None:
        """Give a zone; None when the server does not know it, or while it is read."""
        with self._lock:
            if not self._is_watched():
                self._held, self._fetching = {}, set()
            if self._watch is None:
                return None
            if zone not in self._held and zone not in self._fetching:
                self._fetching.add(zone)
                self._background.submit(self._fetch, zone, self._watch)
            return self._held.get(zone)

    @property
    def is_reading(self) -> bool:
        """Tell whether a zone is being read."""
        return bool(self._fetching)

    @property
    def watcher(self) -> int:
        """The backend's number of the connection that watches; 0 when there is none."""
        return 0 if self._watch is None else int(self._watch.raw.thread_id())

    def stop(self) -> None:
        """End the background reading after the zone it is at."""
        self._background.shutdown(wait=False, cancel_futures=True)
        with self._lock:
            if self._watch is not None:
                self._watch.close()

    def _is_watched(self) -> bool:
        """Tell whether the watching connection still lives; open another one when it does not."""
        if self._watch is not None:
            try:
                self._watch.query("SELECT 1")
                return True
            except WarmfrontError:
                self._watch.close()
                self._watch = None
        try:
            self._watch = Connection(self._settings, read_timeout=10.0)
        except (WarmfrontError, OSError) as error:
            log.warning("time zones cannot be asked for: %s", error)
        return False

    def _fetch(self, zone: str, watch: Connection) -> None:
        table = None
        try:
            with Connection(self._settings) as connection, connection.raw.cursor() as cursor:
                table = fetch_zone(cursor, zone)
        except (WarmfrontError, OSError, pymysql.err.MySQLError) as error:
            log.warning("time zone %s cannot be read: %s", zone, error)
        except Exception:
            log.exception("time zone %s cannot be read", zone)
        with self._lock:
            if self._watch is watch:
                self._fetching.discard(zone)
                self._held[zone] = table
