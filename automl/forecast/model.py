"""A trained forecast, and its training."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from automl.answers import results
from automl.answers.digits import number_texts
from automl.errors import AutoMLError
from automl.forecast.choose import FORECASTERS, Chosen, Forecaster, Series, backtest, restore_forecaster
from automl.forecast.lagged import known_columns
from automl.forecast.periods import MOST_AHEAD, Axis, learn_axis, season
from automl.learners.linear import Linear, fit_ridge
from automl.progress import Budget
from automl.stored.parts import BadModel, Parts
from automl.table import encoder
from automl.table.columns import bounded, floats
from automl.table.encoder import Encoder
from automl.table.rows import row_source
from automl.table.source import Column, Kind, Source
from automl.terms.families import chosen as chosen_families
from automl.terms.metrics import NUMBERS
from automl.terms.options import TrainOptions
from automl.terms.tasks import Task
from automl.training import Trained

Floats = NDArray[np.float64]
DEFAULT_METRIC = "neg_sym_mean_abs_percent_error"
DEFAULT_INTERVAL = 0.95
MOST_STEPS = 20_000


@dataclass(frozen=True)
class Forecast:
    """Forecasters, and for each series the names of those whose median is its forecast."""

    axis: Axis
    series: tuple[Column, ...]
    calendar: tuple[str, ...]
    exogenous: Encoder | None
    last: int  # the last step that was seen
    last_known: Floats  # the exogenous features of that step
    forecasters: Mapping[str, Forecaster]
    names: tuple[tuple[str, ...], ...]
    spreads: Floats
    effects: tuple[Linear, ...]  # of the exogenous variables on each series; none without any
    usual: Floats  # of each series the mean error of a naive forecast in training, for scaled errors
    task: Task = Task.FORECASTING

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict it."""
        time = (Column(self.axis.column, self.axis.kind),)
        return time + (self.exogenous.columns if self.exogenous else ())

    def _ahead(self, source: Source) -> tuple[Floats, NDArray[np.int64]]:
        """Give the forecasts of all steps up to the last that is asked for, and the step of each row, from 1."""
        if source.find(self.axis.column) is None:
            raise AutoMLError(f"The input lacks the column '{self.axis.column}', the time of the forecast.")
        steps = self.axis.steps(source) - self.last
        if not len(steps):
            return np.zeros((0, len(self.series))), steps
        if steps.min() < 1:
            early = int((steps < 1).sum())
            raise AutoMLError(
                f"A time in '{self.axis.column}' is not after the last one of the training, in {early} of the rows: "
                "a forecast is of what comes after it."
            )
        most = int(steps.max())
        if most > MOST_AHEAD:
            raise AutoMLError(f"A row is {most} steps after the training, and at most {MOST_AHEAD} are forecast.")
        return self._forecast(most, self._outside(most, steps, source)), steps

    def _outside(self, most: int, steps: NDArray[np.int64], source: Source) -> Floats:
        outside = np.zeros((most, 0))
        if self.exogenous is not None:
            given = self.exogenous.encode(source)
            outside = np.full((most, given.shape[1]), np.nan)
            outside[steps - 1] = given
            missing = np.ones(most, bool)
            missing[steps - 1] = False
            # Steps that no row is of take what was known last.
            latest = np.maximum.accumulate(np.where(missing, -1, np.arange(most)))
            whole = np.vstack([self.last_known[None], outside])
            outside = whole[latest + 1]
        return outside

    def _forecast(self, most: int, outside: Floats) -> Floats:
        parts = self.axis.position(np.arange(self.last + 1, self.last + most + 1))
        known = known_columns(parts, self.calendar, outside)
        made = {name: each.forecast(most, known) for name, each in self.forecasters.items()}
        found = np.column_stack(
            [
                np.median(np.stack([made[name][:, place] for name in group]), axis=0)
                for place, group in enumerate(self.names)
            ]
        )
        return found + effect_of(self.effects, outside)

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `Prediction` (of the first series) and `ml_results` with intervals, a row for each row."""
        values, steps = self._ahead(source)
        if not len(steps):
            return {"Prediction": pa.array([], pa.float64()), "ml_results": pa.array([], pa.string())}
        factor = statistics.NormalDist().inv_cdf((1 + options.get("prediction_interval", DEFAULT_INTERVAL)) / 2)
        pieces: list[str | pa.Array] = []
        for place, column in enumerate(self.series):
            middle = values[steps - 1, place]
            half = factor * self.spreads[place, 0] * steps ** self.spreads[place, 1]
            name = results.quoted(column.name)
            interval = results.quoted(f"prediction_interval_{column.name}")
            pieces += [", " if place else '{"predictions": {', f"{name}: ", number_texts(middle)]
            low, high = number_texts(middle - half), number_texts(middle + half)
            pieces += [f", {interval}: [", low, ", ", high, "]"]
        first = values[steps - 1, 0]
        # What grows by a share each step is beyond a double's range some day: NULL, as ml_results has null.
        answer = pa.array(np.where(np.isfinite(first), first, np.nan), from_pandas=True)
        return {"Prediction": answer, "ml_results": results.joined(*pieces, "}}")}

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""
        return results.of_one_row(self.predict(row_source(self.columns, row), options))

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give the mean of the metric over the series (or of the series `target`), of rows whose value is known."""
        values, steps = self._ahead(source)
        found = []
        for place, column in enumerate(self.series):
            if target is not None and column.name.casefold() != target.casefold() and len(self.series) > 1:
                continue
            truth = floats(column.name, source.values(column.name))
            known = ~np.isnan(truth)
            if not known.any():
                return None
            answer = values[steps - 1, place]
            score = scored(metric, truth[known], answer[known], float(self.usual[place]))
            if score is None:
                return None
            found.append(score)
        if not found:
            raise AutoMLError(f"The model does not forecast '{target}', but {', '.join(c.name for c in self.series)}.")
        return float(np.mean(found))

    def parts(self) -> Parts:
        """Give what this is made of."""
        tree = {
            "series": [[column.name, str(column.kind)] for column in self.series],
            "calendar": list(self.calendar),
            "last": self.last,
            "forecasters": list(self.forecasters),
            "names": [list(group) for group in self.names],
            "exogenous": None,
        }
        whole = Parts(tree, {"spreads": self.spreads, "usual": self.usual, "last_known": self.last_known})
        whole.put("axis", self.axis.parts())
        if self.exogenous is not None:
            whole.put("exogenous", self.exogenous.parts())
            for number, effect in enumerate(self.effects):
                whole.put(f"effect {number}", effect.parts())
        for name, each in self.forecasters.items():
            whole.put(f"forecaster {name}", each.parts())
        return whole

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Forecast":
        """Make it of its parts."""
        series = tuple(Column(str(name), Kind(kind)) for name, kind in parts.listed("series", list))
        axis = Axis.restore(parts.under("axis"))
        calendar = tuple(parts.listed("calendar", str))
        exogenous = Encoder.restore(parts.under("exogenous")) if parts.tree.get("exogenous") is not None else None
        width = len(exogenous.features) if exogenous else 0
        if not 1 <= len(series) <= 1000 or set(calendar) - set(axis.position(np.arange(2))):
            raise BadModel("its series are out of range")
        known = len(calendar) + width
        names = parts.listed("forecasters", str)
        forecasters = {
            name: restore_forecaster(parts.under(f"forecaster {name}"), len(series), known) for name in names
        }
        groups = tuple(tuple(group) for group in parts.listed("names", list))
        if len(groups) != len(series) or not all(group and set(group) <= set(names) for group in groups):
            raise BadModel("its forecasters do not fit its series")
        effects = [
            Linear.restore(parts.under(f"effect {each}"), width, 1) for each in range(len(series) if exogenous else 0)
        ]
        spreads, usual = parts.array("spreads", len(series), 2), parts.array("usual", len(series))
        last_known = parts.array("last_known", width, gaps=True)
        last = parts.whole("last", 0, 1 << 40)
        return Forecast(
            axis, series, calendar, exogenous, last, last_known, forecasters, groups, spreads, tuple(effects), usual
        )


def effect_of(effects: tuple[Linear, ...], outside: Floats) -> Floats | float:
    """Give what exogenous features add: steps x series."""
    return np.column_stack([effect.margin(outside)[:, 0] for effect in effects]) if effects else 0.0


def _effects(values: Floats, outside: Floats, kinds: NDArray[np.int64], seasons: tuple[int, ...]) -> tuple[Linear, ...]:
    """Find what exogenous variables add to each series, from how both differ from their moving averages."""
    found = []
    for each, length in enumerate(seasons):
        window = min(max(7, length | 1), len(values) // 2 * 2 - 1)

        def within(column: Floats, window: int = window) -> Floats:
            padded = np.pad(column, window // 2, "reflect")
            return column - np.convolve(padded, np.ones(window) / window, "valid")

        found.append(fit_ridge(outside, values[:, each], kinds, [1e-4], within)[0])
    return tuple(found)


def scored(metric: str, truth: Floats, answer: Floats, usual: float) -> float | None:
    """Give a metric of forecasts; scaled errors are in proportion to those of a naive forecast in training."""
    if metric == "neg_mean_abs_scaled_error":
        return -float(np.mean(np.abs(truth - answer))) / usual if usual > 0 else None
    return NUMBERS[metric](truth, answer)


def _usual(values: Floats, season_: int) -> float:
    lag = season_ if len(values) > season_ else 1
    return float(np.mean(np.abs(values[lag:] - values[:-lag])))


def _loss(metric: str, season_: int) -> Callable[[Floats, Floats, Floats], float]:
    def loss(truth: Floats, answer: Floats, before: Floats) -> float:
        score = scored(metric, truth, answer, _usual(before, season_))
        # A metric that is not defined (a percentage of zero) cannot choose: the absolute error does.
        return -score if score is not None else float(np.mean(np.abs(truth - answer)))

    return loss


def _series(source: Source, options: TrainOptions, target: str | None) -> tuple[Column, ...]:
    columns = [source.column(name, "endogenous variable") for name in options.endogenous_variables]
    for column in columns:
        if column.kind not in (Kind.NUMBER, Kind.BOOLEAN, Kind.TIME):
            raise AutoMLError(
                f"The endogenous variable '{column.name}' holds {column.kind} values: a forecast is of numbers."
            )
    if target is not None:
        wanted = source.column(target, "target column")
        if wanted not in columns:
            raise AutoMLError(f"The target column '{wanted.name}' must be one of the endogenous variables.")
        columns.sort(key=lambda column: column.name != wanted.name)
    for name in options.exogenous_variables:  # it would be forecast from the value that is asked for
        if source.column(name, "exogenous variable") in columns:
            raise AutoMLError(
                f"Column '{name}' is among the endogenous variables and the exogenous ones: what is forecast is not "
                "known ahead, so take it out of 'exogenous_variables'."
            )
    return tuple(columns)


def _filled(name: str, values: Floats) -> Floats:
    known = ~np.isnan(values)
    if known.sum() < 8:
        raise AutoMLError(f"The endogenous variable '{name}' has {int(known.sum())} values, and a forecast needs 8.")
    places = np.arange(len(values))
    return np.interp(places, places[known], values[known])


def fit(source: Source, target: str | None, options: TrainOptions, budget: Budget) -> Trained:
    """Train a forecast of one or several series."""
    budget.tell("Initialization", 0.5)
    assert options.datetime_index is not None
    axis, steps = learn_axis(source, options.datetime_index)
    columns = _series(source, options, target)
    count = int(steps.max()) + 1
    values = np.full((count, len(columns)), np.nan)
    for place, column in enumerate(columns):
        values[steps, place] = bounded(floats(column.name, source.values(column.name)))
    values = np.column_stack([_filled(column.name, values[:, place]) for place, column in enumerate(columns)])
    outside, made, kinds = np.zeros((count, 0)), None, np.zeros(0, np.int64)
    if options.exogenous_variables:
        made = encoder.learn(source.keep(options.exogenous_variables), options.exogenous_variables, options.seed)
        given = made.encode(source)
        outside = np.full((count, given.shape[1]), np.nan)
        outside[steps] = given
        kinds = made.categories
    budget.tell("Preprocessing", 0.5)
    first = max(0, count - MOST_STEPS)
    values, outside = values[first:], outside[first:]
    seasons = tuple(season(np.ascontiguousarray(values[:, each]), axis) for each in range(len(columns)))
    calendar = axis.position(np.arange(first, count))
    sizes = np.array([size for _, size in calendar.values()], np.int64)
    known = known_columns(calendar, list(calendar), outside)
    effects = _effects(values, outside, kinds, seasons) if made else ()
    whole = Series(values - effect_of(effects, outside), known, np.concatenate([sizes, kinds]), seasons, options.seed)
    metric = options.optimization_metric or DEFAULT_METRIC
    families = chosen_families(options.task, options.model_list, options.exclude_model_list)
    found = backtest(whole, families, _loss(metric, max(seasons)), budget)
    fitted: dict[str, Forecaster] = {}
    for number, name in enumerate(dict.fromkeys(name for group in found.names for name in group)):
        forecaster = FORECASTERS[name][1](whole)
        assert forecaster is not None
        fitted[name] = forecaster
        budget.tell("Refit", min(1.0, (number + 1) / 4))
    usual = np.array([_usual(values[:, each], seasons[each]) for each in range(len(columns))])
    last_known = outside[-1] if len(outside) else np.zeros(0)
    model = Forecast(
        axis, columns, tuple(calendar), made, count - 1, last_known, fitted, found.names, found.spreads, effects, usual
    )
    used = [source.column(options.datetime_index), *columns, *(made.columns if made else ())]
    return Trained(
        model,
        metric,
        -float(np.mean(found.losses)),
        _name(found),
        {"season": list(seasons), "forecasters": [list(group) for group in found.names]},
        used,
        len(values),
        made.dropped if made else {},
    )


def _name(found: Chosen) -> str:
    names = list(dict.fromkeys(name for group in found.names for name in group))
    return names[0] if len(names) == 1 else f"Median({', '.join(names)})"
