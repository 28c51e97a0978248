"""Sub-queries in the ON of outer joins, whose WHERE MySQL may lose: refused.

It joins the tables of IN (SELECT …) and EXISTS (SELECT …) to the others, and may keep the sub-query's rows in a table.
Inside of an outer join the condition of those rows is then that their value is not NULL, and the sub-query's own WHERE
is gone: `t LEFT JOIN u ON u.id = t.g AND u.k IN (SELECT k FROM s WHERE s.day IS NULL)` (MySQL 9.7.4, whose plan has no
other filter). Where a condition is all of an index's access it stays.
"""

from collections.abc import Iterator

from engine.translate.refusal import refuse
from engine.translate.tree import Block, CteSource, Expr, Join, Query, QuerySource, Rows, Source, walk
from engine.translate.walks import Gathered

_OUTER = frozenset({"left", "right"})
_JOINED = frozenset({"in_query", "any_query", "exists", "row_in"})


def require_no_lost_condition(whole: Gathered) -> None:
    """Refuse a statement with such a sub-query. Raises Refused."""
    if not whole.ops & _JOINED:
        return
    common = {label: body for query in whole.queries for label, body in query.ctes if isinstance(body, Block)}
    for query in whole.queries:
        if isinstance(query, Block):
            for condition in _inside(query.source, common, is_inner=False):
                if any(node.op in _JOINED and _has_condition(node) for node in walk(condition)):
                    refuse("MySQL may lose the WHERE of a sub-query inside of an outer join")


def _inside(source: Source | None, common: dict[str, Block], is_inner: bool) -> Iterator[Expr]:
    """Give the conditions of outer joins, and those in their inner sides, which derived tables bring along."""
    if isinstance(source, Join):
        if source.on is not None and (is_inner or source.kind in _OUTER):
            yield source.on
        yield from _inside(source.left, common, is_inner or source.kind == "right")
        yield from _inside(source.right, common, is_inner or source.kind == "left")
    elif isinstance(source, QuerySource | CteSource) and is_inner:
        query: Query | None = source.query if isinstance(source, QuerySource) else common.get(source.cte)
        if isinstance(query, Block) and not (query.grouped or query.distinct):
            if query.where is not None:
                yield query.where
            yield from _inside(query.source, common, is_inner)


def _has_condition(node: Expr) -> bool:
    """Tell whether a sub-query has a WHERE, or joins tables."""
    parts = node.value if isinstance(node.value, tuple) else (node.value,)
    for part in parts:
        query = part.source.query if isinstance(part, Rows) else part
        if isinstance(query, Block) and (query.where is not None or isinstance(query.source, Join)):
            return True
    return any(_has_condition(arg) for arg in node.args if arg.op in _JOINED)
