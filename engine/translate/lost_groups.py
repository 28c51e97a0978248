"""Groups of NULLs that MariaDB loses: refused, for an answer would have them.

MariaDB 10.11 that groups by sorting does not see the step from a value to NULL in a computed DECIMAL key, which comes
last where the order is descending: the NULLs are counted with the group before them. It sorts where an aggregate needs
its rows together (DISTINCT, GROUP_CONCAT), where SQL_BIG_RESULT says so, and with a temporary table it does not lose
them. Keys that are columns of stored tables are compared as the columns they are, and rightly.

In the totals of ROLLUP a key that is AND, OR, EXISTS or INTERVAL() is not NULL but what it was in the last group, and a
value that several groups have is counted by COUNT(DISTINCT …) for each of them where the key is a unique column.
"""

from itertools import takewhile

from sqlglot import exp

from engine.translate.refusal import refuse
from engine.translate.tree import Block, is_stored, walk
from engine.translate.types import Family

_NEVER_NULL = frozenset({"and", "or", "exists"})
_DISTINCT = frozenset({"count_distinct", "sum_distinct"})
_SORTED = frozenset({"count_distinct", "sum_distinct", "group_concat", "group_concat_distinct", "json_objects"})


def require_no_lost_group(block: Block, big_result: bool) -> None:
    """Refuse a SELECT of MariaDB's that may lose the group of NULLs. Raises Refused.

    `block` has its clauses, not yet rewritten for its groups; `big_result` tells of SQL_BIG_RESULT.
    """
    keys = [key for key in block.groups if key.type.family is Family.DECIMAL and not is_stored(key)]
    if not any(item.descending and item.expr in keys for item in block.order):
        return
    leading = list(takewhile(lambda expr: expr in block.groups, (item.expr for item in block.order)))
    if len(leading) < len(block.order) and any(key not in leading for key in block.groups):
        return  # in this order it cannot group: it groups first, and sorts the groups
    parts = [output.expr for output in block.outputs] + [item.expr for item in block.order]
    parts += [part for part in (block.having,) if part is not None]
    found = [part for expr in parts for part in walk(expr)]
    if big_result or any(part.op in _SORTED or (part.op == "double_sum" and part.value) for part in found):
        refuse("MariaDB loses the group of NULLs of a computed decimal in descending order")


def require_no_lost_total(block: Block, node: exp.Expression) -> None:
    """Refuse ROLLUP by a key that is not NULL in MariaDB's totals; `node` is the SELECT. Raises Refused."""
    if not block.rollup:
        return
    places = any(isinstance(found.this, exp.Tuple) for found in node.find_all(exp.Interval))
    if places or any(key.op in _NEVER_NULL for key in block.groups):
        refuse("MariaDB's totals of ROLLUP have no NULL for this key")
    parts = [part for output in block.outputs for part in walk(output.expr)]
    if any(part.op in _DISTINCT for part in parts) and all(is_stored(key) for key in block.groups):
        refuse("MariaDB counts distinct values of ROLLUP's totals twice where the key is unique")
