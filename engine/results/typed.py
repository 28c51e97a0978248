"""Arrow record batches with the types that Parquet has for MySQL's: whole numbers in their width, decimals, dates.

What Parquet has no type for is the text that MySQL shows: TIME, which may be negative and longer than a day, and
decimals of more than 38 digits.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from base.errors import SecondaryEngineError
from engine.results import temporal
from engine.results.arrow import cast
from engine.results.assemble import Values
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType
from wire.responses import ColumnDefinition

Convert = Callable[[pa.Array], pa.Array]

_SIGNED = {
    FieldType.TINY: pa.int8(),
    FieldType.SHORT: pa.int16(),
    FieldType.INT24: pa.int32(),
    FieldType.LONG: pa.int32(),
    FieldType.LONGLONG: pa.int64(),
}
_UNSIGNED = {
    FieldType.TINY: pa.uint8(),
    FieldType.SHORT: pa.uint16(),
    FieldType.INT24: pa.uint32(),
    FieldType.LONG: pa.uint32(),
    FieldType.LONGLONG: pa.uint64(),
}
_WIDER = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.uint64(): pa.decimal128(20)}
_DIGITS = 38
_MOMENT = pa.timestamp("us")


class TypedRows:
    """Casts the batches of one export. Raises SecondaryEngineError for names or types that do not go into a file."""

    def __init__(self, definitions: Sequence[ColumnDefinition], signed_only: bool = False) -> None:
        """With `signed_only` unsigned numbers get the next wider type, as in Delta tables."""
        names = [d.name for d in definitions]
        if len(set(names)) < len(names) or "" in names:
            raise SecondaryEngineError("Two columns of an export have one name, or one has none: name them by AS")
        found = [_column(d) for d in definitions]
        self._converts = [convert for _, convert in found]
        kinds = [_WIDER.get(kind, kind) if signed_only else kind for kind, _ in found]
        self.schema = pa.schema(list(zip(names, kinds, strict=True)))

    def convert(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Give a batch of the schema. Raises SecondaryEngineError for a value that its type cannot hold."""
        columns = []
        for array, convert, field in zip(batch.columns, self._converts, self.schema, strict=True):
            if array.null_count == len(array):
                columns.append(pa.nulls(len(array), field.type))
            else:
                columns.append(cast(convert(array), field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self.schema)


def _column(d: ColumnDefinition) -> tuple[pa.DataType, Convert]:
    if d.type in _SIGNED:
        return (_UNSIGNED if d.flags & FieldFlag.UNSIGNED else _SIGNED)[FieldType(d.type)], _same
    if d.type == FieldType.YEAR:
        return pa.uint16(), _same
    if d.type == FieldType.BIT:
        return pa.uint64(), _same
    if d.type in (FieldType.DECIMAL, FieldType.NEWDECIMAL):
        digits = d.length - (d.decimals > 0) - (not d.flags & FieldFlag.UNSIGNED)
        if digits > _DIGITS:
            return pa.string(), lambda a: cast(a, pa.string())
        return pa.decimal128(min(max(digits, d.decimals, 1), _DIGITS), d.decimals), _same
    if d.type == FieldType.FLOAT:
        return pa.float32(), _same
    if d.type == FieldType.DOUBLE:
        return pa.float64(), _same
    if d.type in (FieldType.DATE, FieldType.NEWDATE):
        return pa.date32(), _dated(d)
    if d.type in (FieldType.DATETIME, FieldType.TIMESTAMP):
        return _MOMENT, _dated(d)
    if d.type == FieldType.TIME:
        return pa.string(), lambda a: text_array(temporal.time_text(a, d.decimals))
    if d.type == FieldType.JSON:
        return pa.string(), _same
    if d.type in (FieldType.GEOMETRY, FieldType.VECTOR) or d.charset == BINARY_CHARSET:
        return pa.binary(), _same
    return pa.string(), _same


def _same(array: pa.Array) -> pa.Array:
    return array


def _dated(d: ColumnDefinition) -> Convert:
    def convert(array: pa.Array) -> pa.Array:
        if pa.types.is_integer(array.type):  # packed, because one of them is no date
            raise SecondaryEngineError(
                f"Column {d.name} has or had dates that are none (0000-00-00): only CSV and JSON hold them"
            )
        return array

    return convert


def text_array(values: Values) -> pa.Array:
    """Values of fixed slots as an Arrow array of texts."""
    lengths = np.maximum(values.lengths, 0).astype(np.int64)
    ends = np.cumsum(lengths)
    rows = np.repeat(np.arange(lengths.size), lengths)
    within = np.arange(int(ends[-1]) if ends.size else 0) - np.repeat(ends - lengths, lengths)
    data = values.data[values.starts[rows] + within]
    offsets = np.zeros(lengths.size + 1, np.int64)
    offsets[1:] = ends
    valid = pa.array(values.lengths >= 0)
    text = pa.Array.from_buffers(
        pa.large_string(), lengths.size, [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
    )
    return pc.if_else(valid, text, pa.scalar(None, pa.large_string()))
