"""Small answers of the engine itself: an Arrow table as a whole result set with definitions of its own."""

from collections.abc import Sequence

import pyarrow as pa

from engine.results.encoder import RowEncoder
from wire.constants import BINARY_CHARSET, Capability, FieldFlag, FieldType, Status
from wire.framing import build_packets, count_packets
from wire.integers import build_lenenc, build_lenenc_bytes
from wire.responses import ColumnDefinition, build_column_definition, build_end_of_rows, build_eof

_UTF8MB4 = 45
_LONG_TEXT = 4 * 65535
_DEPRECATE_EOF = int(Capability.DEPRECATE_EOF)


def define(name: str, kind: pa.DataType) -> ColumnDefinition:
    """The column definition for an Arrow type."""
    types = pa.types
    if types.is_unsigned_integer(kind):
        return ColumnDefinition(name, FieldType.LONGLONG, BINARY_CHARSET, 20, FieldFlag.UNSIGNED)
    if types.is_integer(kind) or types.is_boolean(kind):
        return ColumnDefinition(name, FieldType.LONGLONG, BINARY_CHARSET, 20)
    if types.is_decimal(kind):
        return ColumnDefinition(name, FieldType.NEWDECIMAL, BINARY_CHARSET, kind.precision + 2, decimals=kind.scale)
    if types.is_floating(kind):
        return ColumnDefinition(name, FieldType.DOUBLE, BINARY_CHARSET, 23, decimals=31)
    if types.is_timestamp(kind):
        return ColumnDefinition(name, FieldType.DATETIME, BINARY_CHARSET, 26, FieldFlag.BINARY, decimals=6)
    if types.is_date(kind):
        return ColumnDefinition(name, FieldType.DATE, BINARY_CHARSET, 10, FieldFlag.BINARY)
    if types.is_binary(kind):
        return ColumnDefinition(
            name, FieldType.LONG_BLOB, BINARY_CHARSET, _LONG_TEXT, FieldFlag.BLOB | FieldFlag.BINARY
        )
    return ColumnDefinition(name, FieldType.VAR_STRING, _UTF8MB4, _LONG_TEXT)


_ANSWER = build_column_definition(define("answer", pa.binary()))


def build_result_set(table: pa.Table, capabilities: int, status: Status = Status.AUTOCOMMIT) -> bytes:
    """All packets of a result set, from sequence 1."""
    definitions = [define(field.name, field.type) for field in table.schema]
    parts = [build_lenenc(len(definitions)), *map(build_column_definition, definitions)]
    if not capabilities & _DEPRECATE_EOF:
        parts.append(build_eof(status))
    out = [build_packets(part, 1 + i) for i, part in enumerate(parts)]
    sequence = 1 + len(parts)
    encoder = RowEncoder(definitions, "text", "utf8mb4")
    for batch in table.to_batches():
        for piece, after in encoder.encode(batch, sequence):
            out.append(bytes(piece))
            sequence = after
    out.append(build_packets(build_end_of_rows(status, 0, capabilities), sequence))
    return b"".join(out)


def build_values(values: Sequence[bytes], capabilities: int, status: Status = Status.AUTOCOMMIT) -> bytes:
    """All packets of a result of one column of bytes and few rows, from sequence 1, put together in no time."""
    end = build_end_of_rows(status, 0, capabilities)
    middle = [] if capabilities & _DEPRECATE_EOF else [build_eof(status)]
    out, sequence = [], 1
    for part in (b"\x01", _ANSWER, *middle, *map(build_lenenc_bytes, values), end):
        out.append(build_packets(part, sequence))
        sequence = (sequence + count_packets(len(part))) & 0xFF
    return b"".join(out)
