"""Stored tables as names see them: columns typed once for each definition of a table, made once for each alias."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from engine.translate.bind.temporal.zones import session_zone, zone_shift
from engine.translate.members import listed_type
from engine.translate.names import Named, Visible, by_name
from engine.translate.packed import packed_type, unpacked
from engine.translate.tree import Expr, Output
from engine.translate.types import Type, column_type
from statements.context import SessionContext
from statements.schema import MEMBER_TYPES, Column

if TYPE_CHECKING:
    from engine.catalog import LoadedTable

_MOST_COLUMNS = 1 << 16  # of all tables, once with their types and once more for each alias


@dataclass(slots=True)
class _Stored:
    """A table's columns with their types, and by folded name why others cannot be read. `key` holds positions of the
    primary key's columns, `hidden` those of columns that are not in *. `made` are the columns by alias and, where some
    are TIMESTAMPs, the session's time zone."""

    loaded: "LoadedTable"
    typed: Sequence[tuple[Column, Type]]
    excluded: Mapping[str, str]
    key: tuple[int, ...]
    hidden: frozenset[int]
    zoned: bool
    made: dict[tuple[str, object, bool], tuple[Sequence[Output], Named]] = field(default_factory=dict)


class _Kept:
    """What was made of tables, until it is too much of it: then all goes."""

    def __init__(self) -> None:
        self.tables: dict[tuple[int, str], _Stored] = {}
        self._columns = 0
        self._lock = threading.Lock()

    def count(self, columns: int) -> None:
        """Count columns that are to be kept."""
        with self._lock:
            if self._columns + columns > _MOST_COLUMNS:
                self.tables.clear()
                self._columns = 0
            self._columns += columns


# A table that changes has another entry of the catalog after each transaction: one of them is kept.
_KEPT = _Kept()


def see_stored(
    loaded: "LoadedTable", alias: str, name: str, schema: str, context: SessionContext, unpacks: bool = False
) -> Visible:
    """Give a stored table as names see it, under the alias that is unique in the statement; `unpacks` tells that dates
    which may be zero are to be dates. Raises Refused."""
    stored = _stored(loaded)
    columns, named = _made(stored, alias, context, unpacks)
    return Visible(name, schema, alias, columns, stored.key, stored.excluded, stored.hidden, named)


def _made(stored: _Stored, alias: str, context: SessionContext, unpacks: bool) -> tuple[Sequence[Output], Named]:
    at = (alias, session_zone(context) if stored.zoned else 0, unpacks)
    known = stored.made.get(at)
    if known is not None:
        return known
    columns = [Output(column.name, _column(column, type_, alias, context, unpacks)) for column, type_ in stored.typed]
    _KEPT.count(len(columns))
    stored.made[at] = made = columns, by_name(columns)
    return made


def _column(column: Column, type_: Type, alias: str, context: SessionContext, unpacks: bool) -> Expr:
    expr = Expr("column", type_, value=(alias, column.name))
    named = column.type == "timestamp" and isinstance(session_zone(context), str)
    if unpacks and column.packed and named:
        return zone_shift(unpacked(expr), context)
    expr = zone_shift(expr, context) if column.type == "timestamp" else expr
    return unpacked(expr) if unpacks and column.packed else expr


def _stored(loaded: "LoadedTable") -> _Stored:
    at = loaded.id, loaded.store_name
    known = _KEPT.tables.get(at)
    if known is not None and _is_typed_alike(known.loaded, loaded):
        return known
    typed: list[tuple[Column, Type]] = []
    excluded: dict[str, str] = {}
    left_out = {name.casefold(): reason for name, reason in loaded.left_out.items()}
    for column in loaded.table.columns:
        reason = left_out.get(column.name.casefold())
        if column.not_secondary or reason is not None:
            excluded[column.name.casefold()] = f"column {column.name} is not in the engine: {reason or 'NOT SECONDARY'}"
            continue
        typed.append((column, _type(column, loaded)))
    positions = {column.name.casefold(): at for at, (column, _) in enumerate(typed)}
    key = tuple(positions.get(part.casefold(), -1) for part in loaded.table.primary_key)
    hidden = frozenset(at for at, (column, _) in enumerate(typed) if column.invisible)
    zoned = any(column.type == "timestamp" for column, _ in typed)
    stored = _Stored(loaded, typed, excluded, () if -1 in key else key, hidden, zoned)
    if not loaded.is_lake:  # a table of files is made anew for each statement
        _KEPT.count(len(typed))
        _KEPT.tables[at] = stored
    return stored


def _is_typed_alike(then: "LoadedTable", now: "LoadedTable") -> bool:
    """Tell whether two entries of a table have the same columns with the same types: their rows may be others."""
    return then is now or (then.table == now.table and then.presence == now.presence and then.left_out == now.left_out)


def _type(column: Column, loaded: "LoadedTable") -> Type:
    if column.packed:
        return packed_type(column)
    if column.type in MEMBER_TYPES:
        return listed_type(column)
    return column_type(column, loaded.presence.get(column.name))
