"""Importing what a process needs for its life, at its start: less of its time goes to what nothing here needs."""

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator

_BLAS = "scipy.linalg.cython_blas"
_ASKS_FOR_BLAS = "numba.np.arraymath"


@contextlib.contextmanager
def at_start() -> Iterator[None]:
    """Import inside this block what stays: modules and compiled kernels.

    The collector of cycles does not run meanwhile, and passes over all that is there at the end from then on: modules
    are no garbage, and looking at them again and again took 0.2 of the 1.6 seconds of an engine's imports.
    """
    gc.disable()
    try:
        _leave_blas_out()
        yield
    finally:
        gc.freeze()
        gc.enable()


def _leave_blas_out() -> None:
    # Numba imports scipy.linalg, which takes 0.15 s, only to know how inner products in a kernel are best computed: no
    # kernel here has any, and there is another way. Whoever imports scipy.linalg later finds it as ever.
    if _BLAS in sys.modules or _ASKS_FOR_BLAS in sys.modules:
        return
    sys.modules[_BLAS] = None  # type: ignore[assignment]  # the import system's way to say that there is none
    try:
        importlib.import_module(_ASKS_FOR_BLAS)
    finally:
        del sys.modules[_BLAS]
