"""How deep JSON texts are nested and how many keys they have, looked at before anything reads them.

Readers that call themselves for each level run out of stack, and one of them takes the whole process with it. A reader
in columns makes one of every key of every row: where each row has keys of its own, that is rows times rows.
"""

from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numba import types

from automl.errors import AutoMLError

MOST = 100  # levels of a document, as MySQL has it
_QUOTE, _ESCAPE, _COLON = 34, 92, 58
_OPENING, _CLOSING = (91, 123), (93, 125)
_SEED, _PRIME = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)  # FNV-1a
_BUCKETS = 1 << 16
_ONE, _HALF = np.uint64(1), np.uint64(32)


@numba.njit(
    types.int64(types.Array(types.uint8, 1, "C", readonly=True), types.Array(types.int32, 1, "C", readonly=True)),
    nogil=True,
    cache=True,
)
def _look(data: Any, ends: Any) -> Any:  # pragma: no cover - compiled
    """Count the different keys, each with those that it is under, up to _BUCKETS; -1 for a text deeper than MOST."""
    seen = np.zeros(_BUCKETS, np.uint8)
    keys = 0
    path = np.zeros(MOST + 1, np.uint64)  # by depth: of what is open
    above = np.zeros(MOST + 1, np.uint64)  # by depth: the key that it was opened under
    for row in range(len(ends) - 1):
        depth, inside, place = 0, False, ends[row]
        key, text = _SEED, _SEED
        while place < ends[row + 1]:
            byte = data[place]
            if inside:
                if byte == _QUOTE:
                    inside = False
                else:
                    text = (text ^ np.uint64(byte)) * _PRIME
                    if byte == _ESCAPE:
                        place += 1
                        if place < ends[row + 1]:
                            text = (text ^ np.uint64(data[place])) * _PRIME
            elif byte == _QUOTE:
                inside, text = True, path[depth]
            elif byte == _COLON:
                key = text
                bucket = np.int64((key ^ (key >> _HALF)) % np.uint64(_BUCKETS))
                keys += 1 - seen[bucket]
                seen[bucket] = 1
            elif byte in _OPENING:
                depth += 1
                if depth > MOST:
                    return -1
                above[depth] = key
                path[depth] = (key ^ _ONE) * _PRIME
            elif byte in _CLOSING and depth:
                key = above[depth]
                depth -= 1
            place += 1
    return keys


def count_keys(texts: pa.Array) -> int:
    """Count the different keys of documents; those of objects within count for each key that they are under.

    Raises:
        AutoMLError: a document is nested too deeply.
    """
    _, ends, data = texts.cast(pa.string()).buffers()
    if data is None or not len(texts):
        return 0
    places = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    keys = int(_look(np.frombuffer(data, np.uint8), places))
    if keys < 0:
        raise AutoMLError(f"A row is nested too deeply: a JSON document has at most {MOST} levels.")
    return keys


def check_nesting(text: bytes) -> None:
    """Look at one text in UTF-8, which seldom has as many brackets as it may have levels.

    Raises:
        AutoMLError: it is nested too deeply.
    """
    if text.count(b"[") + text.count(b"{") > MOST:
        count_keys(pa.array([text], pa.string()))
