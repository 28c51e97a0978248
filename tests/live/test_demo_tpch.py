"""The acceptance at its smallest scale: 22 queries, offloaded, and every cell equal to InnoDB's."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.live


@pytest.mark.timeout(600)
def test_all_22_are_offloaded_and_equal(warmfront_instance):
    argv = [sys.executable, "-m", "warmfront", "demo", "tpch", "--scale", "0.01"]
    done = subprocess.run(
        [*argv, "--data-dir", str(warmfront_instance.data_dir)],
        capture_output=True,
        text=True,
        env={**os.environ, "COLUMNS": "250"},
    )
    assert done.returncode == 0, done.stdout + done.stderr + warmfront_instance.logs()
    assert "22 of 22 offloaded and equal" in done.stdout
