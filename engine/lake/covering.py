"""What is known of the values in some files of a table, and found out where nothing is: each file is looked at once."""

import hashlib
from collections.abc import Mapping, Sequence

import duckdb

from engine.collate import presence
from engine.lake.definitions import LakeTable
from engine.lake.facts import ColumnFacts, Covered, measure
from engine.lake.layout import Layout
from engine.lake.readings import Reading

_MOST = 64  # sets of files whose facts are kept apart


def facts_of(
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
    files = frozenset(all_files)
    missing: dict[frozenset[int], list[str]] = {}
    kinds = "lenient" if "null_padding" in layout.relation.after else "regular"
    marks = {name: _reading_mark(layout, name, reading, name in required) for name, reading in readings.items()}
    for name in readings:
        uncovered = set(all_files) - set().union(*(each.files for each in _covered(known, kinds, name, files, marks)))
        if uncovered:
            missing.setdefault(frozenset(all_files[file] for file in uncovered), []).append(name)
    for places, names in missing.items():
        ordered = sorted(places)
        relation = layout.relation.over([paths[place] for place in ordered])
        measured = measure(connection, relation, {name: readings[name] for name in names}, required)
        new = frozenset(keys[place] for place in ordered)
        for name, facts in measured.items():
            kept = [each for each in known.covered.get(f"{kinds} {name}", []) if each.reading == marks[name]]
            known.covered[f"{kinds} {name}"] = [*_fewer(kept), Covered(new, facts, marks[name])]
        known.learned = True
    return {name: _joined(_covered(known, kinds, name, files, marks)) for name in readings}


def relation_mark(layout: Layout) -> str:
    """A mark of how the files' records are cut."""
    return _mark(layout.relation.before, layout.relation.after)


def _reading_mark(layout: Layout, name: str, reading: Reading, is_required: bool) -> str:
    """A mark of the SQL by which a column is read: facts are of what that gave."""
    kind = layout.relation.kinds.get(name.casefold(), ("", ""))[1]
    return _mark(layout.relation.before, layout.relation.after, kind, repr(reading), str(is_required))


def _mark(*texts: str) -> str:
    return hashlib.blake2b("\0".join(texts).encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _covered(known: LakeTable, kinds: str, name: str, files: frozenset[str], marks: Mapping[str, str]) -> list[Covered]:
    """Facts that hold for some of these files: those of more files hold as well, when no row of them is bad."""
    return [
        each
        for each in known.covered.get(f"{kinds} {name}", [])
        if each.reading == marks[name] and (each.files <= files or (not each.facts.bad and each.files & files))
    ]


def _fewer(covered: list[Covered]) -> list[Covered]:
    """At most so many sets of files: those in order are put together, which is true of each of them still."""
    if len(covered) < _MOST:
        return covered
    good = [[each for each in covered if not each.facts.bad and each.facts.plain is plain] for plain in (True, False)]
    bad = [each for each in covered if each.facts.bad]
    return [
        *bad[-_MOST // 4 :],
        *(
            Covered(frozenset().union(*(e.files for e in some)), _joined(some), some[0].reading)
            for some in good
            if some
        ),
    ]


def _joined(covered: Sequence[Covered]) -> ColumnFacts:
    facts = [each.facts for each in covered]
    return ColumnFacts(
        sum(each.bad for each in facts),
        all(each.plain for each in facts),
        presence.union(*(each.present for each in facts)),
    )
