"""Stored rows looked up by key, for row images that lack columns."""

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.layout import arrow_type, quote
from statements.schema import Table

_PLACE = "_warmfront_place"


def fetch_rows(
    connection: duckdb.DuckDBPyConnection, name: str, table: Table, keys: pa.Table, columns: list[str]
) -> tuple[npt.NDArray[np.int64], pa.Table]:
    """Give the rows of store table `name` that have one of these distinct keys: places among the keys, and columns."""
    places = pa.array(np.arange(keys.num_rows, dtype=np.int64))
    connection.register("_wf_wanted", keys.append_column(_PLACE, places))
    same = " AND ".join(f"t.{quote(k)} = d.{quote(k)}" for k in table.primary_key)
    listed = ", ".join(f"t.{quote(c)}" for c in columns)
    try:
        found = connection.execute(
            f"SELECT d.{_PLACE}, {listed} FROM {name} t JOIN _wf_wanted d ON {same}"
        ).to_arrow_table()
    finally:
        connection.unregister("_wf_wanted")
    types = {column.name: column for column in table.columns}
    schema = pa.schema([pa.field(c, arrow_type(types[c])) for c in columns])
    return found.column(0).to_numpy(), found.drop_columns([_PLACE]).cast(schema)
