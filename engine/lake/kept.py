"""What was found out of lake tables' files, kept over restarts of the engine: no value is looked at twice.

It lies beside the loaded tables, under a mark of the definition, and says of a file's state by its key what is true of
it; facts of values are those of one SQL that reads them, so that a newer release does not believe an older one's.
"""

import json
import logging
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import duckdb

from engine.catalog import Key
from engine.lake.definitions import LakeTable
from engine.lake.facts import ColumnFacts, Covered
from engine.lake.loaded import NAME, mark_of

log = logging.getLogger(__name__)

_LIST = f"{NAME}.main.facts"
_CREATE = f"CREATE TABLE IF NOT EXISTS {_LIST} (schema_name VARCHAR, table_name VARCHAR, mark VARCHAR, found VARCHAR)"
_WHERE = "WHERE schema_name = ? AND table_name = ?"


class KeptFacts:
    """The facts of one engine's lake tables. Safe for several threads; what cannot be kept is found out again."""

    def __init__(self, root: duckdb.DuckDBPyConnection) -> None:
        """`root` has the file of the loaded tables attached."""
        self._root = root
        self._lock = threading.Lock()
        root.execute(_CREATE)

    def restore(self, known: LakeTable) -> None:
        """Take over what an earlier process found out; the caller holds the table's lock."""
        known.restored = True
        with self._lock, suppress(duckdb.Error):
            row = self._root.execute(f"SELECT found FROM {_LIST} {_WHERE} AND mark = ?", [*_key(known), mark_of(known)])
            if found := row.fetchone():
                _take_over(known, json.loads(found[0]))

    def keep(self, known: LakeTable) -> None:
        """Write down what is known now; the caller holds the table's lock."""
        known.learned = False
        text = json.dumps(_document(known), separators=(",", ":"))
        with self._lock:
            try:
                self._root.execute("BEGIN")
                self._root.execute(f"DELETE FROM {_LIST} {_WHERE}", _key(known))
                self._root.execute(f"INSERT INTO {_LIST} VALUES (?, ?, ?, ?)", [*_key(known), mark_of(known), text])
                self._root.execute("COMMIT")
            except duckdb.Error as error:
                log.warning("what is known of the files of %s.%s is not kept: %s", *_key(known), error)
                with suppress(duckdb.Error):
                    self._root.execute("ROLLBACK")

    def drop(self, key: Key) -> None:
        """Forget a table."""
        with self._lock, suppress(duckdb.Error):
            self._root.execute(f"DELETE FROM {_LIST} {_WHERE}", list(key))


def _key(known: LakeTable) -> list[str]:
    return [known.table.schema, known.table.name]


def _document(known: LakeTable) -> dict[str, Any]:
    """Sets of files are written once: many columns have facts of the same."""
    sets: dict[frozenset[str], int] = {}

    def place(files: Iterable[str]) -> int:
        return sets.setdefault(frozenset(files), len(sets))

    columns = {
        name: [
            [place(one.files), one.facts.bad, one.facts.plain, one.facts.present.hex(), one.reading] for one in covered
        ]
        for name, covered in known.covered.items()
    }
    return {
        "columns": columns,
        "unique": None if known.checked is None else place(known.checked),
        "regular": {mark: place(files) for mark, files in known.regular.items()},
        "identified": place(known.identified),
        "files": [sorted(files) for files in sets],
    }


def _take_over(known: LakeTable, found: dict[str, Any]) -> None:
    files = [frozenset(one) for one in found["files"]]
    for name, covered in found["columns"].items():
        known.covered[name] = [
            Covered(files[at], ColumnFacts(bad, plain, bytes.fromhex(present)), reading)
            for at, bad, plain, present, reading in covered
        ]
    unique = found.get("unique")  # releases that compared texts instead of values wrote "checked"
    known.checked = None if unique is None else files[unique]
    known.regular = {mark: set(files[at]) for mark, at in found["regular"].items()}
    known.identified |= files[found["identified"]]
