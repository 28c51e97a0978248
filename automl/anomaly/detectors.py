"""The detectors: each gives points a score, greater for what is stranger."""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.stored.parts import BadModel, Parts

Floats = NDArray[np.float64]
KEPT = 5000  # points that neighbours are looked for among
NEIGHBOURS = 10
_BLOCK = 20_000
_SAME = 1e-7  # of a point's size: what distances are told apart by, which come of products of matrices


class Neighbourhood:
    """Points among which the nearest ones are found."""

    def __init__(self, points: Floats) -> None:
        self.points = points

    @functools.cached_property
    def _index(self) -> Any:
        from sklearn.neighbors import NearestNeighbors

        return NearestNeighbors(algorithm="auto").fit(self.points)

    def nearest(self, points: Floats, count: int, themselves: bool = False) -> tuple[Floats, NDArray[np.int64]]:
        """Give distances and places of the nearest points; with `themselves` a row's own point is left out."""
        wanted = min(count + themselves, len(self.points))
        distances, places = self._index.kneighbors(points, wanted)
        return distances[:, int(themselves) :], places[:, int(themselves) :]

    def others(self, points: Floats, count: int) -> tuple[Floats, NDArray[np.int64]]:
        """Give the same but for one point at the very place: a row of the training is judged by the others."""
        distances, places = self.nearest(points, count + 1)
        here = distances[:, :1] <= _SAME * (1.0 + np.linalg.norm(points, axis=1, keepdims=True))
        return (
            np.where(here, distances[:, 1:], distances[:, :-1]),
            np.where(here, places[:, 1:], places[:, :-1]),
        )


@dataclass(frozen=True)
class Nearest:
    """GkNN: the mean distance of the ten nearest points of the training, without itself."""

    points: Floats
    kind: ClassVar[str] = "gknn"

    @functools.cached_property
    def around(self) -> Neighbourhood:
        """The index of the points."""
        return Neighbourhood(self.points)

    def score(self, points: Floats) -> Floats:
        """Give the scores of points."""
        found = [
            self.around.others(points[start : start + _BLOCK], NEIGHBOURS)[0].mean(axis=1)
            for start in range(0, len(points), _BLOCK)
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": self.kind}, {"points": self.points})

    @staticmethod
    def restore(parts: Parts, width: int) -> "Nearest":
        """Make it of its parts."""
        return Nearest(_points(parts, width))


def _points(parts: Parts, width: int) -> Floats:
    points = parts.array("points", None, width)
    if not NEIGHBOURS < len(points) <= KEPT:
        raise BadModel("its points are out of range")
    return points


@dataclass(frozen=True)
class Density:
    """GLOF: the local outlier factor, how much thinner it is round a point than round its neighbours."""

    points: Floats
    reach: Floats  # the distance of each point's last neighbour
    density: Floats
    kind: ClassVar[str] = "glof"

    @functools.cached_property
    def around(self) -> Neighbourhood:
        """The index of the points."""
        return Neighbourhood(self.points)

    def score(self, points: Floats) -> Floats:
        """Give the factors of points."""
        found = []
        for start in range(0, len(points), _BLOCK):
            distances, places = self.around.others(points[start : start + _BLOCK], 2 * NEIGHBOURS)
            own = 1.0 / (np.maximum(distances, self.reach[places]).mean(axis=1) + 1e-10)
            found.append(self.density[places].mean(axis=1) / own)
        return np.concatenate(found) if found else np.zeros(0)

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": self.kind}, {"points": self.points, "reach": self.reach, "density": self.density})

    @staticmethod
    def restore(parts: Parts, width: int) -> "Density":
        """Make it of its parts."""
        points = _points(parts, width)
        return Density(points, parts.array("reach", len(points)), parts.array("density", len(points)))


@dataclass(frozen=True)
class Residual:
    """PCA: the distance from the middle along the main directions, each in its own deviations."""

    center: Floats
    directions: Floats  # width x width
    weights: Floats
    kind: ClassVar[str] = "pca"

    def score(self, points: Floats) -> Floats:
        """Give the distances of points."""
        found: Floats = np.sqrt(((points - self.center) @ self.directions) ** 2 @ self.weights)
        return found

    def parts(self) -> Parts:
        """Give what this is made of."""
        arrays = {"center": self.center, "directions": self.directions, "weights": self.weights}
        return Parts({"kind": self.kind}, arrays)

    @staticmethod
    def restore(parts: Parts, width: int) -> "Residual":
        """Make it of its parts."""
        weights = parts.array("weights", width)
        if (weights < 0).any():
            raise BadModel("its weights are out of range")
        return Residual(parts.array("center", width), parts.array("directions", width, width), weights)


@dataclass(frozen=True)
class Isolation:
    """Isolation forest: how few random cuts set a point apart. Trees are complete, of `_DEPTH` levels."""

    features: NDArray[np.int64]  # trees x inner nodes
    cuts: Floats
    lengths: Floats  # trees x leaves: the length of the path, with what a leaf of many points would take
    usual: float
    kind: ClassVar[str] = "isolation"

    def score(self, points: Floats) -> Floats:
        """Give the scores of points, 0 to 1."""
        found = []
        inner = self.features.shape[1]
        trees = np.arange(len(self.features))
        for start in range(0, len(points), 4096):
            block = points[start : start + 4096]
            rows = np.arange(len(block))[:, None]
            node = np.zeros((len(block), len(trees)), np.int64)
            while node[0, 0] < inner:  # all are on one level
                right = block[rows, self.features[trees, node]] > self.cuts[trees, node]
                node = 2 * node + 1 + right
            depth = self.lengths[trees, node - inner].mean(axis=1)
            found.append(2.0 ** (-depth / self.usual))
        return np.concatenate(found) if found else np.zeros(0)

    def parts(self) -> Parts:
        """Give what this is made of."""
        arrays = {"features": self.features, "cuts": self.cuts, "lengths": self.lengths}
        return Parts({"kind": self.kind, "usual": self.usual}, arrays)

    @staticmethod
    def restore(parts: Parts, width: int) -> "Isolation":
        """Make it of its parts."""
        inner = 2**_DEPTH - 1
        features = parts.array("features", None, inner, kind="i")
        if not 1 <= len(features) <= 1000 or int(features.min()) < 0 or int(features.max()) >= width:
            raise BadModel("its trees are out of range")
        usual = parts.real("usual")
        if usual <= 0:
            raise BadModel("its trees are out of range")
        cuts, lengths = parts.array("cuts", len(features), inner), parts.array("lengths", len(features), inner + 1)
        return Isolation(features, cuts, lengths, usual)


Detector = Nearest | Density | Residual | Isolation
_DEPTH, _SAMPLE, _TREES = 8, 256, 150


def _kept(points: Floats, seed: int) -> Floats:
    if len(points) <= KEPT:
        return points
    return points[np.sort(np.random.default_rng(seed).choice(len(points), KEPT, replace=False))]


def fit_nearest(points: Floats, seed: int) -> Nearest:
    """Keep points."""
    return Nearest(_kept(points, seed))


def fit_density(points: Floats, seed: int) -> Density:
    """Keep points with their densities."""
    kept = _kept(points, seed)
    distances, places = Neighbourhood(kept).others(kept, 2 * NEIGHBOURS)
    reach = distances[:, -1].copy()
    density = 1.0 / (np.maximum(distances, reach[places]).mean(axis=1) + 1e-10)
    return Density(kept, reach, density)


def fit_residual(points: Floats, seed: int) -> Residual:
    """Find the main directions and their deviations: where rows hardly differ, a small distance counts much."""
    center = points.mean(axis=0)
    values, vectors = np.linalg.eigh(np.cov(points.T).reshape(points.shape[1], -1))
    values = np.maximum(values, 1e-6 * max(values.max(), 1e-12))
    return Residual(center, vectors, 1.0 / (values * points.shape[1]))


def fit_isolation(points: Floats, seed: int) -> Isolation:
    """Grow trees of random cuts, each on a few points."""
    dice = np.random.default_rng(seed)
    inner = 2**_DEPTH - 1
    features, cuts = np.zeros((_TREES, inner), np.int64), np.zeros((_TREES, inner))
    lengths = np.zeros((_TREES, inner + 1))
    for tree in range(_TREES):
        few = points[dice.choice(len(points), min(_SAMPLE, len(points)), replace=False)]
        groups: dict[int, Floats] = {0: few}
        depth_of = {0: 0}
        for node in range(inner):
            group = groups.pop(node)
            low, high = (group.min(axis=0), group.max(axis=0)) if len(group) > 1 else (np.zeros(1), np.zeros(1))
            real = np.flatnonzero(high > low)
            cut_here = len(real) > 0
            if cut_here:
                features[tree, node] = dice.choice(real)
                cuts[tree, node] = dice.uniform(low[features[tree, node]], high[features[tree, node]])
            right = group[:, features[tree, node]] > cuts[tree, node]
            for child, part in ((2 * node + 1, group[~right]), (2 * node + 2, group[right])):
                groups[child], depth_of[child] = part, depth_of[node] + cut_here
        for leaf in range(inner, 2 * inner + 1):
            lengths[tree, leaf - inner] = depth_of[leaf] + _path(len(groups[leaf]))
    return Isolation(features, cuts, lengths, _path(min(_SAMPLE, len(points))))


def _path(count: int) -> float:
    """Give the mean length of a path in a search tree of so many points (Liu, Ting and Zhou 2008)."""
    if count <= 1:
        return 0.0
    return 2.0 * (np.log(count - 1) + 0.5772156649) - 2.0 * (count - 1) / count if count > 2 else 1.0


FITS: Mapping[str, Callable[[Floats, int], Detector]] = {
    Nearest.kind: fit_nearest,
    Density.kind: fit_density,
    Residual.kind: fit_residual,
    Isolation.kind: fit_isolation,
}
RESTORED: Mapping[str, Callable[[Parts, int], Detector]] = {
    Nearest.kind: Nearest.restore,
    Density.kind: Density.restore,
    Residual.kind: Residual.restore,
    Isolation.kind: Isolation.restore,
}
