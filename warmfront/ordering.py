"""How far a query's text orders its rows: what a comparison of two answers may expect."""

from sqlglot import exp

from statements.parse import parse_statement


def ordering(statement: str) -> tuple[tuple[int, ...] | None, int | None]:
    """Give the places of the ORDER BY columns in the result, as far as they are selected, and the LIMIT.

    Places are None without ORDER BY. Raises NotParsed.
    """
    tree = parse_statement(statement)
    assert isinstance(tree, exp.Query)
    order, limit = tree.args.get("order"), tree.args.get("limit")
    count = int(limit.expression.name) if limit is not None else None
    if order is None:
        return None, count
    selected = [_names(item) for item in tree.selects]
    places = []
    for item in order.expressions:
        place = _place(item.this, selected)
        if place is None:
            break
        places.append(place)
    return tuple(places), count


def _names(item: exp.Expr) -> frozenset[str]:
    """How ORDER BY may call an item of the select list."""
    inner = item.this if isinstance(item, exp.Alias) else item
    own = inner.name if isinstance(inner, exp.Column) else ""
    return frozenset(name.casefold() for name in (item.alias or own, inner.sql("mysql")) if name)


def _place(item: exp.Expression, selected: list[frozenset[str]]) -> int | None:
    if isinstance(item, exp.Literal) and not item.is_string:
        return int(item.name) - 1
    name = item.sql("mysql").casefold()
    return next((place for place, names in enumerate(selected) if name in names), None)
