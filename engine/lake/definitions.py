"""Lake tables as the backend has them: the shadow's columns and the definition in it, read when they are named."""

import logging
import threading
import time
from dataclasses import dataclass, field

from base.errors import BackendError, LakeError, WarmfrontError
from base.settings import Settings
from engine.backend.connection import Connection
from engine.backend.describe import describe_table, lake_tables, lake_texts, show_create
from engine.catalog import FIRST_LAKE_ID, Key
from engine.lake.facts import Covered
from engine.lake.warned import Warned
from lakehouse.descriptions.definition import Definition, read_definition
from lakehouse.stores.signatures import Signatures
from statements.lake import mark_of, quoted, stored_attribute, unique_keys
from statements.schema import Table

log = logging.getLogger(__name__)

_DISCARDED = 1814  # ER_TABLESPACE_DISCARDED


class Unsealed(LakeError):
    """The backend's table can be read by itself."""


class NotLake(LakeError):
    """There is no table of this name, or its rows are the backend's."""


@dataclass(slots=True)
class LakeTable:
    """One lake table, and what was found out of its files. `shown` are the marks of the texts that describe it.

    `regular` are files whose records have the table's width, by the relation that they were read through. `restored`
    says that what an earlier process found out has been taken over, `learned` that there is more since it was kept;
    `refreshed` is when the files were last looked at by themselves, `trouble` what was wrong then.
    """

    table: Table
    definition: Definition
    number: int
    unique: tuple[tuple[str, ...], ...] = ()  # the unique keys beside the table's primary one
    shown: set[str] = field(default_factory=set)
    lock: threading.RLock = field(default_factory=threading.RLock)
    covered: dict[str, list[Covered]] = field(default_factory=dict)
    layouts: dict[frozenset[str], object] = field(default_factory=dict)
    located: dict[tuple[str, frozenset[str]], tuple[Warned, ...]] = field(default_factory=dict)  # wrong values
    checked: frozenset[str] | None = None  # the files in which the keys were found unique
    identified: set[str] = field(default_factory=set)  # files of an Iceberg table whose columns have field ids
    regular: dict[str, set[str]] = field(default_factory=dict)
    old_statistics: dict[str, frozenset[str]] = field(
        default_factory=dict
    )  # files of Parquet, and columns that have some
    escaped: dict[str, bool] = field(default_factory=dict)  # files of CSV, and whether they are to be written anew
    mark: str = ""  # of table and definition, once it was made
    restored: bool = False
    learned: bool = False
    refreshed: float = 0.0
    trouble: str = ""


class Definitions:
    """The lake tables that are known. Safe for several threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._signatures = Signatures(settings.paths.signatures)
        self._lock = threading.Lock()
        self._known: dict[Key, LakeTable] = {}
        self._last = FIRST_LAKE_ID - 1

    def all(self) -> list[LakeTable]:
        """Every table that is known now."""
        return list(self._known.values())

    def get(self, key: Key, mark: str) -> LakeTable:
        """Give a table as the text with this mark describes it, "" for whatever is known. Raises WarmfrontError."""
        with self._lock:
            known = self._known.get(key)
            if known is not None and (not mark or mark in known.shown):
                return known
        return self._read(key, mark)

    def again(self, key: Key) -> LakeTable:
        """Ask the backend; what was found out of the files stays, as far as the definition is the same.

        Raises LakeError, BackendError.
        """
        return self._read(key, "")

    def shown(self, key: Key) -> list[str]:
        """What SHOW CREATE TABLE gives of any table or view to the engine's own account. Raises BackendError."""
        with Connection(self._settings) as connection:
            rows = connection.query_bytes(f"SHOW CREATE TABLE {quoted(key[0])}.{quoted(key[1])}")
        return [bytes(text).decode("utf-8", "replace") for text in rows[0]] if rows else []

    def refresh(self, key: Key) -> LakeTable:
        """Ask the backend, and forget what was found out of the files; a shadow that is open, as a dump leaves it, is
        sealed. Raises LakeError, BackendError."""
        try:
            return self._read(key, "", anew=True)
        except Unsealed:
            self._seal(*key)
            return self._read(key, "", anew=True)

    def _read(self, key: Key, mark: str, anew: bool = False) -> LakeTable:
        schema, name = key
        with Connection(self._settings) as connection:
            table = describe_table(connection, schema, name)
            shown = "" if table is None else show_create(connection, schema, name)
            held = stored_attribute(shown)
            if table is None or held is None:
                self.forget(key)
                raise NotLake(f"{schema}.{name} is not a lake table")
            _require_sealed(connection, schema, name)
        attribute, columns = held
        definition = read_definition(self._signatures.put_back(attribute), columns)
        with self._lock:
            known = self._known.get(key)
            of = table, definition, unique_keys(shown, table)
            if known is None or anew or (known.table, known.definition, known.unique) != of:
                self._last += 1
                known = self._known[key] = LakeTable(*of[:2], self._last, of[2], restored=anew)
            known.shown |= {mark_of(shown.encode()), *([mark] if mark else [])}
            return known

    def discover(self) -> None:
        """Read every lake table of the backend; what cannot be read now is found out when a statement names it."""
        try:
            with Connection(self._settings) as connection:
                keys = lake_tables(connection)
        except WarmfrontError as error:
            log.warning("lake tables cannot be listed: %s", error)
            return
        for key in keys:
            try:
                try:
                    self.get(key, "")
                except Unsealed:
                    self._seal(*key)
                    self.get(key, "")
            except WarmfrontError as error:
                log.warning("lake table %s.%s: %s", *key, error)
        self.forget_signatures()

    def forget_signatures(self) -> None:
        """Forget those of tables that are gone; all stay when the tables cannot be asked for."""
        asked = time.time()
        try:
            with Connection(self._settings) as connection:
                texts = lake_texts(connection)
            self._signatures.keep(texts, asked)
        except (WarmfrontError, OSError, ValueError) as error:
            log.warning("the signatures of lake tables that are gone are kept: %s", error)

    def _seal(self, schema: str, name: str) -> None:
        """Take the tablespace of a shadow without rows, left by a proxy that died. Raises WarmfrontError."""
        table = f"{quoted(schema)}.{quoted(name)}"
        with Connection(self._settings) as connection:
            if connection.query(f"SELECT 1 FROM {table} LIMIT 1"):
                raise LakeError(f"the table {schema}.{name} of the backend has rows of its own")
            connection.execute(f"ALTER TABLE {table} DISCARD TABLESPACE")
        log.info("lake table %s.%s was left open, and is sealed now", schema, name)

    def forget(self, key: Key) -> LakeTable | None:
        """A table is none any more; gives what was known of it."""
        with self._lock:
            return self._known.pop(key, None)


def _require_sealed(connection: Connection, schema: str, name: str) -> None:
    """A shadow that can be read would answer for the files: TRUNCATE gives MariaDB's its tablespace back."""
    try:
        connection.query(f"SELECT 1 FROM {quoted(schema)}.{quoted(name)} LIMIT 1")
    except BackendError as error:
        if error.number == _DISCARDED:
            return
        raise
    raise Unsealed(
        f"the table {schema}.{name} of the backend can be read and written by itself, as after TRUNCATE or CREATE "
        f"TABLE … LIKE, or when it came from a dump: ALTER TABLE {quoted(schema)}.{quoted(name)} SECONDARY_LOAD, or "
        "DISCARD TABLESPACE there, makes it a lake table again"
    )
