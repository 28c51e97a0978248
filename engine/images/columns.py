"""One column's cells in the row images to one Arrow array: the choice of kernel by type, buffers, character sets."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.images import inflate, kernels, packed, texts
from engine.images.json_binary import MalformedJson, json_texts
from engine.layout import arrow_type, unfit_date
from statements.schema import (
    ADDRESS_TYPES,
    BINARY_TYPES,
    MEMBER_TYPES,
    SPATIAL_TYPES,
    STRING_TYPES,
    WIDE_CHARSETS,
    Column,
)
from wire.binlog_table_map import BLOB_COMPRESSED, VARCHAR_COMPRESSED, MapColumn
from wire.constants import FieldType

_UTF8 = frozenset({"utf8mb4", "utf8mb3", "utf8"})
_LARGEST_COLUMN = (1 << 31) - 1


class Undecodable(Exception):
    """A table's row events cannot be followed; the text is the reason shown for the quarantine."""


@dataclass(slots=True)
class Cells:
    """Where one column's values lie: `data` is all row images, the arrays have one element per row."""

    data: npt.NDArray[np.uint8]
    at: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int32]
    null: npt.NDArray[np.uint8]


Reader = Callable[[Cells], pa.Array]


def _validity(null: npt.NDArray[np.uint8]) -> tuple[pa.Buffer | None, int]:
    count = int(np.count_nonzero(null))
    if not count:
        return None, 0
    return pa.py_buffer(np.packbits(null == 0, bitorder="little")), count


def _wrap(values: npt.NDArray[np.generic], kind: pa.DataType, cells: Cells) -> pa.Array:
    valid, nulls = _validity(cells.null)
    return pa.Array.from_buffers(kind, len(cells.at), [valid, pa.py_buffer(values)], nulls)


def choose_reader(column: Column, logged: MapColumn) -> Reader:
    """Make the function that turns the cells of a carried column into an Arrow array.

    The reader raises Undecodable for a value that the store cannot hold, as does this function for a type.
    """
    if logged.type in (BLOB_COMPRESSED, VARCHAR_COMPRESSED):
        plain = FieldType.BLOB if logged.type == BLOB_COMPRESSED else FieldType.VARCHAR
        return _unpacked(choose_reader(column, replace(logged, type=plain)), column.name)
    kind = arrow_type(column)
    if column.type in STRING_TYPES:
        return _strings(column)
    if column.type in BINARY_TYPES or column.type in SPATIAL_TYPES or column.type == "vector":
        return _binaries(column, logged)
    if column.type == "json":
        return _documents(column)
    if column.type in ADDRESS_TYPES:
        return _addresses(column)
    if column.type == "decimal":
        return _decimals(kind, logged.meta) if pa.types.is_decimal(kind) else _long_decimals(column, logged.meta)
    if column.type in MEMBER_TYPES:
        return _numbers(kind, logged.meta & 0xFF, False)
    if column.type == "bit":
        return _bits(kind, (logged.meta >> 8) + bool(logged.meta & 0xFF))
    if column.type in _TEMPORAL:
        return _temporal(column, logged, kind)
    signed = pa.types.is_signed_integer(kind)
    return _numbers(kind, INTEGER_WIDTHS[logged.type], signed)


def _unpacked(reader: Reader, name: str) -> Reader:
    """Make a reader of MariaDB's COMPRESSED cells of one for plain cells."""

    def read(cells: Cells) -> pa.Array:
        offsets = np.empty(len(cells.at) + 1, np.int64)
        total = inflate.measure_unpacked(cells.data, cells.at, cells.lengths, cells.null, offsets)
        if total > _LARGEST_COLUMN:
            raise Undecodable(f"values of column {name} are too large")
        out = np.empty(max(total, 0), np.uint8)
        if total < 0 or not inflate.unpack(cells.data, cells.at, cells.lengths, cells.null, offsets, out):
            raise Undecodable(f"compressed values of column {name} in another form")
        return reader(Cells(out, offsets[:-1], np.diff(offsets).astype(np.int32), cells.null))

    return read


INTEGER_WIDTHS: dict[int, int] = {
    FieldType.TINY: 1,
    FieldType.SHORT: 2,
    FieldType.INT24: 3,
    FieldType.LONG: 4,
    FieldType.LONGLONG: 8,
    FieldType.FLOAT: 4,  # as the bits of an integer
    FieldType.DOUBLE: 8,
}


def _numbers(kind: pa.DataType, width: int, signed: bool) -> Reader:
    bits = np.dtype(kind.to_pandas_dtype())
    if bits.kind == "f":
        bits = np.dtype(f"u{bits.itemsize}")

    def read(cells: Cells) -> pa.Array:
        out = np.empty(len(cells.at), bits)
        kernels.read_integers(cells.data, cells.at, cells.null, width, signed, out)
        return _wrap(out, kind, cells)

    return read


def _decimals(kind: pa.DataType, meta: int) -> Reader:
    precision, scale = meta >> 8, meta & 0xFF

    def read(cells: Cells) -> pa.Array:
        out = np.empty((len(cells.at), 2), np.uint64)
        if kernels.read_decimals(cells.data, cells.at, cells.null, precision, scale, out) >= 0:
            raise Undecodable("row event is cut short or has another shape than its table map")
        return _wrap(out, kind, cells)

    return read


def _bits(kind: pa.DataType, width: int) -> Reader:
    def read(cells: Cells) -> pa.Array:
        out = np.empty(len(cells.at), np.uint64)
        kernels.read_bits(cells.data, cells.at, cells.null, width, out)
        return _wrap(out, kind, cells)

    return read


Writer = Callable[[Cells, npt.NDArray[np.int64], npt.NDArray[np.uint8]], int]
_ADDRESSES: dict[str, Writer] = {
    "uuid": lambda c, offsets, out: texts.write_uuids(c.data, c.at, c.lengths, c.null, offsets, out),
    "inet4": lambda c, offsets, out: texts.write_inet4s(c.data, c.at, c.lengths, c.null, offsets, out),
    "inet6": lambda c, offsets, out: texts.write_inet6s(c.data, c.at, c.lengths, c.null, offsets, out),
}


def _addresses(column: Column) -> Reader:
    return _written(_ADDRESSES[column.type], texts.LONGEST[column.type])


def _long_decimals(column: Column, meta: int) -> Reader:
    precision, scale = meta >> 8, meta & 0xFF

    def write(c: Cells, offsets: npt.NDArray[np.int64], out: npt.NDArray[np.uint8]) -> int:
        return int(texts.write_decimals(c.data, c.at, c.null, precision, scale, offsets, out))

    return _written(write, texts.LONGEST["decimal"])


def _written(write: Writer, longest: int) -> Reader:
    """Make a reader of values that become ASCII text of at most `longest` bytes."""

    def read(cells: Cells) -> pa.Array:
        offsets = np.empty(len(cells.at) + 1, np.int64)
        out = np.empty(len(cells.at) * longest, np.uint8)
        total = write(cells, offsets, out)
        valid, nulls = _validity(cells.null)
        buffers = [valid, pa.py_buffer(offsets.astype(np.int32)), pa.py_buffer(out[:total].copy())]
        return pa.Array.from_buffers(pa.string(), len(cells.at), buffers, nulls)

    return read


_TEMPORAL = frozenset({"date", "datetime", "timestamp", "time", "year"})


def _temporal(column: Column, logged: MapColumn, kind: pa.DataType) -> Reader:
    bits = np.dtype("i4" if kind == pa.date32() else "u2" if column.type == "year" else "i8")
    call = _packed_kernel(logged) if column.packed else _temporal_kernel(logged)

    def read(cells: Cells) -> pa.Array:
        out = np.empty(len(cells.at), bits)
        bad = call(cells, out)
        if bad is not None and bad >= 0:
            raise Undecodable(unfit_date(column))
        return _wrap(out, kind, cells)

    return read


def _packed_kernel(logged: MapColumn) -> Callable[[Cells, npt.NDArray[np.generic]], int | None]:
    if logged.type in (FieldType.DATE, FieldType.NEWDATE):
        return lambda c, out: packed.pack_dates(c.data, c.at, c.null, out)
    if logged.type == FieldType.DATETIME2:
        return lambda c, out: packed.pack_datetimes(c.data, c.at, c.null, logged.meta, out)
    if logged.type == FieldType.DATETIME:
        return lambda c, out: packed.pack_old_datetimes(c.data, c.at, c.null, out)
    big_endian = logged.type == FieldType.TIMESTAMP2
    return lambda c, out: packed.pack_timestamps(c.data, c.at, c.null, logged.meta, big_endian, out)


def _temporal_kernel(logged: MapColumn) -> Callable[[Cells, npt.NDArray[np.generic]], int | None]:
    digits = logged.meta
    if logged.type in (FieldType.DATE, FieldType.NEWDATE):
        return lambda c, out: kernels.read_dates(c.data, c.at, c.null, out)
    if logged.type == FieldType.DATETIME2:
        return lambda c, out: kernels.read_datetimes(c.data, c.at, c.null, digits, out)
    if logged.type == FieldType.DATETIME:
        return lambda c, out: kernels.read_old_datetimes(c.data, c.at, c.null, out)
    if logged.type == FieldType.TIMESTAMP2:
        return lambda c, out: kernels.read_timestamps(c.data, c.at, c.null, digits, True, out)
    if logged.type == FieldType.TIMESTAMP:
        return lambda c, out: kernels.read_timestamps(c.data, c.at, c.null, 0, False, out)
    if logged.type == FieldType.TIME2:
        return lambda c, out: kernels.read_times(c.data, c.at, c.null, digits, out)
    if logged.type == FieldType.TIME:
        return lambda c, out: kernels.read_old_times(c.data, c.at, c.null, out)
    return lambda c, out: kernels.read_years(c.data, c.at, c.null, out)


def _collect(cells: Cells, trim: bool, name: str) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8], bool]:
    rows = len(cells.at)
    offsets = np.empty(rows + 1, np.int64)
    total = kernels.measure(cells.data, cells.at, cells.lengths, cells.null, trim, offsets)
    if total > _LARGEST_COLUMN:
        raise Undecodable(f"values of column {name} are too large")
    out = np.empty(total, np.uint8)
    ascii_only = kernels.gather(cells.data, cells.at, offsets, out)
    return offsets.astype(np.int32), out, ascii_only


def _strings(column: Column) -> Reader:
    trim = column.type == "char"
    is_wide = column.charset in WIDE_CHARSETS
    mapped = ByteMap(column.characters) if column.characters else _LATIN1 if column.charset == "latin1" else None

    def read(cells: Cells) -> pa.Array:
        offsets, raw, ascii_only = _collect(cells, trim and not is_wide, column.name)
        if is_wide:
            offsets, raw = _wide_to_utf8(offsets, raw, column, trim)
            ascii_only = False
        elif mapped is not None and not (ascii_only and mapped.keeps_ascii):
            offsets, raw = mapped.to_utf8(offsets, raw, column.name)
            ascii_only = False
        elif not ascii_only and column.charset not in _UTF8:
            raise Undecodable(f"character set {column.charset} of column {column.name}")
        valid, nulls = _validity(cells.null)
        buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(raw)]
        array = pa.Array.from_buffers(pa.string(), len(cells.at), buffers, nulls)
        if not ascii_only:
            try:
                array.validate(full=True)
            except pa.ArrowInvalid:
                raise Undecodable(f"invalid UTF-8 in column {column.name}") from None
        return array

    return read


def _documents(column: Column) -> Reader:
    def read(cells: Cells) -> pa.Array:
        try:
            offsets, raw = json_texts(cells.data, cells.at, cells.lengths, cells.null)
        except MalformedJson as error:
            raise Undecodable(f"JSON document in column {column.name} is {error}") from None
        valid, nulls = _validity(cells.null)
        array = pa.Array.from_buffers(
            pa.string(), len(cells.at), [valid, pa.py_buffer(offsets), pa.py_buffer(raw)], nulls
        )
        try:
            array.validate(full=True)
        except pa.ArrowInvalid:
            raise Undecodable(f"invalid UTF-8 in column {column.name}") from None
        return array

    return read


class ByteMap:
    """Characters of one byte each, as UTF-8."""

    def __init__(self, characters: str) -> None:
        """Take the character of each of the 256 bytes."""
        self.keeps_ascii = characters[:128] == bytes(range(128)).decode()
        self._widths = np.zeros(256, np.uint8)
        self._encoded = np.zeros((256, 4), np.uint8)
        for byte, character in enumerate(characters):
            text = character.encode()
            self._widths[byte] = len(text)
            self._encoded[byte, : len(text)] = np.frombuffer(text, np.uint8)

    def to_utf8(
        self, offsets: npt.NDArray[np.int32], raw: npt.NDArray[np.uint8], name: str
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
        """Rewrite the strings between offsets; raises Undecodable when they become too large."""
        wide = np.empty(len(offsets), np.int64)
        total = kernels.measure_mapped(raw, offsets, self._widths, wide)
        if total > _LARGEST_COLUMN:
            raise Undecodable(f"values of column {name} are too large")
        out = np.empty(total, np.uint8)
        kernels.map_bytes(raw, self._widths, self._encoded, out)
        return wide.astype(np.int32), out


def _make_latin1() -> ByteMap:
    """MySQL's latin1 is cp1252, with the five places that cp1252 leaves open as control characters."""
    holes = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
    return ByteMap("".join(chr(b) if b in holes else bytes((b,)).decode("cp1252") for b in range(256)))


_LATIN1 = _make_latin1()
_UNITS = {"ucs2": 2, "utf16": 2, "utf16le": 2, "utf32": 4}


def _wide_to_utf8(
    offsets: npt.NDArray[np.int32], raw: npt.NDArray[np.uint8], column: Column, trim: bool
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.uint8]]:
    """Rewrite strings of two or four bytes a unit; raises Undecodable for half a character."""
    charset = str(column.charset)
    out = np.empty(len(raw) * 3 // 2 + 4, np.uint8)
    made = np.empty(len(offsets), np.int64)
    total = texts.write_wide(raw, offsets, _UNITS[charset], charset == "utf16le", charset != "ucs2", trim, made, out)
    if total < 0:
        raise Undecodable(f"invalid {charset} in column {column.name}")
    if total > _LARGEST_COLUMN:
        raise Undecodable(f"values of column {column.name} are too large")
    return made.astype(np.int32), out[:total].copy()


def read_bytes(cells: Cells, name: str) -> pa.Array:
    """The cells' bytes as they are."""
    valid, nulls = _validity(cells.null)
    offsets, raw, _ = _collect(cells, False, name)
    return pa.Array.from_buffers(pa.binary(), len(cells.at), [valid, pa.py_buffer(offsets), pa.py_buffer(raw)], nulls)


def _binaries(column: Column, logged: MapColumn) -> Reader:
    def read(cells: Cells) -> pa.Array:
        valid, nulls = _validity(cells.null)
        if column.type == "binary":
            width = logged.meta
            total = (len(cells.at) - nulls) * width
            if total > _LARGEST_COLUMN:
                raise Undecodable(f"values of column {column.name} are too large")
            offsets = np.empty(len(cells.at) + 1, np.int32)
            raw = np.zeros(total, np.uint8)
            kernels.gather_padded(cells.data, cells.at, cells.lengths, cells.null, width, offsets, raw)
        else:
            offsets, raw, _ = _collect(cells, False, column.name)
        buffers = [valid, pa.py_buffer(offsets), pa.py_buffer(raw)]
        return pa.Array.from_buffers(pa.binary(), len(cells.at), buffers, nulls)

    return read
