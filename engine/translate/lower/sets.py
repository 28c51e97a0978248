"""UNION, EXCEPT and INTERSECT in DuckDB.

Rows are equal where MySQL's collations say so. Where spellings of equal strings may differ, rows are grouped by their
keys; a group whose spellings do differ fails, because which of them MySQL keeps is its plan's choice.
"""

from engine.translate.lower.early_keys import by_value
from engine.translate.lower.lowering import Lowering
from engine.translate.refusal import refuse
from engine.translate.tree import UNION_ALIAS, Expr, Output, Recursion, SetOperation
from engine.translate.types import Family

_SIDE = "side"
# Which groups stay, by the sides that have the row.
_KEPT = {
    "union": "",
    "intersect": f" HAVING min({_SIDE}) = 1 AND max({_SIDE}) = 2",
    "except": f" HAVING max({_SIDE}) = 1",
}


def both_sides(low: Lowering, query: SetOperation) -> str:
    """Write a set operation's rows as a query of columns c0, c1, …; raises Refused."""
    left, right = low.query(query.left), low.query(query.right)
    all_ = " ALL" if query.all else ""
    if query.kind == "union" and query.all:
        return f"({left}) UNION ALL ({right})"
    if any(output.expr.type.frac != output.expr.type.scale for output in query.outputs):
        refuse(f"{query.kind.upper()} of a quotient is not supported")
    if all(_is_bare(low, output) for output in query.outputs):
        return f"({left}) {query.kind.upper()}{all_} ({right})"
    if query.all:
        refuse(f"{query.kind.upper()} ALL of strings that may be equal in different spellings is not supported")
    sides = f"SELECT *, 1 AS {_SIDE} FROM ({left}) UNION ALL SELECT *, 2 AS {_SIDE} FROM ({right})"
    keys = ", ".join(by_value(low.ended_key(output.expr, low.equality_key(output.expr))) for output in query.outputs)
    values = ", ".join(f"{_value(low, output.expr)} AS c{place}" for place, output in enumerate(query.outputs))
    return f"SELECT {values} FROM ({sides}) AS {UNION_ALIAS} GROUP BY {keys}{_KEPT[query.kind]}"


def distinct_recursion(low: Lowering, label: str, body: Recursion, first: str, step: str) -> str:
    """Write WITH RECURSIVE … UNION DISTINCT: rows that are there already, at any depth, are left out."""
    if any(output.expr.type.frac != output.expr.type.scale for output in body.outputs):
        refuse("WITH RECURSIVE … UNION DISTINCT of a quotient is not supported")
    if not all(_is_bare(low, output) for output in body.outputs):
        refuse("WITH RECURSIVE … UNION DISTINCT of strings that may be equal in different spellings is not supported")
    if any(output.expr.type.family is Family.DOUBLE for output in body.outputs):
        refuse("WITH RECURSIVE … UNION DISTINCT of doubles is not supported")
    columns = ", ".join(f"c{place}" for place in range(len(body.outputs)))
    same = " AND ".join(f"r.c{place} IS NOT DISTINCT FROM s.c{place}" for place in range(len(body.outputs)))
    new = f"SELECT s.* FROM ({step}) AS s WHERE NOT EXISTS (SELECT 1 FROM recurring.{label} AS r WHERE {same})"
    return f"{label}({columns}, depth) USING KEY ({columns}) AS ({first} UNION {new})"


def _is_bare(low: Lowering, output: Output) -> bool:
    return output.expr.type.family is not Family.STRING or low.is_bare(output.expr)


def _value(low: Lowering, expr: Expr) -> str:
    sql = low.expr(expr)
    if expr.type.family is not Family.STRING or low.is_bare(expr):
        return sql
    if low.any_spelling:
        return f"min({sql})"
    problem = "error('a row has different spellings (any_spelling)')"
    return f"(CASE WHEN min({sql}) <> max({sql}) THEN {problem} ELSE min({sql}) END)"
