"""Weight keys that rows are grouped by, made once for each text and not for each row.

A key is made by a function outside of DuckDB, for 0.6 µs: over a million rows that is what the statement takes. A
correlated sub-query is run by DuckDB once for each distinct value (it joins the rows with the answers): 2.9 million
rows of TPC-DS's sales by names took 1.25 s, and 0.22 s so; a million different texts take as long as before.

A table that is small by itself and beside the largest one of its join gives the keys as columns of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from engine.collate.rules import uses_weight_keys
from engine.translate.tree import Block, Expr, Join, Source, TableSource

_MOST_ROWS = 300_000  # of a table whose rows may all be asked in vain
_LARGER = 4  # times that the largest table of the join has as many rows


def by_value(key: str) -> str:
    """Write a key as a sub-query over the text that it is made of; what is no weight key stays."""
    name, _, text = key.partition("(")
    if not uses_weight_keys(name) or not name.isidentifier():
        return key
    return f"(SELECT {name}(v) FROM (SELECT {text[:-1]} AS v))"


def grouped_by_value(keys: list[str], clauses: list[str], said: str) -> list[str]:
    """Write GROUP BY with keys by value; a key that `said`, all that may name one, has once more stays as it is."""
    for key in keys:
        if said.count(key) == 1:
            clauses = [clause.replace(key, by_value(key)) for clause in clauses]
    return clauses


@dataclass(frozen=True, slots=True)
class Replaced:
    """Columns by the SQL of the keys that they hold."""

    columns: dict[str, str]

    def written(self, sql: str) -> str:
        """Write SQL of the block with these columns."""
        for key, column in self.columns.items():
            sql = sql.replace(key, column)
        return sql


@dataclass(slots=True)
class EarlyKeys:
    """The columns that tables give beside their own, by alias: SQL by name."""

    columns: dict[str, dict[str, str]] = field(default_factory=dict)

    def replaced(self, block: Block, keys: list[tuple[Expr, str]]) -> "Replaced":
        """What to write in a block in the place of the keys that its tables give."""
        tables = list(_tables(block.source)) if isinstance(block.source, Join) and not block.rollup else []
        largest = max((table.rows for table in tables), default=0)
        small = {t.alias for t in tables if t.rows <= _MOST_ROWS and t.rows * _LARGER <= largest}
        early = ((_alias(key), sql) for key, sql in keys if uses_weight_keys(sql))
        return Replaced({sql: self._column(alias, sql) for alias, sql in early if alias in small})

    def _column(self, alias: str, sql: str) -> str:
        columns = self.columns.setdefault(alias, {})
        name = next((name for name, known in columns.items() if known == sql), f"key {len(columns)}")
        columns[name] = sql
        return f'{alias}."{name}"'

    def table(self, source: TableSource, sql: str) -> str:
        """Write a table with the columns that it gives beside its own."""
        columns = self.columns.get(source.alias, {})
        if not columns:
            return sql
        made = ", ".join(f'{by_value(made)} AS "{name}"' for name, made in columns.items())
        return f"(SELECT *, {made} FROM {sql}) AS {source.alias}"


def _alias(expr: Expr) -> str:
    return str(expr.value[0]) if expr.op == "column" and isinstance(expr.value, tuple) else ""


def _tables(source: Source | None) -> Iterator[TableSource]:
    if isinstance(source, TableSource):
        yield source
    elif isinstance(source, Join):
        yield from _tables(source.left)
        yield from _tables(source.right)
