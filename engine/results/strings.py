"""Strings and bytes, in the session's character_set_results."""

import codecs

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from base.errors import SecondaryEngineError
from engine.results.arrow import cast, validity
from engine.results.assemble import Values
from engine.results.kernel import I32, I64, U8, i32w, i64r, i64w, kernel, u8r, u8w, void
from wire.constants import BINARY_CHARSET

UNCHANGED = frozenset({"utf8mb4", "binary"})
_UTF8MB3 = frozenset({"utf8mb3", "utf8"})
# Character sets of columns by the numbers of their collations, MariaDB's from 576 on.
# Source: information_schema.COLLATIONS of both servers.
_OF_COLLATION: dict[int, str] = {
    **dict.fromkeys((5, 8, 15, 31, 47, 48, 49, 94, 1032, 1071), "latin1"),
    **dict.fromkeys((11, 65, 1035, 1089), "ascii"),
    **dict.fromkeys((33, 76, 83, *range(192, 216), 223, 576, 577, 578, 1057, 1107, 1216, 1238), "utf8mb3"),
    **dict.fromkeys(range(2048, 2304), "utf8mb3"),
    **dict.fromkeys((45, 46, *range(224, 248), *range(255, 324)), "utf8mb4"),
    **dict.fromkeys((608, 609, 610, 1069, 1070, 1248, 1270, *range(2304, 2560)), "utf8mb4"),
    BINARY_CHARSET: "binary",
}


def _latin1_table() -> U8:
    """Code point to byte as MySQL's latin1: cp1252, its five holes filled with the C1 controls; 0 is unmapped."""
    table = np.zeros(65536, np.uint8)
    for byte in range(256):
        try:
            point = ord(codecs.decode(bytes((byte,)), "cp1252"))
        except UnicodeDecodeError:
            point = byte
        table[point] = byte
    return table


def _ascii_table() -> U8:
    table = np.zeros(65536, np.uint8)
    table[:128] = np.arange(128)
    return table


_TABLES = {"latin1": _latin1_table(), "ascii": _ascii_table()}


@kernel(void, u8r, i64r, i32w, u8r, i64w, u8w)
def _to_single_byte(text: U8, offsets: I64, lengths: I32, table: U8, starts: I64, out: U8) -> None:
    """Convert UTF-8 to one byte per character; what the character set lacks becomes "?", as in MySQL."""
    at = 0
    for i in range(lengths.size):
        starts[i] = at
        if lengths[i] < 0:
            continue
        k = offsets[i]
        end = offsets[i + 1]
        while k < end:
            first = text[k]
            if first < 0x80:
                point = np.int64(first)
                k += 1
            elif first < 0xE0:
                point = (np.int64(first) & 0x1F) << 6 | (np.int64(text[k + 1]) & 0x3F)
                k += 2
            elif first < 0xF0:
                point = (np.int64(first) & 0x0F) << 12 | (np.int64(text[k + 1]) & 0x3F) << 6
                point |= np.int64(text[k + 2]) & 0x3F
                k += 3
            else:
                point = np.int64(0xFFFF)
                k += 4
            byte = table[point]
            out[at] = 63 if byte == 0 and point != 0 else byte
            at += 1
        lengths[i] = at - starts[i]


@kernel(void, u8r, i64r, i32w, i64w, u8w)
def _to_utf8mb3(text: U8, offsets: I64, lengths: I32, starts: I64, out: U8) -> None:
    """Replace characters of four bytes by "?", as MySQL does for utf8mb3."""
    at = 0
    for i in range(lengths.size):
        starts[i] = at
        if lengths[i] < 0:
            continue
        k = offsets[i]
        end = offsets[i + 1]
        while k < end:
            if text[k] >= 0xF0:
                out[at] = 63
                k += 4
            else:
                out[at] = text[k]
                k += 1
            at += 1
        lengths[i] = at - starts[i]


def sent_charset(results: str, collation: int) -> str:
    """The character set in which a column's strings are sent; one that nobody knows when it is not certain.

    Where character_set_results is NULL, as Connector/J sets it, each column's are sent in its own.
    """
    return results or _OF_COLLATION.get(collation, "of the column itself")


def knows_charset(name: str) -> bool:
    """Tell whether strings can be sent in this character set."""
    return name in UNCHANGED or name in _UTF8MB3 or name in _TABLES


def string_values(array: pa.Array, charset: str, column_charset: int) -> Values:
    """Strings as the client asked for them; `column_charset` 63 is bytes, which nothing converts."""
    if column_charset == BINARY_CHARSET and not pa.types.is_string(array.type):
        text = cast(array, pa.large_binary())
    else:
        text = cast(array, pa.large_string())
    offsets = np.frombuffer(text.buffers()[1], np.int64)[text.offset : text.offset + len(text) + 1]
    buffer = text.buffers()[2]
    data = np.zeros(1, np.uint8) if buffer is None or not buffer.size else np.frombuffer(buffer, np.uint8)
    sizes = np.diff(offsets)
    if sizes.size and sizes.max() > np.iinfo(np.int32).max:
        raise SecondaryEngineError("A string of the result is longer than 2 GiB")
    lengths = np.where(validity(text) == 1, sizes, -1).astype(np.int32)
    starts = np.ascontiguousarray(offsets[:-1])
    if column_charset == BINARY_CHARSET or charset in UNCHANGED or _is_ascii(text):
        return Values(data, starts, lengths)
    return _convert(data, offsets, lengths, charset)


def _is_ascii(text: pa.Array) -> bool:
    return bool(pc.all(pc.string_is_ascii(text)).as_py() is not False)


def _convert(data: U8, offsets: I64, lengths: I32, charset: str) -> Values:
    starts = np.empty(lengths.size, np.int64)
    out = np.empty(int(np.maximum(lengths, 0).sum()) + 1, np.uint8)
    if charset in _UTF8MB3:
        _to_utf8mb3(data, offsets, lengths, starts, out)
    elif charset in _TABLES:
        _to_single_byte(data, offsets, lengths, _TABLES[charset], starts, out)
    else:
        raise SecondaryEngineError(f"Results in character set {charset} are not supported")
    return Values(out, starts, lengths)
