"""Linear models: logistic regression and ridge regression over numbers, gaps and categories.

A margin is the sum of what each feature gives: a weight times a number, a weight for a gap, or an entry of a category's
table, whose last entry stands for NULL, for rare values and for those that training has not seen.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.learners import logistic
from automl.learners.summing import margins
from automl.stored.parts import BadModel, Parts

Floats = NDArray[np.float64]
MOST_LEVELS = 512  # of a category; rarer values share the last entry
MOST_ENTRIES = 1024  # of all categories' tables together, where none has more than _LEVELS
_LEVELS = 64  # that each has in any case
_BLOCK = 65_536  # rows that are copied at a time where a column is not in one piece


@dataclass(frozen=True)
class Layout:
    """How the features of a matrix become columns of a linear model, learned from training rows."""

    numbers: NDArray[np.int64]
    centers: Floats
    scales: Floats
    categories: NDArray[np.int64]
    sizes: NDArray[np.int64]  # entries of each category's table

    def parts(self) -> Parts:
        """Give what this is made of."""
        names = ("numbers", "centers", "scales", "categories", "sizes")
        return Parts({}, {name: getattr(self, name) for name in names})

    @staticmethod
    def restore(parts: Parts, features: int) -> "Layout":
        """Make a layout of its parts.

        Raises:
            BadModel: they do not fit together.
        """
        numbers, categories = (parts.indexes(name, features) for name in ("numbers", "categories"))
        if len(set(numbers) | set(categories)) != features or len(numbers) + len(categories) != features:
            raise BadModel("its features are not each used once")
        count = len(numbers)
        sizes = parts.array("sizes", len(categories), kind="i")
        if len(sizes) and (int(sizes.min()) < 1 or int(sizes.max()) > MOST_LEVELS + 1):
            raise BadModel("its tables are out of range")
        return Layout(numbers, parts.array("centers", count), parts.array("scales", count), categories, sizes)

    @functools.cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Where each category's table begins."""
        return np.concatenate([[0], np.cumsum(self.sizes)])[:-1].astype(np.int64)

    def entries(self, matrix: Floats) -> NDArray[np.int64]:
        """Give each row's entry of each category's table."""
        codes = matrix[:, self.categories]
        last = self.sizes - 1
        known = codes < last  # false for NaN
        return np.where(known, np.where(known, codes, 0), last).astype(np.int64) + self.offsets

    def design(self, matrix: Floats) -> Any:
        """Give the columns of the linear model: scaled numbers, gaps, and one of each category's entries.

        Numpy when there are no categories, else scipy CSR.
        """
        gaps = np.isnan(matrix[:, self.numbers])
        scaled = np.where(gaps, 0.0, (matrix[:, self.numbers] - self.centers) / self.scales)
        dense = np.hstack([scaled, gaps]) if gaps.any() else scaled
        if not len(self.categories):
            return dense
        from scipy import sparse

        entries = self.entries(matrix)
        rows = len(matrix)
        pointers = np.arange(0, rows * entries.shape[1] + 1, entries.shape[1])
        chosen = sparse.csr_matrix(
            (np.ones(entries.size), entries.ravel(), pointers), shape=(rows, int(self.sizes.sum()))
        )
        return sparse.hstack([sparse.csr_matrix(dense), chosen], format="csr")


def learn_layout(matrix: Floats, categories: NDArray[np.int64], entries: int = MOST_ENTRIES) -> Layout:
    """Learn centers, scales and sizes of tables.

    Args:
        categories: each feature's number of values, 0 for numbers.
        entries: that all tables have together at most, unless there are so many categories.
    """
    numbers = np.flatnonzero(categories == 0)
    chosen = np.flatnonzero(categories)
    part = matrix[:, numbers]
    known = ~np.isnan(part)
    counts = np.maximum(known.sum(axis=0), 1)
    centers = np.where(known, part, 0.0).sum(axis=0) / counts
    spread = np.sqrt((np.where(known, part - centers, 0.0) ** 2).sum(axis=0) / counts)
    able = np.arange(_LEVELS, MOST_LEVELS + 1)
    fitting = able[[int(np.minimum(categories[chosen], each).sum()) <= entries for each in able]]
    sizes = np.minimum(categories[chosen], fitting.max(initial=_LEVELS)) + 1
    return Layout(numbers, centers, np.where(spread > 1e-12, spread, 1.0), chosen, sizes)


@dataclass(frozen=True)
class Linear:
    """A fitted linear model: margins are rows x outputs (one for two classes and for a number)."""

    layout: Layout
    weights: Floats  # numbers x outputs, of unscaled numbers
    gaps: Floats  # numbers x outputs
    table: Floats  # entries x outputs
    base: Floats  # outputs
    expected: Floats  # features x outputs: what each feature gives on average

    @property
    def outputs(self) -> int:
        """How many margins a row has."""
        return len(self.base)

    @property
    def size(self) -> int:
        """How many weights there are."""
        return int(self.weights.size + self.gaps.size + self.table.size)

    @functools.cached_property
    def _terms(self) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Numbers and categories as `margins` takes them."""
        layout = self.layout
        places = [np.ascontiguousarray(each, np.int64) for each in (layout.numbers, layout.categories, layout.sizes)]
        weights, gaps, table = (np.ascontiguousarray(each, float) for each in (self.weights, self.gaps, self.table))
        return (places[0], weights, gaps), (places[1], layout.offsets, places[2], table)

    def margin(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give the margins of rows."""
        if matrix.shape[1] != len(self.layout.numbers) + len(self.layout.categories):
            raise ValueError("the matrix has another number of features than the model")
        step = max(len(matrix), 1) if matrix.flags.f_contiguous else _BLOCK
        blocks = range(0, max(len(matrix), 1), step)
        found = [margins(matrix[start : start + step], self.base, *self._terms) for start in blocks]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def contributions(self, matrix: Floats) -> Floats:
        """Give what each feature adds to the mean margin: rows x features x outputs (Shapley values of a sum)."""
        found = np.zeros((len(matrix), matrix.shape[1], self.outputs))
        numbers = matrix[:, self.layout.numbers]
        gaps = np.isnan(numbers)[..., None]
        filled = np.where(np.isnan(numbers), 0.0, numbers)[..., None]
        found[:, self.layout.numbers] = np.where(gaps, self.gaps, filled * self.weights)
        if len(self.layout.categories):
            found[:, self.layout.categories] = self.table[self.layout.entries(matrix)]
        return found - self.expected

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = self.layout.parts()
        whole.tree["kind"] = "linear"
        whole.arrays |= {name: getattr(self, name) for name in ("weights", "gaps", "table", "base", "expected")}
        return whole

    @staticmethod
    def restore(parts: Parts, features: int, outputs: int) -> "Linear":
        """Make a model of its parts.

        Raises:
            BadModel: they do not fit together.
        """
        layout = Layout.restore(parts, features)
        table = parts.array("table", int(layout.sizes.sum()), outputs)
        weights, gaps = (parts.array(name, len(layout.numbers), outputs) for name in ("weights", "gaps"))
        return Linear(
            layout, weights, gaps, table, parts.array("base", outputs), parts.array("expected", features, outputs)
        )


def unpacked(layout: Layout, matrix: Floats, coefficients: Floats, intercept: Floats, has_gaps: bool) -> Linear:
    """Turn coefficients of the design into a model of the matrix."""
    count = len(layout.numbers)
    outputs = len(intercept)
    scaled = coefficients[:count]
    weights = scaled / layout.scales[:, None]
    shift = weights * layout.centers[:, None]
    # A gap's scaled number is 0, which is the center: in unscaled numbers that is +shift, for base has -shift.
    gaps = shift + (coefficients[count : 2 * count] if has_gaps else 0.0)
    table = coefficients[(2 if has_gaps else 1) * count :].reshape(-1, outputs)
    blank = Linear(layout, weights, gaps, table, intercept - shift.sum(axis=0), np.zeros((matrix.shape[1], outputs)))
    sample = matrix[:: max(1, len(matrix) // 10_000)]
    return Linear(layout, weights, gaps, table, blank.base, blank.contributions(sample).mean(axis=0))


def fit_logistic(
    matrix: Floats,
    codes: NDArray[np.int64],
    classes: int,
    categories: NDArray[np.int64],
    strengths: Sequence[float],
    deadline: float = np.inf,
) -> list[Linear]:
    """Fit a logistic regression for each strength (scikit-learn's C), the next beginning where the last ended.

    Args:
        deadline: `time.monotonic()` after which the fits that are left end where they are.
    """
    layout = learn_layout(matrix, categories)
    design = layout.design(matrix)
    has_gaps = bool(np.isnan(matrix[:, layout.numbers]).any())
    there, places = np.unique(codes, return_inverse=True)
    found: list[Linear] = []
    weights = None
    for strength in strengths:
        weights = logistic.fit(design, places, strength, weights, deadline)
        lines = all_classes(weights, there, classes)
        found.append(unpacked(layout, matrix, lines[:-1], lines[-1], has_gaps))
    return found


def all_classes(weights: Floats, there: NDArray[np.int64], classes: int) -> Floats:
    """Give weights by class code; a class that is not in these rows gets a very low base."""
    if classes == 2 and len(there) == 2:
        return weights
    found = np.zeros((len(weights), classes))
    found[-1] = -20.0
    found[-1, there] = 0.0
    found[:, there[1:] if len(there) == 2 else there] = weights
    return found if classes > 2 else found[:, 1:] - found[:, :1]


def fit_ridge(
    matrix: Floats,
    target: Floats,
    categories: NDArray[np.int64],
    strengths: Sequence[float],
    within: Callable[[Floats], Floats] | None = None,
) -> list[Linear]:
    """Fit a ridge regression for each strength (a share of the rows) from one decomposition of the normal equations.

    Args:
        within: what is done to every column of the design and to the target first (a series without its trend).
    """
    layout = learn_layout(matrix, categories)
    design = layout.design(matrix)
    if within is not None:
        dense = np.asarray(design.todense()) if hasattr(design, "todense") else design
        design = np.column_stack([within(dense[:, place]) for place in range(dense.shape[1])])
        target = within(target)
    has_gaps = bool(np.isnan(matrix[:, layout.numbers]).any())
    rows = len(matrix)
    means = np.asarray(design.mean(axis=0)).ravel()
    gram = np.asarray((design.T @ design).todense() if hasattr(design, "todense") else design.T @ design)
    gram = gram - rows * np.outer(means, means)
    moment = np.asarray(design.T @ (target - target.mean())).ravel()
    values, vectors = np.linalg.eigh(gram)
    turned = vectors.T @ moment
    found = []
    for strength in strengths:
        coefficients = vectors @ (turned / (np.maximum(values, 0.0) + strength * rows + 1e-9))
        base = np.array([target.mean() - means @ coefficients])
        found.append(unpacked(layout, matrix, coefficients[:, None], base, has_gaps))
    return found
