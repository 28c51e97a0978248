"""What the table events of a batch do to copies in place: planned with the server's definitions before the write."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from base.errors import WarmfrontError
from engine.catalog import Key, LoadedTable, State
from engine.changes.batch import Batch, TableEvent
from engine.changes.position import Position
from engine.replicate.alter import Alteration, Unreadable, read_alteration
from engine.replicate.reshape import plan_reshape
from engine.store.reshape import Reshape
from statements.schema import Index, Table

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Described:
    """A definition as the server had it at some time before `until` was the end of its log; None: no such table."""

    table: Table | None
    until: Position


# Reads a definition that is not older than a position. Raises WarmfrontError.
Describe = Callable[[Key, Position], Described]


@dataclass(frozen=True, slots=True)
class Planned:
    """What to do with the copy of entry `id`: nothing without a reshape, out of service up to `until` with one.

    `indexes` are those that the table has now, which are noted at once: they say nothing of rows.
    """

    id: int
    reshape: Reshape | None = None
    until: Position | None = None
    indexes: tuple[Index, ...] | None = None


Plans = dict[int, Planned | str]  # by the place of the event in its batch; a text is the reason for a load


def plan_events(batch: Batch, entries: Mapping[Key, LoadedTable], describe: Describe | None) -> Plans:
    """Plan what each ALTER of a batch does to a copy."""
    plans: Plans = {}
    for place, event in enumerate(batch.events):
        entry = entries.get((event.schema, event.name))
        if event.kind == "alter" and entry is not None:
            plans[place] = _plan(batch, place, event, entry, describe)
    return plans


def _plan(batch: Batch, place: int, event: TableEvent, entry: LoadedTable, describe: Describe | None) -> Planned | str:
    try:
        alteration = read_alteration(event.statement, event.sql_mode)
    except Unreadable as error:
        return str(error)
    if not alteration.touches_definition:
        return Planned(
            entry.id, indexes=_indexes(batch, place, event, entry, describe) if alteration.adds_index else None
        )
    if describe is None or entry.state is not State.AVAILABLE:
        return "its definition changed"
    try:
        described = describe(_name_after(batch, place, event), batch.position)
    except WarmfrontError as error:
        return f"its definition changed and cannot be read: {error}"
    if described.table is None:
        return "its definition changed, and then its name"
    return _planned(entry, described.table, described.until, alteration)


def _indexes(
    batch: Batch, place: int, event: TableEvent, entry: LoadedTable, describe: Describe | None
) -> tuple[Index, ...] | None:
    """The indexes of a table that is given another; None where they cannot be read: a new one is not known then."""
    if describe is None or entry.state is not State.AVAILABLE:
        return None
    try:
        table = describe(_name_after(batch, place, event), batch.position).table
    except WarmfrontError as error:
        log.warning("the indexes of %s.%s cannot be read: %s", event.schema, event.name, error)
        return None
    return None if table is None else table.indexes


def _planned(entry: LoadedTable, found: Table, until: Position, alteration: Alteration) -> Planned | str:
    reshape = plan_reshape(entry.table, found, alteration)
    return reshape if isinstance(reshape, str) else Planned(entry.id, reshape, until)


def _name_after(batch: Batch, place: int, event: TableEvent) -> Key:
    """The name that the table has after the statement."""
    key = event.schema, event.name
    for later in batch.events[place + 1 :]:
        if later.kind == "rename" and (later.schema, later.name) == key and later.renamed_to:
            key = later.renamed_to
    return key
