"""A query seen as a derived table: what a clause behind its parentheses, or a comparison, reads."""

from dataclasses import replace
from typing import TYPE_CHECKING

from engine.translate.tree import Block, Expr, Output, Query, QuerySource

if TYPE_CHECKING:
    from engine.translate.binder import Shared


def wrapped(shared: "Shared", query: Query) -> Block:
    """SELECT * FROM (query): a block that a WHERE, an ORDER BY or a LIMIT of its own may be put on; raises Refused."""
    from engine.translate.blocks import settle

    settle(query)
    alias = shared.unique("d")
    outputs = [
        Output(output.name, Expr("column", replace(output.expr.type, characters=0), value=(alias, f"c{place}")))
        for place, output in enumerate(query.outputs)
    ]
    return Block(outputs, QuerySource(alias, query))
