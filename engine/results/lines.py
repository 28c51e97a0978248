"""Arrow record batches to lines of CSV or JSON, in columns: every value in the text that MySQL shows for it.

CSV is that of MySQL's own SELECT … INTO OUTFILE, byte for byte for the same delimiters (Select_export::send_data of
both servers): behind the escape character stand the escape character itself, the first character of the record
delimiter, the quotation mark in a quoted value or else the first of the field delimiter, and "0" for a zero byte.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from base.errors import SecondaryEngineError
from engine.results import integers, strings
from engine.results.assemble import Values
from engine.results.encoder import null_values, text_converter
from engine.results.kernel import I32, I64, U8, i32r, i64, i64r, i64w, kernel, u8r, u8w, void
from lakehouse.descriptions.export_spec import ExportSpec
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType
from wire.responses import ColumnDefinition

_WIDEST = 6  # bytes that one byte may become: \u001f
_NOT_BINARY = 0
_NUMBERS = frozenset(
    {
        *(FieldType.TINY, FieldType.SHORT, FieldType.INT24, FieldType.LONG, FieldType.LONGLONG, FieldType.YEAR),
        *(FieldType.DECIMAL, FieldType.NEWDECIMAL, FieldType.FLOAT, FieldType.DOUBLE),
    }
)
_WHOLE = _NUMBERS - {FieldType.DECIMAL, FieldType.NEWDECIMAL, FieldType.FLOAT, FieldType.DOUBLE}
_TEMPORAL = frozenset({FieldType.DATE, FieldType.NEWDATE, FieldType.DATETIME, FieldType.TIMESTAMP, FieldType.TIME})
_OF_NUMBERS = b"0123456789+-.:eE "
Convert = Callable[[pa.Array], Values]


@dataclass(frozen=True, slots=True)
class _Cell:
    """How a column's values are written: what stands round them, what a NULL is, and what each byte becomes."""

    convert: Convert
    before: U8
    after: U8
    null: U8
    sizes: U8  # of each byte
    texts: U8  # of each byte, _WIDEST places each
    is_plain: bool  # no byte that a value may have becomes another


@kernel(void, u8r, i64r, i32r, u8r, i64, i64, i64w)
def _measure(data: U8, starts: I64, lengths: I32, sizes: U8, around: int, null: int, out: I64) -> None:
    for i in range(lengths.size):
        if lengths[i] < 0:
            out[i] += null
            continue
        total = np.int64(around)
        start = starts[i]
        for k in range(start, start + lengths[i]):
            total += np.int64(sizes[data[k]])
        out[i] += total


@kernel(void, u8r, i64r, i32r, u8r, u8r, u8r, u8r, u8r, i64w, u8w)
def _write(
    data: U8, starts: I64, lengths: I32, sizes: U8, texts: U8, before: U8, after: U8, null: U8, at: I64, out: U8
) -> None:
    for i in range(lengths.size):
        to = at[i]
        if lengths[i] < 0:
            for k in range(null.size):
                out[to + k] = null[k]
            at[i] = to + null.size
            continue
        for k in range(before.size):
            out[to + k] = before[k]
        to += before.size
        start = starts[i]
        for k in range(start, start + lengths[i]):
            byte = data[k]
            size = sizes[byte]
            if size == 1:
                out[to] = texts[np.int64(byte) * 6]
            else:
                for m in range(size):
                    out[to + m] = texts[np.int64(byte) * 6 + m]
            to += size
        for k in range(after.size):
            out[to + k] = after[k]
        at[i] = to + after.size


@kernel(void, i32r, i64, i64, i64w)
def _measure_plain(lengths: I32, around: int, null: int, out: I64) -> None:
    for i in range(lengths.size):
        out[i] += null if lengths[i] < 0 else np.int64(lengths[i]) + around


@kernel(void, u8r, i64r, i32r, u8r, u8r, u8r, i64w, u8w)
def _write_plain(data: U8, starts: I64, lengths: I32, before: U8, after: U8, null: U8, at: I64, out: U8) -> None:
    for i in range(lengths.size):
        to = at[i]
        if lengths[i] < 0:
            for k in range(null.size):
                out[to + k] = null[k]
            at[i] = to + null.size
            continue
        for k in range(before.size):
            out[to + k] = before[k]
        to += before.size
        start = starts[i]
        size = np.int64(lengths[i])
        for k in range(size):
            out[to + k] = data[start + k]
        to += size
        for k in range(after.size):
            out[to + k] = after[k]
        at[i] = to + after.size


class LineEncoder:
    """Writes the lines of one export. `backend` is "mysql" or "mariadb", whose negative zeros differ.

    Raises SecondaryEngineError for a column that has no text.
    """

    def __init__(self, definitions: Sequence[ColumnDefinition], spec: ExportSpec, backend: str = "mysql") -> None:
        self._negative_zero = backend != "mariadb"
        make = _csv_cells if spec.format == "csv" else _json_cells
        self._cells = make(definitions, spec)
        self.head = _header(definitions, spec) if spec.format == "csv" and spec.has_header else b""

    def encode(self, batch: pa.RecordBatch) -> memoryview:
        """Give the lines of a batch."""
        columns = [self._values(a, cell.convert) for a, cell in zip(batch.columns, self._cells, strict=True)]
        sizes = np.zeros(batch.num_rows, np.int64)
        for values, cell in zip(columns, self._cells, strict=True):
            around = cell.before.size + cell.after.size
            if cell.is_plain:
                _measure_plain(values.lengths, around, cell.null.size, sizes)
            else:
                _measure(values.data, values.starts, values.lengths, cell.sizes, around, cell.null.size, sizes)
        ends = np.cumsum(sizes, dtype=np.int64)
        at = ends - sizes
        out = np.empty(int(ends[-1]) if ends.size else 0, np.uint8)
        for v, c in zip(columns, self._cells, strict=True):
            if c.is_plain:
                _write_plain(v.data, v.starts, v.lengths, c.before, c.after, c.null, at, out)
            else:
                _write(v.data, v.starts, v.lengths, c.sizes, c.texts, c.before, c.after, c.null, at, out)
        return out.data

    def _values(self, array: pa.Array, convert: Convert) -> Values:
        if array.null_count == len(array):
            return null_values(len(array))
        if pa.types.is_floating(array.type) and not self._negative_zero:
            array = pa.compute.add(array, pa.scalar(0.0, array.type))
        return convert(array)


# --- CSV ---


def _csv_cells(definitions: Sequence[ColumnDefinition], spec: ExportSpec) -> list[_Cell]:
    cells = []
    for place, d in enumerate(definitions):
        convert = text_converter(d, spec.encoding)
        if convert is None:
            raise SecondaryEngineError(f"Column {d.name} has a type that is not exported")
        is_quoted = bool(spec.quotation_marks) and (spec.quote_all or d.type not in _NUMBERS)
        quote = spec.quotation_marks if is_quoted else ""
        lead = spec.field_delimiter if place else spec.record_start
        end = spec.record_delimiter if place == len(definitions) - 1 else ""
        sizes, texts = _csv_bytes(spec, quote)
        marks = _bytes(lead + quote), _bytes(quote + end), _bytes(lead + spec.null_text + end)
        cells.append(_Cell(convert, *marks, sizes, texts, _is_plain(d, sizes)))
    return cells


def _csv_bytes(spec: ExportSpec, quote: str) -> tuple[U8, U8]:
    sizes, texts = _plain()
    if spec.escape_character:
        behind = {spec.escape_character, spec.record_delimiter[0], quote or spec.field_delimiter[0]}
        for mark in behind:
            _become(sizes, texts, ord(mark), f"{spec.escape_character}{mark}".encode())
        _become(sizes, texts, 0, f"{spec.escape_character}0".encode())
    return sizes, texts


def _header(definitions: Sequence[ColumnDefinition], spec: ExportSpec) -> bytes:
    """The line of names, written as texts are."""
    names = pa.record_batch(
        [pa.array([d.name], pa.string()) for d in definitions], names=[str(i) for i in range(len(definitions))]
    )
    text = ColumnDefinition("", FieldType.VAR_STRING)
    plain = ExportSpec(spec.place, **{n: getattr(spec, n) for n in spec.__slots__ if n not in ("place", "has_header")})
    return bytes(LineEncoder([text] * len(definitions), plain).encode(names))


# --- JSON ---


def _json_cells(definitions: Sequence[ColumnDefinition], spec: ExportSpec) -> list[_Cell]:
    cells = []
    for place, d in enumerate(definitions):
        convert, is_bare = _json_converter(d, spec.encoding)
        name = json.dumps(d.name, ensure_ascii=False)
        lead = f"{',' if place else '{'}{name}:"
        end = "}" + spec.record_delimiter if place == len(definitions) - 1 else ""
        quote = "" if is_bare else '"'
        sizes, texts = _plain() if is_bare else _json_bytes()
        marks = _bytes(lead + quote), _bytes(quote + end), _bytes(f"{lead}null{end}")
        cells.append(_Cell(convert, *marks, sizes, texts, _is_plain(d, sizes)))
    return cells


def _json_converter(d: ColumnDefinition, charset: str) -> tuple[Convert, bool]:
    """How a value becomes JSON, and whether it stands without quotation marks."""
    if d.type in _WHOLE or d.type == FieldType.BIT:  # zeros in front are no JSON
        unsigned = bool(d.flags & FieldFlag.UNSIGNED) or d.type in (FieldType.YEAR, FieldType.BIT)
        return lambda a: integers.integer_text(a, unsigned), True
    if d.type == FieldType.JSON:
        return lambda a: strings.string_values(a, charset, _NOT_BINARY), True
    convert = text_converter(d, charset)
    if convert is None:
        raise SecondaryEngineError(f"Column {d.name} has a type that is not exported")
    if d.charset == BINARY_CHARSET and d.type not in _NUMBERS and _holds_bytes(d):
        raise SecondaryEngineError(f"Column {d.name} holds bytes, which JSON cannot: export TO_BASE64 or HEX of it")
    return convert, d.type in _NUMBERS


def _holds_bytes(d: ColumnDefinition) -> bool:
    return d.type not in _TEMPORAL


def _json_bytes() -> tuple[U8, U8]:
    sizes, texts = _plain()
    for byte in range(32):
        _become(sizes, texts, byte, json.dumps(chr(byte))[1:-1].encode())
    for mark in '"\\':
        _become(sizes, texts, ord(mark), f"\\{mark}".encode())
    return sizes, texts


# --- tables of bytes ---


def _is_plain(d: ColumnDefinition, sizes: U8) -> bool:
    """Tell whether no byte that such a column's values may have is written as something else."""
    if (sizes == 1).all():
        return True
    return (d.type in _NUMBERS or d.type in _TEMPORAL) and bool((sizes[list(_OF_NUMBERS)] == 1).all())


def _plain() -> tuple[U8, U8]:
    texts = np.zeros(256 * _WIDEST, np.uint8)
    texts[::_WIDEST] = np.arange(256, dtype=np.uint8)
    return np.ones(256, np.uint8), texts


def _become(sizes: U8, texts: U8, byte: int, text: bytes) -> None:
    sizes[byte] = len(text)
    texts[byte * _WIDEST : byte * _WIDEST + len(text)] = np.frombuffer(text, np.uint8)


def _bytes(text: str) -> U8:
    return np.frombuffer(text.encode(), np.uint8)
