"""Tables in partitions inside of outer joins, of which MySQL may read none: refused.

MySQL leaves out partitions by the condition that belongs to a table, which is that of WHERE where the table has none of
its own (`apply_local_transforms` in sql/sql_resolver.cc). A table has none as well where the ON is that of several
tables together: of a join in parentheses, a derived table that is merged, or a sub-query in ON that becomes a join.
`t LEFT JOIN (p JOIN s ON …) ON … WHERE p.id IS NULL` then finds no row of `p` for any row of `t` (MySQL 9.7.4).
"""

from collections.abc import Collection, Iterator

from engine.translate.refusal import refuse
from engine.translate.tree import Block, CteSource, Join, Query, QuerySource, Source, TableSource
from engine.translate.walks import Gathered, leaves, queries_in

_OUTER = frozenset({"left", "right"})


def require_no_lost_partition(whole: Gathered, divided: Collection[str]) -> None:
    """Refuse a statement with a WHERE and such a table; `divided` are the tables in partitions, by their names in the
    store. Raises Refused."""
    blocks = [query for query in whole.queries if isinstance(query, Block)]
    if not divided or not any(block.where is not None for block in blocks):
        return
    common = {label: body for query in whole.queries for label, body in query.ctes if isinstance(body, Block)}
    for block in blocks:
        for inner in _inner_sides(block.source):
            if any(table.name in divided for table in _tables(inner, common)):
                refuse("MySQL may leave out partitions of a table inside of an outer join")


def _inner_sides(source: Source | None) -> Iterator[Source]:
    """Give the inner sides of outer joins that are more than a table, or whose ON has a sub-query."""
    if not isinstance(source, Join):
        return
    yield from _inner_sides(source.left)
    yield from _inner_sides(source.right)
    if source.kind in _OUTER:
        inner = source.right if source.kind == "left" else source.left
        asks = source.on is not None and any(True for _ in queries_in(source.on))
        if asks or not isinstance(inner, TableSource):
            yield inner


def _tables(source: Source | None, common: dict[str, Block]) -> Iterator[TableSource]:
    for leaf in leaves(source):
        if isinstance(leaf, TableSource):
            yield leaf
        elif isinstance(leaf, QuerySource | CteSource):
            query: Query | None = leaf.query if isinstance(leaf, QuerySource) else common.get(leaf.cte)
            if isinstance(query, Block):
                yield from _tables(query.source, common)
