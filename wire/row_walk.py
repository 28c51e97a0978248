"""The compiled walk of `wire.rows`, in a file of its own: importing it loads the compiler."""

from collections.abc import Callable
from typing import Any, cast

import numba
from numba import types

Walk = Callable[[bytes, int], tuple[int, int]]

_pair: Any = types.UniTuple
_SIGNATURE = _pair(types.int64, 2)(types.Bytes(types.uint8, 1, "C"), types.int64)


def _walk(data: bytes, at: int) -> tuple[int, int]:
    rows = 0
    last = len(data) - 5
    while at <= last:
        length = data[at] | data[at + 1] << 8 | data[at + 2] << 16
        if data[at + 4] >= 0xFE or length == 0xFFFFFF:
            break
        at += 4 + length
        rows += 1
    return at, rows


def _compile() -> Walk:
    try:
        compiled: Any = numba.njit(_SIGNATURE, cache=True)(_walk)
    except RuntimeError:  # neither this folder nor the user's own can keep it
        compiled = numba.njit(_SIGNATURE)(_walk)
    return cast(Walk, compiled)


walk: Walk = _compile()
