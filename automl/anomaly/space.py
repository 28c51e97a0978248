"""The space in which rows are near or far: scaled numbers, categories as axes, gaps in the middle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.learners.linear import MOST_LEVELS, Layout, learn_layout
from automl.stored.parts import BadModel, Parts

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Space:
    """A layout of the encoder's matrix, and how rows become points."""

    layout: Layout

    @property
    def width(self) -> int:
        """How many dimensions there are."""
        return len(self.layout.numbers) + int(self.layout.sizes.sum())

    def place(self, matrix: Floats) -> Floats:
        """Give the points of rows: rows x width."""
        layout = self.layout
        scaled = (matrix[:, layout.numbers] - layout.centers) / layout.scales
        found = np.zeros((len(matrix), self.width))
        found[:, : len(layout.numbers)] = np.where(np.isnan(scaled), 0.0, np.clip(scaled, -1e6, 1e6))
        if len(layout.categories):
            entries = layout.entries(matrix) + len(layout.numbers)
            rows = np.arange(len(matrix))
            for place in range(entries.shape[1]):
                found[rows, entries[:, place]] = np.sqrt(0.5)  # two different values are at distance one
        return found

    def parts(self) -> Parts:
        """Give what this is made of."""
        names = ("numbers", "centers", "scales", "categories", "sizes")
        return Parts({}, {name: getattr(self.layout, name) for name in names})

    @staticmethod
    def restore(parts: Parts, features: int) -> "Space":
        """Make it of its parts."""
        numbers, categories = (parts.indexes(name, features) for name in ("numbers", "categories"))
        sizes = parts.array("sizes", len(categories), kind="i")
        if len(sizes) and (int(sizes.min()) < 1 or int(sizes.max()) > MOST_LEVELS + 1):
            raise BadModel("its tables are out of range")
        centers, scales = parts.array("centers", len(numbers)), parts.array("scales", len(numbers))
        if (scales <= 0).any():
            raise BadModel("its scales are out of range")
        return Space(Layout(numbers, centers, scales, categories, sizes))


def learn_space(matrix: Floats, categories: NDArray[np.int64]) -> Space:
    """Learn the scales from rows."""
    return Space(learn_layout(matrix, categories, 0))  # a distance is of few dimensions
