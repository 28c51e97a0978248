"""FOUND_ROWS() behind a statement whose LIMIT or OFFSET leaves rows out.

MySQL counts the rows up to the last one that it gives: those that OFFSET passes over too, as far as there are any.
With SQL_CALC_FOUND_ROWS all rows count; so do they on MariaDB for UNION, INTERSECT and EXCEPT. Seen on MySQL 9.7 and
MariaDB 10.11; the manual ("Information Functions") speaks of the rows given only.
"""

from dataclasses import dataclass, replace

from engine.translate.bind.numbers import is_zero
from engine.translate.given import answered
from engine.translate.lower.statement import Statement
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Query, SetOperation


@dataclass(frozen=True, slots=True)
class Found:
    """`counted` is SQL for the number of all rows. `offset` is that of the rows passed over, which count with those
    given; "" where all rows count."""

    counted: str
    offset: str = ""

    def needs_count(self, rows: int) -> bool:
        """Tell whether all rows have to be counted when so many were given."""
        return not self.offset or not rows

    def number(self, rows: int, counted: int) -> int:
        """Give what FOUND_ROWS() is; `counted` is of use only where it is needed."""
        if not self.offset:
            return counted
        return rows + int(self.offset) if rows else min(counted, int(self.offset))


def found_rows(query: Query, lowering: Statement, backend: str) -> Found | None:
    """Give how the rows are counted, None where they are those given; raises Refused where that is not known."""
    if backend == "mariadb" and isinstance(query, SetOperation) and _passes_over(query):
        refuse("FOUND_ROWS() of UNION, EXCEPT and INTERSECT of queries with OFFSET is not known")
    if query.limit is None and query.offset is None:
        return None
    counts_all = query.counts_all if isinstance(query, Block) else backend == "mariadb"
    if not counts_all and query.offset is None:
        return None
    if backend == "mariadb" and isinstance(query, Block):
        if query.source is None or (query.grouped and not query.groups):
            refuse("FOUND_ROWS() of one row with OFFSET or SQL_CALC_FOUND_ROWS is not known")
        if not counts_all and query.limit is not None and answered(is_zero, query.limit):
            return None
    offset = "" if counts_all or query.offset is None else lowering.expr(query.offset)
    lowering.orders_rollups = False
    return Found(f"SELECT count(*) FROM ({lowering.query(replace(query, order=[], limit=None, offset=None))})", offset)


def _passes_over(query: SetOperation) -> bool:
    """Tell whether a side passes over rows, which MariaDB counts with those of the others."""
    sides = (query.left, query.right)
    return any(side.offset is not None or (isinstance(side, SetOperation) and _passes_over(side)) for side in sides)
