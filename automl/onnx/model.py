"""A model in ONNX as the routines use it: predict, score, and explain by what answers change."""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.answers import results
from automl.errors import AutoMLError
from automl.onnx.about import FORMAT, About, about_from, read_about
from automl.onnx.feeds import columns_of, feeds, used
from automl.onnx.ports import NUMPY, Port, Ports
from automl.onnx.tensors import Tensor
from automl.stored.parts import BadModel, Parts
from automl.table.columns import floats, texts
from automl.table.rows import row_source
from automl.table.source import Column, Source
from automl.terms.metrics import BINARY, NUMBERS, Judged
from automl.terms.tasks import Task

Floats = NDArray[np.float64]
_FOR_CHANCES = ("neg_log_loss", "roc_auc")
_KEPT = ("notes", "train_table_name", "training_score", "training_time", "n_rows", "hyperparameters")  # as was said


class Runs(Protocol):
    """Something that runs a model, in this process or another."""

    @property
    def ports(self) -> Ports:
        """What goes in and out."""

    def run(self, feeds: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give the outputs. Raises AutoMLError."""

    def close(self) -> None:
        """Give back what it holds."""


Opens = Callable[[bytes], Runs]


@dataclass(frozen=True)
class Answers:
    """What the model said of rows: `codes` into `labels` and their `chances`, or `numbers`."""

    labels: tuple[Any, ...] = ()
    codes: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    chances: Floats | None = None
    numbers: Floats = field(default_factory=lambda: np.zeros(0))

    def column(self, task: Task) -> pa.Array:
        """The column `Prediction`."""
        if task is Task.REGRESSION:
            return pa.array(self.numbers)
        whole = all(isinstance(label, int) for label in self.labels)
        shown = pa.array(self.labels if whole else list(map(str, self.labels)), pa.int64() if whole else pa.string())
        return shown.take(pa.array(self.codes))


@dataclass(frozen=True)
class Onnx:
    """An imported model: its file, what the user has said of it, and what runs it."""

    data: bytes
    about: About
    ports: Ports
    runs: Runs

    @property
    def task(self) -> Task:
        """What it is for."""
        return self.about.task

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row; empty when only their order is known."""
        return columns_of(self.about, self.ports)

    def answers(self, source: Source, target: str | None = None) -> Answers:
        """Ask the model about rows."""
        return self.asked(source, used(self.about, self.ports, source, target))

    def asked(self, source: Source, columns: list[Column]) -> Answers:
        """Ask the model about rows of these columns."""
        rows = source.rows.num_rows
        outputs = self._run(feeds(self.about, self.ports, source, columns), rows) if rows else {}
        if self.task is Task.REGRESSION:
            name = self.about.predictions or ""
            return Answers(numbers=_flat(name, outputs[name], rows) if rows else np.zeros(0))
        chances = self._chances(outputs, rows)
        if self.about.predictions is None:
            labels = self._labels_of_chances(chances)
            codes = np.argmax(chances, axis=1) if chances is not None and rows else np.zeros(rows, np.int64)
            return Answers(labels, codes.astype(np.int64), chances)
        if not rows:
            return Answers(self._labels_of_chances(chances) or tuple(self.about.labels.values()))
        found, codes = _labels(self.about.predictions, outputs[self.about.predictions], rows)
        return self._joined(found, codes, chances)

    def _run(self, given: dict[str, Tensor], rows: int) -> dict[str, Tensor]:
        batch = self.ports.inputs[0].shape[0] if self.ports.inputs[0].shape else None
        if batch is None or batch == rows:
            return self.runs.run(given)
        parts: dict[str, list[NDArray[Any]]] = {port.name: [] for port in self.ports.outputs}
        for start in range(0, rows, batch):  # a batch of fixed size, the last one filled up with its last row
            places = pa.array(np.minimum(np.arange(start, start + batch), rows - 1))
            for name, tensor in self.runs.run({name: _rows(each, places) for name, each in given.items()}).items():
                parts[name].append(tensor.array()[: rows - start])
        joined = {name: np.concatenate(each) for name, each in parts.items()}
        return {
            name: Tensor(pa.array(each.ravel(), pa.string() if each.dtype.kind == "O" else None), each.shape)
            for name, each in joined.items()
        }

    def _port(self, name: str | None) -> Port | None:
        return next((port for port in self.ports.outputs if port.name == name), None)

    def _chances(self, outputs: Mapping[str, Tensor], rows: int) -> Floats | None:
        """Give the probabilities, rows x classes; one column is that of the second of two classes."""
        name = self.about.chances
        if name is None:
            return None
        if not rows:
            return np.zeros((0, 0))
        tensor = outputs[name]
        if pa.types.is_string(tensor.values.type) or not tensor.shape or tensor.shape[0] != rows:
            raise AutoMLError(f"Output '{name}' has no row of probabilities for each row of the input.")
        found = tensor.array().reshape(rows, -1).astype(np.float64)
        if found.shape[1] == 1:
            found = np.hstack([1.0 - found, found])
        if np.isnan(found).any():
            raise AutoMLError(
                "The model gives no probabilities for rows with NULL or extreme values: leave them out, or import a "
                "model that takes them."
            )
        if found.min() < -1e-3 or found.max() > 1 + 1e-3:
            raise AutoMLError(f"Output '{name}' has something else than probabilities.")
        return np.clip(found, 0.0, 1.0)

    def _labels_of_chances(self, chances: Floats | None) -> tuple[Any, ...]:
        """Give the labels of the columns of probabilities: the model's own, those of the map, or places."""
        port = self._port(self.about.chances)
        own = port.labels if port else ()
        count = chances.shape[1] if chances is not None and chances.size else len(own) or len(self.about.labels)
        places: tuple[Any, ...] = own if own and len(own) == count else tuple(range(count))
        return tuple(self._named(each) for each in places)

    def _named(self, value: Any) -> Any:
        return self.about.labels.get(str(value), value)

    def _joined(self, found: list[Any], codes: NDArray[np.int64], chances: Floats | None) -> Answers:
        """Bring predictions and probabilities to one list of labels."""
        named = [self._named(each) for each in found]
        if chances is None:
            labels = list(dict.fromkeys([*self.about.labels.values(), *named]))
            places = {str(label): place for place, label in enumerate(labels)}
            return Answers(tuple(labels), np.array([places[str(each)] for each in named], np.int64)[codes])
        labels = list(self._labels_of_chances(chances))
        places = {str(label): place for place, label in enumerate(labels)}
        missing = [str(each) for each in named if str(each) not in places]
        if missing:
            raise AutoMLError(
                f"The model answers {missing[0]!r}, and its probabilities are of {', '.join(map(str, labels[:20]))}: "
                "name them with 'labels_map'."
            )
        return Answers(tuple(labels), np.array([places[str(each)] for each in named], np.int64)[codes], chances)

    def texts(self, answers: Answers) -> pa.Array:
        """Give `ml_results`."""
        target = self.about.target
        if self.task is Task.REGRESSION:
            return results.regression(target, answers.numbers)
        if answers.chances is not None:
            if not len(answers.codes):
                return pa.array([], pa.string())
            return results.classification(target, answers.labels, answers.codes, answers.chances)
        starts = [
            f'{{"predictions": {{{results.quoted(target)}: {json.dumps(each, ensure_ascii=False)}}}}}'
            for each in answers.labels
        ]
        return pa.array(starts, pa.string()).take(pa.array(answers.codes))

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` and `ml_results`, a row for each row."""
        if options.get("additional_details"):
            raise AutoMLError("An imported model has no record of its training rows, which additional_details needs.")
        found = self.answers(source)
        return {"Prediction": found.column(self.task), "ml_results": self.texts(found)}

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""
        self.check_named()
        folded = {name.casefold() for name in row}
        columns = [column for column in self.columns if column.name.casefold() in folded]
        return results.of_one_row(self.predict(row_source(columns, row), options))

    def check_named(self) -> None:
        """Raise AutoMLError when the model's columns have no names, so that a JSON object does not tell them apart."""
        if not self.columns:
            raise AutoMLError(
                f"The model takes {self.ports.inputs[0].width} columns by their order, which a JSON object does not "
                "keep: import it with 'column_names' in the metadata, or use sys.ML_PREDICT_TABLE."
            )

    def truth(self, source: Source, target: str | None) -> pa.ChunkedArray:
        """Give the true values of rows."""
        return source.values(source.column(target or self.about.target, "target column").name)

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give the metric of the rows whose target is known; None where it cannot be computed."""
        return self.judge(metric, self.answers(source, target), self.truth(source, target))

    def judge(self, metric: str, found: Answers, truth: pa.ChunkedArray) -> float | None:
        """Give the metric of answers for true values."""
        if self.task is Task.REGRESSION:
            numbers = floats(self.about.target, truth)
            known = ~np.isnan(numbers)
            return NUMBERS[metric](numbers[known], found.numbers[known]) if known.any() else None
        if metric in _FOR_CHANCES and found.chances is None:
            raise AutoMLError(
                f"Metric '{metric}' needs probabilities: import the model with 'prediction_probabilities_name'."
            )
        plain = _plain_labels(self.about.target, truth)
        labels = [str(label) for label in found.labels]
        others = [each for each in pc.unique(plain).to_pylist() if each is not None and each not in labels]
        answered = found.codes
        if found.chances is None and not self.about.labels:  # in the order that a training would have given them
            ordered = _ordered([*labels, *others])
            answered = np.array([ordered.index(label) for label in labels], np.int64)[answered]
            labels, others = ordered, []
        if metric in ("f1", "precision", "recall") and len(labels) > 2:
            raise AutoMLError(
                f"Metric '{metric}' is for two classes: use {metric}_macro, {metric}_micro or {metric}_weighted."
            )
        codes = pc.index_in(plain, value_set=pa.array([*labels, *others], pa.string()))
        known = codes.is_valid().to_numpy()
        if not known.any():
            return None
        real = pc.fill_null(codes, 0).to_numpy().astype(np.int64)[known]
        chances = found.chances[known] if found.chances is not None else np.zeros((len(real), len(labels)))
        return BINARY[metric](Judged(real, answered[known], chances))

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"about": self.about.plain()}, {"onnx": np.frombuffer(self.data, np.uint8)})

    @staticmethod
    def restore(task: Task, parts: Parts, opens: Opens) -> "Onnx":
        """Make a model of its parts."""
        array = parts.arrays.get("onnx")
        if array is None or array.dtype != np.uint8 or array.ndim != 1:
            raise BadModel("its file is missing")
        data = array.tobytes()
        runs = opens(data)
        try:
            return Onnx(data, about_from(task, parts.value("about", dict), runs.ports), runs.ports, runs)
        except BaseException:
            runs.close()
            raise


def described(model: Onnx, given: Mapping[str, Any]) -> dict[str, Any]:
    """Give the metadata of an imported model: what the user said, and what follows from the file."""
    about = model.about
    names = list(about.columns) or [f"column {place + 1}" for place in range(model.ports.inputs[0].width)]
    return {
        **{key: given[key] for key in _KEPT if key in given},
        "task": str(about.task),
        "format": FORMAT,
        "target_column_name": about.target,
        "column_names": list(about.columns) or None,
        "n_columns": len(names),
        "algorithm_name": "ONNX",
        "build_timestamp": int(time.time()),
        "onnx_inputs_info": {
            "data_types_map": {port.type: about.dtypes.get(port.type, NUMPY[port.type]) for port in model.ports.inputs}
        },
        "onnx_outputs_info": {
            "predictions_name": about.predictions,
            "prediction_probabilities_name": about.chances,
            "labels_map": dict(about.labels) or None,
        },
    }


def import_onnx(data: bytes, given: Mapping[str, Any], opens: Opens) -> Onnx:
    """Read an ONNX file with what a user says of it. Raises AutoMLError."""
    runs = opens(data)
    try:
        return Onnx(data, read_about(given, runs.ports), runs.ports, runs)
    except BaseException:
        runs.close()
        raise


def _rows(tensor: Tensor, places: pa.Array) -> Tensor:
    array = tensor.array()[places.to_numpy()]
    kind = pa.string() if pa.types.is_string(tensor.values.type) else None
    return Tensor(pa.array(array.ravel(), kind), array.shape)


def _flat(name: str, tensor: Tensor, rows: int) -> Floats:
    if len(tensor.values) != rows or pa.types.is_string(tensor.values.type):
        raise AutoMLError(f"Output '{name}' has no number for each row of the input: name another in predictions_name.")
    return tensor.array().ravel().astype(np.float64)


def _labels(name: str, tensor: Tensor, rows: int) -> tuple[list[Any], NDArray[np.int64]]:
    """Give the different labels of an output, and each row's among them."""
    if len(tensor.values) != rows:
        raise AutoMLError(f"Output '{name}' has no label for each row of the input: name another in predictions_name.")
    values = tensor.values
    if pa.types.is_floating(values.type):
        if not np.array_equal(whole := np.floor(tensor.array()), tensor.array()):
            raise AutoMLError(f"Output '{name}' has numbers with fractions, and labels are whole numbers or texts.")
        values = pa.array(whole.ravel().astype(np.int64))
    elif pa.types.is_boolean(values.type):
        values = pc.cast(values, pa.int64())
    encoded = values.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _ordered(labels: list[str]) -> list[str]:
    whole = all(label.removeprefix("-").isdecimal() for label in labels)
    return sorted(labels, key=int) if whole else sorted(labels)


def _plain_labels(name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = values.type
    if pa.types.is_boolean(kind):
        return pc.cast(pc.cast(values, pa.int64()), pa.string())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        real = pc.cast(values, pa.float64())
        if pc.all(pc.equal(real, pc.floor(real))).as_py():
            return pc.cast(pc.cast(real, pa.int64()), pa.string())
        return pc.cast(real, pa.string())
    return texts(name, values)
