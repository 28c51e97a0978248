"""Compare two results of one query, every cell as text: what "the same answer" means, in one place."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Column:
    """What a client sees of a result's column."""

    name: str
    type: int
    charset: int
    decimals: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A result, its values as the server's text."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    seconds: float = 0.0


def difference(left: Answer, right: Answer, order: Sequence[int] | None, limit: int | None = None) -> str | None:
    """Say in one line where two answers differ, or None.

    `order` holds the places of the ORDER BY columns, in order: rows that tie there may come in any order, and
    where a LIMIT cuts through a tie, any of its rows may be there. None means no ORDER BY at all.
    """
    if left.columns != right.columns:
        return _column_difference(left.columns, right.columns)
    if len(left.rows) != len(right.rows):
        return f"{len(left.rows)} rows against {len(right.rows)}"
    groups = zip(_ties(left.rows, order), _ties(right.rows, order), strict=False)
    seen = 0
    for (left_key, left_rows), (right_key, right_rows) in groups:
        seen += len(left_rows)
        if left_key != right_key:
            return f"row {seen}: {left_key} against {right_key}"
        cut = limit is not None and seen == limit and len(left.rows) == limit
        if len(left_rows) != len(right_rows) or (Counter(left_rows) != Counter(right_rows) and not cut):
            return _row_difference(left_rows, right_rows)
    return None


def _ties(rows: Sequence[Row], order: Sequence[int] | None) -> list[tuple[Row, list[Row]]]:
    places = order or ()
    return [(key, list(group)) for key, group in groupby(rows, key=lambda row: tuple(row[place] for place in places))]


def _column_difference(left: Sequence[Column], right: Sequence[Column]) -> str:
    for ours, theirs in zip(left, right, strict=False):
        if ours != theirs:
            return f"column {ours} against {theirs}"
    return f"{len(left)} columns against {len(right)}"


def _row_difference(left: Sequence[Row], right: Sequence[Row]) -> str:
    only_left = list((Counter(left) - Counter(right)).elements())
    only_right = list((Counter(right) - Counter(left)).elements())
    return f"only on one side: {only_left[:1]}, only on the other: {only_right[:1]}"
