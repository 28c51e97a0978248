"""The classes of a target: their values, and rows as codes."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError
from automl.stored.parts import BadModel, Parts
from automl.table.columns import texts
from automl.table.source import Kind

MOST_CLASSES = 1000
LEAST_ROWS = 5  # of a class, mys-hwaml-prereqs


def _plain(name: str, values: pa.ChunkedArray) -> tuple[pa.ChunkedArray, bool]:
    """Give labels as strings, and whether they are whole numbers."""
    kind = values.type
    if pa.types.is_boolean(kind):
        return pc.cast(pc.cast(values, pa.int64()), pa.string()), True
    if pa.types.is_integer(kind):
        return pc.cast(values, pa.string()), True
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        real = pc.cast(values, pa.float64())
        valid = pc.fill_null(pc.is_finite(real), False)
        real = pc.if_else(valid, real, pa.scalar(None, pa.float64()))
        if pc.all(pc.equal(real, pc.floor(real))).as_py() and (pc.max(pc.abs(real)).as_py() or 0) < 2**53:
            return pc.cast(pc.cast(real, pa.int64()), pa.string()), True
        return pc.cast(real, pa.string()), False
    return texts(name, values), False


@dataclass(frozen=True)
class Labels:
    """The classes in order; `whole` says that they are whole numbers."""

    values: tuple[str, ...]
    whole: bool

    @property
    def shown(self) -> list[Any]:
        """The classes as JSON values."""
        return [int(value) for value in self.values] if self.whole else list(self.values)

    def codes(self, name: str, values: pa.ChunkedArray) -> NDArray[np.int64]:
        """Give each row's class, -1 for NULL, and the number of classes for one that training has not seen."""
        plain, _ = _plain(name, values)
        found = pc.index_in(plain, value_set=pa.array(self.values, pa.string()))
        codes = pc.fill_null(found, len(self.values)).to_numpy().astype(np.int64)
        return np.where(plain.is_null().to_numpy(), -1, codes)

    def column(self, answers: NDArray[np.int64]) -> pa.Array:
        """Give the labels of answers as a column of their own type."""
        kind = pa.int64() if self.whole else pa.string()
        return pa.array(self.shown, kind).take(pa.array(answers))

    def parts(self) -> Parts:
        """Give what this is made of."""
        return Parts({"whole": self.whole}, texts={"values": list(self.values)})

    @staticmethod
    def restore(parts: Parts) -> "Labels":
        """Make labels of their parts."""
        values, whole = tuple(parts.words("values")), bool(parts.value("whole", bool))
        if not 2 <= len(values) <= MOST_CLASSES or len(set(values)) != len(values):
            raise BadModel("its classes are out of range")
        if whole and not all(value.removeprefix("-").isdecimal() and len(value) <= 20 for value in values):
            raise BadModel("its classes are no whole numbers")
        return Labels(values, whole)


def learn_labels(name: str, kind: Kind, values: pa.ChunkedArray) -> Labels:
    """Find the classes of a target.

    Raises:
        AutoMLError: fewer than two, too many, one with fewer than five rows, or bytes that are no texts.
    """
    if kind is Kind.BINARY:
        raise AutoMLError(f"The target column '{name}' holds binary data: make a text of it in a view, as HEX({name}).")
    plain, whole = _plain(name, values)
    counts = plain.drop_null().value_counts()
    if not len(counts):
        raise AutoMLError(f"All values of the target column '{name}' are NULL: there is nothing to learn from.")
    names, numbers = counts.field("values").to_pylist(), counts.field("counts").to_pylist()
    if len(names) < 2:
        raise AutoMLError(
            f"The target column '{name}' has one value only, {names[0]!r}: a classification needs two or more."
        )
    rare = [(each, number) for each, number in zip(names, numbers, strict=True) if number < LEAST_ROWS]
    if len(names) > MOST_CLASSES or (len(rare) > 0.5 * len(names) and len(names) > 20):
        hint = "use the task 'regression'" if whole or kind is Kind.NUMBER else "group its values first"
        raise AutoMLError(
            f"The target column '{name}' has {len(names)} different values, too many or too rare for classes: {hint}."
        )
    if rare:
        shown = ", ".join(f"{each!r} ({number})" for each, number in sorted(rare)[:8])
        raise AutoMLError(
            f"Every class needs {LEAST_ROWS} rows or more. The target column '{name}' has fewer of: {shown}. "
            "Leave these rows out, or join them with another class."
        )
    ordered = sorted(names, key=int) if whole else sorted(names)
    return Labels(tuple(ordered), whole)
