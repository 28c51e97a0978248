"""Boosted trees: grown by LightGBM round by round under a deadline, kept as its text."""

import contextlib
import functools
import logging
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.stored.parts import Parts
from automl.stored.tree_text import checked, shortened

Floats = NDArray[np.float64]
_starting = threading.Lock()
_WRAPPED = "sklearn"
_LOADING = 0.4  # seconds
_FARTHEST = 1e6  # of margins: a target has a deviation of one
_FIXED: Mapping[str, Any] = {
    "verbosity": -1,
    "deterministic": True,
    "force_col_wise": True,  # a feature's histogram is one thread's work: the same sums with any number of threads
    "feature_pre_filter": False,
}


@functools.lru_cache(maxsize=1)
def quiet() -> None:
    """Load LightGBM so that it writes nothing to the terminal, and waits without turning.

    On processors that others use too, threads of OpenMP that spin at every barrier make training up to ten times slower
    (measured on two loaded cores); the variable is read when the library is loaded.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    with _without_wrappers():
        import lightgbm

    log = logging.getLogger("automl.lightgbm")
    log.setLevel(logging.ERROR)
    lightgbm.register_logger(log)


@contextlib.contextmanager
def _without_wrappers() -> Iterator[None]:
    """Let LightGBM be loaded without scikit-learn, as where that is not installed (its compat.py).

    It is for wrappers that are not used here, and takes three quarters of the 1.2 seconds of processor time. Not where
    another thread may load scikit-learn meanwhile.
    """
    if _WRAPPED in sys.modules or threading.active_count() > 1:
        yield
        return
    known: dict[str, Any] = sys.modules
    known[_WRAPPED] = None
    try:
        yield
    finally:
        del known[_WRAPPED]


def loading() -> float:
    """Give the seconds that loading LightGBM usually takes; 0 when that is done."""
    return 0.0 if "lightgbm" in sys.modules else _LOADING


@dataclass(frozen=True)
class Trees:
    """Boosted trees in LightGBM's text form; margins are rows x outputs."""

    text: str
    outputs: int
    count: int

    @functools.cached_property
    def booster(self) -> Any:
        """LightGBM's own object, for explanations; made at first use."""
        quiet()
        import lightgbm

        return lightgbm.Booster(model_str=self.text, params={"verbosity": -1})

    @functools.cached_property
    def forest(self) -> Any:
        """The trees as arrays, which are walked; made at first use."""
        from automl.learners.forest import forest_of

        return forest_of(self.text, self.outputs)

    @property
    def size(self) -> int:
        """How many trees there are."""
        return self.count

    @functools.cached_property
    def divisor(self) -> int:
        """By what raw sums are divided: a forest's trees are averaged, which LightGBM leaves out of raw scores."""
        return self.count // self.outputs if "\naverage_output" in self.text.partition("\nTree=")[0] else 1

    def margin(self, matrix: Floats, threads: int = 1) -> Floats:
        """Give the margins of rows."""
        found: Floats = self.forest.margin(matrix, threads) / self.divisor
        return found

    def contributions(self, matrix: Floats) -> Floats:
        """Give what each feature adds to the mean margin: rows x features x outputs (TreeSHAP, exact)."""
        found = self.booster.predict(matrix, pred_contrib=True, validate_features=False)
        parts: Floats = found.reshape(len(matrix), self.outputs, matrix.shape[1] + 1)
        return parts[:, :, :-1].transpose(0, 2, 1) / self.divisor

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": "trees", "count": self.count}, boosters={"model": self.text})

    @staticmethod
    def restore(parts: Parts, features: int, outputs: int) -> "Trees":
        """Make trees of their parts, whose text is read and checked before LightGBM sees it."""
        text, count = checked(parts.boosters.get("model", ""), features, outputs)
        return Trees(text, outputs, count)


@dataclass(frozen=True)
class Growth:
    """Trees that were grown: the loss of the watched rows after each round, which is best, and whether time ran out.

    `hungry` says that the loss was still falling at the last.
    """

    booster: Any
    outputs: int
    rounds: int
    losses: tuple[float, ...]
    cut: bool
    hungry: bool

    def margins(self, matrix: Floats, rounds: int, begin: Floats | float = 0.0) -> Floats:
        """Give the margins of rows after some rounds; `begin` are those at which the trees begin (see `begin_at`)."""
        raw = self.booster.predict(np.asfortranarray(matrix), raw_score=True, num_iteration=rounds, num_threads=1)
        averaged = min(rounds, len(self.losses)) if self.booster.params.get("boosting") == "rf" else 1
        found: Floats = raw.reshape(len(matrix), self.outputs) / averaged + begin
        return found

    @functools.cached_property
    def trees(self) -> Trees:
        """The trees of the best rounds as text."""
        return self.first(self.rounds)

    def first(self, rounds: int) -> Trees:
        """Give the trees of some rounds, or of all if there are fewer, as text."""
        text = shortened(self.booster.model_to_string(num_iteration=rounds))
        return Trees(text, self.outputs, text.count("\nTree="))


def agreed(grown: Sequence[Growth], shares: Sequence[int]) -> int:
    """Give the rounds after which the loss of all watched rows is least, `shares` of them with each.

    The best of each by its own rows would flatter all of them: it is chosen by what judges it. One that ended earlier
    stays as it was at its end.
    """
    if len(grown) == 1:
        return grown[0].rounds
    last = max(len(each.losses) for each in grown)
    curves = np.array([[*each.losses, *[each.losses[-1]] * (last - len(each.losses))] for each in grown])
    return int(np.argmin(np.average(curves, axis=0, weights=shares))) + 1


def dataset(matrix: Floats, target: Floats, categories: NDArray[np.int64]) -> Any:
    """Sort rows into bins once, for any number of trees and any choice of rows."""
    quiet()
    import lightgbm

    names = [int(place) for place in np.flatnonzero(categories)]
    params = {**_FIXED, "max_bin": 255, "min_data_in_bin": 3 if len(matrix) > 500 else 1, "num_threads": 0}
    made = lightgbm.Dataset(
        matrix, label=target, categorical_feature=names or "auto", params=params, free_raw_data=False
    )
    return made.construct()


def rows_of(source: Any, rows: NDArray[np.int64]) -> Any:
    """Give some rows of a data set, in order, in the same bins."""
    return source.subset(rows.tolist()).construct()


def begin_at(data: Any, margins: Floats) -> Any:
    """Let trees of a data set begin at margins (rows x outputs) that something else gives its rows.

    Gradients have half the precision: margins that strange values bring are as wrong when they are smaller.
    """
    return data.set_init_score(np.clip(margins, -_FARTHEST, _FARTHEST).ravel(order="F"))


def start(data: Any, params: Mapping[str, Any], watch: Any = None) -> Any:
    """Make a booster without trees, in the thread in which it will grow: LightGBM's log level is each thread's own.

    Boosters of one data set are made one after the other, and may grow side by side.
    """
    import lightgbm

    with _starting:
        booster = lightgbm.Booster({**_FIXED, **params}, data)
        if watch is not None:
            booster.add_valid(watch, "watch")
    return booster


def grow(
    booster: Any,
    outputs: int,
    rounds: int,
    patience: int,
    deadline: float,
    before: Growth | None = None,
    watched: bool = True,
) -> Growth:
    """Grow trees; where rows are watched until their loss has not fallen for `patience` rounds.

    Args:
        deadline: `time.monotonic()` after which no round begins; one round is always grown.
        before: what the same booster has grown, to which these rounds are added.
    """
    losses = list(before.losses) if before else []
    best_round = before.rounds if before else 0
    steps, best = len(losses), losses[best_round - 1] if losses else np.inf
    step, cut, hungry = steps, False, True
    for step in range(steps + 1, steps + rounds + 1):
        finished = booster.update()
        if watched:
            loss = booster.eval_valid()[0][2]
            losses.append(loss)
            if loss < best - 1e-7:
                best, best_round = loss, step
            if step - best_round >= patience:
                hungry = False
                break
        else:
            best_round = step
        if finished:
            hungry = False
            break
        if time.monotonic() > deadline:
            cut = step < steps + rounds
            break
    return Growth(booster, outputs, max(best_round, 1), tuple(losses), cut, hungry)
