"""The translator with what it needs from the backend and the store: weights, time zones, and their functions."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import duckdb

from base.errors import WarmfrontError
from base.settings import Settings
from engine import zones
from engine.backend.connection import Connection
from engine.catalog import CatalogView
from engine.collate import keys, presence
from engine.collate.cases import Cases, fetch_cases
from engine.collate.fetch import fetch_facts
from engine.collate.store import Collations
from engine.collate.weights import Weights
from engine.functions import Function
from engine.translate.lower.doubles import BY_KEY
from engine.translate.refusal import Refusal
from engine.translate.translator import Translation, translate
from engine.translating.failed import OVERFLOW, Failed
from engine.translating.spellings import Spellings
from engine.translating.translations import Find, Translations
from engine.translating.zone_source import ZoneSource
from engine.zones import ZoneTable
from statements.context import SessionContext
from wire.responses import ColumnDefinition

log = logging.getLogger(__name__)

_ASCII = presence.of_text("a")


def register(connection: duckdb.DuckDBPyConnection, called: Weights | ZoneTable | Function) -> None:
    """Make the functions of a translation callable on a database; once for each `called.function`."""
    if isinstance(called, Weights):
        keys.register(connection, called)
    elif isinstance(called, ZoneTable):
        zones.register(connection, called)
    else:
        called.register(connection)


class Translator:
    """Translates for any thread. Weights are fetched once: those of ASCII at once, all others in the background."""

    def __init__(self, settings: Settings, store_cursor: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._settings = settings
        self._store_cursor = store_cursor
        self._collations = Collations(settings.paths.collations)
        self._held: dict[tuple[str, bool], Weights | None] = {}
        self._fetching: set[str] = set()
        self._cases: dict[str, Cases | None] = {}
        self._fetching_cases: set[str] = set()
        self._registered: set[str] = set()
        self._zones = ZoneSource(settings)
        self._made = Translations()
        self._spellings = Spellings()
        self._widened, self._ordered = Failed(OVERFLOW), Failed(BY_KEY)
        self._lock = threading.Lock()
        self._background = ThreadPoolExecutor(1, thread_name_prefix="weights")

    def translate(
        self,
        statement: str,
        context: SessionContext,
        view: CatalogView,
        definitions: Sequence[ColumnDefinition],
        rows: duckdb.DuckDBPyConnection | None = None,
    ) -> Translation | Refusal:
        """Translate a statement for one snapshot's view: anew, unless all that the last one read is the same.

        With the snapshot's connection the SQL may hold for its `rows` only, and be the faster for it. Raises
        duckdb.Error when these cannot be read.
        """

        def are_single(table: str, column: str, key: str, function: str) -> bool:
            if rows is None or (function and function not in self._registered):
                return False
            try:
                return self._spellings.are_single(view, rows, table, column, key)
            except duckdb.CatalogException:  # the snapshot is older than the function
                return False

        finds: dict[str, Find] = {"weigh": self._weigh, "zone": self._zones.find, "cases": self._find_cases}
        is_wide, is_ordered = self._widened.has(statement), self._ordered.has(statement)
        finds["single"], finds["wide"], finds["ordered"] = are_single, lambda: is_wide, lambda: is_ordered
        return self._made.get(
            statement,
            context,
            view,
            definitions,
            finds,
            lambda session, tables, ask, trace: translate(
                statement,
                session,
                tables,
                definitions,
                ask["weigh"],
                ask["zone"],
                ask["cases"],
                trace,
                ask["single"],
                ask["wide"],
                ask["ordered"],
            ),
        )

    def widen(self, statement: str, error: BaseException) -> bool:
        """Tell whether a statement that failed is worth another attempt: its products are to have more digits, or its
        doubles are to be added up in the backend's order."""
        return self._widened.note(statement, error) or self._ordered.note(statement, error)

    def prepare(self, translation: Translation) -> bool:
        """Make the functions that a translation calls; True when one is new, which older snapshots do not see."""
        new = False
        with self._lock:
            needed: tuple[Weights | ZoneTable | Function, ...]
            needed = (*translation.weights, *translation.zones, *translation.functions)
            for called in needed:
                if called.function not in self._registered:
                    with closing(self._store_cursor()) as cursor:
                        register(cursor, called)
                    self._registered.add(called.function)
                    new = True
        return new

    def is_asking(self) -> bool:
        """Tell whether weights, cases or a time zone are being fetched, or wait for it."""
        with self._lock:
            weights = {(collation, False) for collation in tuple(self._fetching)} - self._held.keys()
            return bool(weights or self._fetching_cases - self._cases.keys()) or self._zones.is_reading

    def stop(self) -> None:
        """End the background fetches after the collation and the zone they are at."""
        self._background.shutdown(wait=False, cancel_futures=True)
        self._zones.stop()

    def _find_cases(self, collation: str) -> Cases | None:
        """What LOWER and UPPER do in a collation; None while it is being fetched."""
        with self._lock:
            if collation not in self._cases and collation not in self._fetching_cases:
                self._fetching_cases.add(collation)
                self._background.submit(self._fetch_cases, collation)
            return self._cases.get(collation)

    def _fetch_cases(self, collation: str) -> None:
        try:
            with Connection(self._settings) as connection, connection.raw.cursor() as cursor:
                facts = fetch_facts(cursor, collation)
                self._cases[collation] = None if facts is None else fetch_cases(cursor, facts)
        except (WarmfrontError, OSError) as error:
            log.warning("cases of %s cannot be fetched: %s", collation, error)
        except Exception:
            log.exception("cases of %s cannot be fetched", collation)
        finally:
            if collation not in self._cases:
                self._fetching_cases.discard(collation)

    def _weigh(self, collation: str, present: presence.Presence) -> Weights | None:
        """Weights for strings of these bytes; None while those of all characters are being fetched."""
        if presence.is_ascii(present):
            return self._best(collation)
        if (collation, False) not in self._held:
            self._fetch_later(collation)
        return self._held.get((collation, False))

    def _best(self, collation: str) -> Weights | None:
        whole = self._held.get((collation, False))
        if whole is not None:
            return whole
        if (collation, True) not in self._held:
            self._fetch(collation, ascii_only=True)
        return self._held.get((collation, True))

    def _fetch_later(self, collation: str) -> None:
        with self._lock:
            if collation in self._fetching:
                return
            self._fetching.add(collation)
        self._background.submit(self._fetch, collation, False)

    def _fetch(self, collation: str, ascii_only: bool) -> None:
        try:
            with Connection(self._settings) as connection, connection.raw.cursor() as cursor:
                wanted = _ASCII if ascii_only else presence.ANYTHING
                self._held[collation, ascii_only] = self._collations.get(cursor, collation, wanted)
        except (WarmfrontError, OSError) as error:
            log.warning("weights of %s cannot be fetched: %s", collation, error)
        except Exception:
            log.exception("weights of %s cannot be fetched", collation)
        finally:
            if not ascii_only and (collation, False) not in self._held:
                self._fetching.discard(collation)
