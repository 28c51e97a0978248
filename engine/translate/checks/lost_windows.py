"""Windows over groups that MariaDB 10.11 computes of nothing, or whose order it forgets: refused.

It finds groups sorted where their keys begin an index, or where an aggregate needs its rows together (DISTINCT,
GROUP_CONCAT). It takes ORDER BY by those keys as done then, and sorts the groups for the windows afterwards: they
come in the order of the windows, and LIMIT gives the first of these; in no order where a window without keys stands
inside of an expression or is of an aggregate, as SUM(SUM(a)) OVER (). Groups by what is one value to it (IS NULL of a
column that is never NULL) are one row without a window. Of joined tables, where it sorts the rows for such an
aggregate, an expression with a window in it is what it was before the window was computed, and HAVING finds no group.
Where HAVING compares what NULLIF, CASE or a division make NULL of values that are not, it may keep the group: which
does, depends on the statements before it. Of the one group of all rows, MIN and MAX that it reads from an index are
NULL to a window beside anything else.

Rows without groups it keeps in a table that it sorts for each order of windows. CONCAT that begins with a text of a
window loses that text there: `CONCAT(LAG(s) OVER (ORDER BY k), '|')` is '|' beside a window of another order. A sum of
a FLOAT(7,2) may have two decimals there in what is computed of it, and `2 / SUM(f) OVER ()` has one digit before its
six decimals: 9.999999 for 20.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.translate.refusal import refuse
from engine.translate.tree import AGGREGATES, WINDOW, Block, Expr, Join, TableSource, walk
from engine.translate.types import Family
from wire.responses import ColumnDefinition

_KEYS = frozenset({"group_value", "any"})
_SORTED = frozenset(
    {"count_distinct", "sum_distinct", "group_concat", "group_concat_apart", "group_concat_distinct", "json_objects"}
)
_READ = frozenset({"min", "max"})
_NULL_TESTS = frozenset({"is_null", "is_not_null"})
_NULLING = frozenset({"case", "quotient", "int_divide", "int_modulo", "decimal_modulo"})  # NULL of what is not NULL
_INDEXED = 0x0002 | 0x0004 | 0x0008  # PRI_KEY_FLAG, UNIQUE_KEY_FLAG, MULTIPLE_KEY_FLAG


@dataclass(frozen=True, slots=True)
class _Windowed:
    """A block with windows over its groups: `within` are those inside of an expression; `sorts` says that an aggregate
    needs the rows of a group together, in what is shown, ordered by or tested by HAVING."""

    block: Block
    definitions: Sequence[ColumnDefinition]
    windows: tuple[Expr, ...]
    within: tuple[Expr, ...]
    sorts: bool


def require_no_lost_window(block: Block, definitions: Sequence[ColumnDefinition]) -> None:
    """Refuse a block of MariaDB's with windows over its groups that may come out otherwise. Raises Refused.

    `definitions` are those of the block's outputs, none where they are not known.
    """
    exprs = [*(output.expr for output in block.outputs), *(item.expr for item in block.order)]
    windows = [part for expr in exprs for part in walk(expr) if part.op == WINDOW]
    if not windows or not block.groups:
        values = [value for window in windows for value in window.args[0].args]
        if len({tuple(_sort(window)) for window in windows}) > 1 and any(map(_begins_with_window, exprs)):
            refuse("MariaDB may lose the text of a window that CONCAT begins with beside a window of another order")
        if any(map(_uses_decimals, exprs)):
            refuse("MariaDB may keep what is computed of a window's double with few digits and its decimals alone")
        if block.grouped and any(part.op in _READ for value in values for part in walk(value)):
            refuse("MariaDB may take MIN or MAX over all rows for NULL in a window")
        return
    within = [part for expr in exprs if expr.op != WINDOW for part in walk(expr) if part.op == WINDOW]
    sorts = any(_needs_rows_together(part) for expr in (*exprs, *_tested(block)) for part in walk(expr))
    found = _Windowed(block, definitions, tuple(windows), tuple(within), sorts)
    for applies, reason in _RULES:
        if applies(found):
            refuse(reason)


def _begins_with_window(expr: Expr) -> bool:
    return any(part.op == "concat" and any(inner.op == WINDOW for inner in walk(part.args[0])) for part in walk(expr))


def _uses_decimals(expr: Expr) -> bool:
    """Tell whether a value is made of a window's that is computed of FLOAT(M,D) or DOUBLE(M,D)."""
    inside = [part for arg in expr.args for part in walk(arg)] if expr.op != WINDOW else []
    windows = [part.args[0] for part in inside if part.op == WINDOW]
    return any(
        window.op not in _READ and any(part.type.fixed for arg in window.args for part in walk(arg))
        for window in windows
    )


def _is_one_group(found: _Windowed) -> bool:
    return not any(_varies(key) for key in found.block.groups)


def _tests_null(found: _Windowed) -> bool:
    return any(part.op in _NULLING for expr in _tested(found.block) for part in walk(expr))


def _has_text_within(found: _Windowed) -> bool:
    return any(window.type.family is Family.STRING for window in found.within)


def _sorts_joined_rows(found: _Windowed) -> bool:
    return (
        found.sorts and isinstance(found.block.source, Join) and (bool(found.within) or found.block.having is not None)
    )


def _may_be_in_windows_order(found: _Windowed) -> bool:
    order = found.block.order
    if not order or any(item.expr.op not in _KEYS for item in order):
        return False
    wanted = [(item.expr, item.descending) for item in order]
    if all(_keeps_order(window, wanted, found) for window in found.windows):
        return False
    return found.sorts or _may_lead_index(found.block, order[0].expr.args[0], found.definitions)


def _keeps_order(window: Expr, wanted: list[tuple[Expr, bool]], found: _Windowed) -> bool:
    keys = _sort(window)
    if keys:
        return keys[: len(wanted)] == wanted
    of_groups = any(part.op in AGGREGATES - _KEYS for value in window.args[0].args for part in walk(value))
    return not (found.within or found.sorts or of_groups)


_RULES: tuple[tuple[Callable[[_Windowed], bool], str], ...] = (
    (_is_one_group, "MariaDB may compute no window over groups by what is NULL or not"),
    (_tests_null, "MariaDB may keep groups whose HAVING compares NULL beside windows"),
    (_has_text_within, "MariaDB may lose the text of a window over groups inside of an expression"),
    (_sorts_joined_rows, "MariaDB loses windows beside aggregates of different values of joined tables"),
    (_may_be_in_windows_order, "MariaDB may give groups in the order of their windows"),
)


def _tested(block: Block) -> list[Expr]:
    return [] if block.having is None else [block.having]


def _needs_rows_together(part: Expr) -> bool:
    return part.op in _SORTED or (part.op == "double_sum" and bool(part.value))


def _varies(key: Expr) -> bool:
    """Tell whether a key has several values whatever is known of its columns."""
    return key.op == "column" or (key.op not in _NULL_TESTS and any(_varies(arg) for arg in key.args))


def _sort(window: Expr) -> list[tuple[Expr, bool]]:
    assert isinstance(window.value, tuple)
    partitioned, descending, _ = window.value
    return list(zip(window.args[1:], (*(False for _ in range(partitioned)), *descending), strict=True))


def _may_lead_index(block: Block, key: Expr, definitions: Sequence[ColumnDefinition]) -> bool:
    """Tell whether a key of GROUP BY may be a column that an index begins with."""
    if key.op != "column" or not isinstance(block.source, TableSource | Join):
        return False
    shown = [
        definition
        for output, definition in zip(block.outputs, definitions, strict=False)
        if output.expr.op in _KEYS and output.expr.args[0] == key
    ]
    return not shown or any(definition.flags & _INDEXED for definition in shown)
