"""A BI tool for real: Superset's charts through warmfront show what they show on the server, and the engine answers."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import CLIENTS, Sides

pytestmark = [pytest.mark.live, pytest.mark.timeout(900)]

PYTHON = CLIENTS / "superset" / "bin" / "python"
PROGRAM = Path(__file__).parent / "programs" / "superset_chart.py"
CHARTS = 7


def shown(sides: Sides, proxied: bool, folder: Path) -> list[str]:
    """What the charts show on one side."""
    environment = {**os.environ, **sides.environment(proxied, "unused"), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    command = [str(PYTHON), str(PROGRAM), str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-5000:]}"
    return done.stdout.splitlines()


@pytest.mark.skipif(not PYTHON.exists(), reason="not installed (scripts/test-clients.py --superset does it)")
def test_charts_show_the_same_and_are_offloaded(sides: Sides, tmp_path: Path) -> None:
    direct = shown(sides, False, tmp_path)
    before = sides.offloaded()
    assert shown(sides, True, tmp_path) == direct
    assert sum(line.startswith("chart ") for line in direct) == CHARTS
    assert sides.offloaded() - before >= CHARTS
