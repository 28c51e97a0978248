"""An ONNX model in onnxruntime, in this process: what the process that runs a model uses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from automl.errors import AutoMLError
from automl.onnx import checked
from automl.onnx.ports import NUMPY, Port, Ports
from automl.onnx.tensors import Tensor, tensor_of
from automl.stored.parts import BadModel

_THREADS = 2
_LONGEST = 300  # characters of what onnxruntime complains of


class Session:
    """A model that can be run. Making it checks the file and loads onnxruntime. Raises BadModel."""

    def __init__(self, data: bytes) -> None:
        import onnxruntime

        shortened, ports = checked.read(data)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = _THREADS
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(shortened, options, providers=["CPUExecutionProvider"])
        except Exception as problem:  # of many kinds, with no common base
            raise BadModel(f"onnxruntime refuses it ({_said(problem)})") from None
        known = {each.name: each for each in self._session.get_inputs()}
        for port in ports.inputs:
            if port.name not in known or known[port.name].type != port.type:
                raise BadModel(f"its input '{port.name}' is not what it says")
        outputs = self._session.get_outputs()
        if len(outputs) != len(ports.outputs):
            raise BadModel("its outputs are not what it says")
        self._outputs = [each.name for each in outputs]
        self.ports = Ports(
            tuple(_sized(port, known[port.name].shape) for port in ports.inputs),
            tuple(
                port if port.labels else _sized(Port(port.name, each.type, ()), each.shape)
                for port, each in zip(ports.outputs, outputs, strict=True)
            ),
        )
        for port in self.ports.outputs:
            if port.type not in NUMPY:
                raise BadModel(f"output '{port.name}' is {port.type}, and only tensors can be read")

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the outputs by the names of the ports. Raises AutoMLError."""
        try:
            found = self._session.run(self._outputs, {name: tensor.array() for name, tensor in feeds.items()})
            return {
                port.name: tensor_of(np.asarray(each)) for port, each in zip(self.ports.outputs, found, strict=True)
            }
        except Exception as problem:
            raise AutoMLError(f"The model stopped at these rows: {_said(problem)}") from None

    def close(self) -> None:
        """Nothing is kept outside of memory."""


def _sized(port: Port, shape: Sequence[Any]) -> Port:
    return Port(port.name, port.type, tuple(size if isinstance(size, int) else None for size in shape), port.labels)


def _said(problem: Exception) -> str:
    text = " ".join(str(problem).split())
    return text[:_LONGEST] or type(problem).__name__
