"""Intervals added to texts of derived tables.

A date in a text plus days stays a date; what an interval has made already is shown with its time, as in
Item_date_add_interval of sql/item_timefunc.cc. Whether a derived table gives the one or the other depends on whether it
is merged.
"""

from engine.translate.origins import Origins
from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, walk
from engine.translate.walks import Gathered

OF_ROWS = "text_of_rows"  # a column of texts that an interval is added to
SHIFTED = frozenset({"date_to_text", "datetime_to_text", "spelled_moment"})  # texts that are made by an interval
_MADE = frozenset({"concat", "format_date", "substring"})  # texts of their own, whatever they are made of


def require_plain_texts(statement: Gathered) -> None:
    """Refuse an interval that is added to what another one may have made in a derived table. Raises Refused."""
    if OF_ROWS not in statement.ops:
        return
    origins = Origins(statement.queries)
    for node in statement.nodes:
        if node.op == OF_ROWS and not _is_plain(node.args[0], origins):
            refuse("an interval is added to a text of a derived table that an interval may have made")


def _is_plain(expr: Expr, origins: Origins) -> bool:
    """Tell whether no value is what an interval has made, however many queries lie between."""
    if expr.op in _MADE:
        return True
    for part in walk(expr):
        if part.op in SHIFTED:
            return False
        query, place = origins.place(part) if part.op == "column" else (None, 0)
        if query is None:
            continue
        if not isinstance(query, Block) or not _is_plain(query.outputs[place].expr, origins):
            return False
    return True
