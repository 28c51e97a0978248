"""Values that the engine shows but computes nothing with: JSON, geometry, vectors. All but counting them is refused."""

from collections.abc import Iterator

from engine.translate.refusal import refuse
from engine.translate.tree import Expr, Query, SetOperation
from engine.translate.types import SHOWN_ONLY
from engine.translate.walks import Gathered

# What may be done with such a value: whether it is NULL, its parts, and putting it into a document.
_ALLOWED = frozenset(
    {
        "is_null", "count", "any", "json_part", "json_text", "json_length", "json_keys", "json_has", "json_valid",
        "json_object", "json_array", "json_compared", "json_value", "json_kind",
        "json_contains", "json_overlaps", "json_number", "json_cell", "json_cell_exists", "json_objects",
        "json_elements", "json_integer", "json_decimal", "answer", "document_text",
    }
)  # fmt: skip


def require_shown_only(statement: Gathered) -> None:
    """Refuse a query that compares, sorts, groups or computes with values that can only be shown; raises Refused."""
    if not statement.families & SHOWN_ONLY:
        return
    for node in statement.nodes:
        _check(node)
    for part in statement.queries:
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
