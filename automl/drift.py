"""How far a row is from those that a model was trained on (mys-hwaml-data-drift-detection).

Every feature of a row has a surprise: minus the decimal logarithm of how rare a value at least as far out was in
training; beyond all that was seen it grows with the distance. A row's surprise is the root mean square of those of its
features, and the metric is that in proportion to what one training row in a thousand had: greater than 1 is drift.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers.digits import number_texts
from automl.answers.results import joined, quoted
from automl.errors import AutoMLError
from automl.stored.parts import BadModel, Parts
from automl.table.encoder import Encoder

Floats = NDArray[np.float64]
GRID = np.concatenate([[0.0, 0.001, 0.005], np.linspace(0.01, 0.99, 99), [0.995, 0.999, 1.0]])
SHOWN = 3  # columns in `attribution_percent`
_ROWS = 50_000
_RAREST = 5.0


@dataclass(frozen=True)
class Drift:
    """What is kept of the training rows: quantiles of numbers, frequencies of categories, shares of gaps."""

    quantiles: Floats  # features x grid, of numbers
    shares: Floats  # the frequencies of all categories, one after the other; the last of each: not seen
    sizes: NDArray[np.int64]  # how many of them each feature has, 0 for numbers
    gaps: Floats  # features
    limit: float
    mean: float
    variance: float

    def surprise(self, matrix: Floats) -> Floats:
        """Give the surprise of each value: rows x features."""
        found = np.empty(matrix.shape)
        start = 0
        for place, size in enumerate(self.sizes):
            values = matrix[:, place]
            gap = np.isnan(values)
            if size:
                codes = np.where(gap, size - 1, values).astype(np.int64)
                shares = self.shares[start : start + size]
                found[:, place] = -np.log10(shares[np.clip(codes, 0, size - 1)])
                start += size
                gap &= self.gaps[place] > 0
            else:
                found[:, place] = _tail(values, self.quantiles[place])
            found[gap, place] = -np.log10(max(self.gaps[place], 10**-_RAREST))
        return np.minimum(found, 50.0)

    def measure(self, matrix: Floats, owners: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Give each row's metric, and each column's share of it in percent (rows x columns)."""
        squares = self.surprise(matrix) ** 2
        raw = np.sqrt(squares.mean(axis=1))
        by_column = np.add.reduceat(squares, np.flatnonzero(np.diff(owners, prepend=-1)), axis=1)
        total = np.maximum(by_column.sum(axis=1, keepdims=True), 1e-12)
        return raw / self.limit, 100.0 * by_column / total

    def texts(self, matrix: Floats, owners: NDArray[np.int64], columns: Sequence[str]) -> pa.Array:
        """Give `{"metric": 0.4, "attribution_percent": {"a": 50.0, "b": 30.0, "c": 20.0}}` for each row."""
        metric, percent = self.measure(matrix, owners)
        shown = min(SHOWN, percent.shape[1])
        order = np.argsort(-percent, axis=1, kind="stable")[:, :shown]
        names = pa.array([f"{quoted(name)}: " for name in columns], pa.string())
        pieces: list[str | pa.Array] = ['{"metric": ', number_texts(np.round(metric, 4)), ', "attribution_percent": {']
        for place in range(shown):
            values = np.take_along_axis(percent, order[:, place : place + 1], axis=1)[:, 0]
            pieces += [", " if place else "", names.take(pa.array(order[:, place])), number_texts(np.round(values, 2))]
        return joined(*pieces, "}}")

    def parts(self) -> Parts:
        """Give what this is made of."""
        arrays = {name: getattr(self, name) for name in ("quantiles", "shares", "sizes", "gaps")}
        return Parts({name: getattr(self, name) for name in ("limit", "mean", "variance")}, arrays)

    @staticmethod
    def restore(parts: Parts, features: int) -> "Drift":
        """Make it of its parts."""
        sizes = parts.array("sizes", features, kind="i")
        if features and (int(sizes.min()) < 0 or int(sizes.max()) > 1 << 20):
            raise BadModel("its drift is out of range")
        shares = parts.array("shares", int(sizes.sum()))
        limit = parts.real("limit")
        if limit <= 0 or (shares <= 0).any():
            raise BadModel("its drift is out of range")
        quantiles, gaps = parts.array("quantiles", features, len(GRID)), parts.array("gaps", features)
        return Drift(quantiles, shares, sizes, gaps, limit, parts.real("mean"), parts.real("variance"))


def drift_texts(drift: Drift | None, matrix: Floats, encoder: Encoder) -> pa.Array:
    """Give what `additional_details` adds to each row's answer. Raises AutoMLError for a model without a record."""
    if drift is None:
        raise AutoMLError("This model has no record of its training rows: train it again for additional_details.")
    return drift.texts(matrix, encoder.owners, encoder.used)


def _tail(values: Floats, quantiles: Floats) -> Floats:
    """Give minus the logarithm of the share of training values that are as far out, further beyond their range."""
    between = np.interp(values, quantiles, GRID)
    # A frequent value stands on a step of the distribution: what counts is all of the step.
    first = GRID[np.minimum(np.searchsorted(quantiles, values, "left"), len(GRID) - 1)]
    last = GRID[np.maximum(np.searchsorted(quantiles, values, "right") - 1, 0)]
    on_step = last > first
    below = np.where(on_step, last, between)
    above = 1.0 - np.where(on_step, first, between)
    tail = np.clip(2.0 * np.minimum(below, above), 10**-3.3, 1.0)
    width = max(quantiles[-1] - quantiles[0], 1e-12)
    outside = np.maximum(quantiles[0] - values, values - quantiles[-1]) / width
    return -np.log10(tail) + np.where(outside > 0, 10.0 * outside, 0.0)


def learn_drift(matrix: Floats, categories: NDArray[np.int64], seed: int) -> Drift:
    """Keep what tells of rows whether they are like these."""
    if len(matrix) > _ROWS:
        matrix = matrix[np.sort(np.random.default_rng(seed).choice(len(matrix), _ROWS, replace=False))]
    rows, features = matrix.shape
    quantiles = np.zeros((features, len(GRID)))
    shares, sizes = [], np.zeros(features, np.int64)
    gaps = np.isnan(matrix).mean(axis=0)
    for place in range(features):
        values = matrix[:, place]
        known = values[~np.isnan(values)]
        if categories[place]:
            sizes[place] = categories[place] + 1
            counts = np.bincount(known.astype(np.int64), minlength=sizes[place])
            shares.append(np.maximum(counts / rows, 1.0 / (10.0 * rows)))
        elif len(known):
            quantiles[place] = np.quantile(known, GRID)
    joined_shares = np.concatenate(shares) if shares else np.zeros(0)
    blank = Drift(quantiles, joined_shares, sizes, gaps, 1.0, 0.0, 0.0)
    raw = np.sqrt((blank.surprise(matrix) ** 2).mean(axis=1))
    limit = max(float(np.quantile(raw, 0.999)), 1e-6)
    mean, variance = float(np.mean(raw / limit)), float(np.var(raw / limit))
    return Drift(quantiles, joined_shares, sizes, gaps, limit, mean, variance)
