"""Which of the 256 byte values a string column holds: 32 bytes per column, OR-ed with every change.

Bit 255 means that some value ends with a space (`engine.collate.presence` says what that is for): the byte itself
never occurs in UTF-8.
"""

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

EMPTY = bytes(32)


@numba.njit(nogil=True, cache=True)
def _mark_bytes(data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int32], flags: npt.NDArray[np.uint8]) -> None:
    """Set flags[b] for each byte value b of the values between offsets, and flags[255] when one ends with a space."""
    for i in range(offsets[0], offsets[-1]):
        flags[data[i]] = 1
    if flags[32]:
        for i in range(offsets.shape[0] - 1):
            if offsets[i + 1] > offsets[i] and data[offsets[i + 1] - 1] == 32:
                flags[255] = 1
                break


def byte_presence(column: pa.Array) -> bytes:
    """The presence bits of a string array: bit b & 7 of byte b >> 3 is set when the byte b occurs."""
    flags = np.zeros(256, np.uint8)
    _, offsets, data = column.buffers()
    if data is not None and len(column):
        ends = np.frombuffer(offsets, np.int32, len(column) + 1, column.offset * 4)
        _mark_bytes(np.frombuffer(data, np.uint8), ends, flags)
    return np.packbits(flags, bitorder="little").tobytes()


def merge_presence(left: bytes, right: bytes) -> bytes:
    """OR two presence bitmaps."""
    return (int.from_bytes(left, "little") | int.from_bytes(right, "little")).to_bytes(32, "little")


def presence_of(rows: pa.RecordBatch | pa.Table) -> dict[str, bytes]:
    """The presence bits of every column of text."""
    found = {}
    for field in rows.schema:
        if not pa.types.is_string(field.type):
            continue
        column = rows.column(field.name)
        bits = EMPTY
        for chunk in column.chunks if isinstance(column, pa.ChunkedArray) else [column]:
            bits = merge_presence(bits, byte_presence(chunk))
        found[field.name] = bits
    return found
