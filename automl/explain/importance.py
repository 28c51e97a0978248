"""What a whole model goes by: the model explainers of ML_EXPLAIN (mys-hwaml-explainers)."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.learners.blend import Blend
from automl.learners.boosters import Trees, dataset, grow, rows_of, start
from automl.learners.networks import Networks

Floats = NDArray[np.float64]
MOST_SHOWN = 100  # columns of an explanation
_WORK = 60_000_000  # rows x columns x trees of one explanation, one or two seconds
_LEAST_ROWS, _MOST_ROWS = 100, 2000


def _trees(blend: Blend) -> int:
    """Give how many trees take as long as a blend."""
    return sum(
        member.size if isinstance(member, Trees) else 5 + member.size // 250 * isinstance(member, Networks)
        for member in blend.members
    )


def rows_for(blend: Blend, columns: int, rounds: int, seconds: float = 60.0) -> int:
    """Give how many rows an explanation looks at, by what it costs and by the seconds of the whole training."""
    work = _WORK * min(1.0, seconds / 60.0)
    return int(np.clip(work / max(1, _trees(blend) * columns * rounds), _LEAST_ROWS, _MOST_ROWS))


def ranked(names: Sequence[str], values: Sequence[float], digits: int = 4) -> dict[str, float]:
    """Give the greatest values by name, in falling order."""
    order = sorted(range(len(names)), key=lambda place: (-abs(values[place]), place))[:MOST_SHOWN]
    return {names[place]: round(float(values[place]), digits) for place in order}


def permutation(
    quality: Callable[[Floats], float | None],
    matrix: Floats,
    owners: NDArray[np.int64],
    names: Sequence[str],
    seed: int,
    rounds: int = 3,
    late: Callable[[], bool] = lambda: False,
) -> dict[str, float]:
    """Give by how much the metric falls when a column's values are dealt anew among the rows.

    Args:
        quality: the metric of the model's answers for a matrix.
        owners: the number of the column of each feature: its features are dealt together.
        late: asked before each column; those that are left when it says so have one round, and beyond MOST_SHOWN none.
    """
    whole = quality(matrix)
    if whole is None:
        return {}
    dice = np.random.default_rng(seed)
    falls = []
    for column in range(len(names)):
        hurried = late()
        if hurried and len(names) > MOST_SHOWN:
            break
        places = np.flatnonzero(owners == column)
        changed = matrix.copy(order="F")
        drops = []
        for _ in range(1 if hurried else rounds):
            order = dice.permutation(len(matrix))
            changed[:, places] = matrix[np.ix_(order, places)]
            found = quality(changed)
            drops.append(whole - found if found is not None else 0.0)
        falls.append(float(np.mean(drops)))
    return ranked(names[: len(falls)], falls)


def by_column(contributions: Floats, owners: NDArray[np.int64]) -> Floats:
    """Add up what the features of each column contribute: rows x columns x outputs."""
    starts = np.flatnonzero(np.diff(owners, prepend=-1))
    found: Floats = np.add.reduceat(contributions, starts, axis=1)
    return found


def shap(blend: Blend, matrix: Floats, owners: NDArray[np.int64], names: Sequence[str]) -> dict[str, float]:
    """Give the mean size of each column's Shapley value, in units of the margin; exact for trees and linear models."""
    parts = by_column(blend.contributions(matrix), owners)
    return ranked(names, np.abs(parts).mean(axis=(0, 2)).tolist())


def fast_shap(
    blend: Blend,
    matrix: Floats,
    owners: NDArray[np.int64],
    names: Sequence[str],
    categories: NDArray[np.int64],
    seed: int,
) -> dict[str, Any]:
    """Give Shapley values of one small model that was trained on the model's margins, and how well it follows them."""
    margins = blend.margin(matrix)
    total = np.zeros(len(names))
    followed = []
    apart = np.arange(len(matrix)) % 4 == 0
    rest, watch = np.flatnonzero(~apart), np.flatnonzero(apart)
    for output in range(margins.shape[1]):
        target = margins[:, output]
        params = {
            "objective": "regression",
            "num_leaves": 15,
            "learning_rate": 0.1,
            "min_data_in_leaf": 5,
            "seed": seed,
        }
        data = dataset(matrix, target, categories)
        booster = start(rows_of(data, rest), {**params, "num_threads": 1}, rows_of(data, watch))
        grown = grow(booster, 1, 100, 100, math.inf)
        spread = float(np.var(target[watch]))
        followed.append(
            1.0 - float(np.mean((grown.margins(matrix[watch], grown.rounds)[:, 0] - target[watch]) ** 2)) / spread
            if spread
            else 1.0
        )
        total += np.abs(by_column(grown.trees.contributions(matrix), owners)).mean(axis=(0, 2))
    return {**ranked(names, (total / margins.shape[1]).tolist()), "_fidelity": round(float(np.mean(followed)), 4)}


def partial_dependence(
    answer: Callable[[Floats], Floats], matrix: Floats, grids: Mapping[int, Floats], most: int = 500
) -> Floats:
    """Give the mean answer over the rows with one or two features set to each value of their grids.

    Args:
        grids: for each feature its values; the result has an axis for each.
    """
    part = matrix[:: max(1, len(matrix) // most)].copy(order="F")
    places, values = list(grids), [grids[place] for place in grids]
    found = np.empty([len(each) for each in values])
    for index in np.ndindex(found.shape):
        for place, grid, at in zip(places, values, index, strict=True):
            part[:, place] = grid[at]
        found[index] = answer(part).mean()
    return found
