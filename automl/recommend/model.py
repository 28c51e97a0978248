"""A trained recommendation: ratings of pairs, and the best items or users for each other."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.answers import results
from automl.answers.digits import number_texts
from automl.errors import AutoMLError
from automl.recommend.factors import Factors
from automl.stored.parts import BadModel, Parts
from automl.table.columns import floats, texts
from automl.table.rows import row_source
from automl.table.source import Column, Kind, Source
from automl.terms.metrics import NUMBERS
from automl.terms.tasks import Task

Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]
TOPK = 3
_TOGETHER = 4_000_000  # scores that are held at once
_SAME = {"users_to_items": "items", "items_to_users": "users"}
RANKED = ("precision_at_k", "recall_at_k", "hit_ratio_at_k", "ndcg_at_k")


@dataclass(frozen=True)
class Recommendation:
    """Users and items by their texts, factors (or EASE's weights), and which pairs were seen."""

    user: str
    item: str
    users: pa.Array
    items: pa.Array
    factors: Factors
    weights: Floats | None  # EASE: items x items
    popular: Floats  # a score of each item for users that are not known
    starts: Indexes  # of each user where its seen items begin
    seen: Indexes
    low: float
    high: float
    implicit: bool
    threshold: float
    task: Task = field(default=Task.RECOMMENDATION)

    @property
    def columns(self) -> tuple[Column, ...]:
        """What it needs of a row to predict a rating."""
        return (Column(self.user, Kind.TEXT), Column(self.item, Kind.TEXT))

    def _codes(self, source: Source, name: str, known: pa.Array) -> Indexes:
        if source.find(name) is None:
            raise AutoMLError(f"The input lacks the column '{name}'.")
        found = pc.index_in(texts(name, source.values(name)), value_set=known)
        codes: Indexes = pc.fill_null(found, -1).to_numpy().astype(np.int64)
        return codes

    def _taken(self, users: Indexes) -> Any:
        """Give what users have seen, as scipy CSR with a row for each."""
        from scipy import sparse

        whole = sparse.csr_matrix(
            (np.ones(len(self.seen)), self.seen, self.starts), shape=(len(self.users), len(self.items))
        )
        found = whole[np.maximum(users, 0)]
        return sparse.diags((users >= 0).astype(float)) @ found

    def ratings(self, users: Indexes, items: Indexes) -> Floats:
        """Give the rating of each pair."""
        if self.weights is None:
            found = self.factors.estimate(users, items)
            return found if self.implicit else np.clip(found, self.low, self.high)
        scores = np.empty(len(users))
        step = max(1, _TOGETHER // len(self.items))
        for start in range(0, len(users), step):
            part = slice(start, start + step)
            rows = self._scores(users[part])
            scores[part] = np.where(items[part] >= 0, rows[np.arange(len(rows)), items[part]], 0.0)
        return scores

    def _scores(self, users: Indexes) -> Floats:
        """Give the scores of all items for each user: rows x items."""
        unknown = users < 0
        if self.weights is not None:
            found = np.asarray(self._taken(users) @ self.weights)
        else:
            it = self.factors
            found = it.users[users] @ it.items.T + it.item_bias + it.mean + it.user_bias[users][:, None]
            if not self.implicit:
                found = np.clip(found, self.low, self.high)
        if unknown.any():
            found[unknown] = self.popular
        return found

    def best_items(self, users: Indexes, count: int, remove_seen: bool) -> tuple[Indexes, Floats]:
        """Give places and scores of the best items for each user, best first; -1 and NaN where there are no more."""
        count = min(count, len(self.items))
        places, scores = np.empty((len(users), count), np.int64), np.empty((len(users), count))
        step = max(1, _TOGETHER // max(1, len(self.items)))
        for start in range(0, len(users), step):
            part = users[start : start + step]
            rows = self._scores(part)
            if remove_seen:
                taken = self._taken(part).tocoo()
                rows[taken.row, taken.col] = -np.inf
            places[start : start + step], scores[start : start + step] = _top(rows, count)
        return places, scores

    def best_users(self, items: Indexes, count: int, remove_seen: bool) -> tuple[Indexes, Floats]:
        """Give the places and scores of the best users for each item."""
        count = min(count, len(self.users))
        wanted = np.unique(items[items >= 0])
        everyone = np.arange(len(self.users))
        table = np.empty((len(self.users), len(wanted)))
        step = max(1, _TOGETHER // max(1, len(self.items)))
        for start in range(0, len(everyone), step):
            rows = self._scores(everyone[start : start + step])
            if remove_seen:
                taken = self._taken(everyone[start : start + step]).tocoo()
                rows[taken.row, taken.col] = -np.inf
            table[start : start + step] = rows[:, wanted]
        places, scores = _top(np.ascontiguousarray(table.T), count)
        at = np.searchsorted(wanted, items)
        nobody = items < 0
        at[nobody] = 0
        if not len(wanted):
            return np.full((len(items), count), -1), np.full((len(items), count), np.nan)
        return np.where(nobody[:, None], -1, places[at]), np.where(nobody[:, None], np.nan, scores[at])

    def alike(self, vectors: Floats, codes: Indexes, count: int) -> tuple[Indexes, Floats]:
        """Give the rows of `vectors` that point most in the direction of each of some; one of zeros is like none."""
        count = min(count, max(1, len(vectors) - 1))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        nowhere = lengths[:, 0] < 1e-12
        unit = vectors / np.maximum(lengths, 1e-12)
        places, scores = np.empty((len(codes), count), np.int64), np.empty((len(codes), count))
        step = max(1, _TOGETHER // max(1, len(vectors)))
        for start in range(0, len(codes), step):
            part = codes[start : start + step]
            rows = unit[part] @ unit.T
            rows[np.arange(len(part)), part] = -np.inf
            rows[(part < 0) | nowhere[part]] = -np.inf
            rows[:, nowhere] = -np.inf
            places[start : start + step], scores[start : start + step] = _top(rows, count)
        return places, scores

    def predict(self, source: Source, options: Mapping[str, Any], threads: int = 1) -> dict[str, pa.Array]:
        """Give `ml_results` (and `Prediction` for ratings), a row for each row."""
        mode = options.get("recommend", "ratings")
        mode = _SAME.get(mode, mode)
        if mode == "ratings":
            for key in ("topk", "remove_seen"):
                if key in options:
                    raise AutoMLError(f"Option '{key}' is for recommending items or users, not for ratings.")
            users, items = self._codes(source, self.user, self.users), self._codes(source, self.item, self.items)
            values = self.ratings(users, items)
            return {
                "Prediction": pa.array(values),
                "ml_results": results.joined('{"predictions": {"rating": ', number_texts(values), "}}"),
            }
        count = options.get("topk", TOPK)
        seen = bool(options.get("remove_seen", True))
        if mode in ("items", "users_to_users"):
            codes = self._codes(source, self.user, self.users)
        else:
            codes = self._codes(source, self.item, self.items)
        unique, back = np.unique(codes, return_inverse=True)
        measure = "rating"
        if mode == "items":
            (places, scores), name, known = self.best_items(unique, count, seen), self.item, self.items
        elif mode == "users":
            (places, scores), name, known = self.best_users(unique, count, seen), self.user, self.users
        else:
            measure = "similarity"
            if mode == "items_to_items":
                vectors = self.factors.items if self.weights is None else self.weights
                name, known = self.item, self.items
            else:
                vectors = (
                    self.factors.users
                    if self.weights is None
                    else self._taken(np.arange(len(self.users))) @ self.weights
                )
                name, known = self.user, self.users
            places, scores = self.alike(np.asarray(vectors), unique, count)
        texts_ = _listed(name, measure, known, places, scores)
        return {"ml_results": texts_.take(pa.array(back))}

    def predict_row(self, row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
        """Give the columns of the answer for one row of JSON values."""
        folded = {name.casefold() for name in row}
        needed = tuple(column for column in self.columns if column.name.casefold() in folded)
        return results.of_one_row(self.predict(row_source(needed, row), options))

    def score(
        self, source: Source, target: str | None, metric: str, options: Mapping[str, Any], threads: int
    ) -> float | None:
        """Give a metric of ratings, or of the best items of each user against those that it took."""
        users, items = self._codes(source, self.user, self.users), self._codes(source, self.item, self.items)
        truth = None
        if target is not None:
            column = source.column(target, "target column")
            truth = floats(column.name, source.values(column.name))
        if "threshold" in options and (metric not in RANKED or truth is None):
            raise AutoMLError(
                f"Option 'threshold' tells which ratings of the target column count as liked: for {', '.join(RANKED)}."
            )
        if metric not in RANKED:
            if self.implicit:
                raise AutoMLError(
                    f"Metric '{metric}' is of ratings, and this model has implicit feedback: use {RANKED[0]}."
                )
            if truth is None:
                raise AutoMLError(f"Metric '{metric}' needs the target column with the ratings.")
            known = ~np.isnan(truth)
            return NUMBERS[metric](truth[known], self.ratings(users, items)[known]) if known.any() else None
        liked = users >= 0
        if truth is not None:
            liked &= truth >= options.get("threshold", self.threshold)
        return self.ranked(metric, users[liked], items[liked], options)

    def ranked(self, metric: str, users: Indexes, items: Indexes, options: Mapping[str, Any]) -> float | None:
        """Give a metric of the best `topk` items of each user, `items` being what it took."""
        if not len(users):
            return None
        unique, rows = np.unique(users, return_inverse=True)
        count = options.get("topk", TOPK)
        places, _ = self.best_items(unique, count, bool(options.get("remove_seen", True)))
        width = len(self.items)
        took = np.unique((rows * (width + 1) + items)[items >= 0])
        hits = np.isin(np.arange(len(unique))[:, None] * (width + 1) + places, took) & (places >= 0)
        all_ = np.bincount(rows, minlength=len(unique))
        if metric == "precision_at_k":
            return float(np.mean(hits.sum(axis=1) / count))
        if metric == "recall_at_k":
            return float(np.mean(hits.sum(axis=1) / all_))
        if metric == "hit_ratio_at_k":
            return float(np.mean(hits.any(axis=1)))
        gains = 1.0 / np.log2(np.arange(2, hits.shape[1] + 2))
        ideal = np.cumsum(gains)[np.minimum(all_, hits.shape[1]) - 1]
        return float(np.mean((hits * gains).sum(axis=1) / ideal))

    def parts(self) -> Parts:
        """Give what this is made of."""
        tree = {name: getattr(self, name) for name in ("user", "item", "low", "high", "implicit", "threshold")}
        whole = Parts({**tree, "mean": self.factors.mean, "ease": self.weights is not None})
        whole.texts = {"users": self.users.to_pylist(), "items": self.items.to_pylist()}
        whole.arrays = {
            "user_bias": self.factors.user_bias,
            "item_bias": self.factors.item_bias,
            "user_factors": self.factors.users.astype(np.float32),
            "item_factors": self.factors.items.astype(np.float32),
            "popular": self.popular,
            "starts": self.starts,
            "seen": self.seen.astype(np.int32),
        }
        if self.weights is not None:
            whole.arrays["weights"] = self.weights.astype(np.float32)
        return whole

    @staticmethod
    def restore(task: Task, parts: Parts) -> "Recommendation":
        """Make it of its parts."""
        users, items = parts.words("users"), parts.words("items")
        starts, seen = parts.indexes("starts", 1 << 40), parts.indexes("seen", len(items))
        if len(starts) != len(users) + 1 or starts[0] != 0 or starts[-1] != len(seen) or (np.diff(starts) < 0).any():
            raise BadModel("its seen pairs do not fit")
        left = parts.array("user_factors", len(users), None).astype(np.float64)
        right = parts.array("item_factors", len(items), left.shape[1]).astype(np.float64)
        factors = Factors(
            parts.real("mean"), parts.array("user_bias", len(users)), parts.array("item_bias", len(items)), left, right
        )
        weights = None
        if parts.value("ease", bool):
            weights = parts.array("weights", len(items), len(items)).astype(np.float64)
        return Recommendation(
            parts.value("user", str),
            parts.value("item", str),
            pa.array(users, pa.string()),
            pa.array(items, pa.string()),
            factors,
            weights,
            parts.array("popular", len(items)),
            starts,
            seen.astype(np.int64),
            parts.real("low"),
            parts.real("high"),
            parts.value("implicit", bool),
            parts.real("threshold"),
        )


def _top(rows: Floats, count: int) -> tuple[Indexes, Floats]:
    """Give the places and values of the greatest of each row, greatest first; -1 and NaN where they are -inf."""
    chosen = np.argpartition(-rows, min(count, rows.shape[1] - 1), axis=1)[:, :count]
    values = np.take_along_axis(rows, chosen, axis=1)
    order = np.lexsort((chosen, -values), axis=1)
    places, values = np.take_along_axis(chosen, order, axis=1), np.take_along_axis(values, order, axis=1)
    none = ~np.isfinite(values)
    return np.where(none, -1, places), np.where(none, np.nan, values)


def _listed(name: str, measure: str, known: pa.Array, places: Indexes, scores: Floats) -> pa.Array:
    """Give `{"predictions": {"item": ["a", "b"], "rating": [4.5, 4.1]}}` for each row."""
    real = places >= 0
    offsets = pa.array(np.concatenate([[0], np.cumsum(real.sum(axis=1))]).astype(np.int32))
    names = results.quoted_texts(known).take(pa.array(places[real]))
    numbers = number_texts(np.round(scores[real], 6))
    return results.joined(
        f'{{"predictions": {{{results.quoted(name)}: [',
        pc.binary_join(pa.ListArray.from_arrays(offsets, names), ", "),
        f'], "{measure}": [',
        pc.binary_join(pa.ListArray.from_arrays(offsets, numbers), ", "),
        "]}}",
    )
