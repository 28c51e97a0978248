"""One column of a result's rows taken out, and put back with other texts, from packet to packet. Sans-IO.

The loops are written so that numba compiles them as they stand (`wire.cell_walk`): few rows are not worth loading it.
Sources: "Text Resultset Row" and "Binary Protocol Resultset Row" of the MySQL protocol documentation.
"""

from collections.abc import Sequence
from typing import Any

from wire.constants import FieldType

LENGTH_FIRST, BYTE_FIRST = 0, 255  # widths of values whose length stands before them, length-encoded or in one byte
_WIDTHS = {
    FieldType.TINY: 1,
    FieldType.SHORT: 2,
    FieldType.YEAR: 2,
    FieldType.INT24: 4,
    FieldType.LONG: 4,
    FieldType.FLOAT: 4,
    FieldType.LONGLONG: 8,
    FieldType.DOUBLE: 8,
    FieldType.NULL: LENGTH_FIRST,  # never there
    FieldType.DATE: BYTE_FIRST,
    FieldType.DATETIME: BYTE_FIRST,
    FieldType.TIMESTAMP: BYTE_FIRST,
    FieldType.TIME: BYTE_FIRST,
}
DAMAGED = -1
TOO_LONG = -2  # a row of 16 MiB, which is in several packets


def widths_of(types: Sequence[int], binary: bool) -> bytes:
    """Give how each column's values lie in a row of one of the protocols."""
    return bytes(_WIDTHS.get(FieldType(kind), LENGTH_FIRST) if binary else LENGTH_FIRST for kind in types)


def find(data: Any, at: int, widths: Any, wanted: int, binary: bool, places: Any) -> int:
    """Look for a column's cell in each row from a place on, up to the packet that ends them; gives how many there are.

    Args:
        places: takes four for each row: the packet, the cell, its text (the same for NULL), and the end of both.

    Returns:
        DAMAGED, or TOO_LONG.
    """
    rows = 0
    size = len(data)
    while at + 5 <= size:
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        end = at + 4 + length
        if length == 0xFFFFFF:
            return -2
        if data[at + 4] >= 0xFE:
            return rows
        if end > size:
            return -1
        cell = at + 4
        nulls = cell + 1
        if binary:
            cell = nulls + (len(widths) + 9) // 8
        for column in range(wanted + 1):
            width = widths[column]
            text = cell
            behind = cell
            if binary and data[nulls + (column + 2) // 8] >> ((column + 2) % 8) & 1:
                pass
            elif cell >= end:
                return -1
            elif width == 0:
                first = data[cell]
                text = cell + 1
                behind = text
                if first < 0xFB:
                    behind = text + first
                elif first == 0xFB:
                    text = cell  # NULL
                elif first == 0xFC and cell + 3 <= end:
                    text = cell + 3
                    behind = text + (data[cell + 1] | data[cell + 2] << 8)
                elif first == 0xFD and cell + 4 <= end:
                    text = cell + 4
                    behind = text + (data[cell + 1] | data[cell + 2] << 8 | data[cell + 3] << 16)
                else:
                    return -1
            elif width == 255:
                behind = cell + 1 + data[cell]
            else:
                behind = cell + width
            if behind > end:
                return -1
            if column == wanted:
                places[4 * rows] = at
                places[4 * rows + 1] = cell
                places[4 * rows + 2] = text
                places[4 * rows + 3] = behind
            cell = behind
        rows += 1
        at = end
    return -1


def join(data: Any, places: Any, rows: int, out: Any) -> int:
    """Write the texts with NUL between them, nothing for NULL; gives how many bytes they are."""
    at = 0
    for row in range(rows):
        if row:
            out[at] = 0
            at += 1
        start = places[4 * row + 2]
        if start == places[4 * row + 1]:
            continue
        for place in range(start, places[4 * row + 3]):
            out[at] = data[place]
            at += 1
    return at


def splice(data: Any, places: Any, rows: int, texts: Any, binary: bool, sequence: int, out: Any) -> int:
    """Write the rows with other texts in their cells, NUL between them, nothing for NULL; packets are numbered anew.

    Returns:
        The bytes written; DAMAGED for another number of texts, or one that is not NULL where the cell was; TOO_LONG.
    """
    read = 0
    size = len(texts)
    at = 0
    for row in range(rows):
        begin = places[4 * row]
        cell = places[4 * row + 1]
        behind = places[4 * row + 3]
        end = begin + 4 + (data[begin] | data[begin + 1] << 8 | data[begin + 2] << 16)
        last = read
        while last < size and texts[last] != 0:
            last += 1
        if (last == size) != (row == rows - 1) or (binary and (last > read) != (behind > cell)):
            return -1
        length = last - read
        head = at
        at += 4
        for place in range(begin + 4, cell):
            out[at] = data[place]
            at += 1
        if length == 0:
            if not binary:
                out[at] = 0xFB
                at += 1
        else:
            if length < 0xFB:
                out[at] = length
                at += 1
            elif length < 0x10000:
                out[at] = 0xFC
                out[at + 1] = length & 0xFF
                out[at + 2] = length >> 8
                at += 3
            else:
                out[at] = 0xFD
                out[at + 1] = length & 0xFF
                out[at + 2] = length >> 8 & 0xFF
                out[at + 3] = length >> 16
                at += 4
            for place in range(read, last):
                out[at] = texts[place]
                at += 1
        for place in range(behind, end):
            out[at] = data[place]
            at += 1
        payload = at - head - 4
        if payload >= 0xFFFFFF or length >= 0x1000000:
            return -2
        out[head] = payload & 0xFF
        out[head + 1] = payload >> 8 & 0xFF
        out[head + 2] = payload >> 16
        out[head + 3] = (sequence + row) & 0xFF
        read = last + 1
    return at
