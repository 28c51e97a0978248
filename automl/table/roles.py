"""What a column is to a model, and how its values become numbers: a whole column, or one value of a row."""

import datetime
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.stored.parts import BadModel, Parts
from automl.table.columns import doubles, moments, one_bounded, one_float, one_moment, one_text, texts
from automl.table.words import Vocabulary

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Number:
    """Numbers as they are, NULL as NaN."""

    column: str
    kind: ClassVar[str] = "number"
    categories: ClassVar[int] = 0

    @property
    def features(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.column,)

    def encode(self, values: pa.ChunkedArray) -> list[Floats]:
        """Give the column as floats."""
        from automl.table.filling import filled  # loads numba

        return [filled(doubles(self.column, values))]

    def encode_one(self, value: Any) -> list[float]:
        """Give one value as a float."""
        return [one_bounded(one_float(self.column, value))]

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": self.kind, "column": self.column})


@dataclass(frozen=True)
class Category:
    """Texts as codes: the place in `values`, NaN for NULL and for what training has not seen."""

    column: str
    values: tuple[str, ...]
    kind: ClassVar[str] = "category"

    def __post_init__(self) -> None:
        object.__setattr__(self, "_set", pa.array(self.values, pa.string()))
        object.__setattr__(self, "_codes", {value: float(code) for code, value in enumerate(self.values)})

    @property
    def categories(self) -> int:
        """How many values are known."""
        return len(self.values)

    @property
    def features(self) -> tuple[str, ...]:
        """The column itself."""
        return (self.column,)

    def encode(self, values: pa.ChunkedArray) -> list[Floats]:
        """Give the codes of the column."""
        codes = pc.index_in(texts(self.column, values), value_set=self._set)  # type: ignore[attr-defined]
        return [codes.to_numpy().astype(np.float64)]

    def encode_one(self, value: Any) -> list[float]:
        """Give the code of one value."""
        return [self._codes.get(one_text(value), float("nan"))]  # type: ignore[attr-defined]

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": self.kind, "column": self.column}, texts={"values": list(self.values)})


def _days(value: datetime.datetime) -> float:
    microseconds = (value - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)
    return float(microseconds) / 86_400e6  # rounded twice, as a column is: from before 1684 or after 2255 it shows


_PARTS = {
    "days": (
        lambda values: pc.divide(pc.cast(pc.cast(values, pa.int64()), pa.float64(), safe=False), 86_400e6),
        _days,
    ),
    "year": (pc.year, lambda value: value.year),
    "month": (pc.month, lambda value: value.month),
    "day": (pc.day, lambda value: value.day),
    "weekday": (pc.day_of_week, lambda value: value.weekday()),
    "yearday": (pc.day_of_year, lambda value: value.timetuple().tm_yday),
    "hour": (pc.hour, lambda value: value.hour),
    "minute": (pc.minute, lambda value: value.minute),
}
MOMENT_PARTS = tuple(_PARTS)


@dataclass(frozen=True)
class Moment:
    """Dates and times as days since 1970 and as those parts of the calendar that differ in the training rows."""

    column: str
    shown: tuple[str, ...]
    kind: ClassVar[str] = "moment"
    categories: ClassVar[int] = 0

    @property
    def features(self) -> tuple[str, ...]:
        """One for each part."""
        return tuple(f"{self.column}.{part}" for part in self.shown)

    def encode(self, values: pa.ChunkedArray) -> list[Floats]:
        """Give the parts of the column."""
        stamps = moments(self.column, values)
        return [pc.cast(_PARTS[part][0](stamps), pa.float64()).to_numpy().astype(np.float64) for part in self.shown]

    def encode_one(self, value: Any) -> list[float]:
        """Give the parts of one value."""
        stamp = one_moment(self.column, value)
        if stamp is None:
            return [float("nan")] * len(self.shown)
        return [float(_PARTS[part][1](stamp)) for part in self.shown]

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"kind": self.kind, "column": self.column, "shown": list(self.shown)})


@dataclass(frozen=True)
class Prose:
    """Texts of many words as a few topics: TF-IDF, projected on its main directions; and how long they are."""

    column: str
    vocabulary: Vocabulary
    directions: Floats  # words x topics
    kind: ClassVar[str] = "prose"
    categories: ClassVar[int] = 0

    @property
    def features(self) -> tuple[str, ...]:
        """The topics and the length."""
        return (*(f"{self.column}.topic{each}" for each in range(self.directions.shape[1])), f"{self.column}.length")

    def encode(self, values: pa.ChunkedArray) -> list[Floats]:
        """Give the topics of each row."""
        strings = texts(self.column, values)
        topics = np.asarray(self.vocabulary.weighted(strings) @ self.directions)
        length = pc.cast(pc.fill_null(pc.utf8_length(strings), 0), pa.float64()).to_numpy()
        return [*np.ascontiguousarray(topics.T), length.astype(np.float64)]

    def encode_one(self, value: Any) -> list[float]:
        """Give the topics of one value."""
        return [float(each[0]) for each in self.encode(pa.chunked_array([[one_text(value)]], pa.string()))]

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts(
            {"kind": self.kind, "column": self.column},
            {"weights": self.vocabulary.weights, "directions": self.directions},
            {"words": self.vocabulary.words.to_pylist()},
        )


Role = Number | Category | Moment | Prose


def role_from(parts: Parts) -> Role:
    """Make a role of its parts.

    Raises:
        BadModel: they do not fit together.
    """
    kind, column = parts.value("kind", str), parts.value("column", str)
    if kind == Number.kind:
        return Number(column)
    if kind == Category.kind:
        return Category(column, tuple(parts.words("values")))
    if kind == Moment.kind:
        shown = tuple(parts.listed("shown", str))
        if not set(shown) <= set(_PARTS):
            raise BadModel("unknown part of a date")
        return Moment(column, shown)
    if kind == Prose.kind:
        words = parts.words("words")
        weights = parts.array("weights", len(words))
        return Prose(
            column, Vocabulary(pa.array(words, pa.string()), weights), parts.array("directions", len(words), None)
        )
    raise BadModel(f"unknown role {kind!r}")
