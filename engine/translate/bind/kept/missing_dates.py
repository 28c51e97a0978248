"""MIN and MAX of dates of which MySQL warns: those of groups whose first row has none.

Where MySQL keeps the groups in a temporary table as it reads rows, the field of MIN or MAX is made NULL for a group
that begins with NULL, and is reset besides (`Item_sum_hybrid::reset_field` in sql/item_sum.cc): a DATE or a TIMESTAMP
is then '0000-00-00', of which NO_ZERO_DATE has a warning (1292), a DATETIME none. Groups of sorted rows have no such
field. Which row is the first is the plan's choice: where the order of rows is not known, a group with a NULL fails.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from engine.translate.bind.binder import View
from engine.translate.origins import Origins
from engine.translate.tree import WINDOW, Block, Expr, Recursion, SetOperation, walk
from engine.translate.types import Family
from engine.translate.walks import Gathered, expressions
from statements.context import SessionContext
from statements.plans import GROUPING

if TYPE_CHECKING:
    from engine.catalog import LoadedTable

_EXTREMES = frozenset({"min", "max"})
_DATES = frozenset({Family.DATE, Family.PACKED_DATE})
_MOMENTS = frozenset({Family.DATETIME, Family.PACKED_DATETIME})


def missing_dates(
    whole: Gathered, context: SessionContext, view: View, names: Iterable[tuple[str, str]]
) -> frozenset[Expr]:
    """Give the aggregates of a statement that must not meet NULL; `names` are the tables that it reads."""
    if context.backend != "mysql" or not whole.ops & _EXTREMES or "NO_ZERO_DATE" not in context.sql_mode.split(","):
        return frozenset()
    loaded = [found for schema, name in names if not isinstance(found := view.table(schema, name), str)]
    kinds = _Kinds(Origins(whole.queries), {found.store_name: found for found in loaded})
    return frozenset(
        node
        for query in whole.queries
        if isinstance(query, Block) and query.groups and not query.rollup
        if query is not whole.queries[0] or not context.plan or GROUPING in context.plan
        for expr in expressions(query)
        for node in _aggregates(expr)
        if node.op in _EXTREMES and (node.type.family in _DATES or kinds.is_timestamp(node))
    )


def _aggregates(expr: Expr) -> Iterator[Expr]:
    """Give an expression and all below it, without the functions of windows themselves."""
    yield expr
    parts = (*expr.args[0].args, *expr.args[1:]) if expr.op == WINDOW else expr.args
    for part in parts:
        yield from _aggregates(part)


class _Kinds:
    """Which moments may be of a TIMESTAMP column."""

    def __init__(self, origins: Origins, tables: "dict[str, LoadedTable]") -> None:
        self._origins, self._tables = origins, tables

    def is_timestamp(self, expr: Expr) -> bool:
        """Tell whether a moment may come from a TIMESTAMP; telling so of others does no harm."""
        if expr.type.family not in _MOMENTS:
            return False
        columns = (node for node in walk(expr) if node.op in ("column", "scalar"))
        return any(node.op == "scalar" or self._is_of_timestamp(node) for node in columns)

    def _is_of_timestamp(self, column: Expr) -> bool:
        if (stored := self._origins.of(column)) is not None:
            table, name = stored
            found = self._tables[table].table.column(name) if table in self._tables else None
            return found is None or found.type == "timestamp"
        query, position = self._origins.place(column)
        if query is None or isinstance(query, SetOperation | Recursion):
            return column.type.family in _MOMENTS
        return self.is_timestamp(query.outputs[position].expr)
