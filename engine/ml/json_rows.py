"""JSON objects with the columns of a table beside their own keys: written by DuckDB, all rows at once."""

import duckdb
import pyarrow as pa

_JSON = "ml_results"  # the column that is JSON already


def beside(texts: pa.Array, table: pa.Table) -> pa.Array:
    """Give each object with the values of its row in the table: the value of ML_PREDICT_ROW for many rows."""
    names = table.column_names
    columns = [pa.array(texts), *(column.combine_chunks() for column in table.columns)]
    rows = pa.table(dict(zip(["t", *(f"c{place}" for place in range(len(names)))], columns, strict=True)))
    pairs = ", ".join(
        f"{_quoted(name)}, c{place}{'::JSON' if name == _JSON else ''}" for place, name in enumerate(names)
    )
    with duckdb.connect(":memory:", config={"threads": 1}) as database:
        database.register("given", rows)
        found = database.execute(f"SELECT CAST(json_merge_patch(t, json_object({pairs})) AS VARCHAR) AS t FROM given")
        return found.to_arrow_table().column(0).combine_chunks()


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
