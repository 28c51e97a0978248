"""Networks of rectified units, whose mean is the model: what depends on many numbers together, and bends.

Numbers go in by their distance from the median in units of the middle half, bent towards a bound, so that strange
values say no more than that they are far (Holzmüller et al., "Better by default", 2024). A gap is the median and, where
training has seen any, an input of its own; a category is an input for each of its entries.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numba
import numpy as np
from numba import types
from numpy.typing import NDArray

from automl.learners.descent import Halves, Layers
from automl.learners.linear import Layout, learn_layout
from automl.learners.sharing import share
from automl.stored.parts import BadModel, Parts

Floats = NDArray[np.float64]
MOST_INPUTS = 1 << 17
MOST_UNITS = 1024  # of a layer
MOST_LAYERS = 4
MOST_NETWORKS = 32
_LARGEST = 1e4  # of a weight: sums of such numbers stay in the range of four bytes
_ENTRIES = 384  # of the tables of categories, see `learn_layout`
_BOUND = 3.0  # which numbers come near, in deviations
_MIDDLE = 1.349  # deviations of a normal distribution that its middle half is wide
_SAMPLE = 50_000  # rows that medians are taken of
_ORDERS = 24  # of features, for Shapley values; each begins at a row of its own
_TOGETHER = 20_000  # rows whose margins are computed at once for them
_BLOCK = 16_384  # rows whose inputs are there at once


@numba.njit(
    types.void(
        types.Array(types.float32, 2, "C", readonly=True),
        types.int64,
        types.int64,
        types.Array(types.int64, 1, "C", readonly=True),
        types.Array(types.float32, 2, "C", readonly=True),
        types.float64[:, ::1],
    ),
    nogil=True,
    cache=True,
)
def _add(inputs: Any, first: Any, last: Any, sizes: Any, weights: Any, sums: Any) -> None:  # pragma: no cover
    """Add the margins of every network to the sums of rows, each added up in one order whatever the other rows.

    Args:
        sizes: the number of inputs, of units of each hidden layer, and of outputs.
        weights: for each network and layer those of each input, then where units begin.
    """
    widest = 0
    for size in sizes:
        widest = max(widest, size)
    state = np.empty((2, widest), np.float32)
    for row in range(first, last):
        for network in range(len(weights)):
            own = weights[network]
            state[0, : sizes[0]] = inputs[row]
            place, now = 0, 0
            for layer in range(len(sizes) - 1):
                wide, units = sizes[layer], sizes[layer + 1]
                base = place + wide * units
                given, after = state[now, :wide], state[1 - now, :units]
                after[:] = own[base : base + units]
                for each in range(wide):
                    value = given[each]
                    if value > 0 or (layer == 0 and value != 0):
                        line = own[place + each * units : place + (each + 1) * units]
                        for unit in range(units):
                            after[unit] += value * line[unit]
                place = base + units
                now = 1 - now
            for output in range(sums.shape[1]):
                sums[row, output] += state[now, output]


@dataclass(frozen=True)
class Inputs:
    """How the features of a matrix become numbers that networks take."""

    layout: Layout
    gaps: NDArray[np.int64]  # which numbers of the layout have an input for gaps

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.layout.numbers) + len(self.gaps) + int(self.layout.sizes.sum())

    def of(self, matrix: Floats) -> Halves:
        """Give those of rows: rows x inputs."""
        layout, count = self.layout, len(self.layout.numbers)
        found = np.zeros((len(matrix), self.size), np.float32)
        for start in range(0, len(matrix), _BLOCK):
            part = matrix[start : start + _BLOCK]
            numbers = (part[:, layout.numbers] - layout.centers) / layout.scales
            is_gap = np.isnan(numbers)
            numbers = np.clip(np.where(is_gap, 0.0, numbers), -1e6, 1e6)
            into = found[start : start + _BLOCK]
            into[:, :count] = numbers / np.sqrt(1.0 + (numbers / _BOUND) ** 2)
            into[:, count : count + len(self.gaps)] = is_gap[:, self.gaps]
            if len(layout.categories):
                places = layout.entries(part) + (count + len(self.gaps))
                into[np.arange(len(part))[:, None], places] = 1.0
        return found


def learn_inputs(matrix: Floats, categories: NDArray[np.int64]) -> Inputs:
    """Learn how features become inputs. `categories`: each feature's number of values, 0 for numbers."""
    sample = matrix[:: max(1, len(matrix) // _SAMPLE)]
    layout = learn_layout(sample, categories, _ENTRIES)
    part = sample[:, layout.numbers]
    known = ~np.isnan(part).all(axis=0)
    low, center, high = np.tile(layout.centers, (3, 1))
    if known.any():
        low[known], center[known], high[known] = np.nanquantile(part[:, known], (0.25, 0.5, 0.75), axis=0)
    middle = (high - low) / _MIDDLE
    scales = np.where(middle > 1e-12 * (1.0 + np.abs(center)), middle, layout.scales)
    return Inputs(replace(layout, centers=center, scales=scales), np.flatnonzero(np.isnan(part).any(axis=0)))


@dataclass(frozen=True)
class Networks:
    """Fitted networks of one shape: margins are rows x outputs, the mean of theirs."""

    inputs: Inputs
    layers: tuple[tuple[Halves, Halves], ...]  # networks x inputs x units, and networks x units
    background: Floats  # rows of the training, from which Shapley values begin

    @property
    def outputs(self) -> int:
        """How many margins a row has."""
        return int(self.layers[-1][1].shape[1])

    @property
    def count(self) -> int:
        """How many networks there are."""
        return len(self.layers[0][1])

    @property
    def size(self) -> int:
        """How many weights there are."""
        return int(sum(each.size for layer in self.layers for each in layer))

    @functools.cached_property
    def _flat(self) -> tuple[NDArray[np.int64], Halves]:
        """Sizes and weights as the kernel takes them."""
        sizes = [self.layers[0][0].shape[1], *(base.shape[1] for _, base in self.layers)]
        flat = [each.reshape(self.count, -1) for layer in self.layers for each in layer]
        return np.array(sizes, np.int64), np.ascontiguousarray(np.concatenate(flat, axis=1), np.float32)

    def margin(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give the margins of rows, each row's added up in one order."""
        if matrix.shape[1] != len(self.inputs.layout.numbers) + len(self.inputs.layout.categories):
            raise ValueError("the matrix has another number of features than the model")
        inputs, sums = self.inputs.of(matrix), np.zeros((len(matrix), self.outputs))
        share(len(matrix), threads, lambda first, last: _add(inputs, first, last, *self._flat, sums))
        sums /= self.count
        return sums

    def contributions(self, matrix: Floats) -> Floats:
        """Give what each feature adds to the mean margin: rows x features x outputs (Shapley values, sampled).

        In each of several orders, and in the same one backwards, a row of the training becomes the row feature by
        feature, and each is given what its step changes. A row's values add up to its margin less the mean one of those
        rows of the training.
        """
        rows, features = matrix.shape
        dice = np.random.default_rng(0)
        found = np.zeros((rows, features, self.outputs))
        order = np.arange(features)
        step = max(1, _TOGETHER // (features + 1))
        for turn, begin in enumerate(self.background):
            order = order[::-1] if turn % 2 else dice.permutation(features)
            taken = np.argsort(order)[None, :] < np.arange(features + 1)[:, None]
            for start in range(0, rows, step):
                part = matrix[start : start + step]
                mixed = np.where(taken, part[:, None, :], begin).reshape(-1, features)
                margins = self.margin(mixed).reshape(len(part), features + 1, -1)
                found[start : start + step, order] += np.diff(margins, axis=1)
        return found / len(self.background)

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = self.inputs.layout.parts()
        whole.tree |= {"kind": "networks", "layers": len(self.layers)}
        whole.arrays |= {"gaps": self.inputs.gaps, "background": self.background}
        for place, (weights, base) in enumerate(self.layers):
            whole.arrays |= {f"weights{place}": weights, f"base{place}": base}
        return whole

    @staticmethod
    def restore(parts: Parts, features: int, outputs: int) -> "Networks":
        """Make networks of their parts.

        Raises:
            BadModel: they do not fit together.
        """
        layout = Layout.restore(parts, features)
        if (layout.scales <= 0).any():
            raise BadModel("its scales are out of range")
        inputs = Inputs(layout, parts.indexes("gaps", len(layout.numbers)))
        background = parts.array("background", None, features, gaps=True)
        if inputs.size > MOST_INPUTS or not 1 <= len(background) <= _ORDERS:
            raise BadModel("its networks are out of range")
        layers: list[tuple[Halves, Halves]] = []
        count: int | None = None
        wide, last = inputs.size, parts.whole("layers", 1, MOST_LAYERS) - 1
        for place in range(last + 1):
            weights = _weights(parts, f"weights{place}", count, wide, outputs if place == last else None)
            count, wide = len(weights), weights.shape[2]
            layers.append((weights, _weights(parts, f"base{place}", count, wide)))
            if not 1 <= count <= MOST_NETWORKS or not 1 <= wide <= MOST_UNITS:
                raise BadModel("its networks are out of range")
        return Networks(inputs, tuple(layers), np.asarray(background, np.float64))


def _weights(parts: Parts, name: str, *shape: int | None) -> Halves:
    found = parts.array(name, *shape)
    if found.size and float(np.abs(found).max()) > _LARGEST:
        raise BadModel("its weights are out of range")
    return np.ascontiguousarray(found, np.float32)


def learn_background(matrix: Floats) -> Floats:
    """Give the rows of a training that Shapley values begin at."""
    some = np.random.default_rng(0).choice(len(matrix), min(_ORDERS, len(matrix)), replace=False)
    return np.array(matrix[np.sort(some)])


def together(inputs: Inputs, learned: Sequence[Layers], background: Floats) -> Networks:
    """Make a model of the layers of networks of one shape."""
    layers = tuple(
        (np.stack([each[place][0] for each in learned]), np.stack([each[place][1] for each in learned]))
        for place in range(len(learned[0]))
    )
    return Networks(inputs, layers, background)


def joined(models: Sequence[Networks]) -> Networks:
    """Make one model of several that have the same inputs and shape."""
    layers = [
        [np.concatenate([model.layers[place][kind] for model in models]) for kind in range(2)]
        for place in range(len(models[0].layers))
    ]
    return Networks(models[0].inputs, tuple((weights, base) for weights, base in layers), models[0].background)
