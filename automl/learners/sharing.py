"""Rows shared out among threads: of kernels that let go of the interpreter's lock."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_FEW = 4096  # rows that are not worth another thread
_pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="rows")


def share(rows: int, threads: int, work: Callable[[int, int], None]) -> None:
    """Do the work for all rows: it is given the first of them and the one behind the last."""
    parts = max(1, min(threads, rows // _FEW))
    if parts == 1:
        work(0, rows)
        return
    ends = [rows * part // parts for part in range(parts + 1)]
    list(_pool.map(lambda part: work(ends[part], ends[part + 1]), range(parts)))
