"""Groups of NULLs that MariaDB loses: refused, for an answer would have them.

MariaDB 10.11 that groups by sorting does not see the step from a value to NULL in a computed DECIMAL key, which comes
last where the order is descending: the NULLs are counted with the group before them. It sorts where an aggregate needs
its rows together (DISTINCT, GROUP_CONCAT), where SQL_BIG_RESULT says so, and with a temporary table it does not lose
them. Keys that are columns of stored tables are compared as the columns they are, and rightly.

In the totals of ROLLUP a key that is AND, OR, EXISTS or INTERVAL() is not NULL but what it was in the last group, and a
value that several groups have is counted by COUNT(DISTINCT …) for each of them where the key is a unique column. A key
that is written again in the select list, and not by its alias, is no key there where the server has written parts of it
anew: AND, OR and COLLATE inside of it, rows, dates BETWEEN texts, and texts that are converted to the character set of
others.
"""

from itertools import takewhile

from sqlglot import exp

from engine.translate.refusal import refuse
from engine.translate.tree import Block, Expr, is_stored, walk
from engine.translate.types import TEMPORAL, WHOLE, Family

_NEVER_NULL = frozenset({"and", "or", "exists"})
_CHOICES = frozenset({"greatest", "least", "case", "coalesce"})
_DISTINCT = frozenset({"count_distinct", "sum_distinct"})
_SORTED = frozenset(
    {"count_distinct", "sum_distinct", "group_concat", "group_concat_apart", "group_concat_distinct", "json_objects"}
)


def require_no_lost_group(block: Block, big_result: bool) -> None:
    """Refuse a SELECT of MariaDB's that may lose the group of NULLs. Raises Refused.

    `block` has its clauses, not yet rewritten for its groups; `big_result` tells of SQL_BIG_RESULT.
    """
    keys = [key for key in block.groups if _may_be_decimal(key) and not is_stored(key)]
    if not any(item.descending and item.expr in keys for item in block.order):
        return
    leading = list(takewhile(lambda expr: expr in block.groups, (item.expr for item in block.order)))
    if len(leading) < len(block.order) and any(key not in leading for key in block.groups):
        return  # in this order it cannot group: it groups first, and sorts the groups
    parts = [output.expr for output in block.outputs] + [item.expr for item in block.order]
    parts += [part for part in (block.having,) if part is not None]
    found = [part for expr in parts for part in walk(expr)]
    if big_result or any(needs_rows_together(part) for part in found):
        refuse("MariaDB loses the group of NULLs of a computed decimal in descending order")


def _may_be_decimal(key: Expr) -> bool:
    """Tell whether a key is a DECIMAL, as to MariaDB what is chosen among a YEAR and other integers is."""
    return key.type.family is Family.DECIMAL or (key.type.family in WHOLE and key.op in _CHOICES)


def needs_rows_together(part: Expr) -> bool:
    """Tell whether MariaDB reads the rows of each group together for an aggregate."""
    return part.op in _SORTED or (part.op == "double_sum" and bool(part.value))


def require_no_lost_total(block: Block, node: exp.Expression, keys: list[exp.Expression], charset: str) -> None:
    """Refuse ROLLUP by a key that is not NULL in MariaDB's totals. Raises Refused.

    `node` is the SELECT, `keys` are its block's as they are written, `charset` is the connection's.
    """
    if not block.rollup:
        return
    places = any(isinstance(found.this, exp.Tuple) for found in node.find_all(exp.Interval))
    if places or any(key.op in _NEVER_NULL for key in block.groups):
        refuse("MariaDB's totals of ROLLUP have no NULL for this key")
    for key, written in zip(block.groups, keys, strict=True):
        if not isinstance(written, exp.Column | exp.Literal) and _is_written_anew(key, written, charset):
            refuse("MariaDB's totals of ROLLUP have no NULL for this key unless it is given by its alias")
    parts = [part for output in block.outputs for part in walk(output.expr)]
    if any(part.op in _DISTINCT for part in parts) and any(is_stored(key) for key in block.groups):
        refuse("MariaDB counts distinct values of ROLLUP's totals twice where the key is unique")


def _is_written_anew(key: Expr, written: exp.Expression, charset: str) -> bool:
    """Tell whether the server makes parts of a key anew in each place where it is written."""
    if written.find(exp.And, exp.Or, exp.Tuple, exp.Collate) is not None:
        return True
    literals = any(literal.is_string for literal in written.find_all(exp.Literal))
    texts = literals or written.find(exp.ConcatWs) is not None  # whose separator is no node of the parser's
    types = [part.type for part in walk(key)]
    if texts and written.find(exp.Between) is not None and any(type_.family in TEMPORAL for type_ in types):
        return True
    charsets = {type_.charset for type_ in types if type_.charset and not type_.coercible}
    return len(charsets) > 1 or (texts and not charsets <= {charset})
