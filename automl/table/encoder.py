"""Rows to a matrix: which columns are used, as what, and which are left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError, near
from automl.stored.parts import BadModel, Parts
from automl.table.columns import MOMENTS, NUMERIC, floats, moments, texts
from automl.table.roles import MOMENT_PARTS, Category, Moment, Number, Prose, Role, role_from
from automl.table.source import Column, Kind, Source
from automl.table.words import learn_vocabulary

Floats = NDArray[np.float64]
MOST_CATEGORIES = 10_000
MOST_TOPICS = 24
MISSING_SHARE = 0.99  # a column with more gaps than this is left out


@dataclass(frozen=True)
class Encoder:
    """The columns that training used, in order, and what became of the others (`dropped`: name and reason)."""

    columns: tuple[Column, ...]
    roles: tuple[Role, ...]
    dropped: Mapping[str, str]

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the matrix's columns."""
        return tuple(feature for role in self.roles for feature in role.features)

    @property
    def used(self) -> list[str]:
        """The names of the columns that are used, in order."""
        return [role.column for role in self.roles]

    @property
    def owners(self) -> NDArray[np.int64]:
        """The number of the column that each feature comes from."""
        return np.repeat(np.arange(len(self.roles)), [len(role.features) for role in self.roles])

    @property
    def categories(self) -> NDArray[np.int64]:
        """For each feature how many values it has when it is a category, else 0."""
        counts = [role.categories for role in self.roles for _ in role.features]
        return np.array(counts, np.int64)

    def encode(self, source: Source) -> Floats:
        """Give the matrix of rows, features in the columns (Fortran order: a column is contiguous).

        Raises:
            AutoMLError: columns are missing, or a value cannot be read as its column's kind.
        """
        self.check(source.names)
        matrix = np.empty((source.rows.num_rows, len(self.features)), np.float64, order="F")
        place = 0
        for role in self.roles:
            for values in role.encode(source.values(role.column)):
                matrix[:, place] = values
                place += 1
        return matrix

    def encode_row(self, row: Mapping[str, Any]) -> Floats:
        """Give the matrix of one row of JSON values."""
        found: list[float] = []
        for role in self.roles:
            if role.column in row:
                value = row[role.column]
            else:
                self.check(tuple(row))
                folded = {name.casefold(): each for name, each in row.items()}
                value = folded[role.column.casefold()]
            found += role.encode_one(value)
        return np.array([found])

    def check(self, names: Sequence[str]) -> None:
        """Check that the columns that are needed are there; others do no harm.

        Raises:
            AutoMLError: some are missing.
        """
        folded = {name.casefold() for name in names}
        missing = [role.column for role in self.roles if role.column.casefold() not in folded]
        if missing:
            shown = ", ".join(missing[:8]) + (", …" if len(missing) > 8 else "")
            spare = [name for name in names if name.casefold() not in {role.column.casefold() for role in self.roles}]
            hint = near(missing[0], spare) if len(missing) == 1 and len(spare) == 1 else ""
            raise AutoMLError(f"The input lacks columns that the model was trained on: {shown}.{hint}")

    def parts(self) -> Parts:
        """Give what this is made of."""
        whole = Parts(
            {"columns": [[column.name, str(column.kind)] for column in self.columns], "dropped": dict(self.dropped)}
        )
        for number, role in enumerate(self.roles):
            whole.put(str(number), role.parts())
        return whole

    @staticmethod
    def restore(parts: Parts) -> "Encoder":
        """Make an encoder of its parts."""
        try:
            columns = tuple(Column(str(name), Kind(kind)) for name, kind in parts.listed("columns", list))
        except ValueError:
            raise BadModel("its columns are damaged") from None
        roles = tuple(role_from(parts.under(str(number))) for number in range(len(columns)))
        return Encoder(columns, roles, {str(k): str(v) for k, v in parts.value("dropped", dict).items()})


def _is_counter(values: Floats) -> bool:
    """Tell whether these are numbers that were counted up: whole, all different, hardly a gap."""
    if len(values) < 50 or np.isnan(values).any() or (values != np.floor(values)).any():
        return False
    span = values.max() - values.min() + 1
    return bool(span <= 1.2 * len(values) and len(np.unique(values)) == len(values))


def _number_role(column: Column, values: pa.ChunkedArray, forced: bool) -> Role | str:
    found = floats(column.name, values)
    real = found[~np.isnan(found)]
    if not len(real):
        return "all values are missing"
    if len(real) < (1 - MISSING_SHARE) * len(found) and not forced:
        return "nearly all values are missing"
    if real.min() == real.max() and (len(real) == len(found) or not forced):
        return "all values are the same"
    if not forced and _is_counter(found):
        return "an identifier: whole numbers counted up"
    return Number(column.name)


def _moment_role(column: Column, values: pa.ChunkedArray, forced: bool) -> Role | str:
    stamps = moments(column.name, values)
    if stamps.null_count == len(stamps):
        return "all values are missing"
    trial = Moment(column.name, MOMENT_PARTS).encode(stamps)
    differ = [part for part, each in zip(MOMENT_PARTS, trial, strict=True) if np.nanmin(each) < np.nanmax(each)]
    return Moment(column.name, tuple(differ)) if differ else "all values are the same"


def _prose(column: Column, values: pa.ChunkedArray, seed: int) -> Role | str:
    from sklearn.decomposition import TruncatedSVD

    vocabulary = learn_vocabulary(values)
    if len(vocabulary.words) < 2:
        return "no words come again"
    topics = min(MOST_TOPICS, len(vocabulary.words) - 1)
    found = TruncatedSVD(topics, random_state=seed).fit(vocabulary.weighted(values))
    return Prose(column.name, vocabulary, np.ascontiguousarray(found.components_.T))


def _text_role(column: Column, values: pa.ChunkedArray, forced: bool, seed: int) -> Role | str:
    strings = texts(column.name, values)
    counts = strings.value_counts()
    table = pa.table({"value": counts.field("values"), "count": counts.field("counts")}).filter(
        pc.is_valid(counts.field("values"))
    )
    rows, distinct = len(strings) - strings.null_count, table.num_rows
    if not rows:
        return "all values are missing"
    if distinct == 1 and rows == len(strings):
        return "all values are the same"
    if distinct > max(20, 0.2 * rows):
        words = pc.add(pc.count_substring(table["value"], " "), 1)
        if pc.mean(words).as_py() >= 3:
            return _prose(column, strings, seed)
        if distinct > 0.9 * rows and not forced:
            return "an identifier: nearly every row has its own value"
    table = table.sort_by([("count", "descending"), ("value", "ascending")])
    if distinct > 50:  # a value that occurs once says nothing of others
        table = table.filter(pc.greater(table["count"], 1))
    if not table.num_rows:
        return "an identifier: every row has its own value"
    return Category(column.name, tuple(table["value"].slice(0, MOST_CATEGORIES).to_pylist()))


def learn(source: Source, forced: Sequence[str] = (), seed: int = 0) -> Encoder:
    """Choose the role of every column from its kind and values. `forced` ones are kept where they can be."""
    wanted = {name.casefold() for name in forced}
    columns: list[Column] = []
    roles: list[Role] = []
    dropped: dict[str, str] = {}
    for column in source.columns:
        values = source.values(column.name)
        must = column.name.casefold() in wanted
        if column.kind in NUMERIC:
            role = _number_role(column, values, must)
        elif column.kind in MOMENTS:
            role = _moment_role(column, values, must)
        elif column.kind is Kind.BINARY:
            role = "binary data is not looked into"
        else:
            role = _text_role(column, values, must, seed)
        if isinstance(role, str):
            dropped[column.name] = role
        else:
            columns.append(column)
            roles.append(role)
    if not roles:
        reasons = "; ".join(f"{name}: {why}" for name, why in list(dropped.items())[:8])
        raise AutoMLError(
            f"No column of {source.table} can be learned from. {reasons or 'There are none beside the target'}."
        )
    return Encoder(tuple(columns), tuple(roles), dropped)
