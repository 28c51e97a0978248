"""Lake tables for one statement: their files found and opened, their values looked at, each a table to translate for.

Nothing is copied. A table's rows are a sub-query over its files, each column cast to the store's type of it, and left
as the file has it where that is the same: there DuckDB prunes row groups and columns, and filters while it reads.
"""

import re
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from base.errors import LakeError
from engine.catalog import CatalogView, Key, LoadedTable, State
from engine.collate import presence
from engine.lake import json_text, mapped
from engine.lake.branches import reading_of, sub_query
from engine.lake.conditions import StatementChoice, StatementConditions
from engine.lake.covering import facts_of, relation_mark
from engine.lake.definitions import Definitions, LakeTable, NotLake
from engine.lake.evolved import file_keys, require_ids, without_deleted
from engine.lake.facts import ColumnFacts
from engine.lake.kept import KeptFacts
from engine.lake.keys import is_certain, keys_of, require_unique, unchecked
from engine.lake.layout import Layout, groups_of, lay_out
from engine.lake.loaded import Incoming, LoadedCopies, Told
from engine.lake.mistakes import locate, locate_all, require_structure
from engine.lake.old_statistics import without_old_statistics
from engine.lake.reach import Opened, Reach, explained
from engine.lake.reading import Readable, what_is_readable
from engine.lake.readings import Reading, Unreadable
from engine.lake.straight import load_straight
from engine.lake.warned import LastWarnings, Noted, Warned
from engine.layout import carried_columns, left_out
from lakehouse.descriptions.definition import LOADED
from lakehouse.formats.listing import Listing, list_files
from lakehouse.stores.places import Found, Places
from lakehouse.text.heads import head_of, require_text
from statements.context import LakeName, SessionContext
from statements.schema import STRING_TYPES, Column

_STRICT = ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES")
_WORD = re.compile(r"[\w$\u0080-\uffff]+")
_EVERY = re.compile(r"\b(?:natural|table)\b", re.IGNORECASE)  # NATURAL JOIN, TABLE t
_COUNTED = re.compile(r"count\s*\(\s*\*\s*\)", re.IGNORECASE)
_MOST_KEYS = 1_000_000  # files of a table that are remembered
_TRAILING = presence.of_values({presence.TRAILING_SPACE})


class AccessIsNew(Exception):
    """The keys for the files were made just now: only a transaction that begins later sees them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a statement needs of lake tables: `words` are those of its text, None when it may name any column.

    `conditions` say which rows it looks for, None that it looks for all.
    """

    names: tuple[LakeName, ...]
    words: frozenset[str] | None
    strict: bool
    conditions: StatementConditions | None = None
    noted: Noted = field(default_factory=Noted)  # gets the warnings


def wanted_of(statement: str, context: SessionContext) -> Wanted:
    """Read what a statement and the views in it may need."""
    texts = [statement, *(view.body for view in context.views)]
    words: frozenset[str] | None = None
    bare = [_COUNTED.sub(" ", text) for text in texts]
    if not any("*" in text or _EVERY.search(text) for text in bare):
        words = frozenset(word.casefold() for text in bare for word in _WORD.findall(text))
    conditions = (
        StatementConditions.read(statement, context.schema or "", bool(context.views)) if context.lake else None
    )
    strict = any(mode in context.sql_mode for mode in _STRICT)
    return Wanted(context.lake, words, strict, conditions, Noted(context.max_error_count))


class LakeTables:
    """The lake tables of one engine. Safe for several threads."""

    def __init__(
        self,
        definitions: Definitions,
        places: Places,
        reach: Reach,
        root: duckdb.DuckDBPyConnection,
        folder: Path,
    ) -> None:
        """`folder` is for the loaded tables' file, and for files that live as long as a statement."""
        self.definitions = definitions
        self.bytes = reach.bytes
        self.warnings = LastWarnings()
        self._places = places
        self._reach = reach
        self._root = root
        self._loaded = LoadedCopies(root.cursor(), folder / "lake.duckdb")
        self._kept = KeptFacts(root.cursor())
        json_text.register(root)
        self._loading: defaultdict[Key, threading.Lock] = defaultdict(threading.Lock)
        self.scratch = folder / "spill"

    @contextmanager
    def seen(
        self,
        connection: duckdb.DuckDBPyConnection,
        looking: duckdb.DuckDBPyConnection,
        view: CatalogView,
        wanted: Wanted,
    ) -> Iterator[CatalogView]:
        """Add a statement's lake tables to a view; their files are open inside the `with`.

        `connection` is in the transaction of the statement; `looking` is in none, and looks at the files beforehand.

        Raises LakeError, BackendError, duckdb.Error, and AccessIsNew: then again on a new snapshot.
        """
        with ExitStack() as stack:
            tables = dict(view.tables) if wanted.names else view.tables
            for name in wanted.names:
                # Who may not see the text asks without its mark: what is known may be of a table that is gone.
                key = name.schema, name.name
                known = self.definitions.get(key, name.mark) if name.mark else self.definitions.again(key)
                assert isinstance(tables, dict)
                tables[view.key(name.schema, name.name)] = self._opened(stack, connection, looking, known, wanted)
            yield replace(view, tables=tables)

    def load(self, key: Key) -> bool:
        """Look at every value of a table's files, and copy them if it is defined so; False when it is no lake table.

        Raises LakeError with what is wrong, BackendError and duckdb.Error.
        """
        try:
            known = self.definitions.refresh(key)
        except NotLake:
            return False
        with self._loading[key]:
            self._load(known)
        return True

    def _load(self, known: LakeTable) -> None:
        with closing(self._root.cursor()) as looking, ExitStack() as stack:
            listing = list_files(self._places, known.definition)
            paths = self._open(stack, looking, listing)
            keys, is_loaded = file_keys(listing), known.definition.placement == LOADED
            tagged = is_loaded and not listing.is_reduced and len(set(keys)) == len(keys)

            def put(incoming: Incoming) -> None:
                self._loaded.put(looking, known, incoming, keys, tagged, paths.confirm)

            readable = self._readable(stack, known, listing, paths)
            if is_loaded and load_straight(looking, known, listing, paths, readable, tagged, self._places, put):
                return
            made = self._explained(looking, known, Wanted((), None, strict=True), listing, readable(), tagged)
            if is_loaded:
                of = Told.of(made)
                put(Incoming(made.store_name, readable(), lambda _: of))

    def unload(self, key: Key) -> bool:
        """Drop the copy of a table's files; False when it is no lake table."""
        try:
            self.definitions.get(key, "")
        except NotLake:
            return False
        self._loaded.drop(key)
        return True

    def refresh(self, key: Key) -> LakeTable | None:
        """The definition or the files may be others: look again, and take into a copy what is new; None for no table.

        Raises LakeError with what is wrong, BackendError and duckdb.Error; a copy is as it was then.
        """
        try:
            known = self.definitions.again(key)
        except NotLake:
            self.forget(key)
            return None
        if known.definition.placement == LOADED and self._loaded.has(key):
            with self._loading[key]:
                self._take_in(known)
        return known

    def poll(self, key: Key) -> None:
        """Refresh a table; of one that is read in place look at the values of new files. Raises as `refresh`."""
        known = self.refresh(key)
        if known is None:
            return
        if known.definition.placement != LOADED:
            words = frozenset(name.partition(" ")[2].casefold() for name in list(known.covered))
            with closing(self._root.cursor()) as looking, ExitStack() as stack:
                self._in_place(stack, looking, looking, known, Wanted((), words, strict=True))
        known.trouble, known.refreshed = "", time.time()

    def _take_in(self, known: LakeTable) -> None:
        """Bring a copy up to the files of now, by those that are new, changed or gone if it is known which rows they
        have."""
        held = self._loaded.held(known)
        listing = list_files(self._places, known.definition)
        keys = file_keys(listing)
        before = held.keys if held else frozenset()
        new, gone = set(keys) - before, before - set(keys)
        if held and not new and not gone:
            return
        if held is None or not held.tagged or listing.is_reduced or len(set(keys)) < len(keys):
            self._load(known)
            return
        _, partitions = groups_of(known.table, known.definition, listing)
        unique = keys_of(known, partitions)
        with closing(self._root.cursor()) as looking, ExitStack() as stack:
            added = listing.only([place for place, each in enumerate(keys) if each in new])
            paths = self._open(stack, looking, added)
            new_keys = file_keys(added)

            def put(incoming: Incoming | None) -> None:
                self._loaded.change(looking, known, incoming, new_keys, gone, unique, paths.confirm)

            readable = self._readable(stack, known, added, paths)
            if load_straight(looking, known, added, paths, readable, True, self._places, put):
                return
            if not added.found:
                put(None)
                return
            of = Told.of(
                made := self._explained(looking, known, Wanted((), None, strict=True), added, readable(), True)
            )
            put(Incoming(made.store_name, readable(), lambda _: of))

    def forget(self, key: Key) -> None:
        """The table is none any more."""
        known = self.definitions.forget(key)
        self._loaded.drop(key)
        self._kept.drop(key)
        if known and any(entry.scheme == "https" for entry in known.definition.entries):
            self.definitions.forget_signatures()

    def shown(self, view: CatalogView) -> CatalogView:
        """A view with every known lake table, for showing; their rows are not counted."""
        tables = {view.key(entry.table.schema, entry.table.name): entry for entry in self._catalog()}
        return replace(view, tables={**view.tables, **tables}) if tables else view

    def _catalog(self) -> list[LoadedTable]:
        return [
            replace(
                _entry(known, "", {}, left_out(known.table), False), reason=known.trouble, load_ended=known.refreshed
            )
            for known in self.definitions.all()
        ]

    def _opened(
        self,
        stack: ExitStack,
        connection: duckdb.DuckDBPyConnection,
        looking: duckdb.DuckDBPyConnection,
        known: LakeTable,
        wanted: Wanted,
    ) -> LoadedTable:
        if known.definition.placement != LOADED:
            return self._in_place(stack, connection, looking, known, wanted)
        copy = self._loaded.find(connection, known)
        if copy is None:
            raise LakeError(
                f"{known.table.schema}.{known.table.name} is not loaded: ALTER TABLE … SECONDARY_LOAD does it"
            )
        return _entry(known, copy.name, copy.presence, copy.left_out, copy.is_unique)

    def _in_place(
        self,
        stack: ExitStack,
        connection: duckdb.DuckDBPyConnection,
        looking: duckdb.DuckDBPyConnection,
        known: LakeTable,
        wanted: Wanted,
    ) -> LoadedTable:
        definition = known.definition
        conditions = wanted.conditions.of(known.table) if wanted.conditions else {}
        choice = StatementChoice(known.table, conditions) if conditions else None
        listing = list_files(self._places, definition, choice)
        paths = self._open(stack, connection, listing, looking)
        return self._explained(looking, known, wanted, listing, self._readable(stack, known, listing, paths)())

    def _open(
        self,
        stack: ExitStack,
        connection: duckdb.DuckDBPyConnection,
        listing: Listing,
        looking: duckdb.DuckDBPyConnection | None = None,
    ) -> Opened:
        """The column store's paths of files, and behind them of what tells of deleted rows; open as the stack is.

        They are read by `connection`, and by `looking`.

        Raises LakeError, and AccessIsNew.
        """
        opened = [*listing.found, *listing.deletes]
        if self._reach.prepare(connection, opened):
            raise AccessIsNew
        readers = [connection, *([looking] if looking else [])]
        return stack.enter_context(self._reach.files(connection, opened, readers))

    def _readable(self, stack: ExitStack, known: LakeTable, listing: Listing, paths: Sequence[str]) -> Readable:
        return what_is_readable(stack, self._places, known, listing, paths, self.scratch)

    def _explained(
        self,
        connection: duckdb.DuckDBPyConnection,
        known: LakeTable,
        wanted: Wanted,
        listing: Listing,
        paths: Sequence[str],
        tagged: bool = False,
    ) -> LoadedTable:
        """The table over open files, and what is found out about them kept. Raises LakeError."""
        try:
            return self._made(connection, known, wanted, listing, paths, tagged)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            opened = [*listing.found, *listing.deletes]
            raise LakeError(explained(error, opened, paths[: len(opened)])) from None
        finally:
            with known.lock:
                if known.learned:
                    self._kept.keep(known)

    def _made(
        self,
        connection: duckdb.DuckDBPyConnection,
        known: LakeTable,
        wanted: Wanted,
        listing: Listing,
        paths: Sequence[str],
        tagged: bool,
    ) -> LoadedTable:
        found = listing.found
        strict = _is_strict(known, wanted)
        keys = file_keys(listing)
        files = frozenset(keys)
        paths, delete_paths = paths[: len(found)], paths[len(found) :]
        with known.lock:
            if not known.restored:
                self._kept.restore(known)
            layout = self._layout(connection, known, listing, paths, keys, strict)
            if listing.iceberg is not None:
                require_ids(connection, known.identified, listing, paths, delete_paths)
                relation = without_deleted(layout.relation, listing.iceberg, paths, delete_paths)
                layout = replace(layout, relation=relation)
            if any(isinstance(column.key, int) for column in listing.mapped):
                require_ids(connection, known.identified, listing, paths, [])
            if any(listing.deleted or ()):
                layout = replace(
                    layout, relation=mapped.without_deleted(layout.relation, listing, paths, *delete_paths)
                )
            out = {**left_out(known.table)}
            key = unchecked(known, layout, files)
            columns = [c for c in carried_columns(known.table) if _is_named(c, wanted) or c.name in key]
            readings: dict[str, Reading] = {}
            for column in columns:
                reading = reading_of(column, layout, known.definition, strict)
                if isinstance(reading, Unreadable):
                    out[column.name] = reading.reason
                elif reading is not None:
                    readings[column.name] = reading
                elif strict:
                    raise LakeError(
                        f"{layout.missing.get(column.name.casefold(), 'a file')} has no column {column.name}"
                    )
            facts = facts_of(connection, known, keys, paths, layout, readings)
        wrong = [column for column in columns if column.name in facts and facts[column.name].bad]
        if strict and wrong:
            raise locate(connection, layout, wrong[0], readings[wrong[0].name], found, paths)
        wanted.noted.note(len(layout.ragged), layout.ragged)
        for column in wrong:
            if not _is_named(column, wanted):
                continue  # it is read for the key's sake
            mark = column.name, files
            if mark not in known.located:
                known.located[mark] = locate_all(connection, layout, column, readings[column.name], found, paths)
            wanted.noted.note(facts[column.name].bad, known.located[mark])
        is_unique = is_certain(known, layout, readings)
        if checked := [column for column in columns if column.name in key and column.name in readings]:
            rows, read = sub_query(checked, layout, readings, facts, paths), [column.name for column in checked]
            with known.lock:
                require_unique(connection, known, layout, files, rows, read)
        kept = [column for column in columns if column.name not in out]
        sql = sub_query(kept, layout, readings, facts, paths, tagged)
        present = {
            column.name: _present(facts.get(column.name), column)
            for column in kept
            if column.type in STRING_TYPES and column.name.casefold() not in layout.partitions
        }
        for column in kept:
            if column.type in STRING_TYPES and column.name.casefold() in layout.partitions:
                values = (dict(group.values)[column.name.casefold()] or "" for group in layout.groups)
                present[column.name] = presence.union(*map(presence.of_text, values))
        for column in known.table.columns:
            if column.name not in out and column not in columns:
                out[column.name] = "the statement does not name it"
        return _entry(known, sql, present, out, is_unique)

    def _layout(
        self,
        connection: duckdb.DuckDBPyConnection,
        known: LakeTable,
        listing: Listing,
        paths: Sequence[str],
        keys: Sequence[str],
        strict: bool,
    ) -> Layout:
        """The layout of these files, kept for as long as they are the same."""
        found = listing.found
        key = frozenset(keys) | {
            f"{strict} {listing.columns} {listing.mapped} {listing.iceberg.fields if listing.iceberg else ''}"
        }
        kept = known.layouts.get(key)
        if isinstance(kept, Layout) and kept.order == tuple(file.uri for file in found):
            return kept
        layout = lay_out(known.table, known.definition, listing, paths, connection, self._places, lenient=False)
        if layout.relation.is_text and found:
            ragged = self._ragged(connection, known, layout, found, paths, keys, strict)
            if ragged is not None:
                layout = lay_out(known.table, known.definition, listing, paths, connection, self._places, lenient=True)
                layout = replace(layout, ragged=ragged)
        if known.definition.dialect.format in ("parquet", "delta"):
            names = {c.name.casefold(): c.key.casefold() for c in listing.mapped if isinstance(c.key, str)}
            files = dict(zip(keys, paths, strict=True))
            relation = without_old_statistics(connection, layout.relation, files, known.old_statistics, names)
            layout = replace(layout, relation=relation)
        if len(known.layouts) > 8:
            known.layouts.clear()
        known.layouts[key] = layout
        return layout

    def _ragged(
        self,
        connection: duckdb.DuckDBPyConnection,
        known: LakeTable,
        layout: Layout,
        found: Sequence[Found],
        paths: Sequence[str],
        keys: Sequence[str],
        strict: bool,
    ) -> tuple[Warned, ...] | None:
        """Read the records of files that were not read yet: those of another width, None when there is none."""
        dialect = known.definition.dialect
        regular = known.regular.setdefault(relation_mark(layout), set())
        new = [place for place, key in enumerate(keys) if key not in regular]
        if not new:
            return None
        head = head_of(self._places, found[0], dialect)
        require_text(self._places, [found[place] for place in new], head, dialect)
        files, own = [found[place] for place in new], [paths[place] for place in new]
        ragged = require_structure(connection, layout, dialect, files, own, strict)
        if ragged is None:
            if len(regular) > _MOST_KEYS:
                regular &= set(keys)
            regular |= {keys[place] for place in new}
            known.learned = True
        return ragged


def _is_strict(known: LakeTable, wanted: Wanted) -> bool:
    given = {entry.strict for entry in known.definition.entries if entry.strict is not None}
    if len(given) > 1:
        raise LakeError("is_strict_mode differs between the entries of one table")
    if given:
        return given.pop()
    chosen = known.definition.dialect.strict
    return wanted.strict if chosen is None else chosen


def _is_named(column: Column, wanted: Wanted) -> bool:
    return wanted.words is None or set(_WORD.findall(column.name.casefold())) <= wanted.words


def _present(facts: ColumnFacts | None, column: Column) -> presence.Presence:
    if facts is None:
        return presence.EMPTY
    return presence.union(facts.present, _TRAILING) if facts.bad else facts.present


def _entry(
    known: LakeTable, sql: str, present: Mapping[str, presence.Presence], out: Mapping[str, str], is_unique: bool
) -> LoadedTable:
    """A table for the translator; a key that nobody knows to be unique is none."""
    table = known.table if is_unique else replace(known.table, primary_key=())
    return LoadedTable(
        known.number, table, sql, State.AVAILABLE, presence=present, left_out=out, load_type="USER", progress=100.0
    )
