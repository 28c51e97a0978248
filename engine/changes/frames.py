"""Changes as one Arrow record batch, to be written down: rows, kinds, and what is missing of the rows."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from engine.changes.changes import VALUE, Changes, Missing

_KIND = "_warmfront_kind"
_KNOWN = "_warmfront_known"
_DIFFERENCE = "_warmfront_difference_"


def pack_known(known: npt.NDArray[np.uint8] | None, rows: int) -> pa.Array:
    """One string of bytes per row, NULL where every cell is a value; `known` is of columns and rows."""
    if known is None:
        return pa.nulls(rows, pa.binary())
    packed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(known.shape[0]), rows, [None, pa.py_buffer(np.ascontiguousarray(known.T))]
    )
    return pc.if_else(pa.array((known == VALUE).all(axis=0)), pa.scalar(None, pa.binary()), packed.cast(pa.binary()))


def unpack_known(packed: pa.Array, columns: int) -> npt.NDArray[np.uint8]:
    """Read what `pack_known` wrote."""
    whole = pc.fill_null(packed, bytes((VALUE,)) * columns).cast(pa.binary(columns))
    return (
        np.frombuffer(whole.buffers()[1], np.uint8, len(whole) * columns, whole.offset * columns)
        .reshape(-1, columns)
        .T.copy()
    )


def to_batch(changes: Changes) -> pa.RecordBatch:
    """Put everything but the table's name into one record batch."""
    batch = changes.rows.append_column(_KIND, pa.array(changes.kinds))
    if changes.missing is not None:
        batch = batch.append_column(_KNOWN, pack_known(changes.missing.known, len(changes.kinds)))
        for name, differences in changes.missing.differences.items():
            batch = batch.append_column(_DIFFERENCE + name, differences)
    return batch


def from_batch(schema: str, name: str, batch: pa.RecordBatch) -> Changes:
    """Read what `to_batch` wrote."""
    own = [field for field in batch.schema.names if field.startswith("_warmfront_")]
    rows = batch.drop_columns(own)
    missing = None
    if _KNOWN in own:
        differences = {
            field.removeprefix(_DIFFERENCE): batch.column(field) for field in own if field.startswith(_DIFFERENCE)
        }
        missing = Missing(unpack_known(batch.column(_KNOWN), rows.num_columns), differences)
    return Changes(schema, name, batch.column(_KIND).to_numpy(), rows, missing)
