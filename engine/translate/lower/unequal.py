"""Inequalities in correlated sub-queries, of which DuckDB must not make conditions of a join.

Of `EXISTS (SELECT 1 FROM t i WHERE i.m = a.m AND i.d <> a.d)` and its like DuckDB 1.5.5 makes a semi, anti or mark
join, which finds wrong rows where one of its conditions is `<>` or IS DISTINCT FROM: beside `=` where a.d is NULL,
beside `<` also where nothing is (issues 22267 and 23979 of DuckDB are of this kind). Of `(i.d <> a.d) IS TRUE` it makes
a filter, which is right (tests/engine/translate/test_unequal.py has SQLite beside it).
"""

from engine.translate.tree import Block, Expr, Join, Source
from engine.translate.walks import Gathered, queries_in, sees_outside

_INEQUALITIES = frozenset({"ne", "not"})  # NOT (a = b) is a <> b to it, NOT (a <=> b) is IS DISTINCT FROM


def hold_inequalities(statement: Gathered) -> None:
    """Mark the inequalities that correlated sub-queries have among their conditions."""
    if not statement.ops & _INEQUALITIES:
        return
    for query in statement.queries[1:]:
        if isinstance(query, Block) and sees_outside(query):
            query.where = _held(query.where)
            query.having = _held(query.having)
            _hold_joined(query.source)


def _hold_joined(source: Source | None) -> None:
    if isinstance(source, Join):
        source.on = _held(source.on)
        _hold_joined(source.left)
        _hold_joined(source.right)


def _held(condition: Expr | None) -> Expr | None:
    """Mark the inequalities of columns among conditions that are all to be true."""
    if condition is None or condition.op not in (*_INEQUALITIES, "and"):
        return condition
    if condition.op == "and":
        return Expr("and", condition.type, tuple(part for part in map(_held, condition.args) if part is not None))
    sides = condition.args if condition.op == "ne" else condition.args[0].args
    if any(side.op == "literal" for side in sides) or any(True for _ in queries_in(condition)):
        return condition
    return Expr("is_true", condition.type, (condition,))
