"""Networks in a race: which shapes are tried, on how many rows and for how many steps, and what becomes of them."""

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from automl.learners.descent import Shape, Wrong, learn, wrong_classes, wrong_numbers
from automl.learners.networks import Inputs, Networks, joined, learn_background, learn_inputs, together
from automl.progress import Budget
from automl.race.folds import Split
from automl.race.losses import Objective, absolute
from automl.race.trial import Trial
from automl.terms import families

Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]
LANES = min(os.cpu_count() or 1, 4)  # networks that learn side by side, one thread each
_SHARED = 0.7  # what a lane gets of a processor on a machine that others use
_LEAST_STEPS = 400
_STEPS_OF_EPOCH = 40  # at least
_MOST_INPUTS = 600
_CELLS, _ROWS = 20_000_000, 400_000  # inputs of all rows, and rows: more than are seen
_SHARE = 0.2  # of the time that the race's networks may take, and as much again when they learn from all rows
_FIRST = 0.5  # of what is left of that share by the clock: for a shape, where others follow
_AGAIN = 4  # networks that learn from all rows
_ABSOLUTE = 0.1  # deviations from which on an absolute difference counts as such


@dataclass(frozen=True, slots=True)
class Entry:
    """A shape that is tried: with how many rows in a step at most, and how often each is seen where there is time."""

    shape: Shape
    epochs: int
    most: int  # steps
    rows: float = np.inf  # where there are more the others are better

    def fitting(self, rows: int) -> tuple[Shape, int]:
        """Give the shape with fewer rows in a step where there are few, and the steps."""
        batch = min(self.shape.batch, 1 << max(4, (rows // _STEPS_OF_EPOCH).bit_length() - 1))
        return replace(self.shape, batch=batch), int(np.clip(self.epochs * rows / batch, _LEAST_STEPS, self.most))


PORTFOLIO = (
    Entry(Shape((256, 128), 0.1, 1.2e-3, 256), 50, 3000),
    Entry(Shape((64,), 0.2, 1e-2, 64), 30, 1500, 5000),
    Entry(Shape((128, 64, 32), 0.0, 5e-4, 64), 80, 4000),
)


@dataclass
class Learner:
    """The rows that networks learn from."""

    matrix: Floats
    target: Floats
    categories: NDArray[np.int64]
    objective: Objective
    seed: int

    @cached_property
    def inputs(self) -> Inputs:
        """How features become inputs: learned once, so that the networks of all splits have the same."""
        return learn_inputs(self.matrix, self.categories)

    @cached_property
    def background(self) -> Floats:
        """Rows that explanations begin at."""
        return learn_background(self.matrix)

    def step_cost(self, shape: Shape) -> float:
        """Estimate the seconds of a step on one processor of 2026."""
        sizes = (self.inputs.size, *shape.hidden, self.objective.outputs)
        weights = sum(wide * units for wide, units in itertools.pairwise(sizes))
        return 7e-5 + weights * (1.2e-9 + 3.7e-11 * shape.batch) + 4.6e-9 * shape.batch * sum(sizes[1:])

    def learned(self, jobs: Sequence[tuple[Indexes, Shape, int, int]], deadline: float) -> list[Networks]:
        """Let networks learn side by side, each from rows, in a shape, in steps, by a seed."""
        most = max(1, min(_ROWS, _CELLS // self.inputs.size))
        parts: dict[int, tuple[NDArray[np.float32], Wrong]] = {}
        for rows, *_ in jobs:
            if id(rows) not in parts:
                some = rows if len(rows) <= most else rows[:: -(-len(rows) // most)]
                parts[id(rows)] = self.inputs.of(self.matrix[some]), self._wrong(self.target[some])

        def one(place: int) -> Networks:
            rows, shape, steps, seed = jobs[place]
            now = time.monotonic()
            ends = now + (deadline - now) / -(-(len(jobs) - place) // LANES)  # others come after it
            layers = learn(*parts[id(rows)], self.objective.outputs, shape, steps, seed, ends)
            return together(self.inputs, [layers], self.background)

        with _one_thread_each(), ThreadPoolExecutor(LANES) as lanes:
            return list(lanes.map(one, range(len(jobs))))

    def _wrong(self, target: Floats) -> Wrong:
        if self.objective.classes:
            return wrong_classes(target.astype(np.int64), self.objective.outputs)
        return wrong_numbers(target, _ABSOLUTE if self.objective.loss is absolute else np.inf)

    def tried(
        self, splits: Sequence[Split], budget: Budget, loss: Callable[[Floats], float], share: float, needed: bool
    ) -> list[Trial]:
        """Give a candidate of each shape that there is time for.

        Args:
            loss: of margins of the rows that judge, of all splits.
            share: of the time after which no step begins.
            needed: there is nothing else, so that one is given in any case.
        """
        found: list[Trial] = []
        if self.inputs.size > _MOST_INPUTS and not needed:
            return found
        count = 2 if len(splits) == 1 else 1
        left = min(_SHARE * (1 if len(splits) == 1 else 1.5) * budget.seconds, 0.6 * budget.left(share))
        for entry in PORTFOLIO:
            if len(splits[0].train) > entry.rows and (found or not needed):
                continue
            shape, steps = entry.fitting(len(splits[0].train))
            cost = self.step_cost(shape) * count * len(splits) / (LANES * _SHARED)
            able = min(steps, int(left / cost))
            if (able < max(_LEAST_STEPS, steps // 3) or budget.short(share, cost * able / 2)) and (found or not needed):
                continue
            able = max(able, _LEAST_STEPS)
            left -= cost * able
            budget.take(cost * able)
            jobs = [(split.train, shape, able, self.seed + turn) for split in splits for turn in range(count)]
            now, end = time.monotonic(), budget.at(share)
            nets = self.learned(jobs, end if entry is PORTFOLIO[-1] else now + _FIRST * (end - now))
            models = tuple(joined(nets[place * count : (place + 1) * count]) for place in range(len(splits)))
            judged = zip(models, splits, strict=True)
            margins = np.concatenate([model.margin(self.matrix[split.watch], LANES) for model, split in judged])
            found.append(Trial(families.NETWORKS, {}, loss(margins), margins, able, shape=shape, networks=models))
            budget.over(share)  # notes that the clock may have ended them
        return found

    def again_cost(self, trial: Trial) -> float:
        """Estimate the seconds in which networks like a candidate's learn from all rows."""
        assert trial.shape is not None
        return self.step_cost(trial.shape) * trial.rounds * _AGAIN / (LANES * _SHARED)

    def again(self, trial: Trial, deadline: float) -> Networks:
        """Let networks like a candidate's learn from all rows."""
        assert trial.shape is not None
        rows = np.arange(len(self.matrix))
        jobs = [(rows, trial.shape, trial.rounds, self.seed + turn) for turn in range(_AGAIN)]
        return joined(self.learned(jobs, deadline))


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let products of matrices take one thread, of which there are several: small ones are slower with more."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        yield
