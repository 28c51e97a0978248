"""Texts whose characters are put by one of those that weigh the same: LIKE compares character by character.

One function per collation inside DuckDB, over Arrow buffers, for data that no case fold can compare. Characters without
any weight are refused: the servers skip them in some places and not in others.
"""

import re
from functools import cached_property, lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from numba import njit

from engine.collate.forms import may_meet_refused
from engine.collate.presence import Presence, values
from engine.collate.weights import CODE_POINTS, Kind, Weights

_Bytes = npt.NDArray[np.uint8]
_REFUSED = np.uint32(0xFFFFFFFF)
_OF_NO_LANGUAGE = re.compile(r"_(unicode|unicode_520|uca1400_ai)_ci$|_0900_a[is]_c[is]$")
# Ideographs and syllables that have no place in the tables of any version of UCA: both servers compare them by weight
# in =, but by code point in LIKE (`my_uca_charcmp`). U+4D00 to U+4DBF have one, as hexagrams share their page of 256;
# so have the compatible ideographs, U+F900 and U+2F800 on.
_WITHOUT_PLACE = ((0x3400, 0x4D00), (0x4E00, 0xA000), (0xAC00, 0xD800), (0x17000, 0x18D80), (0x20000, 0x2F800))
_EMOJI, _RARE = 0x1F600, 0x20000


@lru_cache(4096)
def may_fold(weights: Weights, presence: Presence) -> bool:
    """Tell whether it is known which characters LIKE takes for equal: of languages' own collations, which may give
    ideographs a place, for those below U+0800 only."""
    if weights.kind is not Kind.TABLE or may_meet_refused(weights, presence):
        return False
    if "_uca1400_" in weights.collation and not weights.collation.endswith("_ai_ci"):
        return False  # MariaDB takes digits of several scripts for equal in = and not in LIKE
    if weights.collation.endswith("_general_ci") or max(values(presence), default=0) < 0xE0:
        return True
    return bool(_OF_NO_LANGUAGE.search(weights.collation))


@lru_cache(64)
def folder(weights: Weights) -> "Folder":
    """Give the one folder of a collation's weights."""
    return Folder(weights)


class Folder:
    """Turns an Arrow string array into one of folded texts. Its table is made when it is first called."""

    def __init__(self, weights: Weights) -> None:
        if weights.kind is not Kind.TABLE:
            raise ValueError("characters that weigh as themselves need no fold")
        self._weights = weights

    @cached_property
    def table(self) -> npt.NDArray[np.uint32]:
        """The first code point that LIKE takes for the same, for each; what is refused has none."""
        weights = self._weights
        points = np.flatnonzero(~weights.refused & (weights.lengths.sum(axis=0) > 0)).astype(np.int64)
        totals = weights.lengths[:, points].sum(axis=0, dtype=np.int64)
        longest = int(totals.max(initial=0))
        keys = np.zeros((len(points), len(weights.lengths) + longest), np.uint8)
        keys[:, : len(weights.lengths)] = weights.lengths[:, points].T
        for place in range(longest):
            has = totals > place
            keys[has, len(weights.lengths) + place] = weights.data[weights.starts[points[has]] + place]
        _, first, group = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        table = np.full(CODE_POINTS, _REFUSED, np.uint32)
        table[points] = points[first[group.reshape(-1)]]
        return table if weights.collation.endswith("_general_ci") else _apart(table)

    @cached_property
    def wild(self) -> str:
        """The other characters that fold to what means something in a pattern: they must not stand in one."""
        points = np.flatnonzero(np.isin(self.table, [ord(character) for character in "%_\\"]))
        return "".join(chr(point) for point in points if chr(point) not in "%_\\")

    def may_fold_pattern(self, presence: Presence) -> bool:
        """Tell whether a pattern of this presence means the same when it is folded."""
        held = values(presence)
        return not any(held.issuperset(character.encode("utf-8")) for character in self.wild)

    def fold(self, text: str) -> str | None:
        """Fold one text; None when a character is refused."""
        points = [int(self.table[ord(character)]) for character in text]
        return None if int(_REFUSED) in points else "".join(map(chr, points))

    def __call__(self, column: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Fold all rows; raises ValueError for a refused character."""
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        valid = np.asarray(column.is_valid()) if column.null_count else None
        column = column.cast(pa.string()).fill_null("") if column.null_count else column.cast(pa.string())
        _, offset_buffer, data_buffer = column.buffers()
        offsets = np.frombuffer(offset_buffer, np.int32)[column.offset : column.offset + len(column) + 1]
        data = np.frombuffer(data_buffer, np.uint8) if data_buffer is not None else np.zeros(0, np.uint8)
        out, ends = np.empty(4 * int(offsets[-1] - offsets[0]) + 4, np.uint8), np.zeros(len(column) + 1, np.int32)
        if not _fold(data, offsets, self.table, out, ends):
            raise ValueError(f"a character has no weight of its own in {self._weights.collation}")
        validity = None if valid is None else pa.array(valid).buffers()[1]
        return pa.Array.from_buffers(pa.string(), len(column), [validity, pa.py_buffer(ends), pa.py_buffer(out)])


def _apart(table: npt.NDArray[np.uint32]) -> npt.NDArray[np.uint32]:
    """Take what has no place in UCA's tables out of its group: each is like itself alone."""
    alone = np.zeros(CODE_POINTS, bool)
    for start, end in _WITHOUT_PLACE:
        alone[start:end] = True
    if table[_EMOJI] == table[_RARE] != _REFUSED:  # UCA 4.0.0 ends at U+FFFF: all that is behind weighs the same
        alone[0x10000:] = True
    points = np.flatnonzero((table != _REFUSED) & ~alone)
    _, first, group = np.unique(table[points], return_index=True, return_inverse=True)
    placed = table.copy()
    placed[points] = points[first[group.reshape(-1)]]
    others = np.flatnonzero((table != _REFUSED) & alone)
    placed[others] = others
    return placed


@njit(nogil=True, cache=True)
def _fold(
    data: _Bytes,
    offsets: npt.NDArray[np.int32],
    table: npt.NDArray[np.uint32],
    out: _Bytes,
    ends: npt.NDArray[np.int32],
) -> bool:  # pragma: no cover - compiled
    """Write the folded texts to `out` and where they end to `ends`; False at a refused character."""
    to = 0
    for row in range(len(offsets) - 1):
        at = offsets[row]
        while at < offsets[row + 1]:
            lead = int(data[at])
            if lead < 0x80:
                point, width = lead, 1
            elif lead < 0xE0:
                point, width = (lead & 0x1F) << 6 | int(data[at + 1] & 0x3F), 2
            elif lead < 0xF0:
                point = (lead & 0x0F) << 12 | int(data[at + 1] & 0x3F) << 6 | int(data[at + 2] & 0x3F)
                width = 3
            else:
                point = (lead & 0x07) << 18 | int(data[at + 1] & 0x3F) << 12
                point |= int(data[at + 2] & 0x3F) << 6 | int(data[at + 3] & 0x3F)
                width = 4
            at += width
            folded = int(table[point])
            if folded == 0xFFFFFFFF:
                return False
            if folded < 0x80:
                out[to] = folded
                to += 1
            elif folded < 0x800:
                out[to] = 0xC0 | folded >> 6
                out[to + 1] = 0x80 | folded & 0x3F
                to += 2
            elif folded < 0x10000:
                out[to] = 0xE0 | folded >> 12
                out[to + 1] = 0x80 | folded >> 6 & 0x3F
                out[to + 2] = 0x80 | folded & 0x3F
                to += 3
            else:
                out[to] = 0xF0 | folded >> 18
                out[to + 1] = 0x80 | folded >> 12 & 0x3F
                out[to + 2] = 0x80 | folded >> 6 & 0x3F
                out[to + 3] = 0x80 | folded & 0x3F
                to += 4
        ends[row + 1] = to
    return True
