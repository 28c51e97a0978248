"""Regressions on the series' own past, the calendar and exogenous variables: ridge or boosted trees, step by step.

All series are forecast together, each from the past of all. Values are taken against the mean of the last season, so
that a series may grow beyond what training has seen.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.learners.blend import Member
from automl.learners.boosters import Trees, dataset, grow, rows_of, start
from automl.learners.linear import Linear, fit_ridge
from automl.stored.parts import BadModel, Parts, pick

Floats = NDArray[np.float64]
_MEMBERS: Mapping[str, Callable[[Parts, int, int], Member]] = {"linear": Linear.restore, "trees": Trees.restore}
_STRENGTHS = (1e-5, 1e-3, 1e-2, 1e-1)


@dataclass(frozen=True)
class Shape:
    """Which lags are looked at: own ones, those of the other series, and over how many values the mean goes."""

    own: tuple[int, ...]
    others: tuple[int, ...]
    window: int

    @property
    def depth(self) -> int:
        """How far back it looks."""
        return max(*self.own, *self.others, self.window)

    def features(self, history: Floats, series: int) -> Floats:
        """Give the features of the step behind each row from `depth` on: rows x features. Also of the step to come."""
        rows = len(history) - self.depth + 1
        means = self.means(history)
        columns = [self.lag(history, series, lag, rows) - means[:, series] for lag in self.own]
        for other in range(history.shape[1]):
            if other != series:
                columns += [self.lag(history, other, lag, rows) - means[:, other] for lag in self.others]
        half = max(1, self.window // 3)
        columns.append(self._mean(history[:, series], half, rows) - means[:, series])
        return np.column_stack(columns)

    def means(self, history: Floats) -> Floats:
        """Give the mean of the last window before each step: rows x series."""
        rows = len(history) - self.depth + 1
        return np.column_stack([self._mean(history[:, each], self.window, rows) for each in range(history.shape[1])])

    def _mean(self, values: Floats, window: int, rows: int) -> Floats:
        sums = np.concatenate([[0.0], np.cumsum(values)])
        ends = np.arange(len(values) - rows + 1, len(values) + 1)
        found: Floats = (sums[ends] - sums[ends - window]) / window
        return found

    @staticmethod
    def lag(history: Floats, series: int, lag: int, rows: int) -> Floats:
        """Give the value `lag` before each step."""
        ends = np.arange(len(history) - rows, len(history)) + 1 - lag
        found: Floats = history[ends, series]
        return found


@dataclass(frozen=True)
class Lagged:
    """A member for each series, the values that the first step needs, and the size of a usual change of each series."""

    shape: Shape
    members: tuple[Member, ...]
    history: Floats  # depth x series
    scales: Floats
    kind: ClassVar[str] = "lagged"

    def forecast(self, steps: int, known: Floats) -> Floats:
        """Give the next steps: steps x series. `known`: calendar and exogenous variables of each step."""
        depth, series = self.history.shape
        values = np.empty((depth + steps, series))
        values[:depth] = self.history
        for step in range(steps):
            past = values[step : step + depth]
            means = self.shape.means(past)[-1]
            for each in range(series):
                row = np.concatenate([self.shape.features(past, each)[-1] / self.scales[each], known[step]])
                move = self.members[each].margin(row[None])[0, 0]
                values[depth + step, each] = means[each] + move * self.scales[each]
        return values[depth:]

    def parts(self) -> Parts:
        """Give what this is made of."""
        shape = {"own": list(self.shape.own), "others": list(self.shape.others), "window": self.shape.window}
        whole = Parts({"kind": self.kind, **shape}, {"history": self.history, "scales": self.scales})
        for number, member in enumerate(self.members):
            whole.put(str(number), member.parts())
        return whole

    @staticmethod
    def restore(parts: Parts, series: int, known: int) -> "Lagged":
        """Make it of its parts; `known` is how many columns are known of a step beforehand."""
        own, others = (tuple(parts.listed(name, int)) for name in ("own", "others"))
        window = parts.whole("window", 1, 100_000)
        if not own or not all(1 <= lag <= 100_000 for lag in (*own, *others)) or len(own) + len(others) > 1000:
            raise BadModel("its lags are out of range")
        shape = Shape(own, others, window)
        features = len(own) + (series - 1) * len(others) + 1 + known
        members: list[Member] = []
        for number in range(series):
            inner = parts.under(str(number))
            members.append(pick(_MEMBERS, inner.tree.get("kind"))(inner, features, 1))
        scales = parts.array("scales", series)
        if (scales <= 0).any():
            raise BadModel("its scales are out of range")
        return Lagged(shape, tuple(members), parts.array("history", shape.depth, series), scales)


def shape_for(count: int, season: int, series: int) -> Shape | None:
    """Choose the lags for a series of this length; None when it is too short."""
    most = min(count // 3, 24 if season <= 1 else max(season + 2, 12))
    if most < 2 or count < 16:
        return None
    own = set(range(1, min(most, 12) + 1))
    for multiple in (season - 1, season, season + 1, 2 * season):
        if season > 1 and 1 < multiple <= count // 3:
            own.add(multiple)
    others = (1, 2, *((season,) if 1 < season <= count // 3 else ())) if series > 1 else (1,)
    return Shape(tuple(sorted(own)), others, min(season if season > 1 else 6, most))


def fit_lagged(values: Floats, known: Floats, sizes: NDArray[np.int64], shape: Shape, trees: bool, seed: int) -> Lagged:
    """Fit a member for each series.

    Args:
        values: steps x series.
        known: steps x columns: calendar and exogenous variables.
        sizes: of each known column how many values it has when it is a category, else 0.
    """
    depth = shape.depth
    targets = values[depth:] - shape.means(values)[:-1]
    scales = np.maximum(targets.std(axis=0), 1e-9)
    members: list[Member] = []
    for each in range(values.shape[1]):
        features = shape.features(values, each)[:-1] / scales[each]
        matrix = np.asfortranarray(np.hstack([features, known[depth:]]))
        kinds = np.concatenate([np.zeros(features.shape[1], np.int64), sizes])
        members.append(_fit(matrix, targets[:, each] / scales[each], kinds, trees, seed))
    return Lagged(shape, tuple(members), values[-depth:].copy(), scales)


def _fit(matrix: Floats, target: Floats, kinds: NDArray[np.int64], trees: bool, seed: int) -> Member:
    rows = len(matrix)
    cut = rows - max(2, rows // 5)
    train, watch = np.arange(cut), np.arange(cut, rows)
    if not trees:
        tried = fit_ridge(matrix[train], target[train], kinds, _STRENGTHS)
        losses = [float(np.mean((each.margin(matrix[watch])[:, 0] - target[watch]) ** 2)) for each in tried]
        return fit_ridge(matrix, target, kinds, [_STRENGTHS[int(np.argmin(losses))]])[0]
    params = {
        "objective": "regression",
        "num_leaves": 15,
        "learning_rate": 0.05,
        "min_data_in_leaf": max(3, min(20, rows // 30)),
        "feature_fraction": 0.8,
        "seed": seed,
        "num_threads": 1,
    }
    data = dataset(matrix, target, kinds)
    booster = start(rows_of(data, train), {**params, "metric": "l2"}, rows_of(data, watch))
    found = grow(booster, 1, 400, 30, math.inf)
    return grow(start(data, params), 1, max(20, found.rounds), 0, math.inf, watched=False).trees


def known_columns(
    calendar: Mapping[str, tuple[NDArray[np.int64], int]], names: Sequence[str], exogenous: Floats
) -> Floats:
    """Put the calendar's codes (in the order of names) and exogenous features side by side."""
    codes = [calendar[name][0].astype(np.float64) for name in names]
    return np.column_stack([*codes, exogenous]) if codes else exogenous
