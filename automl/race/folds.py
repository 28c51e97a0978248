"""Which rows train and which judge."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indexes = NDArray[np.int64]
MOST_WATCHED = 20_000


@dataclass(frozen=True)
class Split:
    """Rows that train, and rows that judge; both sorted."""

    train: Indexes
    watch: Indexes


def dealt(codes: NDArray[np.int64], parts: int, dice: np.random.Generator) -> Indexes:
    """Deal rows to parts so that each has its share of every class; gives the part of each row."""
    order = dice.permutation(len(codes))
    order = order[np.argsort(codes[order], kind="stable")]
    found = np.empty(len(codes), np.int64)
    found[order] = np.arange(len(codes)) % parts
    return found


def splits(codes: NDArray[np.int64], outputs: int, seed: int) -> list[Split]:
    """Give five splits for few rows, three for some, else one of a fifth of the rows (20,000 at most)."""
    rows = len(codes)
    dice = np.random.default_rng(seed)
    parts = 5 if rows * outputs <= 20_000 and rows <= 6_000 else 3 if rows <= 3_000 else 1
    if parts > 1:
        part = dealt(codes, parts, dice)
        return [Split(np.flatnonzero(part != each), np.flatnonzero(part == each)) for each in range(parts)]
    apart = max(5, -(-rows // MOST_WATCHED))
    part = dealt(codes, apart, dice)
    return [Split(np.flatnonzero(part != 0), np.flatnonzero(part == 0))]


def sample(codes: NDArray[np.int64], most: int, seed: int) -> Indexes:
    """Give the places of at most `most` rows, each class with its share (at least five of each), in order."""
    if len(codes) <= most:
        return np.arange(len(codes))
    dice = np.random.default_rng(seed)
    order = dice.permutation(len(codes))
    kept = order[:most]
    have = np.bincount(codes[kept], minlength=int(codes.max()) + 1)
    rest = order[most:]
    short = np.flatnonzero(have < 5)
    if len(short):
        more = [rest[codes[rest] == code][: 5 - have[code]] for code in short]
        kept = np.concatenate([kept, *more])
    return np.sort(kept)
