"""Columns of Parquet that DuckDB 1.5.5 reads as other values than the file has, by its own description.

Decimals of more than 38 digits become doubles, some of them of another magnitude; times in nanoseconds are cut.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from engine.lake.reach import quoted
from engine.lake.readings import INEXACT

_WIDE, _NANOS = "decimals of more than 38 digits", "times in nanoseconds"
# SQL over a row of parquet_schema: what is wrong with the column, or NULL.
CHANGED = (
    f"CASE WHEN precision > 38 THEN '{_WIDE}' WHEN logical_type LIKE 'TimeType%NANOS=NanoSeconds%' THEN '{_NANOS}' END"
)


def inexact_columns(connection: duckdb.DuckDBPyConnection, path: str) -> dict[str, str]:
    """By folded name the columns of a file that are not read as they are, and what stands for their types."""
    rows = connection.execute(
        f"SELECT name, coalesce(num_children, 0), {CHANGED} FROM parquet_schema([{quoted(path)}]) ORDER BY column_id"
    ).fetchall()
    walk = iter(rows)
    _, count, _ = next(walk)
    found: dict[str, str] = {}
    for _ in range(count):
        name, reasons = _one(walk)
        if reasons:
            found[name.casefold()] = f"{INEXACT} ({', '.join(sorted(set(reasons)))})"
    return found


def _one(walk: Iterator[Sequence[Any]]) -> tuple[str, list[str]]:
    """The next column, with what is wrong anywhere in it; its parts stand behind it."""
    name, open_parts, reason = next(walk)
    reasons = [reason] if reason else []
    while open_parts:
        _, more, reason = next(walk)
        open_parts += more - 1
        reasons += [reason] if reason else []
    return name, reasons
