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

from collections.abc import Iterable
from typing import TYPE_CHECKING

from engine.translate.bind.binder import View
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Query, TableSource, walk
from engine.translate.types import Family, column_type
from engine.translate.walks import Gathered, expressions, leaves
from statements.context import SessionContext
from statements.plans import TEMPORARY
from statements.reads import Read

if TYPE_CHECKING:
    from engine.catalog import LoadedTable

_NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal")
_MOMENTS = ("date", "datetime", "timestamp", "time", "year")
_TYPES = frozenset((*_NUMBERS, *_MOMENTS, "char", "varchar"))  # an index has them in the order of ORDER BY
_UPDATED = frozenset(
    {"count_all", "count", "sum", "min", "max", "any", "any_same", "group_value", "double_sum", "spread"}
    | {"bits_all", "bits_any", "bits_odd"}
)
_ORDERED = frozenset({"double_sum", "spread"})
_SPELLED = frozenset({"group_value", "min", "max"})
_PRIMARY = "PRIMARY"


def key_order(
    whole: Gathered, context: SessionContext, view: View, names: Iterable[tuple[str, str]]
) -> tuple[Expr, ...]:
    """Give what the rows are ordered by that the backend adds up a statement's doubles in, () where that is not known;
    `names` are the tables that the statement reads."""
    block = whole.queries[0]
    if not isinstance(block, Block) or WINDOW in whole.ops or block.rollup:
        return ()
    if not whole.ops & _ORDERED and not (whole.ops & _SPELLED and spells(block)):
        return ()
    if any(_adds_doubles(query) for query in whole.queries[1:]) or not _is_grouped_as_read(block, context):
        return ()
    sources, loaded = _sources(whole), _kept(view, names)
    order: list[Expr] = []
    for read in context.reads:
        if read.is_single:
            continue
        source = sources.get(read.table.casefold())
        columns = source and source.name in loaded and _along(read, source, loaded[source.name])
        if not isinstance(columns, list):
            return ()
        order += columns
    return tuple(order)


def spells(query: Query) -> bool:
    """Tell whether a query shows one of the texts that may be equal in different spellings."""
    nodes = (node for expr in expressions(query) for node in walk(expr))
    return any(node.op in _SPELLED and node.type.family is Family.STRING for node in nodes)


def _adds_doubles(query: Query) -> bool:
    return any(node.op in _ORDERED for expr in expressions(query) for node in walk(expr))


def _is_grouped_as_read(block: Block, context: SessionContext) -> bool:
    """Tell whether rows are added to their groups in the order in which they are read.

    MariaDB sorts rows by their groups first where a function is not updated in the table of the groups (`quick_group`
    in sql/item_sum.h). By an index it groups without a table, and does not show that it reads that backwards.
    """
    if context.backend != "mariadb" or not block.groups:
        return True
    if TEMPORARY not in context.plan:
        return not any(item.descending for item in block.order)
    found = [node for expr in expressions(block) for node in walk(expr) if node.op in AGGREGATES]
    return all(node.op in _UPDATED and not (node.op == "double_sum" and node.value) for node in found)


def _sources(whole: Gathered) -> dict[str, TableSource]:
    """The tables of a statement by what it calls them, as its plan does; none where that is not of one table."""
    found: dict[str, TableSource] = {}
    for query in whole.queries:
        for leaf in leaves(query.source) if isinstance(query, Block) else ():
            if not isinstance(leaf, TableSource) or leaf.sample or leaf.only or leaf.written.casefold() in found:
                return {}
            found[leaf.written.casefold()] = leaf
    own = whole.queries[0]
    inside = leaves(own.source) if isinstance(own, Block) else []
    return {name: source for name, source in found.items() if source in inside}


def _kept(view: View, names: Iterable[tuple[str, str]]) -> dict[str, "LoadedTable"]:
    """The tables whose rows InnoDB has in one order, by their names in the store."""
    loaded = [found for schema, name in names if not isinstance(found := view.table(schema, name), str)]
    return {
        found.store_name: found
        for found in loaded
        if not found.is_lake and not found.table.partitions and found.table.engine == "InnoDB"
    }


def _along(read: Read, source: TableSource, loaded: "LoadedTable") -> list[Expr] | None:
    """The columns in whose order a table is read; None where they are not known."""
    index, key = loaded.table.index(read.index), loaded.table.index(_PRIMARY)
    if index is None or key is None:
        return None
    names = [*index.columns[read.looked_up :], *(name for name in key.columns if name not in index.columns)]
    columns = [loaded.table.column(name) for name in names]
    known = [each for each in columns if each and each.type in _TYPES and each.name not in loaded.left_out]
    if len(known) != len(columns):
        return None
    return [
        Expr("column", column_type(each, loaded.presence.get(each.name)), value=(source.alias, each.name))
        for each in known
    ]
