"""A column of JSON objects as the columns of a source: rows that are predicted by ML_PREDICT_ROW in one batch."""

import io
import json
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from automl.errors import AutoMLError
from automl.stored.nesting import count_keys
from automl.table.columns import one_text
from automl.table.rows import column_of
from automl.table.source import Column, Kind, Source

_TYPES = {
    Kind.NUMBER: pa.float64(),
    Kind.TIME: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.TEXT: pa.string(),
    Kind.JSON: pa.string(),
    Kind.DATE: pa.string(),
    Kind.DATETIME: pa.string(),
}


_KEYS_OF_COLUMN, _OTHER_KEYS = 2, 200  # different keys that Arrow makes columns of, each for all rows


def rows_from_json(columns: Sequence[Column], texts: pa.Array | pa.ChunkedArray) -> Source:
    """Read JSON objects, one a row, into the columns that a model was trained on. Other keys are left out.

    A column that is in none of them is left out: whether the model can do without it, it says itself.

    Raises:
        AutoMLError: a text is NULL, no JSON object, or nested too deeply.
    """
    if texts.null_count:
        raise AutoMLError("A row is NULL, and a prediction needs a JSON object of column names and values.")
    lines = pc.replace_substring_regex(texts, r"[\r\n]+", " ")  # inside a JSON text line ends stand between tokens only
    if isinstance(lines, pa.ChunkedArray):
        lines = lines.combine_chunks()
    if not len(lines):
        return Source(
            "the rows",
            tuple(columns),
            pa.table({column.name: pa.array([], _TYPES.get(column.kind)) for column in columns}),
        )
    if count_keys(lines) > _KEYS_OF_COLUMN * len(columns) + _OTHER_KEYS:
        return _mixed(columns, lines.to_pylist())
    whole = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), "\n")[0].as_buffer()
    try:
        table = _read(whole, pa.schema([]))
    except pa.ArrowInvalid:
        return _mixed(columns, lines.to_pylist())
    if table.num_rows != len(texts):
        raise AutoMLError("A row is no JSON object of column names and values.")
    folded = {name.casefold(): name for name in table.column_names}
    made = {}
    for column in columns:
        name = folded.get(column.name.casefold())
        if name is None:
            continue
        values = table[name]
        if pa.types.is_timestamp(values.type) and column.kind not in (Kind.DATE, Kind.DATETIME):
            values = _read(whole, pa.schema([(name, pa.string())]))[name]  # a text that looks like a date
        if pa.types.is_nested(values.type) and column.kind is Kind.JSON:
            return _mixed(columns, lines.to_pylist())
        if pa.types.is_nested(values.type):
            raise AutoMLError(f"Column '{column.name}' must hold a {column.kind}, not an object or an array.")
        made[column.name] = values
    return _source(columns, made)


def rows_from_columns(columns: Sequence[Column], names: Sequence[str], values: Sequence[pa.ChunkedArray]) -> Source:
    """Take the values of the keys `names` that a model was trained on; of two keys alike the last counts."""
    folded = {name.casefold(): each for name, each in zip(names, values, strict=True)}
    made = {column.name: folded[column.name.casefold()] for column in columns if column.name.casefold() in folded}
    return _source(columns, made)


def _source(columns: Sequence[Column], made: Mapping[str, pa.ChunkedArray]) -> Source:
    return Source("the rows", tuple(column for column in columns if column.name in made), pa.table(made))


def _mixed(columns: Sequence[Column], lines: Sequence[str]) -> Source:
    """Read rows one by one: those whose values are of several types in one column, which Arrow does not take, and those
    that have many other keys."""
    wanted = {column.name.casefold() for column in columns}
    rows = []
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError as problem:
            raise AutoMLError(f"A row is no JSON object of column names and values: {problem}.") from None
        if not isinstance(row, dict):
            raise AutoMLError(f"A row is no JSON object of column names and values: {line[:60]}")
        rows.append({folded: value for name, value in row.items() if (folded := name.casefold()) in wanted})
    made = {}
    for column in columns:
        name = column.name.casefold()
        if not any(name in row for row in rows):
            continue
        for row in rows:
            if isinstance(row.get(name), (dict, list)) and column.kind is not Kind.JSON:
                raise AutoMLError(f"Column '{column.name}' must hold a {column.kind}, not an object or an array.")
        made[column.name] = pa.chunked_array(
            [column_of(column.name, [one_text(row.get(name)) for row in rows], pa.string())]
        )
    return _source(columns, made)


def _read(whole: pa.Buffer, schema: pa.Schema) -> pa.Table:
    options = pyarrow.json.ParseOptions(
        explicit_schema=schema, newlines_in_values=False, unexpected_field_behavior="infer"
    )
    block = pyarrow.json.ReadOptions(block_size=max(1 << 20, len(whole) + 1))
    return pyarrow.json.read_json(io.BytesIO(whole), read_options=block, parse_options=options)
