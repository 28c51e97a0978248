"""Tensors between processes: values in one flat Arrow array, and the shape."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Tensor:
    """`values` are numbers, truth values or strings, row after row."""

    values: pa.Array
    shape: tuple[int, ...]

    def array(self) -> NDArray[Any]:
        """Give it as numpy has it; strings as objects."""
        found: NDArray[Any] = self.values.to_numpy(zero_copy_only=False).reshape(self.shape)
        return found


def tensor_of(array: NDArray[Any]) -> Tensor:
    """Take numpy's array."""
    flat = np.ascontiguousarray(array).ravel()
    return Tensor(pa.array(flat, pa.string()) if flat.dtype.kind in "OU" else pa.array(flat), array.shape)


def write(stream: BinaryIO, tensors: Mapping[str, Tensor]) -> None:
    """Write tensors: a line of names and shapes, then a stream of Arrow for each."""
    head = [[name, list(tensor.shape)] for name, tensor in tensors.items()]
    stream.write(json.dumps(head).encode() + b"\n")
    for tensor in tensors.values():
        schema = pa.schema([("values", tensor.values.type)])
        with pa.ipc.new_stream(stream, schema) as writer:
            writer.write_batch(pa.record_batch([tensor.values], schema=schema))
    stream.flush()


def read(stream: BinaryIO, line: bytes) -> dict[str, Tensor]:
    """Read what `write` wrote, whose first line was read already."""
    found = {}
    for name, shape in json.loads(line):
        with pa.ipc.open_stream(stream) as reader:
            values = reader.read_all().column(0).combine_chunks()
        found[name] = Tensor(values, tuple(shape))
    return found
