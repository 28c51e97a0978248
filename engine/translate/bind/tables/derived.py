"""Queries seen as derived tables: what their columns hold, and which rows of them a LIMIT leaves."""

from dataclasses import replace

from sqlglot import exp

from engine.translate.bind.binder import Binder, Shared
from engine.translate.bind.kept.doubles import require_stored_alike
from engine.translate.bind.numbers import as_value, is_ended, is_zero
from engine.translate.bind.values.control import require_no_cut_seconds, round_to
from engine.translate.given import answered
from engine.translate.literals import integer
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, Output, Query, QuerySource, SetOperation
from statements.context import SessionContext
from statements.plans import DERIVED


def renamed(outputs: list[Output], names: list[str]) -> list[Output]:
    """Give outputs the names of a column list, if there is one; raises Refused when the counts differ."""
    if not names:
        return outputs
    if len(names) != len(outputs):
        refuse("a column list has another length than its query")
    return [replace(output, name=name) for name, output in zip(names, outputs, strict=True)]


def gives_rows(count: Expr | None) -> bool:
    """Tell whether there is a LIMIT or OFFSET, and it is not 0."""
    return count is not None and not answered(is_zero, count)


def require_order(query: Query) -> None:
    """Refuse a LIMIT that cuts rows in no order: which rows stay is the server's choice; raises Refused."""
    one_row = isinstance(query, Block) and query.grouped and not query.groups
    if gives_rows(query.limit) and not query.order and not one_row:
        refuse("LIMIT without ORDER BY depends on the order of rows")


def require_first_rows(query: Query) -> None:
    """Allow the statement's own LIMIT without ORDER BY: any rows are MySQL's answer; raises Refused with an OFFSET.

    Whoever pages through rows with OFFSET counts on the order that the same plan gives them each time.
    """
    if gives_rows(query.offset):
        require_order(query)


def settle(query: Query, context: SessionContext | None = None) -> None:
    """Make outputs what a derived table holds: integers for truth values, decimals rounded to their scale.

    MariaDB's quotients keep their digits in what is merged into the query around it, as everything is where the plan of
    this `context` keeps no rows of a derived table.

    A LIMIT without ORDER BY, as Metabase puts one of 1,048,575 around every saved question, must leave no row out.
    """
    if isinstance(query, Block) and not query.order and not gives_rows(query.offset) and gives_rows(query.limit):
        query.uncut = True
    else:
        require_order(query)
    stored = isinstance(query, SetOperation) or query.grouped or query.distinct or query.limit is not None
    for output in query.outputs:
        output.expr = as_value(output.expr)
        require_stored_alike(output.expr)
        require_no_cut_seconds(output.expr)
        type_ = output.expr.type
        if isinstance(query, SetOperation) or (
            type_.frac == type_.scale
            and not (stored and (type_.vague or type_.unpadded))
            and (stored or not is_ended(output.expr))
        ):
            continue
        if not stored:
            if _is_merged(context) and not type_.vague and not is_ended(output.expr):
                continue
            refuse("a quotient is passed through a derived table")
        output.expr = round_to("round", output.expr, integer(type_.scale))


def _is_merged(context: SessionContext | None) -> bool:
    return context is not None and context.backend == "mariadb" and bool(context.plan) and DERIVED not in context.plan


def wrapped(shared: Shared, query: Query) -> Block:
    """SELECT * FROM (query): a block that a WHERE, an ORDER BY or a LIMIT of its own may be put on; raises Refused."""
    settle(query)
    alias = shared.unique("d")
    outputs = [
        Output(output.name, Expr("column", replace(output.expr.type, characters=0), value=(alias, f"c{place}")))
        for place, output in enumerate(query.outputs)
    ]
    return Block(outputs, QuerySource(alias, query))


def rows_of(binder: Binder, node: exp.Expression) -> Block:
    """A sub-query as a source of rows, in no order; raises Refused."""
    query = binder.query(node)
    require_order(query)
    if query.limit is None:
        query.order = []
    return wrapped(binder.shared, query)
