"""Lake tables that were loaded: their rows as of then, in a column store beside the one of InnoDB's tables.

It is another file, so that what happens to it concerns no copy. A load is a new table; a refresh changes rows of it,
those of whole files, in one transaction with the facts about them. A statement reads facts and rows in its own
transaction, and so those of one moment.
"""

import json
import logging
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

import duckdb

from base.errors import LakeError
from engine.catalog import Key, LoadedTable
from engine.collate import presence
from engine.lake.branches import TAG
from engine.lake.definitions import LakeTable
from engine.lake.keys import is_twice
from engine.lake.reach import quoted
from engine.layout import quote, table_to_json

log = logging.getLogger(__name__)

NAME = "_lake"
_LIST = f"{NAME}.main.copies"
_FILES = f"{NAME}.main.files"
_TAG = quote(TAG)
_NEW = "temp.main.added"  # rows on their way into a copy
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {_LIST} (schema_name VARCHAR, table_name VARCHAR, mark VARCHAR, number BIGINT,
 presence VARCHAR, left_out VARCHAR, is_unique BOOLEAN, tagged BOOLEAN);
CREATE TABLE IF NOT EXISTS {_FILES} (number BIGINT, file UINTEGER, key VARCHAR);
"""


@dataclass(frozen=True, slots=True)
class Copy:
    """The rows of one load, and what was known of the files' values then."""

    name: str
    presence: Mapping[str, bytes]
    left_out: Mapping[str, str]
    is_unique: bool


@dataclass(frozen=True, slots=True)
class Held:
    """The keys of the files whose rows a copy has; `tagged` when it is known which rows are whose."""

    keys: frozenset[str]
    tagged: bool


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of the values of a table."""

    presence: Mapping[str, bytes]
    left_out: Mapping[str, str]
    is_unique: bool

    @classmethod
    def of(cls, made: LoadedTable) -> "Told":
        """What was found out when its files were looked at."""
        return cls(made.presence, made.left_out, bool(made.table.primary_key))


@dataclass(frozen=True, slots=True)
class Incoming:
    """Rows for a copy, as a relation, of the files with these paths: one of them is in a column TAG where there is one.

    `told` says of the table that has them what is known of its values, and `storing` is entered while they are stored.
    """

    rows: str
    paths: Sequence[str]
    told: Callable[[str], Told]
    storing: AbstractContextManager[None] = field(default_factory=nullcontext)


class LoadedCopies:
    """All copies of one engine. Safe for several threads; two may not change one table at a time."""

    def __init__(self, root: duckdb.DuckDBPyConnection, path: Path) -> None:
        """Open the file, or begin a new one when it cannot be used. Raises duckdb.Error when there can be none."""
        self._root = root
        self._lock = threading.Lock()
        try:
            self._open(path)
        except duckdb.Error as error:
            log.warning("the loaded lake tables cannot be used, and have to be loaded again: %s", error)
            with suppress(duckdb.Error):
                root.execute(f"DETACH DATABASE IF EXISTS {NAME}")
            for file in (path, path.with_name(path.name + ".wal")):
                file.unlink(missing_ok=True)
            self._open(path)

    def _open(self, path: Path) -> None:
        self._root.execute(f"ATTACH {quoted(str(path))} AS {NAME} (TYPE duckdb)")
        self._root.execute(_CREATE)
        self._root.execute(f"SELECT tagged FROM {_LIST} LIMIT 0")  # a file of an earlier release has no such column

    def find(self, connection: duckdb.DuckDBPyConnection, known: LakeTable) -> Copy | None:
        """The copy of a table as it is defined now, as `connection`'s transaction sees it; None when there is none."""
        row = connection.execute(
            f"SELECT number, presence, left_out, is_unique FROM {_LIST} "
            "WHERE schema_name = ? AND table_name = ? AND mark = ?",
            [known.table.schema, known.table.name, mark_of(known)],
        ).fetchone()
        return None if row is None else Copy(_table(row[0]), _bits(row[1]), json.loads(row[2]), row[3])

    def has(self, key: Key) -> bool:
        """Tell whether there is a copy of a table, however it was defined then."""
        with self._lock:
            rows = self._root.execute(
                f"SELECT 1 FROM {_LIST} WHERE schema_name = ? AND table_name = ?", list(key)
            ).fetchall()
        return bool(rows)

    def held(self, known: LakeTable) -> Held | None:
        """What the copy of a table as it is defined now is made of; None when there is none."""
        with self._lock:
            row = self._root.execute(
                f"SELECT c.tagged, (SELECT list(key) FROM {_FILES} AS f WHERE f.number = c.number) FROM {_LIST} AS c "
                "WHERE schema_name = ? AND table_name = ? AND mark = ?",
                [known.table.schema, known.table.name, mark_of(known)],
            ).fetchone()
        return None if row is None else Held(frozenset(row[1] or ()), row[0])

    def put(
        self,
        looking: duckdb.DuckDBPyConnection,
        known: LakeTable,
        incoming: Incoming,
        keys: Sequence[str],
        tagged: bool,
        confirm: Callable[[], None],
    ) -> None:
        """Copy rows in place of those that are there: with a column TAG when `tagged`.

        `confirm` is asked last whether the rows are of one state of the files. Raises duckdb.Error, and what this and
        `incoming` raise; the copy is as it was then.
        """
        with self._lock:
            number = self._root.execute(f"SELECT coalesce(max(number), 0) + 1 FROM {_LIST}").fetchall()[0][0]
        table, key = known.table, (known.table.schema, known.table.name)
        with _transaction(looking):
            _list_files(looking, number, 0, keys)
            source = _numbered(incoming, 0) if tagged else f"SELECT * FROM {incoming.rows}"
            with incoming.storing:
                looking.execute(f"CREATE OR REPLACE TABLE {_table(number)} AS {source}")
            of = incoming.told(_table(number))
            shown = json.dumps({name: bits.hex() for name, bits in of.presence.items()})
            self._drop(looking, key)
            looking.execute(
                f"INSERT INTO {_LIST} VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [*key, mark_of(known), number, shown, json.dumps(dict(of.left_out)), of.is_unique, tagged],
            )
            confirm()
        log.info("lake table %s.%s is loaded", table.schema, table.name)

    def change(
        self,
        looking: duckdb.DuckDBPyConnection,
        known: LakeTable,
        incoming: Incoming | None,
        added: Sequence[str],
        gone: Collection[str],
        unique: Sequence[Sequence[str]],
        confirm: Callable[[], None],
    ) -> None:
        """Take the rows of files out of a tagged copy, and put those of others into it, a relation with a column TAG.

        `added` has the files' keys; there is nothing `incoming` when it has none. `confirm` is as for `put`. Raises
        LakeError when a value of one of the keys `unique` is there twice then, duckdb.Error, and what this and
        `incoming` raise; the copy is as it was then.
        """
        where = [known.table.schema, known.table.name, mark_of(known)]
        with _transaction(looking):
            number, shown, left_out, is_unique = looking.execute(
                f"SELECT number, presence, left_out, is_unique FROM {_LIST} "
                "WHERE schema_name = ? AND table_name = ? AND mark = ?",
                where,
            ).fetchall()[0]
            name, bits, out = _table(number), _bits(shown), json.loads(left_out)
            if gone:
                some = f"number = {number} AND key IN (SELECT unnest(?::VARCHAR[]))"
                looking.execute(
                    f"DELETE FROM {name} WHERE {_TAG} IN (SELECT file FROM {_FILES} WHERE {some})", [list(gone)]
                )
                looking.execute(f"DELETE FROM {_FILES} WHERE {some}", [list(gone)])
            if incoming:
                first = looking.execute(
                    f"SELECT coalesce(max(file) + 1, 0) FROM {_FILES} WHERE number = {number}"
                ).fetchall()[0][0]
                _list_files(looking, number, first, added)
                with incoming.storing:
                    looking.execute(f"CREATE TEMP TABLE {_NEW} AS {_numbered(incoming, first)}")
                of = incoming.told(_NEW)
                there, new = ([row[0] for row in looking.execute(f"DESCRIBE {one}").fetchall()] for one in (name, _NEW))
                both = ", ".join(quote(column) for column in new if column in there)
                looking.execute(f"INSERT INTO {name} BY NAME SELECT {both} FROM {_NEW}")
                looking.execute(f"DROP TABLE {_NEW}")
                out = {**of.left_out, **out}
                bits = {
                    column: presence.union(bits.get(column, presence.EMPTY), of.presence.get(column, presence.EMPTY))
                    for column in {*bits, *of.presence}
                }
                is_unique = is_unique and of.is_unique
            require_unique(looking, name, [key for key in unique if not out.keys() & set(key)])
            looking.execute(
                f"UPDATE {_LIST} SET presence = ?, left_out = ?, is_unique = ? WHERE number = ?",
                [json.dumps({column: mask.hex() for column, mask in bits.items()}), json.dumps(out), is_unique, number],
            )
            confirm()
        log.info("lake table %s.%s: %s files taken in, %s taken out", where[0], where[1], len(added), len(gone))

    def drop(self, key: Key) -> None:
        """Remove the copy of a table, if there is one. Raises duckdb.Error."""
        with self._lock:
            self._drop(self._root, key)

    @staticmethod
    def _drop(connection: duckdb.DuckDBPyConnection, key: Key) -> None:
        where = "WHERE schema_name = ? AND table_name = ?"
        for (number,) in connection.execute(f"SELECT number FROM {_LIST} {where}", list(key)).fetchall():
            connection.execute(f"DROP TABLE IF EXISTS {_table(number)}")
            connection.execute(f"DELETE FROM {_FILES} WHERE number = {number}")
        connection.execute(f"DELETE FROM {_LIST} {where}", list(key))


@contextmanager
def _transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    connection.execute("BEGIN")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):
            connection.execute("ROLLBACK")
        raise


def _table(number: int) -> str:
    return f"{NAME}.main.t{number}"


def _bits(shown: str) -> dict[str, bytes]:
    return {name: bytes.fromhex(bits) for name, bits in json.loads(shown).items()}


def _list_files(connection: duckdb.DuckDBPyConnection, number: int, first: int, keys: Sequence[str]) -> None:
    connection.execute(
        f"INSERT INTO {_FILES} SELECT {number}, unnest(range({first}, {first + len(keys)})), unnest(?::VARCHAR[])",
        [list(keys)],
    )


def _numbered(incoming: Incoming, first: int) -> str:
    """Rows with a column TAG, each with its file's number in place of the path."""
    rows, paths = incoming.rows, incoming.paths
    if len(paths) == 1:
        return f"SELECT * EXCLUDE ({_TAG}), {first}::UINTEGER AS {_TAG} FROM {rows}"
    listed = f"[{', '.join(map(quoted, paths))}]::VARCHAR[]"
    return (
        f"SELECT r.* EXCLUDE ({_TAG}), f.file AS {_TAG} FROM {rows} AS r JOIN (SELECT unnest({listed}) AS path, "
        f"unnest(range({first}, {first + len(paths)}))::UINTEGER AS file) AS f ON r.{_TAG} = f.path"
    )


def require_unique(connection: duckdb.DuckDBPyConnection, name: str, keys: Sequence[Sequence[str]]) -> None:
    """Raise LakeError when a value of one of some keys is twice in a table."""
    for key in keys:
        if is_twice(connection, name, key):
            raise LakeError(f"a value of the key ({', '.join(key)}) would be there twice; check_constraints is on")


def mark_of(known: LakeTable) -> str:
    """A mark of a table's columns and definition; another definition has another one."""
    if not known.mark:  # both are never changed, and every statement on the table asks
        known.mark = sha256(
            f"{table_to_json(known.table)}{known.definition!r}{known.unique or ''}".encode()
        ).hexdigest()
    return known.mark
