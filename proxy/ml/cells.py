"""A column of rows as the backend sent them: its texts taken out, others put in their places, all rows in one pass.

Few rows are passed in plain Python; for more the same loops are compiled, which loads the compiler once in a thread.
"""

import asyncio
from array import array
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from base.errors import MalformedPacket
from proxy.ml.backend import MLError
from wire import cells

_FEW = 1 << 16  # bytes of rows that are passed sooner than the compiler is loaded
_LEAST = 5  # bytes of a row's packet
_FOUR = 4  # places that are kept of a row


@dataclass(frozen=True, slots=True)
class Rows:
    """Packets of rows and what ends them. `binary` tells the protocol, `widths` how its columns lie in a row."""

    packets: bytes
    widths: bytes
    binary: bool


@dataclass(frozen=True, slots=True)
class Column:
    """The texts of a column with NUL between them, nothing for NULL, and where they were."""

    texts: bytes
    rows: int
    places: Any


async def column(found: Rows, wanted: int) -> Column:
    """Take out a column. Raises MLError for a row of 16 MiB, MalformedPacket."""
    loops = await _loops(found)
    places = array("q", bytes(8 * _FOUR * (len(found.packets) // _LEAST + 1)))
    out = bytearray(len(found.packets))
    data, widths, kept, room = _views(loops, found.packets, found.widths, places, out)
    rows = _checked(loops.find(data, 0, widths, wanted, found.binary, kept))
    return Column(bytes(out[: loops.join(data, kept, rows, room)]), rows, places)


async def replaced(found: Rows, taken: Column, texts: bytes, sequence: int) -> Rows:
    """Give the rows with other texts in a column, numbered from a packet on. Raises MLError, MalformedPacket."""
    loops = await _loops(found)
    out = bytearray(len(found.packets) + len(texts) + _FOUR * taken.rows)
    data, kept, given, room = _views(loops, found.packets, taken.places, texts, out)
    size = _checked(loops.splice(data, kept, taken.rows, given, found.binary, sequence, room))
    end = taken.places[_FOUR * (taken.rows - 1)] if taken.rows else 0
    if taken.rows:
        end += 4 + int.from_bytes(found.packets[end : end + 3], "little")
    return Rows(bytes(out[:size]) + found.packets[end:], found.widths, found.binary)


async def _loops(found: Rows) -> ModuleType:
    return cells if len(found.packets) <= _FEW else await asyncio.to_thread(_compiled)


def _compiled() -> ModuleType:
    from wire import cell_walk

    return cell_walk


def _views(loops: ModuleType, *buffers: Any) -> list[Any]:
    """Give buffers as compiled loops take them."""
    if loops is cells:
        return list(buffers)
    import numpy as np

    return [np.frombuffer(each, np.int64 if isinstance(each, array) else np.uint8) for each in buffers]


def _checked(found: int) -> int:
    if found == cells.TOO_LONG:
        raise MLError("A row with its answer is more than 16 MiB: use sys.ML_PREDICT_TABLE")
    if found < 0:
        raise MalformedPacket("rows with inputs of a model")
    return found
