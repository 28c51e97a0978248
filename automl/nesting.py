"""How deep JSON texts are nested, looked at before anything reads them: readers that call themselves for each level
run out of stack, and one of them takes the whole process with it."""

from typing import Any

import numba
import numpy as np
import pyarrow as pa
from numba import types

from automl.errors import AutoMLError

MOST = 100  # levels of a document, as MySQL has it
_QUOTE, _ESCAPE = 34, 92
_OPENING, _CLOSING = (91, 123), (93, 125)


@numba.njit(
    types.boolean(types.Array(types.uint8, 1, "C", readonly=True), types.Array(types.int32, 1, "C", readonly=True)),
    nogil=True,
    cache=True,
)
def _is_deep(data: Any, ends: Any) -> Any:  # pragma: no cover - compiled
    """Tell whether one of the texts between the ends is deeper than MOST."""
    for row in range(len(ends) - 1):
        depth, inside, place = 0, False, ends[row]
        while place < ends[row + 1]:
            byte = data[place]
            if inside:
                if byte == _ESCAPE:
                    place += 1
                elif byte == _QUOTE:
                    inside = False
            elif byte == _QUOTE:
                inside = True
            elif byte in _OPENING:
                depth += 1
                if depth > MOST:
                    return True
            elif byte in _CLOSING:
                depth -= 1
            place += 1
    return False


def check_nesting(texts: pa.Array) -> None:
    """Look at texts, of which NULL has no depth.

    Raises:
        AutoMLError: one is nested too deeply.
    """
    _, ends, data = texts.cast(pa.string()).buffers()
    if data is None or not len(texts):
        return
    first = texts.offset
    places = np.frombuffer(ends, np.int32)[first : first + len(texts) + 1]
    if _is_deep(np.frombuffer(data, np.uint8), places):
        raise AutoMLError(f"A row is nested too deeply: a JSON document has at most {MOST} levels.")


def check_text(text: bytes) -> None:
    """The same for one text in UTF-8, which seldom has as many brackets as it may have levels."""
    if text.count(b"[") + text.count(b"{") > MOST:
        check_nesting(pa.array([text], pa.string()))
