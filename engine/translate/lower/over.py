"""DuckDB for what stands behind OVER: how rows are parted and sorted, and the frame."""

from typing import cast

from engine.translate.bind.groups.frames import has_distance
from engine.translate.lower.lowering import Lowering
from engine.translate.tree import Expr
from engine.translate.types import APPROXIMATE


def sort_key(expr: Expr, sql: str) -> str:
    """Write a key to sort or part rows by, of what is written already, that is no column of the rows themselves.

    DuckDB 1.5.5 keeps of a key what can be sorted, and makes the column again of that: -0 is 0 then.
    """
    return f"({sql} + 0)" if expr.type.family in APPROXIMATE else sql


def over(low: Lowering, window: Expr) -> str:
    """Write the OVER of a window function."""
    keys = window.args[1:]
    partitions, directions, frame = cast("tuple[int, tuple[bool, ...], str]", window.value)
    parts = [_parted(low, window)]
    divided = keys[:partitions]
    # DuckDB 1.5.5 gives wrong answers of several windows where a key comes twice in one: among those that divide the
    # rows, or among them and those that order.
    first: dict[Expr, bool] = {}
    for key, down in zip(keys[partitions:], directions, strict=True):
        first.setdefault(key, down)
    ordered = [(key, down) for key, down in first.items() if key not in divided or has_distance(frame)]
    if ordered:
        items = (low.order_key(key) + (" DESC NULLS LAST" if down else " ASC NULLS FIRST") for key, down in ordered)
        parts.append("ORDER BY " + ", ".join(items))
    return f"OVER ({' '.join(part for part in (*parts, frame) if part)})"


def over_partition(low: Lowering, window: Expr) -> str:
    """Write an OVER of all rows of a window's partitions."""
    return f"OVER ({_parted(low, window)})"


def _parted(low: Lowering, window: Expr) -> str:
    partitions, _, _ = cast("tuple[int, tuple[bool, ...], str]", window.value)
    divided = list(dict.fromkeys(window.args[1 : 1 + partitions]))
    for key in divided:
        low.require_whole_keys(key)
    keys = ", ".join(sort_key(key, low.own_key(key)) for key in divided)
    return f"PARTITION BY {keys}" if keys else ""
