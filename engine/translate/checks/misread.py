"""Values that a server misreads beside a sub-query: refused, for an answer would have what is right.

MariaDB 10.11 that keeps its groups in a temporary table compares what an aggregate was before with the rows of IN
(SELECT …), = ANY and <> ALL: COUNT(*) IN (SELECT id …) is false for every group. `> ANY` and `> ALL`, which ask for the
least or greatest row, are right. Where groups are read in their order, by an index, for COUNT(DISTINCT) or ROLLUP, a
selected `n IN (SELECT …)` or `n = ANY (SELECT …)` is the next group's; inside of IF, NOT or another function it is
right, and so where it is a key itself of groups that are kept in a temporary table. Of a row that a sub-query gives for
each row, (a, b) < (SELECT c, d … ORDER BY … LIMIT 1), it reads the columns after the first from other rows at times. A
key of GROUP BY with a sub-query in it that reads a computed column of a derived table or view is NULL, or false, for
all rows where it is selected as well. MySQL 9.7 takes what no row changes for a value that is not NULL, before it runs
the sub-queries inside: COUNT(DISTINCT (SELECT MAX(v) FROM t)) is 1 where t is empty. So are COUNT(DISTINCT
NULLIF(CURDATE(), CURDATE())) and COUNT(DISTINCT @a), which are constants of one execution.
"""

from collections.abc import Iterator

from engine.translate.checks.lost_groups import needs_rows_together
from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Rows, SetOperation, walk
from engine.translate.types import TEMPORAL, Family
from engine.translate.walks import Gathered, expressions, gathered, queries_in, sees_outside

_MEMBERSHIPS = {"in_query": "eq", "any_query": "eq", "all_query": "ne"}
_OF_ROWS = AGGREGATES | {WINDOW, "column"}
_COMPUTED = AGGREGATES - {"any", "group_value"}  # keys are found


def require_read_members(statement: Gathered) -> None:
    """Refuse what MariaDB compares with other rows of a sub-query than there are. Raises Refused."""
    if "row_scalar" in statement.ops:
        for node in statement.nodes:
            if isinstance(node.value, Rows) and node.op == "row_scalar" and sees_outside(node.value.source.query):
                refuse("MariaDB reads columns of a sub-query for each row from other rows")
    _require_read_keys(statement)
    _require_known_aggregates(statement)
    _require_own_members(statement)


def _require_known_aggregates(statement: Gathered) -> None:
    if not statement.ops & _MEMBERSHIPS.keys():
        return
    for query in statement.queries:
        if isinstance(query, Block) and query.groups:
            for node in (part for expr in expressions(query) for part in walk(expr)):
                if _is_membership(node) and any(part.op in _COMPUTED for arg in node.args for part in walk(arg)):
                    refuse("MariaDB compares what an aggregate was before with the rows of a sub-query")


def _require_own_members(statement: Gathered) -> None:
    if not statement.ops & (_MEMBERSHIPS.keys() | {"row_in"}):
        return
    origins = Origins(statement.queries)
    for query in statement.queries:
        if isinstance(query, Block) and query.groups:
            members = [expr for output in query.outputs if _is_of_each(expr := _shown(output.expr, origins))]
            together = any(needs_rows_together(part) for expr in expressions(query) for part in walk(expr))
            keys = [_shown(key, origins) for key in query.groups]
            if any(together or query.rollup or expr not in keys for expr in members):
                refuse("MariaDB reads the next group's IN (SELECT …) where groups are in order")


def _shown(expr: Expr, origins: Origins) -> Expr:
    """Give what a key or a column of a derived table is, a truth as such."""
    while expr.op in ("group_value", "to_int", "column", "scalar"):
        inner = origins.output(expr) if expr.op == "column" else _told(expr)
        if inner is None:
            break
        expr = inner
    return expr


def _told(expr: Expr) -> Expr | None:
    """Give what a key's value, a truth's number or a `(SELECT …)` without FROM is."""
    if expr.op != "scalar":
        return expr.args[0]
    query = expr.value
    return query.outputs[0].expr if isinstance(query, Block) and query.source is None else None


def _is_of_each(expr: Expr) -> bool:
    """Tell whether this is IN (SELECT …) or its like, which MariaDB does not copy for its group."""
    if expr.op == "known_member":
        return _is_of_each(expr.args[0])
    return expr.op == "row_in" or (_is_membership(expr) and expr.op != "all_query")


def _require_read_keys(statement: Gathered) -> None:
    blocks = [query for query in statement.queries if isinstance(query, Block) and query.groups]
    asking = [query for block in blocks for key in block.groups for query in queries_in(key) if sees_outside(query)]
    if not asking:
        return
    origins = Origins(statement.queries)
    for node in (node for query in asking for node in gathered(query).nodes if node.op == "column"):
        shown = origins.output(node)
        while shown is not None and shown.op == "column":
            shown = origins.output(shown)
        if shown is not None:
            refuse("MariaDB reads a computed column in the sub-query of a key as NULL")


def _is_membership(node: Expr) -> bool:
    return isinstance(node.value, tuple) and _MEMBERSHIPS.get(node.op) == node.value[0]


def require_counted_null(statement: Gathered) -> None:
    """Refuse COUNT(DISTINCT) of MySQL's of what no row changes and may be NULL. Raises Refused."""
    if "count_distinct" not in statement.ops:
        return
    origins = Origins(statement.queries)
    for node in statement.nodes:
        if node.op == "count_distinct":
            if any(_is_late_constant(arg, origins) for arg in node.args):
                refuse("MySQL counts the NULL of a sub-query that no row changes")
            if any(_may_be_one_null(arg, origins) for arg in node.args):
                refuse("MySQL counts the NULL of what no row changes")


def _may_be_one_null(expr: Expr, origins: Origins) -> bool:
    """Tell whether a value is the same for each row, and may be NULL, also one that a merged derived table gives."""
    while expr.op in ("column", "plain_zero"):
        if expr.op == "plain_zero":
            (expr,) = expr.args
            continue
        query, position = origins.place(expr)
        if not isinstance(query, Block) or query.grouped or query.distinct or query.limit is not None:
            return False
        expr = query.outputs[position].expr
    if expr.op == "literal":
        return expr.type.family is Family.NULL
    parts = list(_chosen(expr))
    if any(part.op in _OF_ROWS or isinstance(part.value, Block | SetOperation) for part in parts):
        return False
    if all(part.op not in _OF_ROWS for part in walk(expr)):
        return True
    # A condition may be none: g IS NULL of a column that is NOT NULL. Of what it chooses, NOW() is late.
    return any(part.op not in ("case", "literal") or part.type.family in TEMPORAL for part in parts)


def _chosen(expr: Expr) -> Iterator[Expr]:
    """Give a value and all that it is made of, without the conditions of CASE, IF and NULLIF."""
    yield expr
    for arg in expr.args[len(expr.args) // 2 :] if expr.op == "case" else expr.args:
        yield from _chosen(arg)


def _is_late_constant(expr: Expr, origins: Origins) -> bool:
    """Tell whether an expression is the same for each row, and known once its sub-queries have run."""
    asks = False
    for part in walk(expr):
        if part.op == "column":
            shown = origins.output(part)
            if shown is None or not _is_late_constant(shown, origins):
                return False
            asks = True
        queries = part.value if isinstance(part.value, tuple) else (part.value,)
        for query in queries:
            if isinstance(query, Block | SetOperation):
                if sees_outside(query):
                    return False
                asks = True
    return asks
