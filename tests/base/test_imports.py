"""What a process imports at its start. In processes of their own: here, too much is imported already."""

import subprocess
import sys

_HEAVY = ("scipy.linalg", "scipy.sparse", "sklearn", "lightgbm", "pandas", "onnxruntime", "numpy.f2py")


def _told(code: str) -> list[str]:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_an_engine_starts_without_what_few_statements_need() -> None:
    code = f"""
import gc, sys
from base import imports
with imports.at_start():
    print(gc.isenabled())
    import engine.process
print(gc.isenabled(), gc.get_freeze_count() > 100_000, *[name for name in {_HEAVY!r} if name in sys.modules])
from scipy.linalg import blas, cython_blas
print(cython_blas.__name__)
"""
    assert _told(code) == ["False", "True", "True", "scipy.linalg.cython_blas"]


def test_what_cannot_be_imported_leaves_no_mark() -> None:
    code = """
import gc
from base import imports
try:
    with imports.at_start():
        import no_such_module
except ModuleNotFoundError as error:
    print(error.name, gc.isenabled())
import scipy.linalg.cython_blas
"""
    assert _told(code) == ["no_such_module", "True"]
