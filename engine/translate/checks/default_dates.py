"""LAG and LEAD of dates with a default, of which MySQL 9.7 warns: those that can never be NULL.

`LAG(day, 1, day)` of a column that is NOT NULL gives a warning for each row ("Incorrect date value: ''", 1292), and the
answer all the same: it is put into the window's temporary table before there is a value, and the field cannot be NULL
where neither the value nor the default can.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import Expr
from engine.translate.types import TEMPORAL
from engine.translate.walks import Gathered

if TYPE_CHECKING:
    from engine.catalog import LoadedTable

_NEIGHBOURS = frozenset({"lag", "lead"})
_WITH_DEFAULT = 2
_PASSING = frozenset({"add_seconds", "zoned", "to_datetime", "to_date", "any", "group_value"})
_MADE_NULLABLE = frozenset({"date_shift", "last_day", "text_to_moment", "make_date", "min", "max"})


def require_nullable_dates(whole: Gathered, tables: "Iterable[LoadedTable]") -> None:
    """Refuse LAG and LEAD with a default of dates of which it is not known that they may be NULL. Raises Refused."""
    if not whole.ops & _NEIGHBOURS:
        return
    origins, named = Origins(whole.queries), {found.store_name: found for found in tables}
    for node in whole.nodes:
        asked = node.op in _NEIGHBOURS and len(node.args) == _WITH_DEFAULT and node.type.family in TEMPORAL
        if asked and not any(_may_be_null(arg, origins, named) for arg in node.args):
            refuse("MySQL warns of LAG or LEAD with a default of dates that are never NULL")


def _may_be_null(value: Expr, origins: Origins, tables: "dict[str, LoadedTable]") -> bool:
    while value.op in _PASSING:
        value = value.args[0]
    if value.op != "column":
        return value.op in _MADE_NULLABLE
    stored = origins.of(value)
    column = tables[stored[0]].table.column(stored[1]) if stored is not None and stored[0] in tables else None
    return column is not None and column.nullable
