"""A query seen as a derived table: what a clause behind its parentheses, or a comparison, reads."""

from typing import TYPE_CHECKING

from sqlglot import exp

from engine.translate.tree import Block, Expr, Output, Query, QuerySource

if TYPE_CHECKING:
    from engine.translate.binder import Shared

ROW = "ROW"


def wrapped(shared: "Shared", query: Query) -> Block:
    """SELECT * FROM (query): a block that a WHERE, an ORDER BY or a LIMIT of its own may be put on; raises Refused."""
    from engine.translate.blocks import settle

    settle(query)
    alias = shared.unique("d")
    outputs = [
        Output(output.name, Expr("column", output.expr.type, value=(alias, f"c{place}")))
        for place, output in enumerate(query.outputs)
    ]
    return Block(outputs, QuerySource(alias, query))


def row_parts(node: exp.Expression) -> list[exp.Expression] | None:
    """The parts of a row constructor, (a, b) or ROW(a, b); None for anything else."""
    if isinstance(node, exp.Tuple) or (isinstance(node, exp.Anonymous) and str(node.this).upper() == ROW):
        return [part for part in node.expressions if isinstance(part, exp.Expression)]
    return None
