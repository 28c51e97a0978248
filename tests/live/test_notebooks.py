"""The notebooks of examples/ run from top to bottom, against both servers."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.live

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / ".clients" / "notebooks"
RUN = """
import nbclient, nbformat, sys
book = nbformat.read(sys.argv[1], 4)
nbclient.NotebookClient(book, timeout=120, kernel_name="python3").execute()
nbformat.write(book, sys.argv[2])
"""


@pytest.mark.parametrize(("name", "images"), [("churn", 2), ("forecast", 1), ("recommend", 0)])
def test_a_notebook_runs_to_its_end(warmfront_instance: Any, tmp_path: Path, name: str, images: int) -> None:
    if not (PACKAGES / "stamp").exists():
        pytest.skip("scripts/test-clients.py has not installed what notebooks need")
    it = warmfront_instance
    url = f"mysql+pymysql://{it.backend.user}:{it.backend.password}@{it.host}:{it.port}/?charset=utf8mb4"
    places = {"PYTHONPATH": str(PACKAGES), "JUPYTER_PATH": str(PACKAGES / "share" / "jupyter"), "HOME": str(tmp_path)}
    quiet = {
        "PLOOMBER_STATS_ENABLED": "false",
        "JUPYTER_PLATFORM_DIRS": "1",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    }
    done = tmp_path / "done.ipynb"
    ended = subprocess.run(
        [sys.executable, "-c", RUN, str(ROOT / "examples" / f"{name}.ipynb"), str(done)],
        env={**os.environ, **places, **quiet, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        timeout=200,
        cwd=tmp_path,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    outputs = [output for cell in json.loads(done.read_text())["cells"] for output in cell.get("outputs", ())]
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert sum("image/png" in output.get("data", {}) for output in outputs) == images
