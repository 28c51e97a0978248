"""Columns of derived tables that nothing reads: the engine leaves them out, and with them the warnings and errors of
the servers: a difference of UNSIGNED integers below 0 is error 1690 there, a sub-query of several rows 1242. (A product
that leaves BIGINT is an error as well, and not refused: of rows that are counted, most have one, and hardly any has
such values.)

The servers compute every column of a derived table that they store: one that groups, or a set operation.
"""

from collections.abc import Callable

from engine.translate.refusal import refuse
from engine.translate.tree import Block, CteSource, Expr, Query, QuerySource, Recursion, SetOperation, walk
from engine.translate.walks import Gathered, leaves

# Operations that the servers may give a warning for, and that fail in the engine then.
_WARNING = frozenset({"nonzero", "date_shift"})
_TELLING = _WARNING | {"int_subtract", "not_negative", "scalar"}


def require_read(statement: Gathered) -> None:
    """Refuse a derived table whose unread columns may give warnings or errors; raises Refused."""
    if not statement.ops & _TELLING:
        return
    parts = statement.queries
    read = {node.value for node in statement.nodes if node.op == "column"}
    labels: dict[str, list[str]] = {}
    for source in (leaf for part in parts if isinstance(part, Block) for leaf in leaves(part.source)):
        if isinstance(source, CteSource):
            labels.setdefault(source.cte, []).append(source.alias)
        elif isinstance(source, QuerySource):
            _check(source.query, _reader(read, [source.alias]))
    for label, common in (cte for part in parts for cte in part.ctes):
        if not isinstance(common, Recursion):
            _check(common, _reader(read, labels.get(label, [])))


def _reader(read: set[object], aliases: list[str]) -> Callable[[int], bool]:
    return lambda place: any((alias, f"c{place}") in read for alias in aliases)


def _check(query: Query, is_read: Callable[[int], bool]) -> None:
    if isinstance(query, SetOperation):
        _check_columns(query.left, is_read)
        _check_columns(query.right, is_read)
    elif query.grouped or query.distinct or query.limit is not None:
        _check_columns(query, is_read)


def _check_columns(query: Query, is_read: Callable[[int], bool]) -> None:
    if isinstance(query, SetOperation):
        _check(query, is_read)
        return
    for place, output in enumerate(query.outputs):
        if not is_read(place) and any(map(_may_tell, walk(output.expr))):
            refuse("a value that may give a warning or an error is computed, but not read")


def _may_tell(node: Expr) -> bool:
    if node.op == "scalar":
        return not (isinstance(node.value, Block) and node.value.grouped and not node.value.groups)
    return node.op in _WARNING or node.op == "not_negative" or (node.op == "int_subtract" and node.type.unsigned)
