"""A weighted sum of linear models, networks and trees on the scale of margins, and what margins mean.

Summing margins, not probabilities, keeps explanations exact: what a feature adds to the blend is the weighted sum of
what it adds to the members.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.learners.boosters import Trees
from automl.learners.linear import Linear
from automl.learners.networks import Networks
from automl.learners.products import Products
from automl.stored.parts import BadModel, Parts, pick

Floats = NDArray[np.float64]
Member = Linear | Networks | Products | Trees
_MEMBERS: Mapping[str, Callable[[Parts, int, int], Member]] = {
    "linear": Linear.restore,
    "networks": Networks.restore,
    "products": Products.restore,
    "trees": Trees.restore,
}
MOST_MEMBERS = 32


def chances(margins: Floats) -> Floats:
    """Give probabilities (rows x classes) for margins: one column is the logit of the second of two classes."""
    if margins.shape == (1, 1):  # one row: the same numbers at a fraction of the calls
        chance = 1.0 / (1.0 + np.exp(-min(max(margins[0, 0], -700.0), 700.0)))
        return np.array([[1.0 - chance, chance]])
    if margins.shape[1] == 1:
        second = 1.0 / (1.0 + np.exp(-np.clip(margins[:, 0], -700, 700)))
        return np.column_stack([1.0 - second, second])
    powers = np.exp(margins - margins.max(axis=1, keepdims=True))
    found: Floats = powers / powers.sum(axis=1, keepdims=True)
    return found


@dataclass(frozen=True)
class Blend:
    """The members with their weights."""

    members: tuple[Member, ...]
    weights: tuple[float, ...]
    features: int
    outputs: int

    def margin(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give the margins of rows: rows x outputs."""
        if len(self.members) == 1 and self.weights[0] == 1.0:
            return self.members[0].margin(matrix, threads)
        total = np.zeros((len(matrix), self.outputs))
        for member, weight in zip(self.members, self.weights, strict=True):
            total += weight * member.margin(matrix, threads)
        return total

    def contributions(self, matrix: Floats) -> Floats:
        """Give what each feature adds to the mean margin: rows x features x outputs."""
        total = np.zeros((len(matrix), self.features, self.outputs))
        for member, weight in zip(self.members, self.weights, strict=True):
            total += weight * member.contributions(matrix)
        return total

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = Parts({"weights": list(self.weights), "outputs": self.outputs})
        for number, member in enumerate(self.members):
            whole.put(str(number), member.parts())
        return whole

    @staticmethod
    def restore(parts: Parts, features: int, outputs: int) -> "Blend":
        """Make a blend of its parts."""
        weights = tuple(float(weight) for weight in parts.listed("weights", float))
        if not 1 <= len(weights) <= MOST_MEMBERS or not np.isfinite(weights).all():
            raise BadModel("its members are out of range")
        members = []
        for number in range(len(weights)):
            inner = parts.under(str(number))
            members.append(pick(_MEMBERS, inner.tree.get("kind"))(inner, features, outputs))
        return Blend(tuple(members), weights, features, outputs)
