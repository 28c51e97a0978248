"""One row of JSON values as a source."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from automl.errors import AutoMLError
from automl.table.source import Column, Kind, Source


def row_source(columns: Sequence[Column], row: Mapping[str, Any]) -> Source:
    """Make a source of one row of JSON values."""
    folded = {name.casefold(): value for name, value in row.items()}
    made = {}
    for column in columns:
        value = folded.get(column.name.casefold())
        if column.kind in (Kind.TEXT, Kind.JSON) and value is not None and not isinstance(value, str):
            value = json.dumps(value, ensure_ascii=False)
        made[column.name] = column_of(column.name, [value], None if value is not None else pa.string())
    return Source("the row", tuple(columns), pa.table(made))


def column_of(name: str, values: Sequence[Any], kind: pa.DataType | None) -> pa.Array:
    """Give JSON values as a column, of the type that they have when none is given.

    Raises:
        AutoMLError: a whole number of more than 64 bits, half of a pair of surrogates.
    """
    try:
        return pa.array(values, kind)
    except (OverflowError, UnicodeEncodeError) as problem:
        raise AutoMLError(f"Column '{name}' has a value that cannot be read: {problem}.") from None
