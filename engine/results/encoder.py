"""Arrow record batches to MySQL row packets, text or binary, in columns."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from base.errors import SecondaryEngineError
from engine.results import doubles, integers, strings, temporal
from engine.results.assemble import Values, assemble_rows, measure_rows
from engine.results.kernel import I64
from wire.constants import BINARY_CHARSET, MAX_PACKET_PAYLOAD, FieldFlag, FieldType
from wire.framing import HEADER, build_packets, count_packets
from wire.responses import ColumnDefinition

Convert = Callable[[pa.Array], Values]

_INTEGERS = frozenset({FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG})
_DECIMALS = frozenset({FieldType.DECIMAL, FieldType.NEWDECIMAL})
_DATES = frozenset({FieldType.DATE, FieldType.NEWDATE})
_DATETIMES = frozenset({FieldType.DATETIME, FieldType.TIMESTAMP})
_STRINGS = frozenset(
    {
        FieldType.VARCHAR,
        FieldType.VAR_STRING,
        FieldType.STRING,
        FieldType.TINY_BLOB,
        FieldType.BLOB,
        FieldType.MEDIUM_BLOB,
        FieldType.LONG_BLOB,
        FieldType.ENUM,
        FieldType.SET,
        FieldType.GEOMETRY,
        FieldType.VECTOR,
    }
)
_NOT_BINARY = 0  # any character set but 63
_CHUNK = 4 << 20  # bytes: rows are put together in pieces of about this size


def text_converter(d: ColumnDefinition, charset: str) -> Convert | None:
    """How a column's values become the text that MySQL shows; None when they cannot."""
    unsigned = bool(d.flags & FieldFlag.UNSIGNED)
    if d.type in _INTEGERS:
        if d.flags & FieldFlag.ZEROFILL:
            return lambda a: integers.zero_filled(a, d.length)
        return lambda a: integers.integer_text(a, unsigned)
    if d.type in _DECIMALS:
        return lambda a: _decimal_text(a, d)
    if d.type == FieldType.BIT:
        return lambda a: integers.bit_bytes(a, (d.length + 7) // 8)
    if d.type in (FieldType.FLOAT, FieldType.DOUBLE):
        return lambda a: doubles.double_text(a, d.decimals, d.type == FieldType.FLOAT)
    if d.type in _DATES:
        return temporal.date_text
    if d.type in _DATETIMES:
        return lambda a: temporal.datetime_text(a, d.decimals)
    if d.type == FieldType.TIME:
        return lambda a: temporal.time_text(a, d.decimals)
    if d.type == FieldType.YEAR:
        return integers.year_text
    if d.type in _STRINGS:
        return lambda a: strings.string_values(a, charset, d.charset)
    if d.type == FieldType.JSON:  # said to be binary, and yet sent in the character set asked for
        return lambda a: strings.string_values(a, charset, _NOT_BINARY)
    return None


def _decimal_text(array: pa.Array, d: ColumnDefinition) -> Values:
    """Decimals that no type of the engine holds come as text."""
    if pa.types.is_string(array.type):
        return strings.string_values(array, "binary", BINARY_CHARSET)
    return integers.decimal_text(array, d.decimals)


def _binary_converter(d: ColumnDefinition, charset: str) -> Convert | None:
    unsigned = bool(d.flags & FieldFlag.UNSIGNED)
    if d.type in _INTEGERS or d.type == FieldType.YEAR:
        return lambda a: integers.integer_binary(a, d.type, unsigned or d.type == FieldType.YEAR)
    if d.type in (FieldType.FLOAT, FieldType.DOUBLE):
        return lambda a: doubles.double_binary(a, d.type == FieldType.FLOAT)
    if d.type in _DATES or d.type in _DATETIMES:
        return temporal.datetime_binary
    if d.type == FieldType.TIME:
        return temporal.time_binary
    return text_converter(d, charset)


def null_values(rows: int) -> Values:
    """A column of nothing but NULL."""
    return Values(np.zeros(1, np.uint8), np.zeros(rows, np.int64), np.full(rows, -1, np.int32))


class RowEncoder:
    """Makes the row packets of one result.

    `protocol` is "text" or "binary", `charset` the session's character_set_results, "" for NULL, `backend` "mysql" or
    "mariadb". Raises SecondaryEngineError for a column that cannot be sent, and later for a value that does not fit its
    column: both before any byte of it is made.
    """

    def __init__(
        self, definitions: Sequence[ColumnDefinition], protocol: str, charset: str, backend: str = "mysql"
    ) -> None:
        self._binary = protocol == "binary"
        self._negative_zero = backend != "mariadb"
        charset = charset.lower()
        self._converters = [self._converter(d, charset) for d in definitions]

    def _converter(self, d: ColumnDefinition, charset: str) -> Convert:
        charset = strings.sent_charset(charset, d.charset)
        filled = d.flags & FieldFlag.ZEROFILL and d.type != FieldType.YEAR
        if filled and (d.type not in _INTEGERS or d.length > integers.WIDEST_FILLED):
            raise SecondaryEngineError("A ZEROFILL column in the result is not supported")
        if (d.type in _STRINGS or d.type == FieldType.JSON) and not strings.knows_charset(charset):
            raise SecondaryEngineError(f"Results in character set {charset} are not supported")
        convert = (_binary_converter if self._binary else text_converter)(d, charset)
        if convert is None:
            raise SecondaryEngineError(f"Type {_type_name(d.type)} in the result is not supported")
        return convert

    def encode(self, batch: pa.RecordBatch, sequence: int) -> Iterator[tuple[bytes | memoryview, int]]:
        """Yield pieces of the batch's packets, each with the sequence number that comes after it."""
        if batch.num_columns != len(self._converters):
            raise SecondaryEngineError("The result has a different number of columns than the statement")
        if not batch.num_rows:
            return
        columns = [self._values(a, convert) for a, convert in zip(batch.columns, self._converters, strict=True)]
        sizes = measure_rows(columns, batch.num_rows, self._binary)
        for first, last in _pieces(sizes):
            part = [Values(c.data, c.starts[first:last], c.lengths[first:last], c.prefixed) for c in columns]
            if last - first == 1 and sizes[first] >= MAX_PACKET_PAYLOAD:
                piece: bytes | memoryview
                piece, sequence = self._long_row(part, sizes[first:last], sequence)
            else:
                piece = assemble_rows(part, sizes[first:last], self._binary, sequence).data
                sequence = (sequence + last - first) & 0xFF
            yield piece, sequence

    def _values(self, array: pa.Array, convert: Convert) -> Values:
        # A column of nothing but NULL may have any type; it needs no conversion.
        if array.null_count == len(array):
            return null_values(len(array))
        if pa.types.is_floating(array.type) and not self._negative_zero:
            array = pc.add(array, pa.scalar(0.0, array.type))
        return convert(array)

    def _long_row(self, columns: list[Values], sizes: I64, sequence: int) -> tuple[bytes, int]:
        payload = assemble_rows(columns, sizes, self._binary, 0)[HEADER:].tobytes()
        return build_packets(payload, sequence), (sequence + count_packets(len(payload))) & 0xFF


def _type_name(number: int) -> str:
    try:
        return FieldType(number).name
    except ValueError:
        return str(number)


def _pieces(sizes: I64) -> list[tuple[int, int]]:
    """Cut rows into pieces of about `_CHUNK` bytes; a row of 16 MiB or more stands alone."""
    total = int(sizes.sum())
    if total < _CHUNK:
        return [(0, sizes.size)]
    group = np.cumsum(sizes) // _CHUNK
    cuts = np.flatnonzero(np.diff(group)) + 1
    long = np.flatnonzero(sizes >= MAX_PACKET_PAYLOAD)
    edges = np.unique(np.concatenate(([0], cuts, long, long + 1, [sizes.size])))
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
