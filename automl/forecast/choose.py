"""Which forecaster: each is fitted on the beginning of the series and judged by what follows, at several places."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from automl.forecast.lagged import Lagged, fit_lagged, shape_for
from automl.forecast.smooth import Naive, Smoothed, Theta, fit_naive, fit_smoothed, fit_theta
from automl.progress import Budget
from automl.stored.parts import BadModel, Parts, pick

Floats = NDArray[np.float64]
Simple = Naive | Smoothed | Theta
_SIMPLE: Mapping[str, Callable[[Parts], Simple]] = {
    Naive.kind: Naive.restore,
    Smoothed.kind: Smoothed.restore,
    Theta.kind: Theta.restore,
}


@dataclass(frozen=True)
class Apart:
    """A forecaster of one series for each series."""

    members: tuple[Simple, ...]

    def forecast(self, steps: int, known: Floats) -> Floats:
        """Give the next steps: steps x series."""
        return np.column_stack([member.forecast(steps) for member in self.members])

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = Parts({"kind": "apart"})
        for number, member in enumerate(self.members):
            whole.put(str(number), member.parts())
        return whole


_PLACES = 6
_FASTEST = 1.0  # power of the step by which errors grow
_NORMAL = 1.96  # deviations that hold 95 % of a normal distribution
_SAFER = 1.03  # a median of several is taken unless one alone is better by this

Forecaster = Apart | Lagged


def restore_forecaster(parts: Parts, series: int, known: int) -> Forecaster:
    """Make a forecaster of its parts."""
    if parts.value("kind", str) == Lagged.kind:
        return Lagged.restore(parts, series, known)
    if parts.value("kind", str) != "apart":
        raise BadModel("a forecaster is of an unknown kind")
    inner = [parts.under(str(number)) for number in range(series)]
    return Apart(tuple(pick(_SIMPLE, each.tree.get("kind"))(each) for each in inner))


@dataclass(frozen=True)
class Series:
    """What forecasters are fitted on: steps x series, what is known of each step, and each series' season."""

    values: Floats
    known: Floats
    sizes: NDArray[np.int64]
    seasons: tuple[int, ...]
    seed: int

    def until(self, end: int) -> "Series":
        """Give the beginning."""
        return Series(self.values[:end], self.known[:end], self.sizes, self.seasons, self.seed)


def _apart(fit: Callable[[Floats, int], Simple]) -> Callable[[Series], Forecaster | None]:
    def fitted(series: Series) -> Forecaster:
        count = len(series.values)
        seasons = [season if count >= 2 * season else 1 for season in series.seasons]
        return Apart(
            tuple(fit(np.ascontiguousarray(series.values[:, each]), season) for each, season in enumerate(seasons))
        )

    return fitted


def _logs(series: Series) -> Forecaster | None:
    if series.values.min() <= 0:
        return None
    return _apart(lambda values, season: fit_smoothed(values, season, series.seed, logs=True))(series)


def _lags(trees: bool) -> Callable[[Series], Forecaster | None]:
    def fitted(series: Series) -> Forecaster | None:
        count, width = series.values.shape
        shape = shape_for(count, max(series.seasons), width)
        if shape is None or (trees and count - shape.depth < 40):
            return None
        return fit_lagged(series.values, series.known, series.sizes, shape, trees, series.seed)

    return fitted


# By name: the family in `families.FORECASTERS`, and how it is fitted; None when the series is not for it.
FORECASTERS: Mapping[str, tuple[str, Callable[[Series], Forecaster | None]]] = {
    "NaiveForecaster": ("naive", _apart(fit_naive)),
    "ThetaForecaster": ("theta", _apart(fit_theta)),
    "ETSForecaster": ("ets", _apart(lambda values, season: fit_smoothed(values, season, 0))),
    "LogETSForecaster": ("ets", _logs),
    "AutoregressionForecaster": ("lags", _lags(False)),
    "LGBMForecaster": ("lags", _lags(True)),
}


@dataclass(frozen=True)
class Chosen:
    """For each series the forecasters whose median is taken, the loss, and how the error grows with the step."""

    names: tuple[tuple[str, ...], ...]
    losses: tuple[float, ...]
    spreads: Floats  # series x 2: the error of one step, and the power by which it grows


def horizon_for(count: int, season: int) -> int:
    """Give how far ahead is judged: one season, or a twelfth of the series when that is more; 48 steps at most."""
    return int(np.clip(max(season, 3, count // 12), 1, max(1, min(48, count // 5))))


def backtest(
    series: Series, families: Sequence[str], loss: Callable[[Floats, Floats, Floats], float], budget: Budget
) -> Chosen:
    """Judge all forecasters at up to six places of the series.

    Args:
        loss: of the true values, the forecast ones and the values before them.
    """
    count, width = series.values.shape
    horizon = horizon_for(count, max(series.seasons))
    stride = max(1, horizon // 2)
    places = min(_PLACES, max(1, (count - horizon - max(2 * max(series.seasons), 12)) // stride + 1))
    ends = [count - horizon - stride * (places - 1 - each) for each in range(places)]
    wanted = {name: entry for name, entry in FORECASTERS.items() if entry[0] in families}
    seen: dict[str, list[Floats]] = {}
    for number, (name, (_, fit)) in enumerate(wanted.items()):
        found = []
        for end in ends:
            fitted = fit(series.until(end))
            if fitted is None:
                break
            found.append(fitted.forecast(horizon, series.known[end : end + horizon]))
        if len(found) == len(ends) and all(np.isfinite(each).all() for each in found):
            seen[name] = found
        budget.tell("Algorithm Selection", (number + 1) / len(wanted), name)
        if seen and budget.over(0.6):
            break
    truths = [series.values[end : end + horizon] for end in ends]

    def judged(forecasts: Sequence[Floats], each: int) -> Floats:
        """Give the loss at each place."""
        return np.array(
            [
                loss(t[:, each], f[:, each], series.values[:e, each])
                for t, f, e in zip(truths, forecasts, ends, strict=True)
            ]
        )

    names, losses, spreads = [], [], np.empty((width, 2))
    for each in range(width):
        ranked = sorted(seen, key=lambda name: float(judged(seen[name], each).mean()))
        options: dict[tuple[str, ...], list[Floats]] = {(name,): seen[name] for name in ranked[:1]}
        for many in (2, 3):
            if len(ranked) >= many:
                group = tuple(ranked[:many])
                options[group] = [
                    np.median(np.stack(parts), axis=0) for parts in zip(*(seen[n] for n in group), strict=True)
                ]
        table = {
            group: judged(forecasts, each) * (_SAFER if len(group) == 1 else 1.0)
            for group, forecasts in options.items()
        }
        best = min(table, key=lambda group: float(table[group].mean()))
        names.append(best)
        losses.append(float(judged(options[best], each).mean()))
        spreads[each] = _growth(_unseen_errors(table, options, truths, each), series.values[:, each])
    return Chosen(tuple(names), tuple(losses), spreads)


def _unseen_errors(
    losses: Mapping[tuple[str, ...], Floats],
    options: Mapping[tuple[str, ...], Sequence[Floats]],
    truths: Sequence[Floats],
    each: int,
) -> Floats:
    """Give the errors at each place of what the others would have chosen: those of the best at hand are too small."""
    errors = []
    for place, truth in enumerate(truths):
        others = np.arange(len(truths)) != place if len(truths) > 1 else np.ones(1, bool)
        chosen = min(losses, key=lambda group: float(losses[group][others].mean()))
        errors.append(truth[:, each] - options[chosen][place][:, each])
    return np.stack(errors)


def _growth(errors: Floats, values: Floats) -> Floats:
    """Fit the size of the error to a power of the step: a random walk's is the root, that of a drifting slope is more.

    Of places x steps. The size is such that an interval of 95 % has 95 % of the errors that were seen.
    """
    steps = np.arange(1, errors.shape[1] + 1)
    floor = 1e-3 * float(np.std(values)) + 1e-12
    sizes = np.sqrt(np.mean(errors**2, axis=0)) + floor
    power = 0.25
    if len(steps) >= 4:
        power = float(np.clip(np.polyfit(np.log(steps), np.log(sizes), 1)[0], 0.0, _FASTEST))
    scaled = np.abs(errors) / steps**power
    usual = np.sqrt(np.mean((sizes / steps**power) ** 2))
    # The errors of one place go together: what they tell is worth little more than their number of places.
    first = max(usual, float(np.quantile(scaled, 0.95)) / _NORMAL) * np.sqrt((len(errors) + 2) / len(errors))
    return np.array([float(first), power])
