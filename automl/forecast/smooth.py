"""Seasonal naive, Theta, and exponential smoothing (additive ETS, also of logarithms), in numpy.

Exponential smoothing tries many sets of parameters at once: each step of time is one operation on all of them.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from automl.stored.parts import BadModel, Parts

Floats = NDArray[np.float64]
_TRIED = 48  # sets of parameters for each form


@dataclass(frozen=True)
class Naive:
    """The last season again and again."""

    tail: Floats
    kind: ClassVar[str] = "naive"

    def forecast(self, steps: int) -> Floats:
        """Give the next steps."""
        return np.resize(self.tail, steps)

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": self.kind}, {"tail": self.tail})

    @staticmethod
    def restore(parts: Parts) -> "Naive":
        """Make it of its parts."""
        tail = parts.array("tail", None)
        if not len(tail):
            raise BadModel("a series is empty")
        return Naive(tail)


def fit_naive(values: Floats, season: int) -> Naive:
    """Keep the last season."""
    return Naive(values[-season:].copy())


@dataclass(frozen=True)
class Smoothed:
    """A level, a trend that may fade, and a season; of logarithms when `logs`."""

    level: float
    trend: float
    damping: float
    season: Floats  # what the next steps add, from the first; zero of length 1 for none
    logs: bool
    kind: ClassVar[str] = "ets"

    def forecast(self, steps: int) -> Floats:
        """Give the next steps."""
        ahead = np.arange(1, steps + 1)
        fading = self.damping < 1
        grown: NDArray[Any] = self.damping * (1 - self.damping**ahead) / (1 - self.damping) if fading else ahead
        found: Floats = self.level + self.trend * grown + np.resize(self.season, steps)
        return np.exp(np.clip(found, -700, 700)) if self.logs else found

    def parts(self) -> Parts:
        """Give what this is made of."""
        names = ("level", "trend", "damping", "logs")
        return Parts({"kind": self.kind, **{name: getattr(self, name) for name in names}}, {"season": self.season})

    @staticmethod
    def restore(parts: Parts) -> "Smoothed":
        """Make it of its parts."""
        season, damping = parts.array("season", None), parts.real("damping")
        if not len(season) or not 0 <= damping <= 1:
            raise BadModel("a smoothing is damaged")
        return Smoothed(parts.real("level"), parts.real("trend"), damping, season, parts.value("logs", bool))


@dataclass
class _Tried:
    """Sets of parameters of all forms: arrays, one entry for each set."""

    alpha: Floats
    beta: Floats
    gamma: Floats
    damping: Floats
    form: NDArray[np.int64]


def _dealt(season: int, dice: np.random.Generator) -> _Tried:
    forms = [
        (trend, damped, has)
        for trend in (0, 1)
        for damped in ((0, 1) if trend else (0,))
        for has in ((0, 1) if season > 1 else (0,))
    ]
    alpha, beta, gamma, damping, form = [], [], [], [], []
    for number, (trend, damped, has) in enumerate(forms):
        first = dice.beta(1.0, 1.5, _TRIED)
        alpha.append(first)
        beta.append(first * dice.beta(1.0, 6.0, _TRIED) * trend)
        gamma.append((1 - first) * dice.beta(1.0, 3.0, _TRIED) * has)
        damping.append(dice.uniform(0.8, 0.99, _TRIED) if damped else np.ones(_TRIED))
        form.append(np.full(_TRIED, number))
    return _Tried(
        np.concatenate(alpha),
        np.concatenate(beta),
        np.concatenate(gamma),
        np.concatenate(damping),
        np.concatenate(form),
    )


def _near(best: _Tried, dice: np.random.Generator, spread: float) -> _Tried:
    def moved(values: Floats) -> Floats:
        repeated = np.repeat(values, 16)
        logit = np.log(np.clip(repeated, 1e-4, 1 - 1e-4) / (1 - np.clip(repeated, 1e-4, 1 - 1e-4)))
        found = 1 / (1 + np.exp(-(logit + dice.normal(0, spread, len(logit)))))
        return np.where((repeated == 0) | (repeated == 1), repeated, found)

    alpha = moved(best.alpha)
    return _Tried(
        alpha,
        np.minimum(moved(best.beta), alpha),
        np.minimum(moved(best.gamma), 1 - alpha),
        np.clip(moved(best.damping), 0.7, 1.0),
        np.repeat(best.form, 16),
    )


def _run(values: Floats, season: int, tried: _Tried) -> tuple[Floats, Floats, Floats, Floats]:
    """Go through the series with all sets: gives squared errors, levels, trends and seasons at the end."""
    count, length = len(tried.alpha), len(values)
    has_trend, has_season = tried.beta > 0, tried.gamma > 0
    warm = min(season if season > 1 else 1, length // 2)
    first = values[:season].mean()
    rise = (values[season : 2 * season].mean() - first) / season if length >= 2 * season else 0.0
    if season == 1:
        rise = float(np.mean(np.diff(values[: max(2, min(8, length))])))
    level = np.full(count, first - rise * (season + 1) / 2 if season > 1 else values[0])
    trend = np.where(has_trend, rise, 0.0)
    cycle = np.zeros((season, count))
    if season > 1:
        whole = values[: length // season * season].reshape(-1, season)[:4]
        shape = (whole - whole.mean(axis=1, keepdims=True)).mean(axis=0)
        cycle = np.where(has_season, shape[:, None], 0.0)
    loss = np.zeros(count)
    for place in range(length):
        slot = place % season
        faded = tried.damping * trend
        error = values[place] - (level + faded + cycle[slot])
        level = level + faded + tried.alpha * error
        trend = faded + tried.beta * error
        cycle[slot] = cycle[slot] + tried.gamma * error
        if place >= warm:
            loss += error * error
    return loss, level, trend, cycle


def fit_smoothed(values: Floats, season: int, seed: int, logs: bool = False) -> Smoothed:
    """Choose form and parameters by the squared errors one step ahead, and their number (AICc)."""
    plain = np.log(values) if logs else values
    if len(plain) < 2 * season:
        season = 1
    dice = np.random.default_rng(seed)
    tried = _dealt(season, dice)
    for spread in (0.5, 0.2, 0.0):
        loss, level, trend, cycle = _run(plain, season, tried)
        kept = [
            places[np.argmin(loss[places])]
            for form in np.unique(tried.form)
            for places in [np.flatnonzero(tried.form == form)]
        ]
        best = _Tried(tried.alpha[kept], tried.beta[kept], tried.gamma[kept], tried.damping[kept], tried.form[kept])
        if spread:
            tried = _near(best, dice, spread)
    count = len(plain)
    used = 2 + 2 * (best.beta > 0) + (best.damping < 1) + (season - 1) * (best.gamma > 0)
    spare = np.maximum(count - used - 1, 1)
    score = count * np.log(np.maximum(loss[kept], 1e-300) / count) + 2 * used + 2 * used * (used + 1) / spare
    place = kept[int(np.argmin(score))]
    ahead = np.roll(cycle[:, place], -(count % season))
    return Smoothed(float(level[place]), float(trend[place]), float(tried.damping[place]), ahead.copy(), logs)


@dataclass(frozen=True)
class Theta:
    """Half the trend of the whole series on a smoothed level, with a season that is added or multiplied."""

    level: float
    slope: float
    season: Floats
    multiplied: bool
    kind: ClassVar[str] = "theta"

    def forecast(self, steps: int) -> Floats:
        """Give the next steps."""
        line = self.level + self.slope * np.arange(1, steps + 1)
        shape = np.resize(self.season, steps)
        return line * shape if self.multiplied else line + shape

    def parts(self) -> Parts:
        """Give what this is made of."""
        tree = {"kind": self.kind, "level": self.level, "slope": self.slope, "multiplied": self.multiplied}
        return Parts(tree, {"season": self.season})

    @staticmethod
    def restore(parts: Parts) -> "Theta":
        """Make it of its parts."""
        season = parts.array("season", None)
        if not len(season):
            raise BadModel("a season is empty")
        return Theta(parts.real("level"), parts.real("slope"), season, parts.value("multiplied", bool))


def fit_theta(values: Floats, season: int) -> Theta:
    """Fit the standard Theta method (Assimakopoulos and Nikolopoulos 2000): lines of 0 and 2, weighted alike."""
    count = len(values)
    multiplied = bool(values.min() > 0) and season > 1
    shape = np.ones(1) if multiplied else np.zeros(1)
    plain = values
    if season > 1 and count >= 2 * season:
        shape = _shape(values, season, multiplied)
        around = np.resize(shape, count)
        plain = values / around if multiplied else values - around
        shape = np.roll(shape, -(count % season))
    else:
        multiplied = False
        shape = np.zeros(1)
    slope = float(np.polyfit(np.arange(count), plain, 1)[0])
    alphas = np.linspace(0.02, 0.99, 60)
    level = np.full(len(alphas), plain[0])
    loss = np.zeros(len(alphas))
    for value in plain[1:]:
        error = value - level
        loss += error * error
        level = level + alphas * error
    best = int(np.argmin(loss))
    alpha = alphas[best]
    # The line of 2 is smoothed, the line of 0 goes on: half the slope, and what smoothing lags behind it.
    lag = (1 - (1 - alpha) ** count) / alpha - 1
    return Theta(float(level[best] + slope / 2 * lag), slope / 2, shape, multiplied)


def _shape(values: Floats, season: int, multiplied: bool) -> Floats:
    """Give the season by classical decomposition: against a centered moving average."""
    weights = np.ones(season + 1 - season % 2)
    if season % 2 == 0:
        weights[0] = weights[-1] = 0.5
    middle = np.convolve(values, weights / season, "valid")
    start = (len(values) - len(middle)) // 2
    inner = values[start : start + len(middle)]
    rest = inner / middle if multiplied else inner - middle
    found = np.array([np.mean(rest[(place - start) % season :: season]) for place in range(season)])
    shape: Floats = found / found.mean() if multiplied else found - found.mean()
    return shape
