"""Boosted trees: grown by LightGBM round by round under a deadline, kept as its text."""

import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl.parts import Parts
from automl.tree_text import checked, shortened

Floats = NDArray[np.float64]
_FIXED: Mapping[str, Any] = {
    "verbosity": -1,
    "deterministic": True,
    "force_col_wise": True,  # a feature's histogram is one thread's work: the same sums with any number of threads
    "feature_pre_filter": False,
}


@functools.lru_cache(maxsize=1)
def quiet() -> None:
    """Keep LightGBM from writing to the terminal."""
    import logging

    import lightgbm

    log = logging.getLogger("automl.lightgbm")
    log.setLevel(logging.ERROR)
    lightgbm.register_logger(log)


@dataclass(frozen=True)
class Trees:
    """Boosted trees in LightGBM's text form; margins are rows x outputs."""

    text: str
    outputs: int
    count: int

    @functools.cached_property
    def booster(self) -> Any:
        """LightGBM's own object, made at first use."""
        import lightgbm

        quiet()
        return lightgbm.Booster(model_str=self.text, params={"verbosity": -1})

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
        found: Floats = self.booster.predict(matrix, raw_score=True, num_threads=threads, validate_features=False)
        return found.reshape(len(matrix), self.outputs) / self.divisor

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
    """Trees that were grown: how many rounds are best, their margins of the watched rows, and whether time ran out."""

    trees: Trees
    rounds: int
    margins: Floats
    cut: bool


def dataset(matrix: Floats, target: Floats, categories: NDArray[np.int64], weights: Floats | None = None) -> Any:
    """Sort rows into bins once, for any number of trees and any choice of rows."""
    import lightgbm

    quiet()
    names = [int(place) for place in np.flatnonzero(categories)]
    params = {**_FIXED, "max_bin": 255, "min_data_in_bin": 3 if len(matrix) > 500 else 1, "num_threads": 0}
    made = lightgbm.Dataset(
        matrix, label=target, weight=weights, categorical_feature=names or "auto", params=params, free_raw_data=False
    )
    return made.construct()


def _rows(source: Any, rows: NDArray[np.int64] | None) -> Any:
    return source if rows is None else source.subset(np.sort(rows).tolist()).construct()


def grow(
    source: Any,
    matrix: Floats,
    params: Mapping[str, Any],
    rounds: int,
    train: NDArray[np.int64] | None,
    watch: NDArray[np.int64] | None,
    patience: int,
    deadline: float,
) -> Growth:
    """Grow trees on the rows `train`; with rows `watch`, until their loss has not fallen for `patience` rounds.

    Args:
        deadline: `time.monotonic()` after which no round begins; one round is always grown.
    """
    import lightgbm

    outputs = int(params.get("num_class", 1))
    booster = lightgbm.Booster({**_FIXED, **params}, _rows(source, train))
    if watch is not None:
        booster.add_valid(_rows(source, watch), "watch")
    best, best_round, cut = np.inf, 0, False
    for step in range(1, rounds + 1):
        finished = booster.update()
        if watch is not None:
            loss = booster.eval_valid()[0][2]
            if loss < best - 1e-7:
                best, best_round = loss, step
            if step - best_round >= patience:
                break
        else:
            best_round = step
        if finished:
            break
        if time.monotonic() > deadline:
            cut = step < rounds
            break
    best_round = max(best_round, 1)
    text = shortened(booster.model_to_string(num_iteration=best_round))
    trees = Trees(text, outputs, text.count("\nTree="))
    margins = trees.margin(matrix[np.sort(watch)], threads=0) if watch is not None else np.zeros((0, outputs))
    return Growth(trees, best_round, margins, cut)
