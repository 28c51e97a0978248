"""Reach into Arrow arrays: validity and value buffers as numpy arrays, without copies where there is a choice."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from base.errors import SecondaryEngineError
from engine.results.kernel import I64, U8


def validity(array: pa.Array) -> U8:
    """One byte per row: 1 for a value, 0 for NULL."""
    if array.null_count == 0:
        return np.ones(len(array), np.uint8)
    valid: npt.NDArray[np.bool_] = pc.is_valid(array).to_numpy(zero_copy_only=False)
    return valid.view(np.uint8)


def fixed_values(array: pa.Array, dtype: Any, per_row: int = 1) -> npt.NDArray[Any]:
    """The value buffer of a fixed-width array; rows that are NULL hold anything."""
    values = np.frombuffer(array.buffers()[1], dtype)
    return values[array.offset * per_row : (array.offset + len(array)) * per_row]


def cast(array: pa.Array, to: pa.DataType) -> pa.Array:
    """Cast exactly, or refuse: a value that does not fit its column must not reach a client."""
    if array.type == to:
        return array
    try:
        return pc.cast(array, to)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise SecondaryEngineError(f"The result's {array.type} does not fit its column: {error}") from error


def slots(rows: int, width: int) -> I64:
    """Where each row's bytes start in a buffer of fixed-width slots."""
    return np.arange(0, rows * width, width, dtype=np.int64)
