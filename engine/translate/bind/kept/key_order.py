"""Sums of doubles in the order in which the backend adds them up.

Each addition of doubles is rounded, so the order of rows decides the last digits. Both servers add row by row
(`Item_sum_sum::add` and `update_field` in sql/item_sum.cc), also where groups are made in a temporary table; InnoDB
reads a whole table in the order of its primary key. Where the plan says that rows come so to where they are summed,
the order is known.
"""

from collections.abc import Sequence

from engine.translate.bind.binder import View
from engine.translate.tree import WINDOW, Block, Expr, TableSource
from engine.translate.types import column_type
from engine.translate.walks import Gathered
from statements.context import SessionContext
from statements.plans import KEYED, TEMPORARY

# Their order is that of their values; of texts the key may hold a part.
_TYPES = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "date", "datetime"})


def key_order(
    whole: Gathered, context: SessionContext, view: View, names: Sequence[tuple[str, str]]
) -> tuple[Expr, ...]:
    """Give the columns in whose order the backend adds up a statement's doubles, () where that is not known; `names`
    are the tables that the statement reads."""
    query = whole.queries[0]
    if len(whole.queries) != 1 or not isinstance(query, Block) or "double_sum" not in whole.ops or WINDOW in whole.ops:
        return ()
    source = query.source
    if not isinstance(source, TableSource) or source.sample or source.only or query.rollup or len(set(names)) != 1:
        return ()
    if KEYED not in context.plan or (context.backend == "mariadb" and query.groups and TEMPORARY not in context.plan):
        return ()
    loaded = view.table(*names[0])
    if isinstance(loaded, str) or loaded.is_lake or loaded.table.partitions or loaded.table.engine != "InnoDB":
        return ()
    if not loaded.table.rising:
        return ()
    columns = [loaded.table.column(name) for name in loaded.table.primary_key]
    known = [each for each in columns if each and each.type in _TYPES and each.name not in loaded.left_out]
    if not known or len(known) != len(columns):
        return ()
    return tuple(
        Expr("column", column_type(each, loaded.presence.get(each.name)), value=(source.alias, each.name))
        for each in known
    )
