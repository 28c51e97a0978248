"""Where a date that may be zero may stand in a statement: not where the server puts it into a temporary table."""

from collections.abc import Iterator

from engine.translate.literals import is_literal
from engine.translate.packed import PACKED
from engine.translate.refusal import refuse
from engine.translate.tree import WINDOW, Block, Expr, Join, SetOperation, has_aggregate, walk
from engine.translate.walks import Gathered, expressions
from statements.context import SessionContext
from statements.sqlmode import modes

_JUDGING = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "null_safe_eq", "is_null"})
_READING = frozenset({"count", "unpacked", "date_part"})
_NO_ZERO_MODES = frozenset({"NO_ZERO_DATE", "NO_ZERO_IN_DATE", "TRADITIONAL"})


def require_plain_uses(statement: Gathered, context: SessionContext) -> None:
    """Refuse what the server does by way of a temporary table, or with a warning or an error; raises Refused.

    What is no date cannot be stored in most sql_modes, and temporary tables are no exception: MySQL warns for each
    row, MariaDB makes a zero date of one that is in no calendar.
    """
    if not statement.families & PACKED:
        return
    for part in statement.queries:
        stored = part is not statement.queries[0] or not isinstance(part, Block) or part.distinct
        if stored and any(_is_packed(output.expr) for output in part.outputs):
            refuse("a date that may be zero passes through a temporary table")
        if isinstance(part, Block):
            _require_unstored(part)
    if context.backend == "mysql":
        _require_compared_alike(statement)
    if modes(context.sql_mode) & _NO_ZERO_MODES:
        _require_dates(statement)


def _is_packed(expr: Expr) -> bool:
    return expr.type.family in PACKED


def _require_unstored(block: Block) -> None:
    kept = [output.expr for output in block.outputs] + [item.expr for item in block.order]
    if block.having is not None:
        kept.append(block.having)
    if block.qualify is not None:
        kept.append(block.qualify)
    sorts = block.groups or (block.order and isinstance(block.source, Join))
    if any(map(_is_packed, block.groups)) or (sorts and any(_is_packed(node) for e in kept for node in _kept(e))):
        refuse("a date that may be zero is grouped by, or sorted with a join or with groups")
    for node in (node for expr in expressions(block) for node in walk(expr)):
        if node.op in ("count_distinct", WINDOW) and any(_is_packed(inner) for a in node.args for inner in _kept(a)):
            refuse("a date that may be zero is in a window or counted DISTINCT")


def _require_compared_alike(statement: Gathered) -> None:
    """Refuse to compare a DATE and a moment: MySQL 9.7's hash joins find other rows than its conditions, a MIN of zero
    dates is NULL beside a MAX of moments, and '2020-00-01' is less than a TIMESTAMP of 1970."""
    for node in statement.nodes:
        asked = node.value[-1] if isinstance(node.value, tuple) and node.value[:1] == ("eq",) else None
        sides = [*node.args]
        if isinstance(asked, Block | SetOperation):
            sides.append(asked.outputs[0].expr)
        elif node.op not in _JUDGING:
            continue
        if {side.type.family for side in sides} == PACKED and not any(map(is_literal, sides)):
            refuse("a date and a moment, both of which may be zero, are compared")


def _kept(expr: Expr) -> Iterator[Expr]:
    """Give an expression and all below it, but not what is counted, compared row by row, or read as a date or a part of
    one."""
    yield expr
    is_judged = expr.op in _JUDGING and not has_aggregate(expr)
    if expr.op not in _READING and not is_judged:
        for arg in expr.args:
            yield from _kept(arg)


def _require_dates(statement: Gathered) -> None:
    for node in statement.nodes:
        if is_literal(node) and _is_packed(node) and isinstance(node.value, int):
            months, day = node.value >> 46, node.value >> 41 & 31
            if not day or not months % 13:
                refuse("a zero or partial date is compared in an sql_mode that has NO_ZERO_DATE or NO_ZERO_IN_DATE")
