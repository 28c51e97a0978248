"""Lake tables for one statement: their files found and opened, their values looked at, each a table to translate for.

Nothing is copied. A table's rows are a sub-query over its files, each column cast to the store's type of it, and left
as the file has it where that is the same: there DuckDB prunes row groups and columns, and filters while it reads.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb

from base.errors import LakeError
from engine.catalog import CatalogView, Key, LoadedTable, State
from engine.collate import presence
from engine.lake.branches import sub_query
from engine.lake.bytes_read import ByteCounter
from engine.lake.conditions import StatementChoice, StatementConditions
from engine.lake.definitions import Definitions, LakeTable, NotLake
from engine.lake.evolved import file_keys, require_ids, without_deleted
from engine.lake.expanding import expand
from engine.lake.facts import ColumnFacts, Covered, measure
from engine.lake.keys import require_unique
from engine.lake.layout import Layout, lay_out
from engine.lake.loaded import LoadedCopies
from engine.lake.mistakes import locate, locate_all, require_structure
from engine.lake.reach import Reach, explained
from engine.lake.readings import Reading, Unreadable, typed
from engine.lake.texts import from_text
from engine.lake.warned import LastWarnings, Noted
from engine.store.layout import carried_columns, left_out
from lakehouse.definition import LOADED, TEXTS, ColumnOptions
from lakehouse.heads import head_of, require_lines, require_whole
from lakehouse.listing import Listing, list_files
from lakehouse.places import Places
from statements.context import LakeName, SessionContext
from statements.schema import STRING_TYPES, Column

_STRICT = ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES")
_WORD = re.compile(r"[\w$\u0080-\uffff]+")
_EVERY = re.compile(r"\b(?:natural|table)\b", re.IGNORECASE)  # NATURAL JOIN, TABLE t
_COUNTED = re.compile(r"count\s*\(\s*\*\s*\)", re.IGNORECASE)
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
        self.bytes = ByteCounter(root)
        self.warnings = LastWarnings()
        self._places = places
        self._reach = reach
        self._root = root
        self._loaded = LoadedCopies(root.cursor(), folder / "lake.duckdb")
        self._scratch = folder / "spill"

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
                known = self.definitions.get((name.schema, name.name), name.mark)
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
        with closing(self._root.cursor()) as looking, ExitStack() as stack:
            made = self._in_place(stack, looking, looking, known, Wanted((), None, strict=True))
            if known.definition.placement == LOADED:
                self._loaded.put(looking, known, made)
        return True

    def unload(self, key: Key) -> bool:
        """Drop the copy of a table's files; False when it is no lake table."""
        try:
            self.definitions.get(key, "")
        except NotLake:
            return False
        self._loaded.drop(key)
        return True

    def refresh(self, key: Key) -> None:
        """The definition or the files may be others: look again, and load again what was loaded."""
        try:
            known = self.definitions.refresh(key)
        except NotLake:
            self._loaded.drop(key)
            return
        if known.definition.placement == LOADED and self._loaded.has(key):
            self.load(key)

    def forget(self, key: Key) -> None:
        """The table is none any more."""
        self.definitions.forget(key)
        self._loaded.drop(key)

    def shown(self, view: CatalogView) -> CatalogView:
        """A view with every known lake table, for showing; their rows are not counted."""
        tables = {view.key(entry.table.schema, entry.table.name): entry for entry in self._catalog()}
        return replace(view, tables={**view.tables, **tables}) if tables else view

    def _catalog(self) -> list[LoadedTable]:
        return [_entry(known, "", {}, left_out(known.table), False) for known in self.definitions.all()]

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
        copy = self._loaded.find(known)
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
        found, opened = listing.found, [*listing.found, *listing.deletes]
        if self._reach.prepare(connection, opened):
            raise AccessIsNew
        paths = stack.enter_context(self._reach.files(connection, opened))
        if (
            definition.dialect.format in TEXTS
            and found
            and head_of(self._places, found[0], definition.dialect).is_foreign
        ):
            paths = [expand(stack, self._places, file, self._scratch) for file in found]
        try:
            return self._made(looking, known, wanted, listing, paths)
        except duckdb.InterruptException:
            raise
        except duckdb.Error as error:
            raise LakeError(explained(error, opened, paths)) from None

    def _made(
        self,
        connection: duckdb.DuckDBPyConnection,
        known: LakeTable,
        wanted: Wanted,
        listing: Listing,
        paths: Sequence[str],
    ) -> LoadedTable:
        found = listing.found
        strict = _is_strict(known, wanted)
        keys = file_keys(listing)
        files = frozenset(keys)
        paths, delete_paths = paths[: len(found)], paths[len(found) :]
        with known.lock:
            layout = self._layout(connection, known, listing, paths, files, strict)
            if listing.iceberg is not None:
                require_ids(connection, known.identified, listing, paths, delete_paths)
                relation = without_deleted(layout.relation, listing.iceberg, paths, delete_paths)
                layout = replace(layout, relation=relation)
            out = {**left_out(known.table)}
            columns = [c for c in carried_columns(known.table) if _is_named(c, wanted)]
            readings: dict[str, Reading] = {}
            for column in columns:
                reading = _reading(column, layout, known)
                if isinstance(reading, Unreadable):
                    out[column.name] = reading.reason
                elif reading is not None:
                    readings[column.name] = reading
                elif strict:
                    raise LakeError(
                        f"{layout.missing.get(column.name.casefold(), 'a file')} has no column {column.name}"
                    )
            facts = self._facts(connection, known, keys, paths, layout, readings)
        wrong = [column for column in columns if column.name in facts and facts[column.name].bad]
        if strict and wrong:
            raise locate(connection, layout, wrong[0], readings[wrong[0].name], found, paths)
        wanted.noted.note(len(layout.ragged), layout.ragged)
        for column in wrong:
            mark = column.name, files
            if mark not in known.located:
                known.located[mark] = locate_all(connection, layout, column, readings[column.name], found, paths)
            wanted.noted.note(facts[column.name].bad, known.located[mark])
        is_unique = False
        if known.definition.dialect.check_constraints:
            with known.lock:
                is_unique = require_unique(connection, known, layout, files, paths, found)
        kept = [column for column in columns if column.name not in out]
        sql = sub_query(kept, layout, readings, facts, paths)
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
        files: frozenset[str],
        strict: bool,
    ) -> Layout:
        """The layout of these files, kept for as long as they are the same."""
        found = listing.found
        key = files | {f"{strict} {listing.columns} {listing.iceberg.fields if listing.iceberg else ''}"}
        kept = known.layouts.get(key)
        if isinstance(kept, Layout) and kept.order == tuple(file.uri for file in found):
            return kept
        layout = lay_out(known.table, known.definition, listing, paths, connection, self._places, lenient=False)
        if layout.relation.is_text and found:
            head = head_of(self._places, found[0], known.definition.dialect)
            has_lines = known.definition.dialect.format == "csv" or not head.is_array
            for file in found:
                if head.compression == "gzip":
                    require_whole(self._places, file, has_lines)
                if has_lines:
                    require_lines(self._places, file, head.compression)
            ragged = require_structure(connection, layout, known.definition.dialect, found, paths, strict)
            if ragged is not None:
                layout = lay_out(known.table, known.definition, listing, paths, connection, self._places, lenient=True)
                layout = replace(layout, ragged=ragged)
        if len(known.layouts) > 8:
            known.layouts.clear()
        known.layouts[key] = layout
        return layout

    def _facts(
        self,
        connection: duckdb.DuckDBPyConnection,
        known: LakeTable,
        keys: Sequence[str],
        paths: Sequence[str],
        layout: Layout,
        readings: Mapping[str, Reading],
    ) -> dict[str, ColumnFacts]:
        """What is known of the columns in files of these keys, and measured now where nothing is."""
        required = {column.name for column in known.table.columns if not column.nullable}
        all_files = {key: place for place, key in enumerate(keys)}
        missing: dict[frozenset[int], list[str]] = {}
        kinds = "lenient" if "null_padding" in layout.relation.after else "regular"
        for name in readings:
            covered = _covered(known, f"{kinds} {name}", frozenset(all_files))
            uncovered = set(all_files) - set().union(*(each.files for each in covered))
            if uncovered:
                missing.setdefault(frozenset(all_files[file] for file in uncovered), []).append(name)
        for places, names in missing.items():
            ordered = sorted(places)
            relation = layout.relation.over([paths[place] for place in ordered])
            measured = measure(connection, relation, {name: readings[name] for name in names}, required)
            new = frozenset(keys[place] for place in ordered)
            for name, facts in measured.items():
                known.covered.setdefault(f"{kinds} {name}", []).append(Covered(new, facts))
        return {name: _joined(_covered(known, f"{kinds} {name}", frozenset(all_files))) for name in readings}


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


def _covered(known: LakeTable, name: str, files: frozenset[str]) -> list[Covered]:
    """Facts that hold for some of these files: those of more files hold as well, when no row of them is bad."""
    kept = [
        each
        for each in known.covered.get(name, [])
        if each.files <= files or (not each.facts.bad and each.files & files)
    ]
    known.covered[name] = kept
    return kept


def _joined(covered: Sequence[Covered]) -> ColumnFacts:
    facts = [each.facts for each in covered]
    return ColumnFacts(
        sum(each.bad for each in facts),
        all(each.plain for each in facts),
        presence.union(*(each.present for each in facts)),
    )


def _present(facts: ColumnFacts | None, column: Column) -> presence.Presence:
    if facts is None:
        return presence.EMPTY
    return presence.union(facts.present, _TRAILING) if facts.bad else facts.present


def _reading(column: Column, layout: Layout, known: LakeTable) -> Reading | Unreadable | None:
    """How a column is read; None when some file has no such column, or all have it in their folders' names."""
    folded = column.name.casefold()
    if folded in layout.partitions:
        return Reading("NULL")
    if folded in layout.missing and folded not in layout.relation.kinds:
        return None
    if folded not in layout.relation.kinds:  # no file has it, as the table's log allows, or there is no file
        return Reading("NULL") if column.nullable or not layout.relation.kinds else None
    source, kind = layout.relation.kinds[folded]
    if layout.relation.is_text:
        options = next((o for n, o in known.definition.columns.items() if n.casefold() == folded), ColumnOptions())
        return _of(source, from_text(source, column, known.definition.dialect, options))
    if kind == "VARCHAR" and column.type not in STRING_TYPES:
        return _of(source, from_text(source, column, known.definition.dialect, ColumnOptions()))
    reading = _of(source, typed(source, kind, column))
    return None if folded in layout.missing and isinstance(reading, Reading) and not column.nullable else reading


def _of(source: str, reading: Reading | Unreadable) -> Reading | Unreadable:
    return replace(reading, given=source) if isinstance(reading, Reading) else reading


def _entry(
    known: LakeTable, sql: str, present: Mapping[str, presence.Presence], out: Mapping[str, str], is_unique: bool
) -> LoadedTable:
    """A table for the translator; a key that nobody knows to be unique is none."""
    table = known.table if is_unique else replace(known.table, primary_key=())
    return LoadedTable(
        known.number, table, sql, State.AVAILABLE, presence=present, left_out=out, load_type="USER", progress=100.0
    )
