"""Answers to the rows that an UPDATE or DELETE may come to, as a table that the backend looks them up in.

The rows are the backend's own packets, one text of JSON in each, as the user's connection has locked and read them. A
line of the table is the SHA-256 of a different input, which the statement computes of its row, and the answer.
"""

from collections.abc import Callable, Iterator

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from base.errors import MalformedPacket
from engine.load import kernels
from engine.ml.tables import Parts

INPUT, ANSWER = "warmfront_input", "warmfront_answer"
_LEAST = 5  # bytes of a row: a header and a length, or NULL
_NULL, _TWO, _THREE, _LAST = 0xFB, 0xFC, 0xFD, 0xFE  # first bytes of a row (length-encoded string; EOF packet)


def texts_of(packets: bytes) -> pa.Array:
    """Read the rows of a text result of one column, as they came behind its definitions. Raises MalformedPacket."""
    buffer = np.frombuffer(packets, np.uint8).copy()
    most = buffer.size // _LEAST + 1
    starts, ends = np.empty(most, np.int64), np.empty(most, np.int64)
    rows, _, ended = kernels.frame_rows(buffer, 0, buffer.size, starts, ends, 0)
    first = buffer[starts[:rows]]
    # Behind the rows may stand an OK packet with the session's news, which is longer than an EOF packet.
    if rows and first[-1] == _LAST:
        rows, ended = rows - 1, kernels.END
    if ended != kernels.END:
        raise MalformedPacket("rows that a statement changes")
    first, starts, ends = first[:rows], starts[:rows], ends[:rows]
    known = first != _NULL
    starts = starts + np.select([first == _TWO, first == _THREE], [3, 4], 1)
    offsets = np.zeros(rows + 1, np.int32)
    np.cumsum(np.where(known, ends - starts, 0), out=offsets[1:])
    data = np.empty(int(offsets[-1]), np.uint8)
    kernels.gather(buffer, starts, offsets, data)
    bits = pa.array(known).buffers()[1]
    found = pa.Array.from_buffers(pa.string(), rows, [bits, pa.py_buffer(offsets), pa.py_buffer(data)])
    found.validate(full=True)
    return found


def lookup(packets: bytes, answered: Callable[[pa.Array], Iterator[pa.Array]]) -> Parts:
    """Yield the lines of the table, a batch of answers at a time: at least once, for the columns.

    Args:
        answered: gives the answers to texts in order, in arrays of any lengths; null for none.
    """
    inputs = pc.unique(texts_of(packets)).drop_null()
    done = 0
    for answers in answered(inputs):
        sums = _sums(inputs.slice(done, len(answers)))
        done += len(answers)
        yield 0, pa.table({INPUT: sums, ANSWER: answers})
    if not done:
        yield 0, pa.table({INPUT: pa.array([], pa.binary()), ANSWER: pa.array([], pa.string())})


def _sums(texts: pa.Array) -> pa.ChunkedArray:
    with duckdb.connect(":memory:", config={"threads": 1}) as database:
        database.register("given", pa.table({"t": texts}))
        return database.execute("SELECT unhex(sha256(t)) AS t FROM given").to_arrow_table().column(0)
