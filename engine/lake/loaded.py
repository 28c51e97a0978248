"""Lake tables that were loaded: their rows as of then, in a column store beside the one of InnoDB's tables.

It is another file, so that what happens to it concerns no copy. A load is a new table; statements that began before it
was dropped fail rather than read rows with the facts of others.
"""

import json
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import duckdb

from engine.catalog import Key, LoadedTable
from engine.lake.definitions import LakeTable
from engine.lake.reach import quoted
from engine.store.layout import table_to_json

log = logging.getLogger(__name__)

_NAME = "_lake"
_LIST = f"{_NAME}.main.copies"
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {_LIST} (schema_name VARCHAR, table_name VARCHAR, mark VARCHAR, number BIGINT,
 presence VARCHAR, left_out VARCHAR, is_unique BOOLEAN)
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """The rows of one load, and what was known of the files' values then."""

    name: str
    presence: Mapping[str, bytes]
    left_out: Mapping[str, str]
    is_unique: bool


class LoadedCopies:
    """All copies of one engine. Safe for several threads."""

    def __init__(self, root: duckdb.DuckDBPyConnection, path: Path) -> None:
        """Open the file, or begin a new one when it cannot be used. Raises duckdb.Error when there can be none."""
        self._root = root
        self._lock = threading.Lock()
        try:
            self._open(path)
        except duckdb.Error as error:
            log.warning("the loaded lake tables cannot be used, and have to be loaded again: %s", error)
            with suppress(duckdb.Error):
                root.execute(f"DETACH DATABASE IF EXISTS {_NAME}")
            for file in (path, path.with_name(path.name + ".wal")):
                file.unlink(missing_ok=True)
            self._open(path)

    def _open(self, path: Path) -> None:
        self._root.execute(f"ATTACH {quoted(str(path))} AS {_NAME} (TYPE duckdb)")
        self._root.execute(_CREATE)

    def find(self, known: LakeTable) -> Copy | None:
        """The copy of a table as it is defined now; None when there is none."""
        table = known.table
        with self._lock:
            row = self._root.execute(
                f"SELECT number, presence, left_out, is_unique FROM {_LIST} "
                "WHERE schema_name = ? AND table_name = ? AND mark = ?",
                [table.schema, table.name, _mark(known)],
            ).fetchone()
        if row is None:
            return None
        presence = {name: bytes.fromhex(bits) for name, bits in json.loads(row[1]).items()}
        return Copy(f"{_NAME}.main.t{row[0]}", presence, json.loads(row[2]), row[3])

    def has(self, key: Key) -> bool:
        """Tell whether there is a copy of a table, however it was defined then."""
        with self._lock:
            rows = self._root.execute(
                f"SELECT 1 FROM {_LIST} WHERE schema_name = ? AND table_name = ?", list(key)
            ).fetchall()
        return bool(rows)

    def put(self, looking: duckdb.DuckDBPyConnection, known: LakeTable, made: LoadedTable) -> None:
        """Copy the rows of a table that is open, in place of those that are there. Raises duckdb.Error."""
        with self._lock:
            rows = self._root.execute(f"SELECT coalesce(max(number), 0) + 1 FROM {_LIST}").fetchall()
        number = rows[0][0]
        table, key = known.table, (known.table.schema, known.table.name)
        presence = json.dumps({name: bits.hex() for name, bits in made.presence.items()})
        is_unique = bool(made.table.primary_key)
        looking.execute("BEGIN")
        try:
            looking.execute(f"CREATE OR REPLACE TABLE {_NAME}.main.t{number} AS SELECT * FROM {made.store_name}")
            self._drop(looking, key)
            looking.execute(
                f"INSERT INTO {_LIST} VALUES (?, ?, ?, ?, ?, ?, ?)",
                [*key, _mark(known), number, presence, json.dumps(dict(made.left_out)), is_unique],
            )
            looking.execute("COMMIT")
        except BaseException:
            with suppress(duckdb.Error):
                looking.execute("ROLLBACK")
            raise
        log.info("lake table %s.%s is loaded", table.schema, table.name)

    def drop(self, key: Key) -> None:
        """Remove the copy of a table, if there is one. Raises duckdb.Error."""
        with self._lock:
            self._drop(self._root, key)

    @staticmethod
    def _drop(connection: duckdb.DuckDBPyConnection, key: Key) -> None:
        where = "WHERE schema_name = ? AND table_name = ?"
        for (number,) in connection.execute(f"SELECT number FROM {_LIST} {where}", list(key)).fetchall():
            connection.execute(f"DROP TABLE IF EXISTS {_NAME}.main.t{number}")
        connection.execute(f"DELETE FROM {_LIST} {where}", list(key))


def _mark(known: LakeTable) -> str:
    return sha256(f"{table_to_json(known.table)}{known.definition!r}".encode()).hexdigest()
