"""What goes into an ONNX model and what comes out: names, types of values and shapes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# TensorProto.DataType by number: as onnxruntime names it, and the type of numpy.
TYPES: Mapping[int, tuple[str, str]] = {
    1: ("float", "float32"),
    2: ("uint8", "uint8"),
    3: ("int8", "int8"),
    4: ("uint16", "uint16"),
    5: ("int16", "int16"),
    6: ("int32", "int32"),
    7: ("int64", "int64"),
    8: ("string", "str_"),
    9: ("bool", "bool_"),
    10: ("float16", "float16"),
    11: ("double", "float64"),
    12: ("uint32", "uint32"),
    13: ("uint64", "uint64"),
}
NUMPY: Mapping[str, str] = {f"tensor({name})": own for name, own in TYPES.values()}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output. `type` is "tensor(float)" and the like; None in `shape` is any size.

    `labels` are the names of an output's columns, where the model has them beside it.
    """

    name: str
    type: str
    shape: tuple[int | None, ...]
    labels: tuple[str | int, ...] = ()

    @property
    def width(self) -> int:
        """How many values a row has."""
        found = 1
        for size in self.shape[1:]:
            found *= size or 1
        return found

    def plain(self) -> list[Any]:
        """As JSON has it."""
        return [self.name, self.type, list(self.shape), list(self.labels)]


def port_from(plain: Sequence[Any]) -> Port:
    """Make a port of what `plain` gave."""
    name, kind, shape, labels = plain
    return Port(name, kind, tuple(shape), tuple(labels))


@dataclass(frozen=True, slots=True)
class Ports:
    """All of a model's."""

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
