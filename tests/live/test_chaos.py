"""A short chaos run: the copy is exact whatever is killed. `python -m bench.chaos` is the long one."""

from pathlib import Path
from typing import Any

import pytest

from tests.chaos.run import LEAST, Run

pytestmark = pytest.mark.live

SEED = 20261122
SECONDS = 20


def test_a_short_run_stays_exact(private_backend: Any, tmp_path: Path) -> None:
    run = Run(private_backend, tmp_path, SEED, print, ddl_pause=1.5)
    found = run.run(SECONDS)
    assert found.kills >= LEAST
    assert found.comparisons >= 1
    assert found.outcomes["FORCED answered"] > 0, found  # the other reader is answered by the backend too
