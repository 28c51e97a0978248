"""Read a SELECT over the binary protocol straight into Arrow columns, with memory bound to one buffer.

The binary protocol is the exact one: the text protocol prints a FLOAT with six digits only.
"""

import contextlib
import ssl
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from base.errors import BackendError, MalformedPacket
from engine.backend.connection import Connection
from engine.layout import arrow_type, unfit_date
from engine.load import kernels
from statements.schema import NUMBERED_TYPES, Column
from wire.constants import Command, FieldType
from wire.framing import PacketReader, build_packets
from wire.integers import build_lenenc
from wire.responses import ColumnDefinition, parse_column_definition

BUFFER = 8 << 20
_MOST_ROWS = 1 << 17
_TIMEOUT = 600.0  # seconds without a byte from the server
_LARGEST_ROW = 1 << 30

_KINDS = {
    pa.int8(): kernels.INT1,
    pa.uint8(): kernels.UINT1,
    pa.int16(): kernels.INT2,
    pa.uint16(): kernels.UINT2,
    pa.int32(): kernels.INT4,
    pa.uint32(): kernels.UINT4,
    pa.int64(): kernels.INT8,
    pa.uint64(): kernels.INT8,
    pa.float32(): kernels.FLOAT4,
    pa.float64(): kernels.INT8,
    pa.date32(): kernels.DATE,
    pa.timestamp("us"): kernels.DATETIME,
    pa.string(): kernels.VAR,
    pa.binary(): kernels.VAR,
}


# All that is cast is unsigned.
_INTEGER_KINDS: dict[int, int] = {
    FieldType.TINY: kernels.UINT1,
    FieldType.SHORT: kernels.UINT2,
    FieldType.INT24: kernels.UINT4,
    FieldType.LONG: kernels.UINT4,
    FieldType.LONGLONG: kernels.INT8,
}


class UnfitValue(Exception):
    """A value that the store cannot hold; the text is the reason for the table to stay out."""


class UnfitDate(UnfitValue):
    """A zero or partial date: the column has to be kept packed."""

    def __init__(self, column: Column) -> None:
        super().__init__(unfit_date(column))
        self.column = column.name


def _kind(column: Column) -> int:
    if column.type in NUMBERED_TYPES:
        return kernels.INT8
    if column.packed:
        return kernels.PACKED
    if pa.types.is_decimal(arrow_type(column)):
        return kernels.DECIMAL
    return kernels.TIME if column.type == "time" else _KINDS[arrow_type(column)]


class BinaryResult:
    """Runs one SELECT of carried columns and gives its rows as record batches."""

    def __init__(self, connection: Connection, columns: Sequence[Column]) -> None:
        """Prepare to read `columns` from a connection that is otherwise idle."""
        self._socket: Any = connection.raw._sock
        self._columns = columns
        self._schema = pa.schema([pa.field(c.name, arrow_type(c)) for c in columns])
        self._kinds = np.array([_kind(c) for c in columns], np.int64)
        self._scales = np.array([c.scale or 0 for c in columns], np.int64)
        self._buffer = np.empty(BUFFER, np.uint8)
        self._starts = np.empty(_MOST_ROWS, np.int64)
        self._ends = np.empty(_MOST_ROWS, np.int64)
        self._packets = PacketReader()

    @property
    def schema(self) -> pa.Schema:
        """Arrow schema of the batches."""
        return self._schema

    def read(self, select: str) -> Iterator[pa.RecordBatch]:
        """Run the SELECT. Raises BackendError, or UnfitValue for a value that cannot be held."""
        self._socket.settimeout(_TIMEOUT)
        try:
            statement = self._start(select)
            yield from self._batches(self._packets.take_rest())
            self._socket.sendall(build_packets(bytes((Command.STMT_CLOSE,)) + statement, 0))
            self._socket.settimeout(None)
        except (OSError, ssl.SSLError) as error:
            raise BackendError(2013, "HY000", f"Lost connection to the backend while reading: {error}") from error

    def _start(self, select: str) -> bytes:
        """Prepare and execute; gives the statement's id, with the reader at the first row."""
        self._socket.sendall(build_packets(bytes((Command.STMT_PREPARE,)) + select.encode(), 0))
        answer = self._next_payload()
        statement, columns = answer[1:5], int.from_bytes(answer[5:7], "little")
        if columns != len(self._columns) or answer[7:9] != b"\0\0":
            raise MalformedPacket("answer to a prepared SELECT")
        self._skip(columns + 1)
        execute = bytes((Command.STMT_EXECUTE,)) + statement + b"\0" + (1).to_bytes(4, "little")
        self._socket.sendall(build_packets(execute, 0))
        if self._next_payload() != build_lenenc(columns):
            raise MalformedPacket("column count of a result")
        for index in range(columns):
            self._set_width(index, parse_column_definition(self._next_payload()))
        self._skip(1)
        return statement

    def _set_width(self, index: int, definition: ColumnDefinition) -> None:
        """Take an integer as wide as the server says that it sends it: what a CAST makes of a BIT differs."""
        if self._columns[index].type in NUMBERED_TYPES:
            if definition.type not in _INTEGER_KINDS:
                raise MalformedPacket("column definition of a number")
            self._kinds[index] = _INTEGER_KINDS[definition.type]

    def _skip(self, payloads: int) -> None:
        for _ in range(payloads):
            self._next_payload()

    def _next_payload(self) -> bytes:
        while (payload := self._packets.next_payload()) is None:
            data = self._socket.recv(1 << 16)
            if not data:
                raise BackendError(2013, "HY000", "Lost connection to the backend")
            self._packets.feed(data)
        _raise_if_error(payload)
        return payload

    def _batches(self, head: bytes) -> Iterator[pa.RecordBatch]:
        if len(head) > len(self._buffer):
            self._buffer = np.empty(len(head) * 2, np.uint8)
        fill, at, rows, how = len(head), 0, 0, kernels.MORE
        self._buffer[:fill] = np.frombuffer(head, np.uint8)
        while how != kernels.END:
            rows, at, how = kernels.frame_rows(self._buffer, at, fill, self._starts, self._ends, rows)
            if how == kernels.ERROR:
                _raise_if_error(self._buffer[at + 4 : fill].tobytes())
            if rows and (how in (kernels.FULL, kernels.END) or fill == len(self._buffer)):
                yield self._decode(rows)
                rows = 0
            if how == kernels.MORE:
                if rows == 0:  # nothing in the buffer is needed any more but the row that has begun
                    fill, at = self._keep(at, fill), 0
                fill += self._receive(fill)
            elif how == kernels.FULL:
                fill, at = self._keep(at, fill), 0

    def _keep(self, at: int, fill: int) -> int:
        """Move the rest of the buffer to its front; make room when a row is larger than the buffer."""
        rest = self._buffer[at:fill].copy()
        if len(rest) == len(self._buffer):
            if len(rest) >= _LARGEST_ROW:
                raise UnfitValue("a row larger than 1 GiB")
            self._buffer = np.empty(len(rest) * 2, np.uint8)
        elif len(self._buffer) > BUFFER and len(rest) <= BUFFER // 2:
            self._buffer = np.empty(BUFFER, np.uint8)
        self._buffer[: len(rest)] = rest
        return len(rest)

    def _receive(self, fill: int) -> int:
        received = self._socket.recv_into(self._buffer[fill:].data)
        if not received:
            raise BackendError(2013, "HY000", "Lost connection to the backend while reading")
        return int(received)

    def _decode(self, rows: int) -> pa.RecordBatch:
        shape = (len(self._columns), rows)
        first, second = np.empty(shape, np.int64), np.empty(shape, np.int64)
        valid = np.empty(shape, np.uint8)
        failure = np.zeros(3, np.int64)
        if not kernels.slice_rows(
            self._buffer,
            self._starts,
            self._ends,
            rows,
            self._kinds,
            self._scales,
            first,
            second,
            valid,
            failure,
        ):
            self._raise_unfit(int(failure[1]), int(failure[2]))
        arrays = [self._array(i, first[i], second[i], valid[i]) for i in range(len(self._columns))]
        return pa.RecordBatch.from_arrays(arrays, schema=self._schema)

    def _raise_unfit(self, column: int, why: int) -> None:
        if why == kernels.NO_DATE:
            raise UnfitDate(self._columns[column])
        raise MalformedPacket(f"row value of column {self._columns[column].name}")

    def _array(self, index: int, first: kernels.Ints, second: kernels.Ints, valid: kernels.Bytes) -> pa.Array:
        kind, arrow = self._kinds[index], self._schema.field(index).type
        nulls = len(valid) - int(valid.sum(dtype=np.int64))
        bitmap = pa.py_buffer(np.packbits(valid, bitorder="little")) if nulls else None
        if kind == kernels.VAR:
            return self._strings(index, first, second, bitmap, nulls)
        if kind == kernels.DECIMAL:
            values = np.stack((first, second), axis=1)
        elif kind == kernels.FLOAT4:
            values = first.astype(np.uint32)
        elif kind == kernels.DATE:
            values = first.astype(np.int32)
        elif pa.types.is_integer(arrow):
            values = first.astype(arrow.to_pandas_dtype(), copy=False)
        else:
            values = first
        return pa.Array.from_buffers(arrow, len(valid), [bitmap, pa.py_buffer(np.ascontiguousarray(values))], nulls)

    def _strings(self, index: int, starts: kernels.Ints, lengths: kernels.Ints, bitmap: Any, nulls: int) -> pa.Array:
        offsets = np.zeros(len(starts) + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        data = np.empty(int(offsets[-1]), np.uint8)
        kernels.gather(self._buffer, starts, offsets, data)
        buffers = [bitmap, pa.py_buffer(offsets), pa.py_buffer(data)]
        array = pa.Array.from_buffers(self._schema.field(index).type, len(starts), buffers, nulls)
        if pa.types.is_string(array.type):
            with contextlib.suppress(pa.ArrowInvalid):
                array.validate(full=True)
                return array
            raise UnfitValue(f"bytes that are not UTF-8 in column {self._columns[index].name}")
        return array


def _raise_if_error(payload: bytes) -> None:
    if payload[:1] == b"\xff":
        number, text = int.from_bytes(payload[1:3], "little"), payload[3:]
        state = text[1:6].decode("ascii", "replace") if text[:1] == b"#" else "HY000"
        message = text[6:] if text[:1] == b"#" else text
        raise BackendError(number, state, message.decode("utf-8", "replace"))
