"""How deep queries stand in one another: DuckDB's time doubles, or grows fivefold, with each level.

Read off DuckDB 1.5: scalar sub-queries, EXISTS and grouped derived tables, each in the next, take a second at 16 to 20
levels, aggregated ones in WHERE at 9, two at each level at 12. MySQL reads up to 63.
"""

from sqlglot import exp

from engine.translate.refusal import refuse

_MOST_IN_EXPRESSIONS = 8
_MOST = 16  # with derived tables


def require_shallow(tree: exp.Expression, statement: str) -> None:
    """Refuse a statement whose queries stand deeper in one another than people write; raises Refused."""
    if statement.casefold().count("select") <= _MOST_IN_EXPRESSIONS:  # the text is read sooner than the tree
        return
    for query in tree.find_all(exp.Select):
        levels = inside = 0
        node: exp.Expr = query
        in_from = False
        while (parent := node.parent) is not None:
            in_from |= isinstance(parent, exp.From | exp.Join | exp.CTE)
            if isinstance(parent, exp.Select):
                levels, inside, in_from = levels + 1, inside + (not in_from), False
            node = parent
        if inside > _MOST_IN_EXPRESSIONS or levels > _MOST:
            refuse("sub-queries stand too deep in one another")
