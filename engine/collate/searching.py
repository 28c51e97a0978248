"""Where an ASCII text stands in one that has other characters, as INSTR and LOCATE find it where case does not count.

MySQL 9.7 asks at each character whether the text from there on begins with the weights of what is sought. MariaDB, and
MySQL before, compare it with the stretch of as many bytes that begins there (`my_instr_mb`), and a stretch that cuts a
character off is equal to none. In single-byte character sets both compare byte by byte, each by its one weight.
"""

from functools import lru_cache

import numpy as np

from engine.collate.folds import may_fold
from engine.collate.presence import Presence
from engine.collate.weights import CODE_POINTS, Kind, Weights

_ASCII = 0x80
_BYTES = np.select([np.arange(CODE_POINTS) < bound for bound in (0x80, 0x800, 0x10000)], (1, 2, 3), 4).astype(np.uint8)


def is_plain(needle: str) -> bool:
    """Whether a text sought is of ASCII without control characters, which may weigh nothing."""
    return needle.isascii() and needle.isprintable()


def may_search(weights: Weights, presence: Presence) -> bool:
    """Whether an ASCII text can be sought in texts of this presence: one level of weights, those of no language."""
    return weights.kind is Kind.TABLE and weights.levels == 1 and may_fold(weights, presence)


def is_single(weights: Weights) -> bool:
    """Whether each character is one byte with one weight in the server, so that characters are compared one by one."""
    return weights.unit == 1 and int(weights.lengths.max()) == 1


@lru_cache(1024)
def reaching(needle: str, weights: Weights) -> str:
    """Characters of several weights that begin with one of the text sought: it may end, or go on, inside of them."""
    several = (weights.lengths[0] > weights.unit) & ~weights.refused
    return _among(np.flatnonzero(several), needle, weights, first_only=True)


@lru_cache(1024)
def as_long(needle: str, weights: Weights) -> str:
    """Characters beyond ASCII with at least as many weights as bytes, all of them weights of the text sought.

    Others with weights of ASCII characters have fewer ("é" has the one of "e" in two bytes): a stretch that they are
    part of has fewer weights than bytes, and so fewer than the text sought.
    """
    long_enough = (weights.lengths[0] >= _BYTES * weights.unit) & ~weights.refused
    long_enough[:_ASCII] = False
    return _among(np.flatnonzero(long_enough), needle, weights, first_only=False)


def _among(points: np.ndarray, needle: str, weights: Weights, first_only: bool) -> str:
    unit = weights.unit
    sought = {weights.of(ord(character)) for character in needle}
    found = []
    for point in points.tolist():
        whole = (weights.of(point) or (b"",))[0]
        units = [whole[at : at + unit] for at in range(0, unit if first_only else len(whole), unit)]
        if all((one,) in sought for one in units):
            found.append(chr(point))
    return "".join(found)
