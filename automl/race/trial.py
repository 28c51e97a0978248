"""A candidate of a race, the rows that it has in one of its splits, and which candidates a blend may be made of."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from automl.learners.boosters import Growth
from automl.learners.descent import Shape
from automl.learners.linear import Linear
from automl.learners.networks import Networks
from automl.learners.products import Products
from automl.terms import families

Floats = NDArray[np.float64]
Sum = Linear | Products
MOST_ROUNDS = 2000
_LIKELY = 12  # candidates with the smallest losses, which a blend is made of
_OF_EACH_KIND = 4  # that come to these: what errs otherwise helps although it is worse


class Part(NamedTuple):
    """A split's rows in bins, those that train and those that judge, and the latter's margins at which trees begin."""

    train: Any
    watch: Any
    begin: Floats | float


@dataclass(frozen=True)
class Trial:
    """A candidate and what it did on the watched rows."""

    family: str
    params: Mapping[str, Any]
    loss: float
    margins: Floats
    rounds: int = 0
    strength: float = 0.0
    grown: tuple[Growth, ...] = ()  # where it may go on
    patience: int = 0
    models: tuple[Sum, ...] = ()  # those of the race, one for each split
    upon: float = 0.0  # the share of the margins of the race's `base` at which trees begin
    shape: Shape | None = None  # of networks, whose `rounds` are their steps
    networks: tuple[Networks, ...] = ()  # those of the race, as `models`

    @property
    def has_trees(self) -> bool:
        """Tell whether it is grown, round by round."""
        return self.family not in families.WITHOUT_TREES

    @property
    def kind(self) -> tuple[bool, bool]:
        """Tell sums, networks, trees that begin at nothing and trees that begin at a sum from each other."""
        return self.has_trees, self.upon > 0 or self.family == families.NETWORKS

    @property
    def hungry(self) -> bool:
        """Tell whether more rounds would have made it better, as far as it can be seen."""
        return self.rounds < MOST_ROUNDS and any(growth.hungry for growth in self.grown)


def likely(trials: Iterable[Trial]) -> list[Trial]:
    """Give the candidates that a blend may be made of, the best first."""
    ordered = sorted(trials, key=lambda trial: trial.loss)
    kinds = [[each for each in ordered if each.kind == kind] for kind in {each.kind for each in ordered}]
    found = {id(each) for each in (*ordered[:_LIKELY], *(each for kind in kinds for each in kind[:_OF_EACH_KIND]))}
    return [each for each in ordered if id(each) in found]
