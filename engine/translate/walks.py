"""All queries and expressions of a statement, wherever they stand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from engine.translate.tree import (
    UNION_ALIAS,
    Block,
    CteSource,
    Expr,
    Join,
    JsonRows,
    Query,
    QuerySource,
    Recursion,
    Rows,
    SetOperation,
    Source,
    TableSource,
    rebuild,
    walk,
)
from engine.translate.types import Family

Leaf = TableSource | QuerySource | CteSource | JsonRows


@dataclass(slots=True)
class Gathered:
    """A statement's queries, its own first, and all nodes of their expressions; `ops` and `families` are the nodes'."""

    queries: list[Query]
    nodes: list[Expr]
    ops: frozenset[str] = frozenset()
    families: frozenset[Family] = frozenset()


def gathered(query: Query) -> Gathered:
    """Walk a statement once, for all passes that look at the whole of it."""
    found = Gathered([], [])
    _gather(query, found)
    found.ops = frozenset([node.op for node in found.nodes])
    found.families = frozenset([node.type.family for node in found.nodes])
    return found


def _gather(query: Query, found: Gathered) -> None:
    found.queries.append(query)
    inner: list[Query] = []
    for expr in expressions(query):
        for node in walk(expr):
            found.nodes.append(node)
            if node.op != "literal" and node.value is not None:
                inner += _values(node.value)
    for _, common in query.ctes:
        for part in (common.first, common.step) if isinstance(common, Recursion) else (common,):
            _gather(part, found)
    if isinstance(query, SetOperation):
        _gather(query.left, found)
        _gather(query.right, found)
    elif query.source is not None:
        for part in _derived(query.source):
            _gather(part, found)
    for part in inner:
        _gather(part, found)


def _values(value: object) -> Iterator[Query]:
    """The queries that an expression computes with."""
    for part in value if isinstance(value, tuple) else (value,):
        if isinstance(part, Block | SetOperation):
            yield part
        elif isinstance(part, Rows):
            yield from _derived(part.source)


def queries_in(expr: Expr) -> Iterator[Query]:
    """Give the sub-queries of an expression, not those inside of them."""
    for node in walk(expr):
        if node.op != "literal" and node.value is not None:
            yield from _values(node.value)


def expressions(query: Query) -> Iterator[Expr]:
    """Give the expressions of one query, not those in its sub-queries."""
    yield from (output.expr for output in query.outputs)
    yield from (item.expr for item in query.order)
    if isinstance(query, Block):
        yield from query.groups
        yield from (expr for expr in (query.where, query.having, query.qualify) if expr is not None)
        if query.source is not None:
            yield from _conditions(query.source)


def change(query: Query, made: Callable[[Expr], Expr | None]) -> None:
    """Replace sub-expressions of one query, not of those inside of it: `made` is as for `tree.rebuild`."""
    for output in query.outputs:
        output.expr = rebuild(output.expr, made)
    for item in query.order:
        item.expr = rebuild(item.expr, made)
    if not isinstance(query, Block):
        return
    query.groups = [rebuild(key, made) for key in query.groups]
    query.where = None if query.where is None else rebuild(query.where, made)
    query.having = None if query.having is None else rebuild(query.having, made)
    query.qualify = None if query.qualify is None else rebuild(query.qualify, made)
    _change_conditions(query.source, made)


def _change_conditions(source: Source | None, made: Callable[[Expr], Expr | None]) -> None:
    if isinstance(source, Join):
        source.on = None if source.on is None else rebuild(source.on, made)
        _change_conditions(source.left, made)
        _change_conditions(source.right, made)


def _conditions(source: Source) -> Iterator[Expr]:
    if isinstance(source, JsonRows):
        yield source.document
    elif isinstance(source, TableSource):
        if source.only is not None:
            yield source.only
    elif isinstance(source, Join):
        if source.on is not None:
            yield source.on
        yield from _conditions(source.left)
        yield from _conditions(source.right)


def leaves(source: Source | None) -> list[Leaf]:
    """Give what FROM joins, from left to right: tables, derived and common ones, rows of JSON."""
    if isinstance(source, Join):
        return [*leaves(source.left), *leaves(source.right)]
    return [] if source is None else [source]


def join_conditions(source: Source | None) -> Iterator[Expr]:
    """Give the conditions of the joins in FROM."""
    if isinstance(source, Join):
        if source.on is not None:
            yield source.on
        yield from join_conditions(source.left)
        yield from join_conditions(source.right)


def _derived(source: Source) -> Iterator[Query]:
    yield from (leaf.query for leaf in leaves(source) if isinstance(leaf, QuerySource))


def sees_outside(query: Query) -> bool:
    """Tell whether a sub-query reads columns of the tables around it; a set operation's columns are none of those."""
    whole = gathered(query)
    blocks = [part for part in whole.queries if isinstance(part, Block)]
    inside = {UNION_ALIAS, *(leaf.alias for block in blocks for leaf in leaves(block.source))}
    columns = [node.value for node in whole.nodes if node.op == "column"]
    return any(isinstance(value, tuple) and value[0] not in inside for value in columns)
