"""What both servers take for NULL because an argument is: beside an outer join they lose rows for it.

For a condition over rows, FIELD(), INTERVAL(), ELT() or MAKE_SET(), MySQL 9.7 and MariaDB 10.11 read LEFT JOIN as JOIN,
for one over QUOTE() MySQL, for one over CHAR() MariaDB (`Item::not_null_tables`), though the condition may be true of
the NULLs of an outer join. Derived tables are merged, so the condition may stand far from it. What is only shown, they
show right.

And what MariaDB takes for never NULL: a comparison of two rows.
"""

from sqlglot import exp

_NAMES = frozenset({"FIELD", "MAKE_SET", "QUOTE"})
_DECIDING = (exp.Where, exp.Having, exp.Join)


def is_misjudged(node: exp.Expression) -> bool:
    """Tell whether a call is not NULL where an argument is, against the servers' belief."""
    if isinstance(node, exp.Interval):
        return isinstance(node.this, exp.Tuple)  # INTERVAL(…)
    return isinstance(node, exp.Elt | exp.Chr) or (isinstance(node, exp.Anonymous) and str(node.this).upper() in _NAMES)


def decides(node: exp.Expression) -> bool:
    """Tell whether rows may come and go with a value: it is not merely in the list of the outermost SELECT."""
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Select):
        if isinstance(parent, _DECIDING):
            return True
        parent = parent.parent
    return parent is None or parent.parent is not None or parent.args.get("having") is not None


def is_kept(node: exp.Expression) -> bool:
    """Tell whether a value is a column of a derived table, a view or a sub-query: MariaDB 10.11 believes that a
    comparison of rows there, as (a, b) < (1, 2), is never NULL."""
    parent = node.parent
    while parent is not None and not isinstance(parent, exp.Select):
        if isinstance(parent, _DECIDING):
            return False
        parent = parent.parent
    return parent is not None and parent.parent is not None


def is_asked_for_null(node: exp.Expression) -> bool:
    """Tell whether IS NULL or COUNT() is asked of a value: MariaDB 10.11 believes that a comparison of two rows, and
    NOT and NULLIF of it, are never NULL (`Item_row::maybe_null`), and does not look then."""
    parent, below = node.parent, id(node)
    while parent is not None and not isinstance(parent, exp.Select):
        if isinstance(parent, exp.Count) or (isinstance(parent, exp.Is) and isinstance(parent.expression, exp.Null)):
            return True
        if isinstance(parent, exp.Distinct) or (isinstance(parent, exp.If) and id(parent.this) == below):
            return False
        parent, below = parent.parent, id(parent)
    return False
