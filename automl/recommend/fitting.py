"""Training a recommendation."""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from automl.errors import AutoMLError
from automl.learners.linear import fit_ridge
from automl.progress import Budget
from automl.recommend.factors import Factors, Ratings, biases, fit_ease, fit_explicit, fit_implicit
from automl.recommend.model import RANKED, Recommendation
from automl.table import encoder
from automl.table.columns import bounded, floats, texts
from automl.table.source import Source
from automl.terms.families import chosen, own_name
from automl.terms.metrics import NUMBERS
from automl.terms.options import TrainOptions
from automl.training import Trained

Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]
MOST_EASE = 2500  # items: the weights are a square of them
_EXPLICIT = ((8, 0.1), (16, 0.1), (16, 0.05), (32, 0.1), (16, 0.2), (32, 0.05))  # factors, penalty
_IMPLICIT = ((64, 1.0), (32, 1.0), (32, 0.1), (64, 0.1))  # the surest first: time may be short
_EASE = (50.0, 200.0, 800.0)
_ROUNDS = 10
_LEAST = 10
_FEW = 200_000  # ratings whose factors take a second


def _read(source: Source, target: str | None, options: TrainOptions) -> tuple[Ratings, pa.Array, pa.Array, str, str]:
    assert options.users is not None
    assert options.items is not None
    names = [source.column(options.users, "users column").name, source.column(options.items, "items column").name]
    if names[0] == names[1]:
        raise AutoMLError(f"Options 'users' and 'items' name the same column '{names[0]}'.")
    columns = [texts(name, source.values(name)).combine_chunks() for name in names]
    known = pc.and_(columns[0].is_valid(), columns[1].is_valid())
    if target is None and options.feedback == "explicit":
        raise AutoMLError("A recommendation from explicit feedback needs a target column with the ratings.")
    values = np.ones(len(known))
    if target is not None:
        column = source.column(target, "target column")
        values = bounded(floats(column.name, source.values(column.name)))
    kept = known.to_numpy(zero_copy_only=False) & ~np.isnan(values)
    if options.feedback == "implicit" and target is not None:
        kept &= values >= options.feedback_threshold
    if kept.sum() < _LEAST:
        raise AutoMLError(
            f"A recommendation needs {_LEAST} rows or more with user, item and feedback; there are {int(kept.sum())}."
        )
    coded = [column.filter(pa.array(kept)).dictionary_encode() for column in columns]
    users, items = (each.indices.to_numpy().astype(np.int64) for each in coded)
    count = len(coded[1].dictionary)
    pairs, places = np.unique(users * count + items, return_inverse=True)
    sums, numbers = np.bincount(places, values[kept]), np.bincount(places)
    ratings = Ratings(pairs // count, pairs % count, sums / numbers, len(coded[0].dictionary), count)
    return ratings, coded[0].dictionary, coded[1].dictionary, *names


def _popular(ratings: Ratings, implicit: bool) -> Floats:
    counts: Floats = np.bincount(ratings.items, minlength=ratings.item_count).astype(np.float64)
    if implicit:
        return counts / float(max(1.0, counts.max()))
    mean, _, item = biases(ratings)
    return mean + item


def _made(
    ratings: Ratings,
    factors: Factors,
    weights: Floats | None,
    names: tuple[str, str, pa.Array, pa.Array],
    options: TrainOptions,
) -> Recommendation:
    ordered = ratings.by_user()
    starts = np.concatenate([[0], np.cumsum(np.bincount(ordered.users, minlength=ratings.user_count))])
    implicit = options.feedback == "implicit"
    user, item, users, items = names
    return Recommendation(
        user,
        item,
        users,
        items,
        factors,
        weights,
        _popular(ratings, implicit),
        starts,
        ordered.items,
        float(ratings.values.min()),
        float(ratings.values.max()),
        implicit,
        options.feedback_threshold if implicit or "feedback_threshold" in options.given else -1e300,
    )


def _plain(ratings: Ratings, implicit: bool) -> Factors:
    """Give biases alone; of implicit feedback how often an item was taken."""
    none = np.zeros((ratings.user_count, 1)), np.zeros((ratings.item_count, 1))
    if implicit:
        return Factors(0.0, np.zeros(ratings.user_count), _popular(ratings, True), *none)
    return Factors(*biases(ratings), *none)


Setting = tuple[str, int, float]


def _settings(families: tuple[str, ...], implicit: bool, items: int) -> list[Setting]:
    found: list[Setting] = []
    if "baseline" in families:
        found.append(("baseline", 0, 0.0))
    if implicit and "ease" in families and items <= MOST_EASE:
        found += [("ease", 0, penalty) for penalty in _EASE]
    if "als" in families:
        found += [("als", width, penalty) for width, penalty in (_IMPLICIT if implicit else _EXPLICIT)]
    if not found:
        raise AutoMLError(f"EASE is for implicit feedback and at most {MOST_EASE} items: list another model.")
    return found


def _fitted(ratings: Ratings, setting: Setting, implicit: bool, seed: int) -> tuple[Factors, Floats | None]:
    family, width, penalty = setting
    if family == "ease":
        return _plain(ratings, True), fit_ease(ratings, penalty)
    if family == "baseline":
        return _plain(ratings, implicit), None
    fit = fit_implicit if implicit else fit_explicit
    return fit(ratings, width, penalty, _ROUNDS, seed), None


def fit(
    source: Source, target: str | None, options: TrainOptions, budget: Budget, tables: Mapping[str, Source]
) -> Trained:
    """Train a recommendation; `tables` holds those that `item_metadata` and `user_metadata` name."""
    budget.tell("Initialization", 0.5)
    ratings, users, items, user, item = _read(source, target, options)
    names = (user, item, users, items)
    implicit = options.feedback == "implicit"
    metric = options.optimization_metric or ("precision_at_k" if implicit else "neg_root_mean_squared_error")
    if implicit and metric not in RANKED:
        raise AutoMLError(f"Metric '{metric}' is of ratings: with implicit feedback use one of {', '.join(RANKED)}.")
    dice = np.random.default_rng(options.seed)
    watched = np.zeros(len(ratings.users), bool)
    watched[dice.permutation(len(watched))[: len(watched) // 10]] = True
    train, watch = ratings.at(np.flatnonzero(~watched)), ratings.at(np.flatnonzero(watched))
    found: list[tuple[float, Setting]] = []
    settings = _settings(
        chosen(options.task, options.model_list, options.exclude_model_list), implicit, ratings.item_count
    )
    for number, setting in enumerate(settings if len(watch.users) else settings[:1]):
        made = _made(train, *_fitted(train, setting, implicit, options.seed), names, options)
        if metric in RANKED:
            liked = watch.values >= made.threshold
            score = made.ranked(metric, watch.users[liked], watch.items[liked], {"topk": 10})
        else:
            score = NUMBERS[metric](watch.values, made.ratings(watch.users, watch.items)) if len(watch.users) else 0.0
        found.append((score if score is not None else -np.inf, setting))
        budget.tell("Algorithm Selection", (number + 1) / len(settings), setting[0])
        # Without factors nothing is like another: of few ratings they are made even where the clock says no.
        if budget.over(0.6) and (setting[0] != "baseline" or len(ratings.users) > _FEW):
            break
    quality, best = max(found, key=lambda each: each[0])
    factors, weights = _fitted(ratings, best, implicit, options.seed)
    budget.tell("Refit", 1.0)
    items, factors, weights = _with_new("item", item, items, factors, weights, options.item_metadata, tables)
    users, factors, _ = _with_new("user", user, users, factors, None, options.user_metadata, tables)
    whole = Ratings(ratings.users, ratings.items, ratings.values, len(users), len(items))
    model = _made(whole, factors, weights, (user, item, users, items), options)
    return Trained(
        model,
        metric,
        float(quality) if np.isfinite(quality) else None,
        own_name(options.task, best[0]),
        {"factors": best[1], "penalty": best[2], "users": len(users), "items": len(items)},
        [source.column(user), source.column(item)],
        len(ratings.users),
    )


def _with_new(
    side: str,
    name: str,
    known: pa.Array,
    factors: Factors,
    weights: Floats | None,
    table: str | None,
    tables: Mapping[str, Source],
) -> tuple[pa.Array, Factors, Floats | None]:
    """Add users or items that only the metadata has: their factors are told by a regression on their columns."""
    if table is None or table not in tables:
        return known, factors, weights
    rows = tables[table]
    column = rows.column(name, f"{side}s column")
    ids = texts(column.name, rows.values(column.name)).combine_chunks()
    made = encoder.learn(rows.keep([each for each in rows.names if each != column.name]))
    matrix = made.encode(rows)
    at = pc.index_in(ids, value_set=known)
    old = at.is_valid().to_numpy(zero_copy_only=False)
    new = ~old & ids.is_valid().to_numpy(zero_copy_only=False)
    if not new.any() or old.sum() < _LEAST:
        return known, factors, weights
    places = pc.drop_null(at).to_numpy().astype(np.int64)
    bias, vectors = (factors.item_bias, factors.items) if side == "item" else (factors.user_bias, factors.users)
    targets = np.column_stack([bias[places], vectors[places]])
    told = np.column_stack(
        [
            fit_ridge(matrix[old], targets[:, each], made.categories, [1e-2])[0].margin(matrix[new])[:, 0]
            for each in range(targets.shape[1])
        ]
    )
    bias, vectors = np.concatenate([bias, told[:, 0]]), np.vstack([vectors, told[:, 1:]])
    joined = pa.concat_arrays([known, ids.filter(pa.array(new))])
    if side == "user":
        return joined, Factors(factors.mean, bias, factors.item_bias, vectors, factors.items), weights
    if weights is not None:
        grown = np.zeros((len(joined), len(joined)))
        grown[: len(known), : len(known)] = weights
        weights = grown
    return joined, Factors(factors.mean, factors.user_bias, bias, factors.users, vectors), weights
