"""The loops of `wire.cells`, compiled, in a file of their own: importing it loads the compiler."""

from typing import Any

import numba
from numba import types

from wire import cells

_data = types.Array(types.uint8, 1, "C", readonly=True)
_out: Any = types.uint8[::1]
_places: Any = types.int64[::1]
_number = types.int64
_SIGNATURES: dict[str, Any] = {
    "find": _number(_data, _number, _data, _number, types.boolean, _places),
    "join": _number(_data, _places, _number, _out),
    "splice": _number(_data, _places, _number, _data, types.boolean, _number, _out),
}


def _compiled(name: str) -> Any:
    function = getattr(cells, name)
    try:
        return numba.njit(_SIGNATURES[name], cache=True, nogil=True)(function)
    except RuntimeError:  # neither this folder nor the user's own can keep it
        return numba.njit(_SIGNATURES[name], nogil=True)(function)


find, join, splice = (_compiled(name) for name in ("find", "join", "splice"))
