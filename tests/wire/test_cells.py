"""A column of rows taken out and put back, in plain Python and compiled, in both protocols."""

from array import array
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from wire import cell_walk, cells
from wire.binary_rows import build_binary_row
from wire.constants import FieldType
from wire.framing import build_packets
from wire.responses import ColumnDefinition, build_text_row

Row = list[bytes | None]
TYPES = (FieldType.LONGLONG, FieldType.DATETIME, FieldType.VAR_STRING, FieldType.TINY, FieldType.BLOB, FieldType.DOUBLE)
DEFINITIONS = [ColumnDefinition("c", kind) for kind in TYPES]
END = b"\xfe\0\0\2\0"
WANTED = 2


def made(count: int) -> list[Row]:
    rows: list[Row] = []
    for number in range(count):
        text = None if number % 5 == 2 else b'{"a": %d}' % number * (1 + number * 7 % 60)
        moment = (None, b"2024-05-01 10:11:12.5", b"2024-05-01", b"0000-00-00 00:00:00")[number % 4]
        blob = b"\xff" * (number * 131 % 70_000) if number % 3 else None
        rows.append([b"%d" % number, moment, text, b"7" if number % 2 else None, blob, b"1.5"])
    return rows


def packed(rows: Sequence[Row], binary: bool, first: int) -> bytes:
    payloads = [build_binary_row(row, DEFINITIONS) if binary else build_text_row(row) for row in rows]
    return b"".join(build_packets(part, (first + number) & 0xFF) for number, part in enumerate([*payloads, END]))


class Loops:
    """The loops of a module, with buffers as it takes them."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._views = module is cell_walk

    def __call__(self, name: str, *arguments: Any) -> int:
        given = [self._view(each) for each in arguments]
        return int(getattr(self._module, name)(*given))

    def _view(self, value: Any) -> Any:
        if not self._views or isinstance(value, int):
            return value
        return np.frombuffer(value, np.int64 if isinstance(value, array) else np.uint8)


@pytest.fixture(params=[cells, cell_walk], ids=["plain", "compiled"])
def loops(request: Any) -> Loops:
    return Loops(request.param)


def found(loops: Loops, data: bytes, binary: bool) -> tuple[int, Any]:
    places = array("q", bytes(32 * (len(data) // 5 + 1)))
    return loops("find", data, 0, cells.widths_of(TYPES, binary), WANTED, binary, places), places


@pytest.mark.parametrize("binary", [False, True])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_texts_are_taken_out_and_others_put_in(loops: Loops, binary: bool, count: int) -> None:
    rows = made(count)
    data = packed(rows, binary, 9)
    number, places = found(loops, data, binary)
    assert number == count
    out = bytearray(len(data))
    size = loops("join", data, places, count, out)
    assert bytes(out[:size]) == b"\0".join(row[WANTED] or b"" for row in rows)
    others = [None if row[WANTED] is None else b"[" + b"x" * (place * 997 % 66_000) for place, row in enumerate(rows)]
    texts = b"\0".join(other or b"" for other in others)
    out = bytearray(len(data) + len(texts) + 4 * count)
    size = loops("splice", data, places, count, texts, binary, 250, out)
    wanted = [[*row[:WANTED], other, *row[WANTED + 1 :]] for row, other in zip(rows, others, strict=True)]
    assert bytes(out[:size]) + build_packets(END, (250 + count) & 0xFF) == packed(wanted, binary, 250)


@pytest.mark.parametrize("binary", [False, True])
def test_damaged_rows_are_told(loops: Loops, binary: bool) -> None:
    data = packed(made(3), binary, 1)
    assert found(loops, data[:-9], binary)[0] == cells.DAMAGED  # nothing ends them
    assert found(loops, data[:40], binary)[0] == cells.DAMAGED
    short = build_packets((b"\0\0\0" if binary else b"\xf0") + b"short", 1)
    assert found(loops, short + build_packets(END, 2), binary)[0] == cells.DAMAGED
    long = b"\xff\xff\xff\1" + bytes(20)
    assert found(loops, long, binary)[0] == cells.TOO_LONG


@pytest.mark.parametrize("texts", [b"a", b"a\0b\0c", b""])
def test_another_number_of_texts_is_told(loops: Loops, texts: bytes) -> None:
    data = packed([[b"1", None, b"x", None, None, None]] * 2, False, 1)
    number, places = found(loops, data, False)
    out = bytearray(len(data) + len(texts) + 8)
    assert loops("splice", data, places, number, texts, False, 1, out) == cells.DAMAGED
