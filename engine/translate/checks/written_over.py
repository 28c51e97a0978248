"""Constants that MySQL writes over while it reads rows: refused, for an answer would have what is right.

Where a condition computes a text that no row changes, MySQL 9.7 keeps it, and REPEAT lengthens or empties it in its
place when there is room: `WHERE LENGTH(REPEAT(CONCAT('a', 'b'), n)) = 2 * n` finds nothing once an n was 0, and too
long texts once it was 3. So do @a, UPPER('a'), what a sub-query gives, and computed texts of a table of which a
unique key leaves one row. What stands in the text, and a column itself, is left as it is, and so are all by a count
that no row changes. MariaDB 10.11 keeps nothing that its functions write into.
"""

from collections.abc import Iterator

from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, SetOperation, walk
from engine.translate.walks import Gathered

WRITTEN_OVER = "MySQL writes over a constant that REPEAT lengthens"
_CHOOSING = frozenset({"case", "coalesce", "greatest", "least"})
_OF_GROUPS = AGGREGATES | {WINDOW}


def require_no_writing_over(statement: Gathered) -> None:
    """Refuse REPEAT by a count of rows of what MySQL may keep. Raises Refused."""
    if "repeated" not in statement.ops:
        return
    origins = Origins(statement.queries)
    for node in statement.nodes:
        if node.op == "repeated" and _may_be_written_over(node, origins):
            refuse(WRITTEN_OVER)


def _may_be_written_over(node: Expr, origins: Origins) -> bool:
    value, count = node.args
    if count.op == "literal" or value.op == "literal":  # the binder took those that stand in the text
        return False
    return any(_is_kept(part, count, origins) for part in _chosen(value))


def _is_kept(value: Expr, count: Expr, origins: Origins) -> bool:
    while value.op == "column":
        shown = origins.output(value)
        if shown is None:
            return False
        value = shown
    if any(isinstance(part.value, Block | SetOperation) for part in walk(value)):
        return True
    return not any(part.op in _OF_GROUPS for part in walk(value)) and not _tables(value) & _tables(count)


def _tables(expr: Expr) -> set[str]:
    """Give the aliases of the tables whose columns an expression reads."""
    return {str(part.value[0]) for part in walk(expr) if part.op == "column" and isinstance(part.value, tuple)}


def _chosen(value: Expr) -> Iterator[Expr]:
    """Give what a text may be, of CASE, IF, IFNULL and their kin what they choose among."""
    if value.op not in _CHOOSING:
        yield value
        return
    for arg in value.args[len(value.args) // 2 :] if value.op == "case" else value.args:
        yield from _chosen(arg)
