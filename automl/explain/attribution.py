"""Why a row got its answer: the prediction explainers of ML_EXPLAIN_ROW and ML_EXPLAIN_TABLE.

`permutation_importance`: by how much the answer (the probability of the class, or the number) differs on average from
what it would be with the column's value taken from other rows. `shap`: the column's Shapley value, in units of the
margin (of the target for numbers).
"""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.answers import results
from automl.answers.results import joined
from automl.table.columns import texts as as_texts
from automl.table.source import Source

Floats = NDArray[np.float64]
_TOGETHER = 200_000  # rows that are predicted at once
_ORDERS = 20  # of columns, for sampled Shapley values


def by_permutation(
    answer: Callable[[Floats, NDArray[np.int64]], Floats],
    matrix: Floats,
    chosen: NDArray[np.int64],
    background: Floats,
    owners: NDArray[np.int64],
    columns: Sequence[int],
) -> Floats:
    """Give rows x `columns`: the mean change of the answer against rows whose value comes from the background.

    Args:
        answer: the answer of rows for the class of each; see `chosen`.
        chosen: the class whose probability is explained, for each row.
    """
    rows, others = len(matrix), len(background)
    found = np.empty((rows, len(columns)))
    step = max(1, _TOGETHER // others)
    for start in range(0, rows, step):
        block, wanted = matrix[start : start + step], chosen[start : start + step]
        base = answer(block, wanted)
        repeated = np.asfortranarray(np.repeat(block, others, axis=0))
        classes = np.repeat(wanted, others)
        for place, column in enumerate(columns):
            features = np.flatnonzero(owners == column)
            kept = repeated[:, features].copy()
            repeated[:, features] = np.tile(background[:, features], (len(block), 1))
            changed = answer(repeated, classes).reshape(len(block), others).mean(axis=1)
            found[start : start + step, place] = base - changed
            repeated[:, features] = kept
    return found


def by_sampling(
    answer: Callable[[Floats, NDArray[np.int64]], Floats],
    matrix: Floats,
    chosen: NDArray[np.int64],
    background: Floats,
) -> Floats:
    """Give Shapley values of a model that can only be asked, by orders of columns drawn at random: rows x columns.

    A row of the background becomes the row column by column, and each is given what its step changes; every order is
    also gone backwards. The values of a row add up to its answer less the mean answer of the rows it was made from.
    """
    dice = np.random.default_rng(0)
    rows = len(matrix)
    found = np.zeros(matrix.shape)
    order = np.arange(matrix.shape[1])
    for turn in range(_ORDERS):
        order = order[::-1] if turn % 2 else dice.permutation(matrix.shape[1])
        current = np.asfortranarray(background[(np.arange(rows) + turn) % len(background)])
        before = answer(current, chosen)
        for place in order.tolist():
            current[:, place] = matrix[:, place]
            after = answer(current, chosen)
            found[:, place] += after - before
            before = after
    return found / _ORDERS


def beside(
    values: Floats, source: Source, names: Sequence[str], answers: pa.Array, texts: pa.Array
) -> dict[str, pa.Array]:
    """Give the columns of explained rows: `<column>_attribution` for each name, `Prediction`, `Notes`, `ml_results`.

    `values` are rows x names; `texts` is the `ml_results` of the prediction.
    """
    kept = np.round(values, 6) + 0.0
    said = notes(kept, source, names, answers) if len(answers) else pa.array([], pa.string())
    by_name = {name: np.ascontiguousarray(kept[:, place]) for place, name in enumerate(names)}
    if len(answers):
        texts = results.extended(texts, "attributions", results.objects(by_name))
        texts = results.extended(texts, "notes", results.quoted_texts(said))
    return {
        **{f"{name}_attribution": pa.array(each) for name, each in by_name.items()},
        "Prediction": answers,
        "Notes": said,
        "ml_results": texts,
    }


def notes(values: Floats, source: Source, columns: Sequence[str], answers: pa.Array) -> pa.Array:
    """Give a sentence for each row: which column's value spoke most for the answer, and which most against it."""
    shown = pc.cast(answers, pa.string())
    for_it = joined(
        _named(np.argmax(values, axis=1), source, columns), " had the largest impact towards predicting ", shown
    )
    against = joined(_named(np.argmin(values, axis=1), source, columns), " had the largest impact against it")
    is_against = pa.array(values.min(axis=1) < 0)
    nothing = pa.array(values.max(axis=1) <= 0)
    both = pc.if_else(is_against, joined(for_it, ", whereas ", against), for_it)
    return pc.if_else(nothing, joined("No column spoke for predicting ", shown), both)


def _named(places: NDArray[np.int64], source: Source, columns: Sequence[str]) -> pa.Array:
    """Give `column (value)` for the column of each row."""
    order = np.argsort(places, kind="stable")
    pieces = []
    for place in np.unique(places):
        rows = order[np.searchsorted(places[order], place) : np.searchsorted(places[order], place, "right")]
        name = columns[place]
        values = pc.fill_null(as_texts(name, source.values(name).take(pa.array(rows))), "NULL")
        whole = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        pieces.append(joined(f"{name} (", whole, ")"))
    back = np.empty(len(places), np.int64)
    back[order] = np.arange(len(places))
    return pa.concat_arrays(pieces).take(pa.array(back))
