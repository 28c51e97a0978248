"""All queries and expressions of a statement, wherever they stand."""

from collections.abc import Iterator

from engine.translate.row_values import Rows
from engine.translate.tree import Block, Expr, Join, Query, QuerySource, Recursion, SetOperation, Source, walk


def nodes(query: Query) -> Iterator[Expr]:
    """Give every expression of a query and of the queries in it."""
    for part in queries(query):
        for expr in expressions(part):
            yield from walk(expr)


def expressions(query: Query) -> Iterator[Expr]:
    """Give the expressions of one query, not those in its sub-queries."""
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


def queries(query: Query) -> Iterator[Query]:
    """The query and all that are in it."""
    yield query
    for _, common in query.ctes:
        parts = (common.first, common.step) if isinstance(common, Recursion) else (common,)
        for part in parts:
            yield from queries(part)
    if isinstance(query, SetOperation):
        yield from queries(query.left)
        yield from queries(query.right)
    elif query.source is not None:
        yield from _derived(query.source)
    for expr in expressions(query):
        for node in walk(expr):
            for value in node.value if isinstance(node.value, tuple) else (node.value,):
                if isinstance(value, Block | SetOperation):
                    yield from queries(value)
                elif isinstance(value, Rows):
                    yield from _derived(value.source)


def _derived(source: Source) -> Iterator[Query]:
    if isinstance(source, QuerySource):
        yield from queries(source.query)
    elif isinstance(source, Join):
        yield from _derived(source.left)
        yield from _derived(source.right)
