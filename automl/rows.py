"""One row of JSON values as a source."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from automl.source import Column, Kind, Source


def row_source(columns: Sequence[Column], row: Mapping[str, Any]) -> Source:
    """Make a source of one row of JSON values."""
    folded = {name.casefold(): value for name, value in row.items()}
    made = {}
    for column in columns:
        value = folded.get(column.name.casefold())
        if column.kind in (Kind.TEXT, Kind.JSON) and value is not None and not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False)
        made[column.name] = pa.array([value], None if value is not None else pa.string())
    return Source("the row", tuple(columns), pa.table(made))
