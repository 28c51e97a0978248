"""Answers of sub-queries that MariaDB remembers by texts that are equal: refused where the spelling matters.

MariaDB 10.11 keeps what a sub-query gave for the values that it reads of the row around it, and takes it again for
equal ones (optimizer_switch's subquery_cache). Texts are equal by their collation: of `(SELECT a.name)` it gives 'a'
for 'A' once it has given 'a'. What compares those texts is alike for all that are equal.
"""

from engine.translate.refusal import refuse
from engine.translate.tree import UNION_ALIAS, Block, Expr, Query
from engine.translate.types import Family
from engine.translate.walks import Gathered, expressions, gathered, leaves

_QUERIES = frozenset({"scalar", "exists", "in_query", "any_query", "all_query", "row_in", "row_scalar"})
_COMPARING = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "null_safe_eq", "in", "between", "is_null", "is_not_null"})


def require_remembered_alike(statement: Gathered) -> None:
    """Refuse a sub-query that reads the spelling of a text of the row around it. Raises Refused."""
    if not statement.ops & _QUERIES or Family.STRING not in statement.families:
        return
    if any(_reads_spelling(query) for query in statement.queries[1:]):
        refuse("MariaDB remembers a sub-query's answer for texts that are equal")


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
