"""CRC32 inside DuckDB: a function over Arrow buffers, a byte of all texts at a time (the polynomial of zlib)."""

import contextlib
from typing import Any, cast

import duckdb
import numpy as np
import pyarrow as pa

_LONGEST = 1 << 16  # bytes of a text
_POLYNOMIAL = 0xEDB88320
_ALL = np.uint32(0xFFFFFFFF)


def _table() -> "np.ndarray[Any, np.dtype[np.uint32]]":
    made = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        made = np.where(made & 1, (made >> 1) ^ np.uint32(_POLYNOMIAL), made >> 1)
    return made


_TABLE = _table()


class Checksum:
    """The function that `CRC32` calls in DuckDB."""

    function = "mysql_crc32"

    def register(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the function callable on a database, from all its connections; nothing to do when it is already."""
        with contextlib.suppress(duckdb.CatalogException):
            connection.create_function(
                self.function,
                checksums,
                [duckdb.sqltype("VARCHAR")],
                duckdb.sqltype("BIGINT"),
                type=cast(Any, "arrow"),
                null_handling=cast(Any, "special"),
            )


def checksums(column: "pa.Array | pa.ChunkedArray") -> pa.Array:
    """Give the checksum of each text, NULL for NULL; raises ValueError for texts of more than 64 KiB."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    wide = pa.types.is_large_string(column.type)
    _, offset_buffer, data_buffer = column.buffers()
    rows, first = len(column), column.offset
    missing = column.is_null().to_numpy(zero_copy_only=False)
    if data_buffer is None:  # no text has a byte
        return pa.array(np.zeros(rows, np.int64), mask=missing)
    offsets = np.frombuffer(offset_buffer, np.int64 if wide else np.int32)[first : first + rows + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, np.uint8)
    lengths = np.where(missing, 0, np.diff(offsets))
    if lengths.max(initial=0) > _LONGEST:
        raise ValueError("a text is too long for CRC32")
    order = np.argsort(-lengths, kind="stable")  # so that the texts which have another byte are the first
    starts, found = offsets[:-1][order], np.full(rows, _ALL)
    rising = np.sort(lengths)
    for at in range(int(lengths.max(initial=0))):
        live = rows - int(np.searchsorted(rising, at, side="right"))
        state = found[:live]
        found[:live] = _TABLE[(state ^ data[starts[:live] + at]) & 255] ^ (state >> 8)
    sums = np.empty(rows, np.int64)
    sums[order] = found ^ _ALL
    return pa.array(sums, mask=missing)
