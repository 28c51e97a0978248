"""A load that reads the files once: every value is checked on its way into the store, the rest on what is stored.

It is for files that have nothing wrong. CSV in which every field is what it seems (`plain`) is read into types by
DuckDB; of other files each value is checked on its way into the store. The first value that is not ok ends it, and the
files are then looked at in passes of their own, which tell where they are wrong, or what becomes of it when the table
is not strict.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from engine.collate import presence
from engine.lake.branches import TAG, partition_value, reading_of
from engine.lake.definitions import LakeTable
from engine.lake.facts import bad_row, presence_of
from engine.lake.keys import keys_of
from engine.lake.layout import Group, Layout, lay_out
from engine.lake.loaded import Incoming, Told, require_unique
from engine.lake.plain import PlainText, read_plain
from engine.lake.reach import quoted
from engine.lake.reading import Readable
from engine.lake.readings import Reading, Unreadable
from engine.lake.relations import escapes_in_records
from engine.layout import carried_columns, left_out, quote, store_type
from lakehouse.formats.listing import Listing
from lakehouse.stores.places import Places
from lakehouse.text.heads import head_of, require_text
from lakehouse.text.plain_pass import NotPlain
from statements.schema import STRING_TYPES

log = logging.getLogger(__name__)

_WRONG = "error('a value is not ok')"

Put = Callable[[Incoming], None]


def load_straight(
    looking: duckdb.DuckDBPyConnection,
    known: LakeTable,
    listing: Listing,
    paths: Sequence[str],
    readable: Readable,
    tagged: bool,
    places: Places,
    put: Put,
) -> bool:
    """Read a table's open files once into a copy, and tell whether that was possible: nothing has changed when not.

    `readable` gives the paths of what DuckDB can read of them, for which they may have to be looked at: what is plain
    it reads as it is.

    Raises LakeError when a value of a key is there twice, for text that must not be read, and what `put` raises but
    duckdb.Error.
    """
    if not listing.found or listing.iceberg is not None or listing.is_reduced or listing.mapped:
        return False
    dialect = known.definition.dialect
    try:
        layout = lay_out(known.table, known.definition, listing, paths, looking, places, lenient=False)
        checked = _Checked.read(known, layout)
        if checked is None:
            return False
        if layout.relation.is_text:
            head = head_of(places, listing.found[0], dialect)
            if layout.relation.by_place:
                threads = int(looking.execute("SELECT current_setting('threads')").fetchall()[0][0])
                plain = read_plain(known.table, dialect, layout, checked.readings, listing.found, head, places, threads)
                if plain and _put_plain(looking, plain, checked, paths, tagged, put):
                    return True
            require_text(places, listing.found, head, dialect)
        put(Incoming(checked.rows(readable(), tagged), readable(), checked.told(looking)))
    except duckdb.InterruptException:
        raise
    except duckdb.Error as error:
        told = str(error).partition("\n")[0][:200]
        log.info("lake table %s.%s is looked at more closely: %s", known.table.schema, known.table.name, told)
        return False
    return True


def _put_plain(
    looking: duckdb.DuckDBPyConnection,
    plain: PlainText,
    checked: "_Checked",
    paths: Sequence[str],
    tagged: bool,
    put: Put,
) -> bool:
    """Have DuckDB read CSV into types while every byte is looked at; False when something in it is not plain."""
    try:
        with plain.look as look:
            told = checked.told(looking, plain.presence)
            put(Incoming(plain.rows(paths, tagged), paths, told, look.may_stop(looking.interrupt)))
    except NotPlain:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Checked:
    """How each column is read: of a projection in which the files' column that it is of has the name `x` and a number.

    The values are made in projections one on the other, as what stands in a CASE is made once for each place there.
    """

    known: LakeTable
    layout: Layout
    readings: Mapping[str, Reading]
    out: Mapping[str, str]

    @classmethod
    def read(cls, known: LakeTable, layout: Layout) -> "_Checked | None":
        """None when a file lacks a column."""
        kinds = {name: (f"x{place}", kind) for place, (name, (_, kind)) in enumerate(layout.relation.kinds.items())}
        named = replace(layout, relation=replace(layout.relation, kinds=kinds))
        out = dict(left_out(known.table))
        readings: dict[str, Reading] = {}
        for column in carried_columns(known.table):
            reading = reading_of(column, named, known.definition)
            if reading is None:
                return None
            if isinstance(reading, Unreadable):
                out[column.name] = reading.reason
            else:
                readings[column.name] = reading
        return cls(known, layout, readings, out) if readings else None

    def rows(self, paths: Sequence[str], tagged: bool) -> str:
        """All rows as a relation; reading it fails at a value that is not ok."""
        more, tags = (f", filename = {quoted(TAG)}", [quote(TAG)]) if tagged else ("", [])
        sources = [f"{source} AS x{place}" for place, (source, _) in enumerate(self.layout.relation.kinds.values())]
        cut = escapes_in_records(self.layout.width, self.known.definition.dialect)
        if cut and self.layout.relation.by_place:  # in the first column that is read, as nobody asks for another
            folded = {name.casefold() for name in self.readings}
            at, first = next(
                (at, source)
                for at, (name, (source, _)) in enumerate(self.layout.relation.kinds.items())
                if name in folded
            )
            sources[at] = f"CASE WHEN {cut} THEN {_WRONG} ELSE {first} END AS x{at}"
        quick = [
            f"{reading.quick} AS q{place}" for place, reading in enumerate(self.readings.values()) if reading.quick
        ]
        branches = []
        for group in self.layout.groups:
            shown = [self._shown(name, place, group) for place, name in enumerate(self.readings)]
            relation = self.layout.relation.over([paths[place] for place in group.files], more)
            given = f"SELECT {', '.join([*sources, *tags])} FROM {relation}"
            branches.append(
                f"SELECT {', '.join([*shown, *tags])} FROM (SELECT {', '.join(['*', *quick])} FROM ({given}))"
            )
        return f"({' UNION ALL '.join(branches)})"

    def _shown(self, name: str, place: int, group: Group) -> str:
        column, reading, values = self.known.table.column(name), self.readings[name], dict(group.values)
        assert column is not None
        if name.casefold() in values:
            return f"{partition_value(column, values[name.casefold()])} AS {quote(name)}"
        quick = f"WHEN {reading.is_quick(f'q{place}')} THEN q{place} " if reading.quick else ""
        bad = bad_row(reading, not column.nullable)
        wrong = f"WHEN {bad} THEN {_WRONG} " if bad else ""
        value = f"CASE {quick}{wrong}ELSE {reading.value} END" if quick or wrong else reading.value
        return f"CAST({value} AS {store_type(column)}) AS {quote(name)}"

    def told(
        self, looking: duckdb.DuckDBPyConnection, given: Callable[[], Mapping[str, presence.Presence]] = dict
    ) -> Callable[[str], Told]:
        """What finds out about the rows once they are stored; `given` is the presence of texts, if that is known."""

        def of(name: str) -> Told:
            known = given()
            table = self.known.table
            texts = {column.name for column in table.columns if column.type in STRING_TYPES}
            asked = {each: quote(each) for each in self.readings if each in texts and each not in known}
            present = {**presence_of(looking, name, asked), **known}
            keys = [key for key in keys_of(self.known, self.layout.partitions) if set(key) <= self.readings.keys()]
            require_unique(looking, name, keys)
            return Told(present, self.out, table.primary_key in keys and not set(table.primary_key) & texts)

        return of
