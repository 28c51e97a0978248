"""Choose the form of a key: the bare column, a case fold, or weight keys.

With ASCII data whose characters have exactly one weight each, strings compare as the sequences of their characters'
weights, so a per-character fold that keeps classes (and for order, keeps their sequence) is exact.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from engine.collate.presence import Presence, is_ascii, may_end_with_space, values
from engine.collate.weights import Kind, Weights

Weight = tuple[bytes, ...]
_UNICODE = frozenset({"utf8mb4", "utf8", "utf16", "utf16le", "utf32"})


class Form(Enum):
    """How a key is made; the values of folds are the DuckDB functions."""

    BARE = "bare"
    LOWER = "lower"
    UPPER = "upper"
    WEIGHT = "weight"

    def fold(self, character: str) -> str:
        """Fold one ASCII character."""
        if self is Form.LOWER:
            return character.lower()
        return character.upper() if self is Form.UPPER else character


@dataclass(frozen=True)
class Key:
    """A key's form. `classes` spells each weight in the key's characters; `trimmed`: trailing spaces go."""

    form: Form
    trimmed: bool
    classes: dict[Weight, str]


_WEIGHT_KEY = Key(Form.WEIGHT, False, {})


@lru_cache(4096)
def plan_equality(weights: Weights, presence: Presence) -> Key | None:
    """Choose the key for equality; None to refuse."""
    if weights.kind is not Kind.TABLE:
        return Key(Form.BARE, _must_trim(weights, presence), {})
    if not is_ascii(presence):
        return _weight_key(weights, presence)
    table = present_weights(weights, presence)
    if table is None:
        return None
    if not _is_uniform(table, weights) or _pads_oddly(table, weights):
        return _WEIGHT_KEY
    return next(_folds(table, _must_trim(weights, presence)), _WEIGHT_KEY)


@lru_cache(4096)
def plan_order(weights: Weights, presence: Presence) -> Key | None:
    """Choose the key for order; None to refuse."""
    if weights.kind is not Kind.TABLE:
        lighter = any(value < 0x20 for value in values(presence))
        if weights.pad_space and lighter:  # 'a\t' < 'a', as 'a' is 'a '
            return _WEIGHT_KEY
        return Key(Form.BARE, _must_trim(weights, presence), {})
    if not is_ascii(presence):
        return _weight_key(weights, presence)
    table = present_weights(weights, presence)
    if table is None:
        return None
    if not _is_uniform(table, weights) or _pads_oddly(table, weights):
        return _WEIGHT_KEY
    if weights.pad_space and any(weight[0] < weights.space[0] for weight in table.values()):
        return _WEIGHT_KEY
    keys = _folds(table, _must_trim(weights, presence))
    return next((key for key in keys if _keeps_order(key)), _WEIGHT_KEY)


@lru_cache(4096)
def like_key(weights: Weights, presence: Presence) -> Key | None:
    """Choose the key for LIKE, which compares single characters; None to refuse."""
    if weights.kind is Kind.BYTES:
        return None
    if weights.kind is Kind.POINTS:
        return Key(Form.BARE, False, {})
    if not is_ascii(presence):
        return None
    table = present_weights(weights, presence)
    return None if table is None else next(_folds(table, False), None)


def present_weights(weights: Weights, presence: Presence) -> dict[str, Weight] | None:
    """List the weights of the ASCII characters that may occur; None when one of them is refused."""
    table: dict[str, Weight] = {}
    for value in values(presence):
        weight = weights.of(value)
        if weight is None:
            return None
        table[chr(value)] = weight
    return table


def may_meet_refused(weights: Weights, presence: Presence) -> bool:
    """Tell whether text of this presence may hold a refused character: all bytes of its UTF-8 form may occur."""
    seen = np.zeros(256, np.bool_)
    seen[list(values(presence))] = True
    if weights.refused[0x80:].all():  # weights of ASCII alone
        return True
    points = _refusable(weights)
    points = points[(points < 0xD800) | (points > 0xDFFF)]
    low = 0x80 | points & 0x3F
    second = 0x80 | points >> 6 & 0x3F
    third = 0x80 | points >> 12 & 0x3F
    one = (points < 0x80) & seen[points & 0x7F]
    two = (points >= 0x80) & (points < 0x800) & seen[0xC0 | points >> 6 & 0x1F] & seen[low]
    three = (points >= 0x800) & (points < 0x10000) & seen[0xE0 | points >> 12 & 0x0F] & seen[second] & seen[low]
    four = (points >= 0x10000) & seen[0xF0 | points >> 18] & seen[third] & seen[second] & seen[low]
    return bool((one | two | three | four).any())


def _refusable(weights: Weights) -> npt.NDArray[np.int64]:
    """List the refused code points that text of the collation's own character set can hold at all."""
    points = np.flatnonzero(weights.refused).astype(np.int64)
    if weights.charset in {"utf8mb3", "ucs2"}:
        return points[points < 0x10000]
    if weights.charset in _UNICODE:
        return points
    return points[weights.lengths[:, points].any(axis=0)]  # without a weight: not in the character set


def _weight_key(weights: Weights, presence: Presence) -> Key | None:
    return None if may_meet_refused(weights, presence) else _WEIGHT_KEY


def _must_trim(weights: Weights, presence: Presence) -> bool:
    return weights.pad_space and may_end_with_space(presence)


def _is_uniform(table: dict[str, Weight], weights: Weights) -> bool:
    """Tell whether every character has exactly one weight on every level."""
    return all(len(piece) == weights.unit for weight in table.values() for piece in weight)


def _pads_oddly(table: dict[str, Weight], weights: Weights) -> bool:
    """Tell whether a character other than the space weighs as the space does, so that trimming spaces is not enough."""
    return weights.pad_space and any(c != " " and weight[0] == weights.space[0] for c, weight in table.items())


def _folds(table: dict[str, Weight], trimmed: bool) -> Iterator[Key]:
    """Yield the keys, cheapest first, whose characters are one to one with the weights present."""
    for form in (Form.BARE, Form.LOWER, Form.UPPER):
        pairs = {(weight, form.fold(character)) for character, weight in table.items()}
        classes = dict(pairs)
        if len(pairs) == len(classes) == len({folded for _, folded in pairs}):
            yield Key(form, trimmed, classes)


def _keeps_order(key: Key) -> bool:
    """Tell whether the first level alone tells the classes apart and rises with their bytes."""
    by_byte = [weight[0] for weight, _ in sorted(key.classes.items(), key=lambda item: item[1])]
    return all(a < b for a, b in itertools.pairwise(by_byte))
