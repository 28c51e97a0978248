"""Answers of sub-queries that MariaDB remembers: refused where what it remembers is not what was computed.

MariaDB 10.11 keeps what a sub-query gave for the values that it reads of the row around it, and takes it again for
equal ones (optimizer_switch's subquery_cache). Texts are equal by their collation: of `(SELECT a.name)` it gives 'a'
for 'A' once it has given 'a'. What compares those texts is alike for all that are equal.

It remembers an answer in a field: a computed FLOAT(M,D) or DOUBLE(M,D) with D decimals. Of 1.23 * 1 in a FLOAT(7,2) it
computes 1.2300000190734863 the first time and 1.23 from then on, which are shown alike.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import UNION_ALIAS, Block, Expr, Query, SetOperation, is_stored, walk
from engine.translate.types import Family
from engine.translate.walks import Gathered, expressions, gathered, leaves, sees_outside

_QUERIES = frozenset({"scalar", "exists", "in_query", "any_query", "all_query", "row_in", "row_scalar"})
_COMPARING = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "null_safe_eq", "in", "between", "is_null", "is_not_null"})
_TAKING = frozenset({"plain_zero", "any", "group_value", "max", "min"})  # one of the values that it is made of


def require_remembered_alike(statement: Gathered) -> None:
    """Refuse a sub-query that reads the spelling of a text of the row around it. Raises Refused."""
    if not statement.ops & _QUERIES or Family.STRING not in statement.families:
        return
    if any(_reads_spelling(query) for query in statement.queries[1:]):
        refuse("MariaDB remembers a sub-query's answer for texts that are equal")


def require_remembered_decimals(statement: Gathered) -> None:
    """Refuse a sub-query of the row around it that computes a double of fixed decimals, but to show it. Raises
    Refused."""
    if "scalar" not in statement.ops or not any(_loses_decimals(node) for node in statement.nodes):
        return
    first = statement.queries[0]
    is_plain = isinstance(first, Block) and not first.distinct
    rounded = {id(part) for output in first.outputs for part in _shown(output.expr)} if is_plain else set()
    used = [node for node in statement.nodes if _loses_decimals(node)]
    ordering = [node for item in first.order for node in walk(item.expr) if _loses_decimals(node)]
    if ordering or any(id(node) not in rounded for node in used):
        refuse("MariaDB remembers a sub-query's double with its decimals alone")


def _loses_decimals(expr: Expr) -> bool:
    if expr.op != "scalar" or not expr.type.fixed or not isinstance(expr.value, Block | SetOperation):
        return False
    return sees_outside(expr.value) and not all(map(_is_kept, _outputs(expr.value)))


def _outputs(query: Query) -> list[Expr]:
    if isinstance(query, SetOperation):
        return [*_outputs(query.left), *_outputs(query.right)]
    return [query.outputs[0].expr]


def _is_kept(expr: Expr) -> bool:
    """Tell whether a value is a stored column's own."""
    while expr.op in _TAKING:
        (expr,) = expr.args
    return is_stored(expr)


def _shown(expr: Expr) -> list[Expr]:
    """The values that are shown as they are where this one is."""
    if expr.op in _TAKING or expr.op == "coalesce":
        return [part for arg in expr.args for part in _shown(arg)]
    if expr.op == "case":
        return [part for arg in expr.args[len(expr.args) // 2 :] for part in _shown(arg)]
    return [expr]


def _reads_spelling(query: Query) -> bool:
    whole = gathered(query)
    inside = {leaf.alias for part in whole.queries if isinstance(part, Block) for leaf in leaves(part.source)}
    inside.add(UNION_ALIAS)
    read = [expr for part in whole.queries for expr in expressions(part)]
    read += [arg for node in whole.nodes if node.op not in _COMPARING for arg in node.args]
    return any(_is_outer_text(expr, inside) for expr in read)


def _is_outer_text(expr: Expr, inside: set[str]) -> bool:
    if expr.op != "column" or expr.type.family is not Family.STRING or not isinstance(expr.value, tuple):
        return False
    return expr.value[0] not in inside
