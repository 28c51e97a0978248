"""Factors by alternating least squares, many users at once; and EASE, the linear model of items on items."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indexes = NDArray[np.int64]
_TOGETHER = 40_000  # ratings whose factors are held at once


@dataclass(frozen=True)
class Ratings:
    """Who rated what how, as numbers; each pair once."""

    users: Indexes
    items: Indexes
    values: Floats
    user_count: int
    item_count: int

    def turned(self) -> "Ratings":
        """Give the same with users and items exchanged."""
        return Ratings(self.items, self.users, self.values, self.item_count, self.user_count)

    def at(self, places: Indexes) -> "Ratings":
        """Give some of them."""
        return Ratings(self.users[places], self.items[places], self.values[places], self.user_count, self.item_count)

    def by_user(self) -> "Ratings":
        """Give them in the order of users."""
        return self.at(np.argsort(self.users, kind="stable"))


@dataclass(frozen=True)
class Factors:
    """A mean, biases, and factors: the estimate is mean + bias + bias + product."""

    mean: float
    user_bias: Floats
    item_bias: Floats
    users: Floats
    items: Floats

    def estimate(self, users: Indexes, items: Indexes) -> Floats:
        """Give the estimates of pairs; -1 stands for a user or item that is not known."""
        known = (users >= 0) & (items >= 0)
        found = (
            self.mean
            + np.where(users >= 0, self.user_bias[users], 0.0)
            + np.where(items >= 0, self.item_bias[items], 0.0)
        )
        products = np.einsum("ij,ij->i", self.users[users], self.items[items])
        return np.where(known, found + products, found)


def biases(ratings: Ratings, damping: float = 5.0) -> tuple[float, Floats, Floats]:
    """Give the mean and what users and items differ from it, drawn to zero where there are few ratings."""
    mean = float(ratings.values.mean())
    user, item = np.zeros(ratings.user_count), np.zeros(ratings.item_count)
    user_counts = np.bincount(ratings.users, minlength=ratings.user_count)
    item_counts = np.bincount(ratings.items, minlength=ratings.item_count)
    for _ in range(5):
        rest = ratings.values - mean - user[ratings.users]
        item = np.bincount(ratings.items, rest, ratings.item_count) / (item_counts + damping)
        rest = ratings.values - mean - item[ratings.items]
        user = np.bincount(ratings.users, rest, ratings.user_count) / (user_counts + damping)
    return mean, user, item


def _groups(ordered: Ratings) -> Iterator[tuple[Indexes, Indexes, NDArray[np.bool_]]]:
    """Put users with about as many ratings together: the users, the places of their ratings in a table with a line
    each, and which places of it are filled, at least half of them."""
    users, starts, sizes = np.unique(ordered.users, return_index=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    first = 0
    while first < len(order):
        most = int(sizes[order[first]])
        alike = int(np.searchsorted(-sizes[order], -(most // 2), "right"))
        chosen = order[first : max(min(alike, first + _TOGETHER // most), first + 1)]
        number = np.arange(most)
        filled = number < sizes[chosen][:, None]
        yield users[chosen], np.where(filled, starts[chosen][:, None] + number, 0), filled
        first += len(chosen)


def _solved(
    ordered: Ratings, other: Floats, weights: float, targets: Floats, base: Floats, penalty: float, count: int
) -> Floats:
    """Solve for each user the least squares of targets on the factors of its items.

    Args:
        base: what is added to every user's Gram matrix.
        penalty: a ridge that grows with the user's number of ratings.
    """
    width = other.shape[1]
    found = np.zeros((count, width))
    for users, places, filled in _groups(ordered):
        rows = other[ordered.items[places]] * filled[:, :, None]
        turned = rows.transpose(0, 2, 1)
        sizes = filled.sum(axis=1)[:, None, None]
        grams = weights * (turned @ rows) + base + penalty * sizes * np.eye(width)
        found[users] = np.linalg.solve(grams, turned @ targets[places][:, :, None])[:, :, 0]
    return found


def fit_explicit(ratings: Ratings, width: int, penalty: float, rounds: int, seed: int) -> Factors:
    """Fit biases, then factors of what is left."""
    mean, user_bias, item_bias = biases(ratings)
    dice = np.random.default_rng(seed)
    items = dice.normal(0, 0.1, (ratings.item_count, width))
    users = np.zeros((ratings.user_count, width))
    none = np.zeros((width, width))
    first, second = ratings.by_user(), ratings.turned().by_user()
    scale = float(ratings.values.std()) or 1.0
    left = (first.values - mean - user_bias[first.users] - item_bias[first.items]) / scale
    right = (second.values - mean - item_bias[second.users] - user_bias[second.items]) / scale
    for _ in range(rounds):
        users = _solved(first, items, 1.0, left, none, penalty, ratings.user_count)
        items = _solved(second, users, 1.0, right, none, penalty, ratings.item_count)
    return Factors(mean, user_bias, item_bias, users * scale, items)


def fit_implicit(ratings: Ratings, width: int, penalty: float, rounds: int, seed: int, trust: float = 20.0) -> Factors:
    """Fit factors of preferences (Hu, Koren, Volinsky 2008): what was taken is 1 and trusted more than the rest, 0."""
    dice = np.random.default_rng(seed)
    items = dice.normal(0, 0.1, (ratings.item_count, width))
    users = np.zeros((ratings.user_count, width))
    first, second = ratings.by_user(), ratings.turned().by_user()
    whole = np.full(len(first.users), trust + 1)
    ridge = np.eye(width) * penalty * trust
    for _ in range(rounds):
        users = _solved(first, items, trust, whole, items.T @ items + ridge, 0.0, ratings.user_count)
        items = _solved(second, users, trust, whole, users.T @ users + ridge, 0.0, ratings.item_count)
    zeros = np.zeros(ratings.user_count), np.zeros(ratings.item_count)
    return Factors(0.0, *zeros, users, items)


def fit_ease(ratings: Ratings, penalty: float) -> Floats:
    """Fit EASE (Steck 2019): weights items x items with nothing on the diagonal, from one inverse."""
    from scipy import sparse

    taken = sparse.csr_matrix(
        (np.ones(len(ratings.users)), (ratings.users, ratings.items)), shape=(ratings.user_count, ratings.item_count)
    )
    gram = np.asarray((taken.T @ taken).todense(), np.float64)
    gram[np.diag_indices(ratings.item_count)] += penalty
    inverse = np.linalg.inv(gram)
    weights: Floats = -inverse / np.diag(inverse)
    weights[np.diag_indices(ratings.item_count)] = 0.0
    return weights
