"""The axis of time: dates, or numbers, as whole numbers of steps; months, quarters and years by the calendar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError
from automl.stored.parts import BadModel, Parts
from automl.table.columns import MOMENTS, bounded, floats, moments
from automl.table.source import Column, Kind, Source

Floats = NDArray[np.float64]
Steps = NDArray[np.int64]
_DAY = 86_400e6
_CALENDAR: Mapping[str, tuple[float, float, int]] = {  # shortest and longest in days, months
    "month": (28, 31, 1),
    "quarter": (89, 92.5, 3),
    "year": (365, 366, 12),
}
MOST_AHEAD = 20_000


@dataclass(frozen=True)
class Axis:
    """How times become steps: `unit` month, quarter or year, else "step" of `size` (microseconds, or the number)."""

    column: str
    kind: Kind
    unit: str
    size: float
    origin: float

    def steps(self, source: Source) -> Steps:
        """Give the step of each row.

        Raises:
            AutoMLError: a time is NULL.
        """
        values = source.values(self.column)
        if values.null_count:
            raise AutoMLError(f"Column '{self.column}', the time of a forecast, is NULL in {values.null_count} rows.")
        plain = _plain(Column(self.column, self.kind), values)
        if np.isnan(plain).any() or (np.abs(plain - self.origin) / self.size > 1e12).any():
            raise AutoMLError(
                f"Column '{self.column}', the time of a forecast, has values far outside of the training's."
            )
        return self._steps(plain)

    def _steps(self, plain: Floats) -> Steps:
        if self.unit == "step":
            return np.rint((plain - self.origin) / self.size).astype(np.int64)
        return (_months(plain) - _months(np.array([self.origin]))) // _CALENDAR[self.unit][2]

    def position(self, steps: Steps) -> dict[str, tuple[Steps, int]]:
        """Give the parts of the calendar that may matter at these steps: by name the codes and their number."""
        if self.kind not in MOMENTS:
            return {}
        if self.unit != "step":
            months = _months(np.array([self.origin]))[0] + steps * _CALENDAR[self.unit][2]
            return {} if self.unit == "year" else {"month": (months % 12, 12)}
        stamps = pa.array((self.origin + steps * self.size).astype(np.int64), pa.timestamp("us"))
        found: dict[str, tuple[Steps, int]] = {}
        for name, part, length, count, shift in _PARTS:
            # A part matters when its round has several steps, and a step does not pass over a third of the round.
            if self.size * 2 <= length * count and self.size <= length * max(1, count // 3):
                found[name] = (part(stamps).to_numpy().astype(np.int64) - shift, count)
        return found

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts(
            {"column": self.column, "kind": str(self.kind), "unit": self.unit, "size": self.size, "origin": self.origin}
        )

    @staticmethod
    def restore(parts: Parts) -> "Axis":
        """Make it of its parts."""
        unit, size = parts.value("unit", str), parts.real("size")
        if unit not in (*_CALENDAR, "step") or size <= 0:
            raise BadModel("its axis of time is damaged")
        return Axis(parts.value("column", str), Kind(parts.value("kind", str)), unit, size, parts.real("origin"))


_PARTS: tuple[tuple[str, Callable[..., pa.Array], float, int, int], ...] = (
    ("hour", pc.hour, _DAY / 24, 24, 0),
    ("weekday", pc.day_of_week, _DAY, 7, 0),
    ("month", pc.month, _DAY * 30.4, 12, 1),
)


def _months(plain: Floats) -> Steps:
    stamps = pa.array(plain.astype(np.int64), pa.timestamp("us"))
    found: Steps = pc.year(stamps).to_numpy().astype(np.int64) * 12 + pc.month(stamps).to_numpy().astype(np.int64) - 1
    return found


def _plain(column: Column, values: pa.ChunkedArray) -> Floats:
    if column.kind in (Kind.NUMBER, Kind.TIME):
        return bounded(floats(column.name, values))
    if column.kind in (*MOMENTS, Kind.TEXT):
        found: Floats = pc.cast(moments(column.name, values), pa.int64()).to_numpy().astype(np.float64)
        return found
    raise AutoMLError(
        f"Column '{column.name}' holds {column.kind} values: the time of a forecast is a date or a number."
    )


def learn_axis(source: Source, name: str) -> tuple[Axis, Steps]:
    """Find the step of a column of times, and give the step of each row, from 0.

    Raises:
        AutoMLError: NULL, or the same time in several rows, or times without a step.
    """
    column = source.column(name, "datetime_index column")
    kind = Kind.DATETIME if column.kind is Kind.TEXT else column.kind
    values = source.values(column.name)
    if values.null_count:
        raise AutoMLError(f"Column '{column.name}', the time of a forecast, is NULL in {values.null_count} rows.")
    plain = _plain(column, values)
    if np.isnan(plain).any():
        raise AutoMLError(
            f"Column '{column.name}', the time of a forecast, is no number in {int(np.isnan(plain).sum())} rows."
        )
    ordered = np.unique(plain)
    if len(ordered) < len(plain):
        raise AutoMLError(
            f"Column '{column.name}' has the same time in several rows. A forecast needs one row for each: "
            "group the table by it, or make a view of one series."
        )
    if len(ordered) < 8:
        raise AutoMLError(f"A forecast needs 8 rows or more, and {source.table} has {len(ordered)}.")
    between = np.diff(ordered)
    size = float(np.median(between))
    unit = "step"
    if kind in MOMENTS:
        days = between / _DAY
        for each, (low, high, _) in _CALENDAR.items():
            if np.mean((days >= low) & (days <= high)) > 0.8 and np.unique(np.round(days)).size > 1:
                unit = each
    axis = Axis(column.name, kind, unit, size, float(ordered[0]))
    if (ordered[-1] - ordered[0]) / size <= 20.0 * len(ordered):
        steps = axis._steps(plain)
        if len(np.unique(steps)) == len(steps):
            return axis, steps
    raise AutoMLError(f"The times of column '{column.name}' have no regular step: a forecast needs one.")


def season(values: Floats, axis: Axis) -> int:
    """Find the length of the season in steps, 1 for none: the calendar's, or the strongest echo of the series."""
    length = len(values)
    hints = {"month": [12], "quarter": [4], "year": []}.get(axis.unit, [])
    if axis.unit == "step" and axis.kind in MOMENTS:
        hints = [round(each * _DAY / axis.size) for each in (1.0, 7.0, 365.25) if axis.size < each * _DAY * 0.6]
    # A series that only changes slowly echoes at every lag; its changes do so at the season alone.
    changes = _echoes(np.diff(values), min(length // 2, 400))
    good = [hint for hint in hints if 2 <= hint < len(changes) and changes[hint] > 0.2]
    if good:
        return max(good, key=lambda hint: changes[hint] + (0.02 if hint == hints[0] else 0.0))
    echoes = _echoes(values, min(length // 2, 400))
    peaks = [
        lag
        for lag in range(3, len(echoes) - 1)
        if echoes[lag] > 0.35
        and echoes[lag] >= echoes[lag - 1]
        and echoes[lag] >= echoes[lag + 1]
        and lag <= length // 3
    ]
    return max(peaks, key=lambda lag: echoes[lag]) if peaks else 1


def _echoes(values: Floats, most: int) -> Floats:
    """Give the autocorrelation of the series without its trend, by lag."""
    length = len(values)
    rest = values - np.polyval(np.polyfit(np.arange(length), values, 1 if length < 30 else 2), np.arange(length))
    size = 1 << (2 * length - 1).bit_length()
    spectrum = np.abs(np.fft.rfft(rest, size)) ** 2
    found: Floats = np.fft.irfft(spectrum, size)[: most + 1]
    return found / found[0] if found[0] > 0 else np.zeros(most + 1)
