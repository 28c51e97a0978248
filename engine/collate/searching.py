"""Where an ASCII text stands in one that has other characters, as INSTR and LOCATE find it where case does not count.

MySQL 9.7 asks at each character whether the text from there on begins with the weights of what is sought. MariaDB, and
MySQL before, compare it with the stretch of as many bytes that begins there (`my_instr_mb`), and a stretch that cuts a
character off is equal to none. In single-byte character sets both compare byte by byte, each by its one weight.
"""

from functools import lru_cache

import numpy as np

from engine.collate.folds import may_fold
from engine.collate.presence import Presence
from engine.collate.weights import Kind, Weights

_ASCII = 0x80


def is_plain(needle: str) -> bool:
    """Whether a text sought is of ASCII without control characters, which may weigh nothing."""
    return needle.isascii() and needle.isprintable()


def may_search(weights: Weights, presence: Presence) -> bool:
    """Whether an ASCII text can be sought in texts of this presence: one level of weights, those of no language."""
    return weights.kind is Kind.TABLE and weights.levels == 1 and may_fold(weights, presence)


def is_single(weights: Weights) -> bool:
    """Whether each character is one byte with one weight in the server, so that characters are compared one by one."""
    return weights.unit == 1 and int(weights.lengths.max()) == 1


def reaching(needle: str, weights: Weights) -> str:
    """Characters of several weights that begin with one of the text sought: it may end, or go on, inside of them."""
    sought = _sought(needle, weights)
    return "".join(character for character, units in _spelled_out(weights) if units[0] in sought)


def as_long(needle: str, weights: Weights) -> str:
    """Characters beyond ASCII with at least as many weights as bytes, all of them weights of the text sought.

    Others with weights of ASCII characters have fewer ("é" has the one of "e" in two bytes): a stretch that they are
    part of has fewer weights than bytes, and so fewer than the text sought.
    """
    sought = _sought(needle, weights)
    return "".join(
        character
        for character, units in _spelled_out(weights)
        if len(units) >= len(character.encode()) and sought.issuperset(units)
    )


def _sought(needle: str, weights: Weights) -> set[bytes]:
    return {unit for character in needle for unit in _units(ord(character), weights)}


@lru_cache(64)
def _spelled_out(weights: Weights) -> list[tuple[str, list[bytes]]]:
    """The characters beyond ASCII of several weights that begin with an ASCII character's. Those that do not are too
    many to be looked at one by one: each ideograph has two weights."""
    several = (weights.lengths[0] > weights.unit) & ~weights.refused
    several[:_ASCII] = False
    points = np.flatnonzero(several)
    starts = weights.starts[points].astype(np.int64)
    first = sum(weights.data[starts + place].astype(np.int64) << 8 * place for place in range(weights.unit))
    ascii_ = [unit for point in range(_ASCII) for unit in _units(point, weights)]
    begun = np.isin(first, [int.from_bytes(unit, "little") for unit in ascii_])
    return [(chr(point), _units(point, weights)) for point in points[begun].tolist()]


def _units(point: int, weights: Weights) -> list[bytes]:
    whole, unit = (weights.of(point) or (b"",))[0], weights.unit
    return [whole[at : at + unit] for at in range(0, len(whole), unit)]
