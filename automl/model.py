"""A trained model with its metadata, as bytes and back."""

import importlib.metadata
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from automl.anomaly.logs import Logs
from automl.anomaly.model import Anomaly
from automl.forecast.model import Forecast
from automl.onnx.model import Onnx, Opens, Runs, import_onnx
from automl.onnx.model import described as described_onnx
from automl.recommend.model import Recommendation
from automl.stored.container import MAGIC, pack, unpack
from automl.stored.parts import BadModel, Parts
from automl.supervised.model import Supervised
from automl.table.source import Source
from automl.terms.options import TrainOptions
from automl.terms.tasks import Task
from automl.topics import Topics
from automl.training import Fitted, Trained

FORMAT = "HWMLv2.0"
_ONNX = "onnx"
_LIBRARIES = ("lightgbm", "scikit-learn", "numpy", "pyarrow")
_RESTORED: Mapping[Task, Callable[[Task, Parts], Fitted]] = {
    Task.CLASSIFICATION: Supervised.restore,
    Task.REGRESSION: Supervised.restore,
    Task.FORECASTING: Forecast.restore,
    Task.ANOMALY: Anomaly.restore,
    Task.RECOMMENDATION: Recommendation.restore,
    Task.TOPICS: Topics.restore,
    Task.LOG_ANOMALY: Logs.restore,
}


@dataclass(frozen=True)
class Model:
    """What ML_TRAIN makes. `about` holds the keys of `model_metadata` (mys-hwaml-ml-model-metadata)."""

    fitted: Fitted
    about: Mapping[str, Any]

    @property
    def task(self) -> Task:
        """What it is for."""
        return self.fitted.task

    def metadata(self) -> dict[str, Any]:
        """Give `model_metadata`. `chunks` and `status` are the catalog's."""
        return dict(self.about)

    def explanation(self) -> dict[str, Any]:
        """Give `model_explanation`, computed at training."""
        return dict(self.about.get("model_explanation") or {})

    def to_bytes(self) -> bytes:
        """Give the bytes that are stored; `load_model` reads them."""
        whole = Parts({"task": str(self.task), "about": dict(self.about)})
        if isinstance(self.fitted, Onnx):
            whole.tree["kind"] = _ONNX
        whole.put("model", self.fitted.parts())
        return pack(whole)


def open_here(data: bytes) -> Runs:
    """Run an ONNX model in this process: for a library's use, not for files of strangers."""
    from automl.onnx.session import Session

    return Session(data)


def is_own(data: bytes) -> bool:
    """Tell whether bytes begin as those of a stored model do."""
    return data.startswith(MAGIC)


def imported(data: bytes, given: Mapping[str, Any], opens: Opens = open_here) -> Model:
    """Make a model of an ONNX file and the metadata that came with it. Raises AutoMLError."""
    fitted = import_onnx(data, given, opens)
    return Model(fitted, described_onnx(fitted, given))


def load_model(data: bytes, opens: Opens = open_here) -> Model:
    """Read a stored model. `opens` makes what runs one that came in ONNX.

    Raises:
        BadModel: the bytes are damaged, altered, too large, or no model.
    """
    try:
        parts = unpack(data)
        try:
            task = Task(parts.value("task", str))
        except ValueError:
            raise BadModel("its task is not known") from None
        if parts.tree.get("kind") == _ONNX:
            return Model(Onnx.restore(task, parts.under("model"), opens), parts.value("about", dict))
        return Model(_RESTORED[task](task, parts.under("model")), parts.value("about", dict))
    except (KeyError, TypeError, ValueError, IndexError, OverflowError, MemoryError, RecursionError) as problem:
        raise BadModel(f"it does not hang together ({type(problem).__name__})") from None


def described(
    trained: Trained, source: Source, target: str | None, options: TrainOptions, began: float, cut: bool
) -> dict[str, Any]:
    """Make the metadata of what was trained."""
    names = [column.name for column in trained.columns]
    left_out = {name.casefold() for name in (target, *options.exclude_column_list) if name} - {
        name.casefold() for name in names
    }
    features = [name for name in source.names if name.casefold() not in left_out]
    return {
        "task": str(options.task),
        "notes": options.notes or "",
        "format": FORMAT,
        "n_rows": source.rows.num_rows,
        "n_columns": len(features),
        "column_names": features,
        "options": dict(options.given),
        "contamination": options.contamination if options.task in (Task.ANOMALY, Task.LOG_ANOMALY) else None,
        "model_quality": quality_word(trained),
        "training_time": round(time.monotonic() - began, 3),
        "algorithm_name": trained.algorithm,
        "training_score": trained.quality,
        "build_timestamp": int(time.time()),
        "hyperparameters": dict(trained.hyperparameters),
        "n_selected_rows": trained.rows,
        "n_selected_columns": len(names),
        "selected_column_names": names,
        "dropped_columns": dict(trained.dropped),
        "optimization_metric": trained.metric,
        "target_column_name": target,
        "train_table_name": source.table,
        "model_explanation": dict(trained.explanation),
        "seed": options.seed,
        "ended_by_clock": cut,
        "pos_class": positive_class(trained.fitted),
        "trained_on": dict(source.facts),
        "library_versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        **trained.more,
    }


def positive_class(fitted: Fitted) -> Any:
    """Give the class of two that `precision`, `recall` and `f1` are of; None where there are not two."""
    labels = fitted.labels.shown if isinstance(fitted, Supervised) and fitted.labels else ()
    return labels[1] if len(labels) == 2 else None


def quality_word(trained: Trained) -> str | None:
    """Give "low" for a model that is hardly better than none, "high" for others, None where nothing was measured."""
    if trained.quality is None or trained.metric is None:
        return None
    floor = trained.more.get("baseline_score")
    return "low" if floor is not None and trained.quality <= floor else "high"
