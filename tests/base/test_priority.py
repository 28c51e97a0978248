"""Nice values as the kernel counts them: the thread's, and the group's of its session."""

import os
import sys
from pathlib import Path

import pytest

from base.supervise import spawn

_ASKED = """
import os, pathlib
from base.priority import set_nice
try:
    set_nice({nice})
except PermissionError:
    print("refused")
group = pathlib.Path("/proc/self/autogroup")
print(os.getpriority(os.PRIO_PROCESS, 0), group.read_text().split()[-1] if group.exists() else "none")
"""
_GROUPED = Path("/proc/self/autogroup").exists()


def told(nice: int, tmp_path: Path, before: str = "") -> list[str]:
    process = spawn([sys.executable, "-c", before + _ASKED.format(nice=nice)], tmp_path / "out", cwd=Path.cwd())
    assert process.wait(60) == 0, (tmp_path / "out").read_text()
    return (tmp_path / "out").read_text().split()


@pytest.mark.parametrize("nice", [0, 7, 19])
def test_a_process_gives_way_inside_its_session_and_beside_others(nice: int, tmp_path: Path) -> None:
    assert told(nice, tmp_path) == [str(nice), str(nice) if _GROUPED else "none"]


def test_a_group_that_others_lead_is_left_alone(tmp_path: Path) -> None:
    group = Path("/proc/self/autogroup").read_text() if _GROUPED else ""
    child = os.posix_spawn(
        sys.executable, [sys.executable, "-c", "from base.priority import set_nice\nset_nice(5)"], os.environ
    )
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not _GROUPED or Path("/proc/self/autogroup").read_text() == group


def test_more_than_others_is_refused_without_the_right_to_it(tmp_path: Path) -> None:
    without = "import os\nif os.geteuid() == 0: os.setresuid(65534, 65534, 65534)\n"
    folder = tmp_path / "open"
    folder.mkdir(mode=0o777)
    found = told(-5, folder, "from base.priority import set_nice\n" + without)
    assert found[:2] == ["refused", str(os.nice(0))]
