"""Explanations of imported models: by what their answers change when values come from other rows.

A model from elsewhere is only asked. Rows are numbered, and a matrix of these numbers, one for each column, stands for
rows whose values come from different ones.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError, near
from automl.explain import importance
from automl.explain.attribution import beside, by_permutation, by_sampling
from automl.onnx.feeds import used
from automl.onnx.model import Onnx
from automl.supervised.explaining import GRID
from automl.table.source import Column, Source
from automl.terms.tasks import Task

Floats = NDArray[np.float64]
_ROWS = 2000  # of an explanation of the model
_SAMPLED = 500  # of Shapley values
_BACKGROUND = 20  # rows that others are compared with
_METRIC = {True: "neg_log_loss", False: "r2"}


def _changed(source: Source, columns: Sequence[Column], places: Floats) -> Source:
    """Give rows whose values come from the rows at these places."""
    taken = [
        source.values(column.name).take(pa.array(places[:, place].astype(np.int64)))
        for place, column in enumerate(columns)
    ]
    return Source(source.table, tuple(columns), pa.table(taken, names=[column.name for column in columns]))


def _own(rows: int, columns: Sequence[Column]) -> Floats:
    """Give the matrix of rows as they are."""
    return np.tile(np.arange(rows, dtype=np.float64)[:, None], (1, len(columns)))


def explain(model: Onnx, source: Source, target: str | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """Give what ML_EXPLAIN adds to `model_explanation`. Raises AutoMLError."""
    kind = options.get("model_explainer", "permutation_importance")
    if not source.rows.num_rows:
        raise AutoMLError(f"Table {source.table} has no rows to explain the model with.")
    if kind == "fast_shap":
        raise AutoMLError("Model explainer 'fast_shap' is for models that were trained here: use shap for one in ONNX.")
    some = np.sort(np.random.default_rng(0).permutation(source.rows.num_rows)[:_ROWS])
    part = source.at(pa.array(some))
    columns = used(model.about, model.ports, part, target)
    if kind == "partial_dependence":
        return {kind: _dependence(model, part, columns, options)}
    for key in ("columns_to_explain", "target_value"):
        if key in options:
            raise AutoMLError(f"Option '{key}' is for the model explainer 'partial_dependence'.")
    names = [column.name for column in columns]
    if kind == "shap":
        few = part.at(pa.array(np.arange(min(part.rows.num_rows, _SAMPLED))))
        sizes = np.abs(_attributions(model, few, columns, range(len(names)), is_shap=True)).mean(axis=0)
        return {kind: importance.ranked(names, sizes.tolist())}
    truth = model.truth(part, target)
    has_chances = model.about.chances is not None
    metric = _METRIC[has_chances] if has_chances or model.task is Task.REGRESSION else "balanced_accuracy"

    def quality(places: Floats) -> float | None:
        return model.judge(metric, model.asked(_changed(part, columns, places), columns), truth)

    own = _own(part.rows.num_rows, columns)
    return {kind: importance.permutation(quality, own, np.arange(len(columns)), names, 0)}


def _dependence(model: Onnx, source: Source, columns: list[Column], options: Mapping[str, Any]) -> dict[str, Any]:
    names: Sequence[str] = options.get("columns_to_explain") or ()
    if not 1 <= len(names) <= 2 or len({name.casefold() for name in names}) != len(names):
        raise AutoMLError("A partial dependence needs 'columns_to_explain' with one or two columns of the model.")
    grids: dict[int, Floats] = {}
    shown = []
    for name in names:
        folded = [column.name.casefold() for column in columns]
        if name.casefold() not in folded:
            raise AutoMLError(f"The model does not use a column '{name}'.{near(name, [c.name for c in columns])}")
        place = folded.index(name.casefold())
        values = source.values(columns[place].name).combine_chunks()
        order = pc.array_sort_indices(values).to_numpy()[: len(values) - values.null_count]  # NULL comes last
        if not len(order):
            raise AutoMLError(f"Column '{name}' has only NULL in {source.table}.")
        picked = order[np.unique(np.linspace(0.02, 0.98, GRID) * (len(order) - 1)).astype(np.int64)]
        first = dict(zip(reversed(values.take(pa.array(picked)).to_pylist()), reversed(picked.tolist()), strict=True))
        grid = sorted(first.values(), key=lambda at: int(np.flatnonzero(order == at)[0]))
        grids[place] = np.array(grid, np.float64)
        shown.append(values.take(pa.array(grid)).to_pylist())
    about: dict[str, Any] = {"columns_to_explain": list(names)}
    own = _own(source.rows.num_rows, columns)
    which = 0
    if model.task is Task.CLASSIFICATION:
        labels = model.asked(source, columns).labels
        texts = [str(label) for label in labels]
        wanted = options.get("target_value", labels[-1] if len(labels) == 2 else None)
        if model.about.chances is None or wanted is None or str(wanted) not in texts:
            raise AutoMLError(
                "A partial dependence needs 'prediction_probabilities_name' in the model's metadata, and "
                f"'target_value': one of {', '.join(texts[:20])}."
            )
        which, about["target_value"] = texts.index(str(wanted)), wanted

    def answer(places: Floats) -> Floats:
        found = model.asked(_changed(source, columns, places), columns)
        return found.numbers if found.chances is None else np.asarray(found.chances[:, which])

    mean = importance.partial_dependence(answer, own, grids)
    plain = [[str(each) if not isinstance(each, (int, float, str)) else each for each in values] for values in shown]
    return {**about, "values": plain if len(plain) > 1 else plain[0], "average": np.round(mean, 6).tolist()}


def explain_rows(model: Onnx, source: Source, options: Mapping[str, Any]) -> dict[str, pa.Array]:
    """Give `<column>_attribution` for each column, `Prediction`, `Notes` and `ml_results`.

    A row is compared with some of the others that it is asked about with. Raises AutoMLError.
    """
    columns = used(model.about, model.ports, source)
    found = model.asked(source, columns)
    names = [column.name for column in columns][: importance.MOST_SHOWN]
    is_shap = options.get("prediction_explainer", "permutation_importance") == "shap"
    values = _attributions(model, source, columns, range(len(names)), is_shap)
    return beside(values, source, names, found.column(model.task), model.texts(found))


def _attributions(model: Onnx, source: Source, columns: list[Column], shown: Sequence[int], is_shap: bool) -> Floats:
    """Give what columns add to the probability of each row's class, or to its number: rows x shown."""
    if model.task is Task.CLASSIFICATION and model.about.chances is None:
        raise AutoMLError("Explanations of rows need 'prediction_probabilities_name' in the model's metadata.")
    rows = source.rows.num_rows
    if not rows:
        return np.zeros((0, len(shown)))
    found = model.asked(source, columns)
    own = _own(rows, columns)
    background = own[np.unique(np.linspace(0, rows - 1, _BACKGROUND).astype(np.int64))]

    def asked(places: Floats, wanted: NDArray[np.int64]) -> Floats:
        said = model.asked(_changed(source, columns, places), columns)
        return said.numbers if said.chances is None else np.asarray(said.chances[np.arange(len(places)), wanted])

    chosen = found.codes if model.task is Task.CLASSIFICATION else np.zeros(rows, np.int64)
    if is_shap:
        return by_sampling(asked, own, chosen, background)[:, : len(shown)]
    return by_permutation(asked, own, chosen, background, np.arange(len(columns)), shown)
