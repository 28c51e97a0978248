"""Values that the engine shows but computes nothing with: JSON, geometry, vectors. All but counting them is refused."""

from collections.abc import Iterator

from engine.translate.refusal import refuse
from engine.translate.row_values import Rows
from engine.translate.tree import Block, Expr, Join, Query, QuerySource, Recursion, SetOperation, Source, walk
from engine.translate.types import SHOWN_ONLY

# What may be done with such a value: nothing here looks at more than whether it is NULL.
_ALLOWED = frozenset(
    {"is_null", "count", "any", "json_part", "json_text", "json_length", "json_keys", "json_has", "json_valid"}
)


def require_shown_only(query: Query) -> None:
    """Refuse a query that compares, sorts, groups or computes with values that can only be shown; raises Refused."""
    for part in _queries(query):
        for expr in _expressions(part):
            for node in walk(expr):
                _check(node)
        for key in _keys(part):
            if key.type.family in SHOWN_ONLY:
                refuse(f"GROUP BY, DISTINCT or ORDER BY of a {key.type.family.value} value is not supported")


def _check(node: Expr) -> None:
    for arg in node.args:
        if arg.type.family in SHOWN_ONLY and node.op not in _ALLOWED:
            refuse(f"an expression over a {arg.type.family.value} value is not supported")


def _keys(query: Query) -> Iterator[Expr]:
    yield from (item.expr for item in query.order)
    if isinstance(query, SetOperation):
        if not query.all:
            yield from (output.expr for output in query.outputs)
        return
    yield from query.groups
    if query.distinct:
        yield from (output.expr for output in query.outputs)


def _expressions(query: Query) -> Iterator[Expr]:
    yield from (output.expr for output in query.outputs)
    yield from (item.expr for item in query.order)
    if isinstance(query, Block):
        yield from query.groups
        yield from (expr for expr in (query.where, query.having) if expr is not None)
        if query.source is not None:
            yield from _conditions(query.source)


def _conditions(source: Source) -> Iterator[Expr]:
    if isinstance(source, Join):
        if source.on is not None:
            yield source.on
        yield from _conditions(source.left)
        yield from _conditions(source.right)


def _queries(query: Query) -> Iterator[Query]:
    """The query and all that are in it."""
    yield query
    for _, common in query.ctes:
        parts = (common.first, common.step) if isinstance(common, Recursion) else (common,)
        for part in parts:
            yield from _queries(part)
    if isinstance(query, SetOperation):
        yield from _queries(query.left)
        yield from _queries(query.right)
    elif query.source is not None:
        yield from _derived(query.source)
    for expr in _expressions(query):
        for node in walk(expr):
            for value in node.value if isinstance(node.value, tuple) else (node.value,):
                if isinstance(value, Block | SetOperation):
                    yield from _queries(value)
                elif isinstance(value, Rows):
                    yield from _derived(value.source)


def _derived(source: Source) -> Iterator[Query]:
    if isinstance(source, QuerySource):
        yield from _queries(source.query)
    elif isinstance(source, Join):
        yield from _derived(source.left)
        yield from _derived(source.right)
