"""ML_EXPLAIN, ML_EXPLAIN_ROW and ML_EXPLAIN_TABLE of classifications and regressions."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers import results
from automl.errors import AutoMLError, near
from automl.explain import importance
from automl.explain.attribution import beside, by_permutation
from automl.explain.importance import by_column, rows_for
from automl.supervised.model import Supervised
from automl.table.roles import Category
from automl.table.rows import row_source
from automl.table.source import Source

Floats = NDArray[np.float64]
GRID = 20  # values of a partial dependence
DEFAULT_METRIC = {True: "neg_log_loss", False: "r2"}


def importance_of(
    model: Supervised,
    metric: str,
    matrix: Floats,
    truth: NDArray[Any],
    watched: NDArray[np.int64],
    seconds: float = 60.0,
    late: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """Give the permutation importance of each column, on some of the watched rows, until it is `late`."""
    rows = rows_for(model.blend, len(model.encoder.roles), 3, seconds)
    places = np.sort(np.random.default_rng(0).permutation(watched)[:rows])
    real = truth[places]

    def quality(changed: Floats) -> float | None:
        return model.judge(metric, model.outputs(changed), real)

    part = np.asfortranarray(matrix[places])
    return importance.permutation(quality, part, model.encoder.owners, model.encoder.used, 0, late=late)


def explain(
    model: Supervised, metric: str | None, source: Source, target: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Give what ML_EXPLAIN adds to `model_explanation`: the name of the explainer with its values."""
    kind = options.get("model_explainer", "permutation_importance")
    matrix = model.encoder.encode(source)
    if not len(matrix):
        raise AutoMLError(f"Table {source.table} has no rows to explain the model with.")
    encoder, blend = model.encoder, model.blend
    some = np.sort(np.random.default_rng(0).permutation(len(matrix))[: rows_for(blend, len(encoder.roles), 2)])
    part = np.asfortranarray(matrix[some])
    if kind == "partial_dependence":
        return {kind: _dependence(model, part, options)}
    for key in ("columns_to_explain", "target_value"):
        if key in options:
            raise AutoMLError(f"Option '{key}' is for the model explainer 'partial_dependence'.")
    if kind == "shap":
        return {kind: importance.shap(blend, part, encoder.owners, encoder.used)}
    if kind == "fast_shap":
        return {kind: importance.fast_shap(blend, part, encoder.owners, encoder.used, encoder.categories, 0)}
    truth, known = model.truth(source, target)
    if not known.any():
        raise AutoMLError("A permutation importance needs rows whose target is known.")
    name = metric or DEFAULT_METRIC[model.labels is not None]
    return {kind: importance_of(model, name, matrix, truth, np.flatnonzero(known))}


def _dependence(model: Supervised, matrix: Floats, options: Mapping[str, Any]) -> dict[str, Any]:
    names: Sequence[str] = options.get("columns_to_explain") or ()
    if not 1 <= len(names) <= 2:
        raise AutoMLError("A partial dependence needs 'columns_to_explain' with one or two columns of the model.")
    grids: dict[int, Floats] = {}
    shown: list[list[Any]] = []
    found_names = []
    for name in names:
        column = _used(model, name)
        place = int(np.flatnonzero(model.encoder.owners == column)[0])
        role = model.encoder.roles[column]
        known = matrix[:, place][~np.isnan(matrix[:, place])]
        if isinstance(role, Category):
            grid = np.arange(min(GRID, role.categories), dtype=np.float64)
            shown.append([role.values[int(code)] for code in grid])
        else:
            grid = np.unique(np.quantile(known, np.linspace(0.02, 0.98, GRID))) if len(known) else np.zeros(1)
            shown.append([float(value) for value in grid])
        if place in grids:
            raise AutoMLError(f"Column '{name}' is named twice in 'columns_to_explain'.")
        grids[place] = grid
        found_names.append(role.column)
    about: dict[str, Any] = {"columns_to_explain": found_names}
    which = 0
    if model.labels is not None:
        which, about["target_value"] = _class(model, options)
    mean = importance.partial_dependence(lambda changed: model.outputs(changed)[:, which], matrix, grids)
    return {**about, "values": shown if len(shown) > 1 else shown[0], "average": np.round(mean, 6).tolist()}


def _used(model: Supervised, name: str) -> int:
    folded = [each.casefold() for each in model.encoder.used]
    if name.casefold() not in folded:
        raise AutoMLError(f"The model does not use a column '{name}'.{near(name, model.encoder.used)}")
    return folded.index(name.casefold())


def _class(model: Supervised, options: Mapping[str, Any]) -> tuple[int, Any]:
    assert model.labels is not None
    shown = model.labels.shown
    value = options.get("target_value", shown[-1] if len(shown) == 2 else None)
    if value is None:
        raise AutoMLError(
            f"A partial dependence of a model with {len(shown)} classes needs 'target_value': one of {shown}."
        )
    texts = [str(each) for each in shown]
    if str(value) not in texts:
        raise AutoMLError(f"The model has no class {value!r}.{near(str(value), texts)}")
    return texts.index(str(value)), shown[texts.index(str(value))]


def _shown_columns(model: Supervised, explanation: Mapping[str, Any]) -> list[int]:
    """Give the columns whose attribution is shown: a hundred at most, those that matter most to the model."""
    used = model.encoder.used
    if len(used) <= importance.MOST_SHOWN:
        return list(range(len(used)))
    ranks = {name: place for place, name in enumerate(explanation.get("permutation_importance", {}))}
    order = sorted(range(len(used)), key=lambda place: (ranks.get(used[place], len(used)), place))
    return sorted(order[: importance.MOST_SHOWN])


def _attributions(
    model: Supervised, matrix: Floats, chosen: NDArray[np.int64], columns: Sequence[int], options: Mapping[str, Any]
) -> Floats:
    rows = np.arange(len(matrix))
    if options.get("prediction_explainer", "permutation_importance") == "shap":
        parts = by_column(model.blend.contributions(matrix), model.encoder.owners)[:, list(columns)]
        if model.labels is None:
            found: Floats = parts[:, :, 0] * model.scale
            return found
        if parts.shape[2] == 1:  # the margin of the second class
            return parts[:, :, 0] * np.where(chosen == 1, 1.0, -1.0)[:, None]
        return np.asarray(parts[rows, :, chosen])
    if model.background is None:
        raise AutoMLError("This model has no record of its training rows: use the prediction explainer 'shap'.")

    def answer(changed: Floats, wanted: NDArray[np.int64]) -> Floats:
        return np.asarray(model.outputs(changed)[np.arange(len(changed)), wanted])

    return by_permutation(answer, matrix, chosen, model.background[:20], model.encoder.owners, columns)


def explain_rows(
    model: Supervised, explanation: Mapping[str, Any], source: Source, options: Mapping[str, Any]
) -> dict[str, pa.Array]:
    """Give `<column>_attribution` for each column, `Prediction`, `Notes` and `ml_results`."""
    matrix = model.encoder.encode(source)
    outputs = model.outputs(matrix)
    if model.labels is None:
        chosen = np.zeros(len(matrix), np.int64)
        answer, texts = pa.array(outputs[:, 0]), results.regression(model.target, outputs[:, 0])
    else:
        chosen = model.answers(outputs)
        answer = model.labels.column(chosen)
        texts = results.classification(model.target, model.labels.shown, chosen, outputs)
    columns = _shown_columns(model, explanation)
    names = [model.encoder.used[place] for place in columns]
    values = _attributions(model, matrix, chosen, columns, options)
    return beside(values, source, names, answer, texts)


def explain_row(
    model: Supervised, explanation: Mapping[str, Any], row: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the value of ML_EXPLAIN_ROW: the row, the attributions, `Prediction`, `Notes` and `ml_results`."""
    model.encoder.check(tuple(row))
    source = row_source(model.encoder.columns, row)
    table = explain_rows(model, explanation, source, options)
    return {**row, **results.of_one_row(table)}
