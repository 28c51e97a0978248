"""Compiled column kernels: numba with fixed signatures, without the GIL, cached on disk."""

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt
from numba import types

P = ParamSpec("P")
R = TypeVar("R")

U8 = npt.NDArray[np.uint8]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Word = Any  # a scalar inside a kernel, where numpy and plain numbers mix
F64 = npt.NDArray[np.float64]


def _readable(element: Any) -> Any:
    # Arrow's buffers are read-only to numpy; a writable array converts to this type by itself.
    return types.Array(element, 1, "C", readonly=True)


u8r, i32r, i64r, u64r, f64r = (
    _readable(t) for t in (types.uint8, types.int32, types.int64, types.uint64, types.float64)
)
u8w, i32w, i64w, u64w = types.uint8[::1], types.int32[::1], types.int64[::1], types.uint64[::1]
i64, u64, f64, flag, void = types.int64, types.uint64, types.float64, types.boolean, types.void


def kernel(returns: Any, *arguments: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function for exactly these types, when its module is imported or from the cache."""

    def compile_(function: Callable[P, R]) -> Callable[P, R]:
        return cast(Callable[P, R], numba.njit(returns(*arguments), nogil=True, cache=True)(function))

    return compile_
