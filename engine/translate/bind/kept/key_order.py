"""Sums and deviations of doubles in the order in which the backend adds them up.

Each addition of doubles is rounded, so the order of rows decides the last digits. Both servers add row by row
(`Item_sum_sum::add` and `update_field` in sql/item_sum.cc, and those of Item_sum_variance), also where groups are made
in a temporary table; InnoDB reads a table in the order of its primary key, and along another index in that of the
index's columns and then of the key's. Where the plan says in which order it reads, and rows come so to where they are
summed, the order is known.

Of texts that are equal in different spellings both servers keep the first that they meet: the columns of a group are
those of its first row (end_update and end_send_group in sql/sql_select.cc, in MySQL CreateTemporaryTable and
AggregateIterator in sql/iterators), and MIN and MAX are changed by what is less or greater only.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.collate.presence import Presence
from engine.translate.bind.binder import View
from engine.translate.checks.lost_groups import needs_rows_together
from engine.translate.tree import (
    AGGREGATES,
    WINDOW,
    Block,
    CteSource,
    Expr,
    Output,
    Query,
    QuerySource,
    Recursion,
    TableSource,
    walk,
)
from engine.translate.types import Family, column_type
from engine.translate.walks import Gathered, expressions, leaves, queries_in
from statements.context import SessionContext
from statements.plans import TEMPORARY
from statements.reads import Read
from statements.schema import Column, Table

if TYPE_CHECKING:
    from engine.catalog import LoadedTable

_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal")
_MOMENTS = ("date", "datetime", "timestamp", "time", "year")
_TYPES = frozenset((*_NUMBERS, *_MOMENTS, "char", "varchar"))  # an index has them in the order of ORDER BY
_ORDERED = frozenset({"double_sum", "spread"})
_DEPENDING = _ORDERED | {"group_concat", "json_elements"}
_SPELLED = frozenset({"group_value", "min", "max"})
_COMPUTED = AGGREGATES - {"any", "any_same", "group_value"}  # what no key of GROUP BY is
_PRIMARY = "PRIMARY"


def key_order(
    whole: Gathered,
    context: SessionContext,
    view: View,
    names: Iterable[tuple[str, str]],
    begun: frozenset[Expr] = frozenset(),
) -> tuple[Expr, ...]:
    """Give what the rows are ordered by that the backend adds up a statement's doubles in, () where that is not known;
    `names` are the tables that the statement reads, `begun` aggregates for which the first row of a group counts.

    Derived tables that the backend merges into the statement are given the columns that it needs of them.
    """
    block = whole.queries[0]
    if not isinstance(block, Block) or (WINDOW in whole.ops and not block.grouped) or block.rollup:
        return ()
    depends = whole.ops & _DEPENDING and _depends_on_order(block)  # most statements have none, and are not walked
    if not depends and not _has(block, begun) and not (whole.ops & _SPELLED and spells(block)):
        return ()
    if any(_depends_on_order(query) or _has(query, begun) for query in whole.queries[1:]):
        return ()
    if not _is_grouped_as_read(block, context):
        return ()
    if any(read.is_guess for read in context.reads) and (_is_sorted_by_a_table(block) or _asks(whole)):
        return ()
    places, loaded = _places(whole, block), _kept(view, names)
    order: list[tuple[_Place, list[Column]]] = []
    for read in context.reads:
        place = places.pop(read.table.casefold(), None)
        if read.is_single:
            continue
        columns = place and place.table.name in loaded and _along(read, loaded[place.table.name].table)
        if place is None or not isinstance(columns, list) or not _are_ordered(columns, loaded[place.table.name]):
            return ()
        order.append((place, columns))
    return tuple(
        place.seen(column, loaded[place.table.name].presence.get(column.name))
        for place, columns in order
        for column in columns
    )


@dataclass(frozen=True, slots=True)
class _Place:
    """A table of a statement, and the queries between the statement's own and it, the innermost last."""

    table: TableSource
    inside: tuple[tuple[str, Block], ...] = ()

    def seen(self, column: Column, presence: Presence | None) -> Expr:
        """Give a column of the table as the statement sees it, through columns that the queries between are given."""
        expr = Expr("column", column_type(column, presence), value=(self.table.alias, column.name))
        for alias, block in reversed(self.inside):
            block.outputs = [*block.outputs, Output("", expr)]
            expr = Expr("column", expr.type, value=(alias, f"c{len(block.outputs) - 1}"))
        return expr


def spells(query: Query) -> bool:
    """Tell whether a query shows one of the texts that may be equal in different spellings."""
    nodes = (node for expr in expressions(query) for node in walk(expr))
    return any(node.op in _SPELLED and node.type.family is Family.STRING for node in nodes)


def _depends_on_order(query: Query) -> bool:
    return any(_takes_order(node) for expr in expressions(query) for node in walk(expr))


def _has(query: Query, parts: frozenset[Expr]) -> bool:
    return bool(parts) and any(node in parts for expr in expressions(query) for node in walk(expr))


def _takes_order(node: Expr) -> bool:
    """Tell whether an aggregate's value depends on the order of rows: GROUP_CONCAT without keys does."""
    return node.op in _DEPENDING and (node.op != "group_concat" or len(node.args) == 1)


def _asks(whole: Gathered) -> bool:
    """Tell whether expressions have sub-queries, which MySQL may join to the tables."""
    return any(True for query in whole.queries for expr in expressions(query) for _ in queries_in(expr))


def _is_sorted_by_a_table(block: Block) -> bool:
    """Tell whether a guess may be wrong: what `sort_by_table` is of one table, the cost of the sort decides on MySQL.

    It is of none where ORDER BY differs from GROUP BY (`get_sort_by_table` in sql/sql_optimizer.cc), or names several.
    With a LIMIT the statement takes account of the same conditions as EXPLAIN (`calculate_condition_filter`).
    """
    if block.distinct or not block.groups:
        return bool(block.distinct or block.order)
    if block.limit is not None:
        return False
    pairs = list(zip(block.order, block.groups, strict=False))
    if any(node.op in _COMPUTED for item, _ in pairs for node in walk(item.expr)):
        return False
    keys = [key for _, key in pairs] if block.order else block.groups
    tables = {leaf.alias for leaf in leaves(block.source) if isinstance(leaf, TableSource)}
    columns = (node for key in keys for node in walk(key) if node.op == "column")
    return len(tables & {str(column.value[0]) for column in columns if isinstance(column.value, tuple)}) < 2


def _is_grouped_as_read(block: Block, context: SessionContext) -> bool:
    """Tell whether rows are added to their groups in the order in which they are read.

    MariaDB sorts rows by their groups first where a function is not updated in the table of the groups (`quick_group`
    in sql/item_sum.h). By an index it groups without a table, and does not show that it reads that backwards.
    """
    if context.backend != "mariadb" or not block.groups:
        return True
    if TEMPORARY not in context.plan:
        return not any(item.descending for item in block.order)
    return not any(needs_rows_together(node) for expr in expressions(block) for node in walk(expr))


def _places(whole: Gathered, block: Block) -> dict[str, _Place]:
    """The tables of a statement by what it calls them, as its plan does, without those of sub-queries in its
    expressions, and those of which there may be two."""
    sources = [leaf for query in whole.queries if isinstance(query, Block) for leaf in leaves(query.source)]
    names = Counter(source.written.casefold() for source in sources if isinstance(source, TableSource))
    common = dict(each for query in whole.queries for each in query.ctes)
    read_twice = Counter(source.cte for source in sources if isinstance(source, CteSource))
    found = {}
    for place in _inside(block, (), {label: body for label, body in common.items() if read_twice[label] < 2}):
        name = place.table.written.casefold()
        if names[name] == 1 and not place.table.sample and not place.table.only:
            found[name] = place
    return found


def _inside(
    block: Block, above: tuple[tuple[str, Block], ...], common: Mapping[str, Query | Recursion]
) -> Iterator[_Place]:
    for leaf in leaves(block.source):
        if isinstance(leaf, TableSource):
            yield _Place(leaf, above)
        elif isinstance(leaf, QuerySource | CteSource):
            query = leaf.query if isinstance(leaf, QuerySource) else common.get(leaf.cte)
            if isinstance(query, Block) and not query.grouped and not query.distinct:
                yield from _inside(query, (*above, (leaf.alias, query)), common)


def _kept(view: View, names: Iterable[tuple[str, str]]) -> dict[str, "LoadedTable"]:
    """The tables whose rows InnoDB has in one order, by their names in the store."""
    loaded = [found for schema, name in names if not isinstance(found := view.table(schema, name), str)]
    return {
        found.store_name: found
        for found in loaded
        if not found.is_lake and not found.table.partitions and found.table.engine == "InnoDB"
    }


def _along(read: Read, table: Table) -> list[Column] | None:
    """The columns in whose order a table is read; None where they are not known."""
    index, key = table.index(read.index), table.index(_PRIMARY)
    if index is None or key is None:
        return None
    names = [*index.columns[read.looked_up :], *(name for name in key.columns if name not in index.columns)]
    columns = [column for name in names if (column := table.column(name))]
    return columns if len(columns) == len(names) else None


def _are_ordered(columns: Iterable[Column], loaded: "LoadedTable") -> bool:
    return all(column.type in _TYPES and column.name not in loaded.left_out for column in columns)
