"""Texts that end with what weighs as a space and is none, as U+00A0 does in collations of UCA that pad.

They compare equal to those without it. But where MySQL groups by a hash it leaves out spaces at the end only, not what
weighs as one (`my_hash_sort_uca`, `skip_trailing_space`): GROUP BY, DISTINCT and UNION take "a" and "a" with U+00A0
for two values or for one, as the plan goes; so does IN (SELECT …), which it may look up in such a table.
"""

from functools import lru_cache

import numpy as np

from engine.collate.cases import character_class
from engine.collate.presence import Presence, values
from engine.collate.weights import Kind, Weights


@lru_cache(1024)
def odd_end(weights: Weights, presence: Presence) -> str:
    """Write the end of such a text as a regular expression of DuckDB; "" where no text of this presence has one."""
    if weights.kind is not Kind.TABLE or not weights.pad_space:
        return ""
    spaces, nothing = (_possible(points, presence) for points in _kinds(weights))
    ends = [character_class(spaces) + (f"{character_class(nothing)}*" if nothing else "")] if spaces else []
    if nothing:
        ends.append(f" {character_class(nothing)}+")
    return f"({'|'.join(ends)}) *$" if ends else ""


@lru_cache(64)
def _kinds(weights: Weights) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The code points but the space that end with its weight, and those without any weight."""
    first, unit = weights.lengths[0].astype(np.int64), weights.unit
    space = np.frombuffer(weights.space[0], np.uint8)
    known = ~weights.refused
    heavy = np.flatnonzero(known & (first >= unit))
    ends = weights.starts[heavy].astype(np.int64) + first[heavy] - unit
    like = np.ones(len(heavy), np.bool_)
    for at in range(unit):
        like &= weights.data[ends + at] == space[at]
    light = np.flatnonzero(known & (first == 0))
    return tuple(int(point) for point in heavy[like] if point != ord(" ")), tuple(map(int, light))


def _possible(points: tuple[int, ...], presence: Presence) -> str:
    held = values(presence)
    texts = (chr(point) for point in points if not 0xD800 <= point <= 0xDFFF)
    return "".join(text for text in texts if held.issuperset(text.encode()))
