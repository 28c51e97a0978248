"""What a user says of an ONNX model with ML_MODEL_IMPORT (mys-hwaml-onnx-metadata), checked against its ports."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from automl.errors import AutoMLError, near
from automl.onnx.ports import NUMPY, Port, Ports
from automl.terms.tasks import SUPERVISED, Task

FORMAT = "ONNXv2.0"
_KEYS = ("data_types_map",), ("predictions_name", "prediction_probabilities_name", "labels_map")
# HeatWave's list of numpy types, but for those of dates and complex numbers, which no column has.
_DTYPES = frozenset(
    (
        *("str_", "unicode_", "int8", "int16", "int32", "int64", "int_", "uint8", "uint16", "uint32", "uint64"),
        *("byte", "ubyte", "short", "ushort", "intc", "uintc", "uint", "longlong", "ulonglong", "intp", "uintp"),
        *("float16", "float32", "float64", "half", "single", "longfloat", "double", "longdouble", "bool_"),
    )
)
_OLDER = {"unicode_": "str_", "longfloat": "float64"}  # names that numpy has given up
MOST_LABELS = 100_000


@dataclass(frozen=True)
class About:
    """How a model is used: its columns in order, its answers' names, the names of its classes."""

    task: Task
    target: str
    columns: tuple[str, ...]  # empty: those of the table, in order
    dtypes: Mapping[str, str]  # by the type of the input
    predictions: str | None
    chances: str | None
    labels: Mapping[str, Any]  # by what the model gives, or by its place

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "target": self.target,
            "columns": list(self.columns),
            "dtypes": dict(self.dtypes),
            "predictions": self.predictions,
            "chances": self.chances,
            "labels": dict(self.labels),
        }


def about_from(task: Task, plain: Mapping[str, Any], ports: Ports) -> About:
    """Make it of what `plain` gave. Raises AutoMLError."""
    outputs = {"predictions_name": plain.get("predictions"), "prediction_probabilities_name": plain.get("chances")}
    outputs["labels_map"] = plain.get("labels") or None
    given = {
        "task": str(task),
        "target_column_name": plain.get("target"),
        "column_names": plain.get("columns") or None,
        "onnx_inputs_info": {"data_types_map": plain.get("dtypes") or {}},
        "onnx_outputs_info": {name: value for name, value in outputs.items() if value is not None},
    }
    return read_about(given, ports)


def read_about(given: Mapping[str, Any], ports: Ports) -> About:
    """Read the metadata of an import.

    Raises:
        AutoMLError: a key or value is wrong, or does not fit the model.
    """
    try:
        task = Task(str(given.get("task") or "classification").casefold())
    except ValueError:
        raise AutoMLError(f"Unknown task {given.get('task')!r}.{near(str(given.get('task')), SUPERVISED)}") from None
    if task not in SUPERVISED:
        raise AutoMLError(f"An ONNX model is for classification or regression, not for {task}.")
    inputs = _object(given, "onnx_inputs_info", _KEYS[0])
    outputs = _object(given, "onnx_outputs_info", _KEYS[1])
    predictions = _output(outputs, "predictions_name", ports)
    chances = _output(outputs, "prediction_probabilities_name", ports)
    if task is Task.REGRESSION:
        if chances is not None:
            raise AutoMLError("'prediction_probabilities_name' is for a classification, and the task is regression.")
        if predictions is None:
            if len(ports.outputs) > 1:
                raise AutoMLError(f"The model has several outputs: say with 'predictions_name' which.{_known(ports)}")
            predictions = ports.outputs[0].name
    elif predictions is None and chances is None:
        raise AutoMLError(
            "A classification needs 'predictions_name', 'prediction_probabilities_name' or both in "
            f"'onnx_outputs_info'.{_known(ports)}"
        )
    target = given.get("target_column_name")
    return About(
        task,
        target if isinstance(target, str) and target else "prediction",
        _columns(given.get("column_names"), ports),
        _dtypes(inputs.get("data_types_map")),
        predictions,
        chances,
        _labels(outputs.get("labels_map")),
    )


def _object(given: Mapping[str, Any], name: str, keys: Sequence[str]) -> Mapping[str, Any]:
    found = given.get(name) or {}
    if not isinstance(found, Mapping):
        raise AutoMLError(f"'{name}' must be a JSON object.")
    for key in found:
        if key not in keys:
            raise AutoMLError(f"Unknown key '{key}' in '{name}'.{near(str(key), keys)}")
    return found


def _known(ports: Ports) -> str:
    return f" Its outputs are: {', '.join(port.name for port in ports.outputs)}."


def _output(outputs: Mapping[str, Any], key: str, ports: Ports) -> str | None:
    name = outputs.get(key)
    if name is None:
        return None
    names = [port.name for port in ports.outputs]
    if not isinstance(name, str) or name not in names:
        raise AutoMLError(f"The model has no output {name!r}, which '{key}' says.{near(str(name), names)}")
    return name


def _columns(given: Any, ports: Ports) -> tuple[str, ...]:
    if len(ports.inputs) > 1:
        wide = next((port for port in ports.inputs if port.width != 1), None)
        if wide is not None:
            raise AutoMLError(
                f"The model has several inputs, and '{wide.name}' takes {wide.width} values a row: it must have one "
                "input for the whole row, or one for each column."
            )
        return tuple(port.name for port in ports.inputs)
    (port,) = ports.inputs
    if not port.shape or any(size is None for size in port.shape[1:]):
        raise AutoMLError(f"The shape of input '{port.name}' is {_shown(port)}: all but the first have to be numbers.")
    if given is None:
        return (port.name,) if port.width == 1 else ()
    if not isinstance(given, (list, tuple)) or not all(isinstance(each, str) for each in given):
        raise AutoMLError("'column_names' must be a JSON array of names.")
    if len(given) != port.width or len({each.casefold() for each in given}) != len(given):
        raise AutoMLError(
            f"The model takes {port.width} columns, and 'column_names' has {len(given)}, or names one twice."
        )
    return tuple(given)


def _shown(port: Port) -> str:
    return f"[{', '.join('any' if size is None else str(size) for size in port.shape)}]"


def _dtypes(given: Any) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise AutoMLError("'data_types_map' must be a JSON object, as JSON_OBJECT('tensor(float)', 'float64').")
    for key, name in given.items():
        if key not in NUMPY:
            raise AutoMLError(f"'data_types_map' has the unknown type '{key}'.{near(str(key), NUMPY)}")
        if name not in _DTYPES:
            raise AutoMLError(f"'data_types_map' has the unknown type '{name}'.{near(str(name), sorted(_DTYPES))}")
    return {str(key): str(np.dtype(getattr(np, _OLDER.get(str(name), str(name)))).name) for key, name in given.items()}


def _labels(given: Any) -> dict[str, Any]:
    """Give the names of classes by what the model gives. Either side of the map may be the model's."""
    if given is None:
        return {}
    if isinstance(given, (list, tuple)):
        given = {str(place): each for place, each in enumerate(given)}
    if not isinstance(given, Mapping) or not given or len(given) > MOST_LABELS:
        raise AutoMLError("'labels_map' must be a JSON object of places and labels, as JSON_OBJECT('0', 'no').")
    if not all(isinstance(each, (str, int)) for each in given.values()):
        raise AutoMLError("'labels_map' must map to texts or whole numbers.")
    places = {str(place) for place in range(len(given))}
    if set(map(str, given)) != places and {str(each) for each in given.values()} == places:
        given = {str(place): name for name, place in given.items()}
    if len({str(each) for each in given.values()}) != len(given):
        raise AutoMLError("'labels_map' gives two classes one name.")
    return {str(key): each for key, each in given.items()}
