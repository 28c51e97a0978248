"""Lake tables with "auto_refresh": their files are looked at from time to time, and what is new is taken in.

A loaded table gets the rows of new and changed files and loses those of files that are gone; of a table that is read
in place, which every statement looks up anyway, the values of new files are looked at before a statement has to.
"""

import logging
import threading

import duckdb

from base.errors import WarmfrontError
from engine.lake.definitions import LakeTable
from engine.lake.tables import LakeTables

log = logging.getLogger(__name__)


class Poller:
    """Refreshes the tables of one engine, one after the other, in a thread of its own."""

    def __init__(self, tables: LakeTables, interval: float) -> None:
        """`interval` is in seconds between the end of one round and the next."""
        self._tables = tables
        self._interval = interval
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lake refresh", daemon=True)

    def start(self) -> None:
        """Begin; the first round is after one interval."""
        self._thread.start()

    def stop(self) -> None:
        """End after the table that is being looked at."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            for known in self._tables.definitions.all():
                if known.definition.auto_refresh and not self._stop.is_set():
                    self._refresh(known)

    def _refresh(self, known: LakeTable) -> None:
        key = known.table.schema, known.table.name
        try:
            self._tables.poll(key)
        except (WarmfrontError, duckdb.Error) as error:
            trouble = str(error).partition("\n")[0]
            if trouble != known.trouble:
                log.warning("the files of %s.%s are not taken in: %s", *key, trouble)
            known.trouble = trouble
