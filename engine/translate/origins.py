"""Where a column's values come from: the stored column whose values they are, however many queries lie between.

Values that pass through derived tables, common table expressions and keys of GROUP BY are still values of that column,
or NULL: ROLLUP and outer joins add those.
"""

from collections.abc import Sequence

from engine.translate.tree import (
    Block,
    CteSource,
    Expr,
    Query,
    QuerySource,
    Recursion,
    TableSource,
)
from engine.translate.walks import leaves

_PASSING = frozenset({"group_value"})  # operations whose values are values of their argument


class Origins:
    """The stored columns behind the columns of a statement."""

    def __init__(self, queries: Sequence[Query]) -> None:
        """Read the sources of all queries of a statement; aliases are unique in it."""
        self._stored: dict[str, str] = {}  # alias: the store's name
        self._derived: dict[str, Query | Recursion] = {}
        common = {label: body for query in queries for label, body in query.ctes}
        for query in queries:
            for source in leaves(query.source) if isinstance(query, Block) else ():
                if isinstance(source, TableSource):
                    self._stored[source.alias] = source.name
                elif isinstance(source, QuerySource):
                    self._derived[source.alias] = source.query
                elif isinstance(source, CteSource) and source.cte in common:
                    self._derived[source.alias] = common[source.cte]

    def output(self, expr: Expr) -> Expr | None:
        """Give what a column of a derived table or common table expression shows; None for stored columns.

        Of set operations and recursive queries it is the first query's, whose type is that of all.
        """
        query, position = self.place(expr)
        return None if query is None else query.outputs[position].expr

    def place(self, expr: Expr) -> tuple[Query | Recursion | None, int]:
        """Give the query that a column is of, and its number there; no query for stored columns."""
        alias, name = (str(part) for part in expr.value) if isinstance(expr.value, tuple) else ("", "")
        query = self._derived.get(alias)
        if query is None or not name.removeprefix("c").isdigit():
            return None, 0
        return query, int(name.removeprefix("c"))

    def of(self, expr: Expr) -> tuple[str, str] | None:
        """Give the store's name of a table and the column whose values an expression has; None for all others."""
        while expr.op in _PASSING:
            expr = expr.args[0]
        if expr.op != "column" or not isinstance(expr.value, tuple):
            return None
        alias, name = (str(part) for part in expr.value)
        if alias in self._stored:
            return self._stored[alias], name
        query = self._derived.get(alias)
        if not isinstance(query, Block) or not name.removeprefix("c").isdigit():
            return None
        return self.of(query.outputs[int(name.removeprefix("c"))].expr)
