"""The options of ML_TRAIN, checked (mys-hwaml-ml-train). `seed` and `max_seconds` are ours."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from automl.errors import AutoMLError, in_words, near
from automl.terms.families import OF_TASK
from automl.terms.metrics import OPTIMISED, check_metric
from automl.terms.tasks import SUPERVISED, Task

Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`logad_options` of a log anomaly detection."""

    additional_masking_regex: Names = ()
    window_size: int = 10
    window_stride: int = 3
    log_source_column: str | None = None


@dataclass(frozen=True, slots=True)
class Submodel:
    """`supervised_submodel_options` of a semi-supervised anomaly detection."""

    n_neighbors: int = 5
    min_labels: int = 20


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Everything that ML_TRAIN was asked for. `max_seconds` None: a budget by the data's size."""

    task: Task = Task.CLASSIFICATION
    model_list: Names = ()
    exclude_model_list: Names = ()
    optimization_metric: str | None = None
    include_column_list: Names = ()
    exclude_column_list: Names = ()
    datetime_index: str | None = None
    endogenous_variables: Names = ()
    exogenous_variables: Names = ()
    contamination: float = 0.01
    semisupervised: bool = False
    submodel: Submodel = field(default_factory=Submodel)
    ensemble_score: str | None = None
    log: LogOptions = field(default_factory=LogOptions)
    users: str | None = None
    items: str | None = None
    feedback: str = "explicit"
    feedback_threshold: float = 1.0
    item_metadata: str | None = None
    user_metadata: str | None = None
    document_column: str | None = None
    notes: str | None = None
    seed: int = 0
    max_seconds: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)


Reader = Callable[[str, Any, Task], Any]
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_TRUTHS: Mapping[int | str, bool] = {1: True, 0: False, "true": True, "false": False}


def _wrong(key: str, value: object, wanted: str) -> AutoMLError:
    shown = repr(value) if len(repr(value)) <= 60 else repr(value)[:57] + "…"
    return AutoMLError(f"Option '{key}' must be {wanted}, not {shown}.")


def column_name(key: str, value: Any, task: Task) -> str:
    """Read a name; whether there is such a column is for whoever has the table."""
    return _text(key, value, task)


def truth(key: str, value: Any, task: Task) -> bool:
    """Read true or false, also as the texts that HeatWave's syntax shows (mys-hwaml-ml-predict-row)."""
    folded = value.casefold() if isinstance(value, str) else value
    if not isinstance(folded, (bool, int, str)) or folded not in _TRUTHS:
        raise AutoMLError(f"Option '{key}' must be true or false, not {value!r}.")
    return _TRUTHS[folded]


def _text(key: str, value: Any, task: Task) -> str:
    if not isinstance(value, str) or not value:
        raise _wrong(key, value, "a text")
    return value


def _names(key: str, value: Any, task: Task) -> Names:
    if not isinstance(value, (list, tuple)) or not value or not all(isinstance(each, str) and each for each in value):
        raise _wrong(key, value, "a JSON array of names")
    return tuple(dict.fromkeys(value))


def _models(key: str, value: Any, task: Task) -> Names:
    known = OF_TASK[task]
    if not known:
        raise AutoMLError(f"Task {task} has one algorithm: leave '{key}' out.")
    folded = {name.casefold(): name for name in known}
    names = _names(key, value, task)
    for name in names:
        if name.casefold() not in folded:
            raise AutoMLError(f"Unknown model '{name}' in '{key}' for task {task}.{near(name, known)}")
    if task is Task.ANOMALY and key == "model_list" and len(names) > 1:
        raise AutoMLError(f"Option '{key}' takes one model for task {task}: {', '.join(known)}.")
    return tuple(folded[name.casefold()] for name in names)


def _metric(key: str, value: Any, task: Task) -> str:
    return check_metric(task, _text(key, value, task), OPTIMISED)


def number(low: float, high: float, wanted: str, whole: bool = False, open_ended: bool = False) -> Reader:
    """Make a reader of a number in a range; its ends do not belong to it when `open_ended`.

    A text of digits counts too: HeatWave's syntax shows `'topk', 'N'` (mys-hwaml-ml-score).
    """

    def read(key: str, given: Any, task: Task) -> float | int:
        value = float(given) if isinstance(given, str) and _NUMBER.fullmatch(given) else given
        real = not isinstance(value, bool) and isinstance(value, (int, float)) and value == value
        inside = real and (low < value < high if open_ended else low <= value <= high)
        if not inside or (whole and value != int(value)):
            raise _wrong(key, given, wanted)
        return int(value) if whole else float(value)

    return read


def choice(*known: str) -> Reader:
    """Make a reader of one of a few words."""

    def read(key: str, value: Any, task: Task) -> str:
        if not isinstance(value, str) or value.casefold() not in known:
            raise AutoMLError(f"Option '{key}' cannot be {value!r}.{near(str(value), known)}")
        return value.casefold()

    return read


def _experimental(key: str, value: Any, task: Task) -> Any:
    """`semisupervised`, or an object of which that is the one key and whose own are further options."""
    if not isinstance(value, Mapping):
        return choice("semisupervised")(key, value, task)
    ((name, inner),) = value.items() if len(value) == 1 else ((None, None),)
    if name != "semisupervised" or not isinstance(inner, Mapping):
        raise _wrong(key, value, "'semisupervised', or JSON_OBJECT('semisupervised', JSON_OBJECT())")
    for each in inner:
        if each not in _OF_SEMISUPERVISED:
            raise AutoMLError(f"Unknown key '{each}' in option '{key}'.{near(each, _OF_SEMISUPERVISED)}")
    return inner


def _patterns(key: str, value: Any, task: Task) -> Names:
    patterns = _names(key, value, task)
    for pattern in patterns:
        try:
            re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as problem:
            shown = repr(pattern) if len(pattern) <= 60 else f"{pattern[:60]!r}…"
            raise AutoMLError(
                f"Option '{key}' has a pattern that is no regular expression: {shown}: {problem}."
            ) from None
    return patterns


def _inner(shape: type[LogOptions] | type[Submodel], readers: Mapping[str, Reader]) -> Reader:
    def read(key: str, value: Any, task: Task) -> LogOptions | Submodel:
        if not isinstance(value, Mapping):
            raise _wrong(key, value, "a JSON object")
        for inner in value:
            if inner not in readers:
                raise AutoMLError(f"Unknown key '{inner}' in option '{key}'.{near(inner, readers)}")
        return shape(**{inner: readers[inner](f"{key}.{inner}", each, task) for inner, each in value.items()})

    return read


def _metadata(key: str, value: Any, task: Task) -> str:
    if not isinstance(value, Mapping) or set(value) != {"table_name"} or not isinstance(value["table_name"], str):
        raise _wrong(key, value, 'a JSON object {"table_name": "schema.table"}')
    name: str = value["table_name"]
    return name


ALL = frozenset(Task)
_READERS: Mapping[str, tuple[frozenset[Task], str, Reader]] = {
    "model_list": (ALL, "model_list", _models),
    "exclude_model_list": (ALL, "exclude_model_list", _models),
    "optimization_metric": (ALL, "optimization_metric", _metric),
    "include_column_list": (ALL, "include_column_list", _names),
    "exclude_column_list": (ALL, "exclude_column_list", _names),
    "datetime_index": (frozenset({Task.FORECASTING}), "datetime_index", _text),
    "endogenous_variables": (frozenset({Task.FORECASTING}), "endogenous_variables", _names),
    "exogenous_variables": (frozenset({Task.FORECASTING}), "exogenous_variables", _names),
    "contamination": (
        frozenset({Task.ANOMALY, Task.LOG_ANOMALY}),
        "contamination",
        number(0, 0.5, "a number greater than 0 and less than 0.5", open_ended=True),
    ),
    "experimental": (frozenset({Task.ANOMALY}), "semisupervised", _experimental),
    "supervised_submodel_options": (
        frozenset({Task.ANOMALY}),
        "submodel",
        _inner(
            Submodel,
            {
                "n_neighbors": number(1, 1000, "a whole number from 1 to 1000", whole=True),
                "min_labels": number(1, 1_000_000, "a whole number from 1 to 1000000", whole=True),
            },
        ),
    ),
    "ensemble_score": (
        frozenset({Task.ANOMALY}),
        "ensemble_score",
        choice("accuracy", "balanced_accuracy", "f1", "precision", "recall", "roc_auc"),
    ),
    "logad_options": (
        frozenset({Task.LOG_ANOMALY}),
        "log",
        _inner(
            LogOptions,
            {
                "additional_masking_regex": _patterns,
                "window_size": number(1, 10_000, "a whole number from 1 to 10000", whole=True),
                "window_stride": number(1, 10_000, "a whole number from 1 to 10000", whole=True),
                "log_source_column": _text,
            },
        ),
    ),
    "users": (frozenset({Task.RECOMMENDATION}), "users", _text),
    "items": (frozenset({Task.RECOMMENDATION}), "items", _text),
    "feedback": (frozenset({Task.RECOMMENDATION}), "feedback", choice("explicit", "implicit")),
    "feedback_threshold": (
        frozenset({Task.RECOMMENDATION}),
        "feedback_threshold",
        number(-1e300, 1e300, "a number"),
    ),
    "item_metadata": (frozenset({Task.RECOMMENDATION}), "item_metadata", _metadata),
    "user_metadata": (frozenset({Task.RECOMMENDATION}), "user_metadata", _metadata),
    "document_column": (frozenset({Task.TOPICS}), "document_column", _text),
    "notes": (ALL, "notes", _text),
    "seed": (ALL, "seed", number(0, 2**31 - 1, "a whole number from 0 to 2147483647", whole=True)),
    "max_seconds": (ALL, "max_seconds", number(1, 86_400, "a number of seconds from 1 to 86400")),
}
_OF_SEMISUPERVISED = ("supervised_submodel_options", "ensemble_score")
_NEEDED: Mapping[Task, Names] = {
    Task.FORECASTING: ("datetime_index", "endogenous_variables"),
    Task.RECOMMENDATION: ("users", "items"),
    Task.TOPICS: ("document_column",),
}


def read_task(value: object) -> Task:
    """Read a task's name.

    Raises:
        AutoMLError: it is none; the message has the nearest name.
    """
    if not isinstance(value, str) or value.casefold() not in list(Task):
        raise AutoMLError(f"Unknown task {value!r}.{near(str(value), Task)}")
    return Task(value.casefold())


def read_options(raw: Mapping[str, Any] | None) -> TrainOptions:
    """Check the options of ML_TRAIN. A key whose value is null counts as left out.

    Raises:
        AutoMLError: an unknown or unsuitable key, or a wrong value.
    """
    if raw is not None and not isinstance(raw, Mapping):
        raise AutoMLError("The options must be a JSON object such as JSON_OBJECT('task', 'classification'), or NULL.")
    given = {key: value for key, value in (raw or {}).items() if value is not None}
    task = read_task(given.get("task", "classification"))
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key == "task":
            continue
        if key not in _READERS:
            raise AutoMLError(f"Unknown option '{key}'.{near(key, ['task', *_READERS])}")
        tasks, name, reader = _READERS[key]
        if task not in tasks:
            raise AutoMLError(f"Option '{key}' is for {in_words(tasks)}, and the task is {task}.")
        values[name] = reader(key, value, task)
    for key in _NEEDED.get(task, ()):
        if key not in given:
            raise AutoMLError(f"Task {task} needs the option '{key}'.")
    if "semisupervised" in values:
        inner = values["semisupervised"]
        for key, value in inner.items() if isinstance(inner, Mapping) else ():
            if key in given:
                raise AutoMLError(f"Option '{key}' is given twice, also in 'experimental'.")
            _, name, reader = _READERS[key]
            values[name] = reader(key, value, task)
        values["semisupervised"] = True
    both = {each.casefold() for each in values.get("include_column_list", ())} & {
        each.casefold() for each in values.get("exclude_column_list", ())
    }
    if both:
        raise AutoMLError(f"Column '{min(both)}' is in include_column_list and in exclude_column_list.")
    listed, barred = values.get("model_list", ()), values.get("exclude_model_list", ())
    if (set(listed) and set(listed) <= set(barred)) or (OF_TASK[task] and set(barred) >= set(OF_TASK[task])):
        raise AutoMLError("Options 'model_list' and 'exclude_model_list' leave no model to train.")
    return TrainOptions(task=task, given={"task": str(task), **given}, **values)


def is_supervised(options: TrainOptions) -> bool:
    """Tell whether every row of the training needs a target."""
    return options.task in SUPERVISED
