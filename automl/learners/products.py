"""Linear models with the squares and products of numbers: what depends on two numbers together, or bends.

Trees need many splits for what one product says. A margin is that of a linear model (`automl.learners.linear`) and, for
each pair of numbers, a weight times both of them. The numbers of products are scaled and bounded, a gap among them is
the mean. Shapley values of such a sum are known exactly.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from automl.learners import logistic
from automl.learners.linear import Linear, all_classes, learn_layout, unpacked
from automl.stored.parts import BadModel, Parts

Floats = NDArray[np.float64]
MOST_NUMBERS = 64  # whose products are looked at: 2,080
_BOUND = 4.0  # deviations from the mean: a product of two strange values is no measure of either
_LESS = 0.5  # of the scale of numbers themselves: a weight of a product is held down four times as much
_BLOCK = 128  # rows whose numbers and sums stay in the processor's first caches
_ROWS = 4096  # rows that a matrix of products is made of at a time
_SLOPE = 3e-4  # see `logistic.fit`


@numba.njit(
    types.void(
        types.Array(types.float64, 2, "C", readonly=True),
        types.Array(types.float64, 3, "C", readonly=True),
        types.float64[:, ::1],
    ),
    nogil=True,
    cache=True,
)
def _add(numbers: Any, weights: Any, sums: Any) -> None:  # pragma: no cover - compiled
    """Add the products to sums (outputs x rows). `numbers`: each x rows, `weights`: output, first, second number."""
    count, rows = numbers.shape
    inner = np.empty(_BLOCK)
    for start in range(0, rows, _BLOCK):
        size = min(_BLOCK, rows - start)
        for output in range(len(sums)):
            total = sums[output, start : start + size]
            for first in range(count):
                inner[:] = 0.0
                for second in range(first, count):
                    weight, values = weights[output, first, second], numbers[second, start : start + size]
                    for row in range(size):
                        inner[row] += weight * values[row]
                values = numbers[first, start : start + size]
                for row in range(size):
                    total[row] += inner[row] * values[row]


@dataclass(frozen=True)
class Products:
    """A fitted model: margins are rows x outputs, as those of its linear part."""

    linear: Linear
    places: NDArray[np.int64]  # of the numbers in the matrix
    centers: Floats
    scales: Floats
    weights: Floats  # outputs x numbers x numbers; nothing below the diagonal
    means: Floats  # of the scaled numbers
    expected: Floats  # features x outputs: what the products give to each feature on average

    @property
    def outputs(self) -> int:
        """How many margins a row has."""
        return self.linear.outputs

    @property
    def size(self) -> int:
        """How many weights there are."""
        return self.linear.size + self.outputs * len(self.places) * (len(self.places) + 1) // 2

    def margin(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give the margins of rows, each row's added up in one order."""
        sums = np.ascontiguousarray(self.linear.margin(matrix, threads).T)
        _add(_scaled(matrix, self.places, self.centers, self.scales), self.weights, sums)
        return sums.T

    @functools.cached_property
    def _halves(self) -> Floats:
        """Half of each product's weight for each of its two numbers: outputs x numbers x numbers, without squares."""
        above = self.weights * np.triu(np.ones(self.weights.shape[1:]), 1)
        return np.asarray(0.5 * (above + above.transpose(0, 2, 1)))

    def _given(self, matrix: Floats) -> Floats:
        """Give what the products give to each feature, before their mean is taken off: rows x features x outputs.

        Of a product of two numbers, the Shapley value of the first against the training's rows is half of the product
        and half of what it is with the mean of the second, less half of what it is with the mean of the first.
        """
        values = _scaled(matrix, self.places, self.centers, self.scales).T
        found = np.zeros((len(matrix), matrix.shape[1], self.outputs))
        for output, halves in enumerate(self._halves):
            beside = values @ halves
            squares = values**2 * np.diagonal(self.weights[output])
            found[:, self.places, output] = squares + values * (beside + self.means @ halves) - self.means * beside
        return found

    def contributions(self, matrix: Floats) -> Floats:
        """Give what each feature adds to the mean margin: rows x features x outputs (Shapley values, exact)."""
        found: Floats = self.linear.contributions(matrix) + self._given(matrix) - self.expected
        return found

    def parts(self) -> Parts:
        """Give what this is made of."""
        names = ("places", "centers", "scales", "weights", "means", "expected")
        whole = Parts({"kind": "products"}, {name: getattr(self, name) for name in names})
        whole.put("linear", self.linear.parts())
        return whole

    @staticmethod
    def restore(parts: Parts, features: int, outputs: int) -> "Products":
        """Make a model of its parts.

        Raises:
            BadModel: they do not fit together.
        """
        places = parts.indexes("places", features)
        count = len(places)
        if count > MOST_NUMBERS or len(set(places.tolist())) != count:
            raise BadModel("its products are out of range")
        centers, scales, means = (parts.array(name, count) for name in ("centers", "scales", "means"))
        if (scales <= 0).any():
            raise BadModel("its scales are out of range")
        weights = np.ascontiguousarray(parts.array("weights", outputs, count, count), np.float64)
        linear = Linear.restore(parts.under("linear"), features, outputs)
        return Products(linear, places, centers, scales, weights, means, parts.array("expected", features, outputs))


def _scaled(matrix: Floats, places: NDArray[np.int64], centers: Floats, scales: Floats) -> Floats:
    """Give the numbers of products, numbers x rows: scaled, bounded, a gap as the mean."""
    found = matrix.T[places] - centers[:, None]
    found /= scales[:, None]
    np.clip(found, -_BOUND, _BOUND, out=found)
    found[np.isnan(found)] = 0.0
    return np.ascontiguousarray(found)


def pairs(categories: NDArray[np.int64]) -> int:
    """Give how many products the numbers of a matrix have; none where they are too many. See `learn_layout`."""
    count = int(np.sum(categories == 0))
    return count * (count + 1) // 2 if count <= MOST_NUMBERS else 0


class _Design:
    """The columns of the linear part and, in half the precision and scaled, those of the products."""

    def __init__(self, matrix: Floats, categories: NDArray[np.int64]) -> None:
        self.layout = learn_layout(matrix, categories)
        self.plain = self.layout.design(matrix)
        self.has_gaps = bool(np.isnan(matrix[:, self.layout.numbers]).any())
        layout = self.layout
        self.values = _scaled(matrix, layout.numbers, layout.centers, layout.scales)
        count = len(self.values)
        self.first, self.second = np.triu_indices(count if count <= MOST_NUMBERS else 0)
        rows, size = len(matrix), len(self.first)
        self.products = np.empty((rows, size), np.float32)
        for start in range(0, rows, _ROWS):
            part = self.values[:, start : start + _ROWS]
            self.products[start : start + _ROWS] = (part[self.first] * part[self.second]).T
        self.centers = self.products.mean(axis=0, dtype=np.float64)
        spread = np.zeros(size)
        for start in range(0, rows, _ROWS):
            spread += ((self.products[start : start + _ROWS] - self.centers) ** 2).sum(axis=0)
        spread = np.sqrt(spread / rows)
        self.factors = np.where(spread > 1e-6, _LESS / np.maximum(spread, 1e-6), 0.0)
        self.products -= self.centers.astype(np.float32)
        self.products *= self.factors.astype(np.float32)
        self.shape = rows, self.plain.shape[1] + size

    def __matmul__(self, weights: Floats) -> Floats:
        width = self.plain.shape[1]
        found: Floats = self.plain @ weights[:width] + self.products @ weights[width:].astype(np.float32)
        return found

    @property
    def T(self) -> "_Turned":
        """The columns as rows."""
        return _Turned(self)

    def model(self, matrix: Floats, weights: Floats, base: Floats) -> Products:
        """Make a model of the columns' weights."""
        width, outputs, count = self.plain.shape[1], len(base), len(self.values)
        used = len(self.first) > 0
        places = self.layout.numbers if used else self.layout.numbers[:0]
        inner = weights[width:] * self.factors[:, None]
        linear = unpacked(self.layout, matrix, weights[:width], base - self.centers @ inner, self.has_gaps)
        table = np.zeros((outputs, count, count) if used else (outputs, 0, 0))
        table[:, self.first, self.second] = inner.T
        centers, scales = (each[: len(places)] for each in (self.layout.centers, self.layout.scales))
        means = self.values.mean(axis=1)[: len(places)]
        made = Products(linear, places, centers, scales, table, means, np.zeros((matrix.shape[1], outputs)))
        sample = matrix[:: max(1, len(matrix) // 10_000)]
        return Products(linear, places, centers, scales, table, means, made._given(sample).mean(axis=0))


class _Turned:
    def __init__(self, design: _Design) -> None:
        self.design = design

    def __matmul__(self, wrong: Floats) -> Floats:
        return np.concatenate([self.design.plain.T @ wrong, self.design.products.T @ wrong.astype(np.float32)])


def fitted(
    matrix: Floats,
    target: Floats,
    classes: int,
    categories: NDArray[np.int64],
    strengths: Sequence[float],
    deadline: float = np.inf,
) -> Iterator[Products]:
    """Fit a model for each strength when it is asked for: a logistic regression, or for no `classes` a ridge.

    Args:
        strengths: of `linear.fit_logistic` or `linear.fit_ridge`.
        deadline: `time.monotonic()` after which a fit ends where it is.
    """
    design = _Design(matrix, categories)
    if not classes:
        yield from _ridges(design, matrix, target, strengths)
        return
    there, codes = np.unique(target.astype(np.int64), return_inverse=True)
    weights = None
    for strength in strengths:
        weights = logistic.fit(design, codes, strength, weights, deadline, _SLOPE)
        lines = all_classes(weights, there, classes)
        yield design.model(matrix, lines[:-1], lines[-1])


def _ridges(design: _Design, matrix: Floats, target: Floats, strengths: Sequence[float]) -> Iterator[Products]:
    rows, width = design.shape
    gram, moment, means = np.zeros((width, width)), np.zeros(width), np.zeros(width)
    center = target.mean()
    for start in range(0, rows, _ROWS):
        plain = design.plain[start : start + _ROWS]
        dense = np.asarray(plain.todense()) if hasattr(plain, "todense") else plain
        part = np.hstack([dense, design.products[start : start + _ROWS].astype(np.float64)])
        gram += part.T @ part
        means += part.sum(axis=0) / rows
        moment += part.T @ (target[start : start + _ROWS] - center)
    gram -= rows * np.outer(means, means)
    for strength in strengths:
        held = gram + (strength * rows + 1e-9) * np.eye(width)
        weights = np.asarray(np.linalg.solve(held, moment)[:, None], np.float64)
        yield design.model(matrix, weights, np.array([center]) - means @ weights)
