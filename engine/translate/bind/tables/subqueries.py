"""Queries inside expressions: scalar, IN, EXISTS, ANY and ALL."""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from engine.translate.bind.binder import Binder, CachedAnswers
from engine.translate.bind.numbers import as_value, is_ended, may_be_cached_signed, settled
from engine.translate.bind.tables.derived import gives_rows, require_order, wrapped
from engine.translate.bind.tables.row_values import any_row, known_member, parts_of, require_no_window
from engine.translate.bind.values.compare import paired
from engine.translate.checks.pushed_conditions import require_one_kind
from engine.translate.literals import is_literal
from engine.translate.members import LISTED, spelled
from engine.translate.members import require_order as require_sortable
from engine.translate.nodes import child
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, Query, SetOperation, walk
from engine.translate.types import APPROXIMATE, BOOL, EXACT, TEMPORAL, Family
from engine.translate.walks import sees_outside

_LOOKED_UP = (Family.DATETIME, Family.DATE)


def agreed(binder: Binder, bind: Callable[[], Expr]) -> Expr:
    """Bind a comparison. MariaDB's cache of what a correlated sub-query has answered holds a quotient rounded to its
    scale, and the first answer is used as it is: the comparison fails where that decides. Raises Refused."""
    shared = binder.shared
    if shared.context.backend == "mysql" or shared.answers is not None:
        return bind()
    shared.answers = answers = CachedAnswers()
    try:
        found = bind()
        queries = answers.queries
        if not queries or not any(
            _is_cached(arg, queries) for part in walk(found) if part.op != "settled" for arg in part.args
        ):
            return found  # compared by themselves they are rounded in any case
        if len(queries) > 1:
            refuse("several correlated sub-queries with quotients are compared")
        answers.rounded = True
        return Expr("agreed", BOOL, (found, bind()))
    finally:
        shared.answers = None


def _is_cached(expr: Expr, queries: list[Query]) -> bool:
    return expr.op == "scalar" and any(expr.value is query for query in queries)


def _is_written_with_others(node: exp.Expression) -> bool:
    """Tell whether a sub-query reads user variables, or names a table that it does not have: folded or not."""
    own = {table.alias_or_name for table in node.find_all(exp.Table, exp.Subquery)}
    others = any(column.table and column.table not in own for column in node.find_all(exp.Column))
    return others or node.find(exp.Parameter) is not None


def scalar(binder: Binder, node: exp.Expression) -> Expr:
    """A sub-query as a value; more than one row fails in the engine, also where a LIMIT without ORDER BY would take any
    one: it stands there for good measure mostly (`… WHERE id = x LIMIT 1`)."""
    query = binder.query(node)
    if len(query.outputs) != 1:
        refuse("a sub-query of several columns is used as a value")
    if _takes_any(query):
        query.limit = None
    require_order(query)
    output = query.outputs[0]
    output.expr = spelled(as_value(output.expr))
    if output.expr.op == "ended":
        (output.expr,) = output.expr.args
    if is_ended(output.expr):
        refuse("a quotient is calculated with in the answer of a sub-query")
    if isinstance(query, Block):
        query.varies = _is_written_with_others(node)
    fixed = any(part.type.fixed for part in walk(output.expr))
    found = Expr("scalar", replace(output.expr.type, fixed=fixed), value=query)
    if binder.context.backend == "mysql" or found.type.frac == found.type.scale or not sees_outside(query):
        return found
    answers = binder.shared.answers
    if answers is None:
        return found.typed(replace(found.type, vague=True))  # of which certain is only what is shown
    answers.queries.append(query)
    return settled(found) if answers.rounded else found


def _takes_any(query: Query) -> bool:
    return isinstance(query, Block) and gives_rows(query.limit) and not query.order and query.offset is None


def without_row(binder: Binder, node: exp.Expression) -> Expr | None:
    """`(SELECT c … WHERE c = x LIMIT 1) IS NULL`, as Sequelize asks for rows: whichever row is taken, c is not NULL
    in it. None for anything else."""
    if not isinstance(node, exp.Subquery) or not isinstance(node.this, exp.Select) or not node.this.args.get("limit"):
        return None
    query = binder.query(node)
    if not isinstance(query, Block) or query.grouped or query.distinct or not _takes_any(query):
        return None
    if len(query.outputs) != 1 or not _is_equal(query.where, query.outputs[0].expr):
        return None
    query.limit = None
    return Expr("not", BOOL, (Expr("exists", BOOL, value=query),))


def _is_equal(where: Expr | None, column: Expr) -> bool:
    """Tell whether a condition holds only where a column equals something."""
    if where is None or column.op != "column":
        return False
    if where.op == "and":
        return any(_is_equal(part, column) for part in where.args)
    return where.op == "eq" and any(side.op == "column" and side.value == column.value for side in where.args)


def exists(binder: Binder, node: exp.Expression) -> Expr:
    """EXISTS (…)."""
    query = binder.query(node)
    if gives_rows(query.limit) and not gives_rows(query.offset):
        query.limit = None  # some row or none
    require_order(query)
    return Expr("exists", BOOL, value=query)


def membership(binder: Binder, left: exp.Expression, node: exp.Expression) -> Expr:
    """left IN (SELECT …)."""
    parts = parts_of(left)
    if parts is not None:
        return any_row(binder, "eq", [binder.side(part) for part in parts], node)
    return _compared(binder, "eq", binder.expr(left), node, "in_query")


def quantified(binder: Binder, operator: str, left: Expr, right: exp.Expression) -> Expr:
    """left > ALL (SELECT …), left = ANY (SELECT …)."""
    if operator == "null_safe_eq":
        refuse("<=> with ANY or ALL is not supported")
    quantifier = "all" if isinstance(right, exp.All) else "any"
    if (left.type.family is Family.STRING or left.type.family in LISTED) and operator not in ("eq", "ne"):
        return any_row(binder, operator, [left], child(right), every=quantifier == "all")
    return _compared(binder, operator, left, child(right), f"{quantifier}_query")


def _compared(binder: Binder, operator: str, left: Expr, node: exp.Expression, op: str) -> Expr:
    query = binder.query(node)
    if query.limit is not None:
        refuse("LIMIT in a compared sub-query is not supported")
    if is_joined := isinstance(query, SetOperation):
        require_one_kind(query)
        query = wrapped(binder.shared, query)
    if len(query.outputs) != 1:
        refuse("this sub-query is not supported in a comparison")
    query.order = []
    if sees_outside(query) or (binder.context.backend == "mysql" and op != "in_query"):
        require_no_window(query)
    output = query.outputs[0]
    left, output.expr = as_value(left), as_value(output.expr)
    if Family.NULL in (left.type.family, output.expr.type.family):
        refuse("NULL is compared with a sub-query")
    binder.require_settled(left, output.expr)
    if binder.context.backend != "mysql" and left.type.family not in EXACT and may_be_cached_signed(output.expr.type):
        refuse("MariaDB compares the unsigned integers of a sub-query with doubles as signed ones")
    if binder.context.backend == "mysql" and _is_computed_once(output.expr):
        refuse("MySQL finds an empty text equal to the computed constant of a sub-query")
    if binder.context.backend == "mysql" and (left.type.family, output.expr.type.family) == _LOOKED_UP:
        refuse("MySQL may warn of the time of a moment that it looks up among dates")
    if left.type.family is Family.TIME and output.expr.type.family is Family.STRING:
        refuse("a time is compared with the texts of a sub-query")  # MySQL compares its spelling
    if binder.context.backend != "mysql" and operator in ("eq", "ne") and _is_looked_up_rounded(left, output.expr):
        refuse("MariaDB looks a number or time up in an index without the decimals that the column has not")
    value, column = left, output.expr
    left, output.expr = paired(left, output.expr)
    if operator not in ("eq", "ne"):
        require_sortable(left.type, "comparing the order of")
    found = Expr(op, BOOL, (left,), value=(operator, query))
    if binder.context.backend == "mysql":
        return found
    return known_member(found, [value], [column], not sees_outside(query), is_joined)


def _is_computed_once(column: Expr) -> bool:
    """Tell whether a text is one for all rows and no literal: '' IN (SELECT LEFT(CURDATE(), 7) …) is true there."""
    parts = list(walk(column))
    constant = not any(part.op in ("column", "scalar") for part in parts)
    return column.type.family is Family.STRING and not is_literal(column) and constant and len(parts) > 1


def _is_looked_up_rounded(value: Expr, column: Expr) -> bool:
    """Tell whether a value may have decimals that a column cannot have: 1.25 is IN (SELECT id …) of an indexed 1 then.

    Where MariaDB 10.11 takes the condition for a join, in WHERE, it compares once more; which it does is its plan's.
    """
    wide, type_ = value.type, column.type
    if column.op != "column":
        return False
    if type_.family in EXACT:
        spelled_out = wide.family in APPROXIMATE or wide.family is Family.STRING
        return spelled_out or (wide.family in EXACT and wide.scale > type_.scale)
    if type_.family in TEMPORAL and wide.family in TEMPORAL:
        return wide.fsp > type_.fsp or (type_.family is Family.DATE and wide.family is not Family.DATE)
    return False
