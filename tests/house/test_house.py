"""The house itself: file sizes, floors, and what must not be in the repository."""

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PACKAGES = ("base", "wire", "statements", "automl", "lakehouse", "autopilot", "engine", "proxy", "warmfront")


def sources() -> list[pathlib.Path]:
    return [path for package in (*PACKAGES, "tests", "bench") for path in (ROOT / package).rglob("*.py")]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_file_has_fewer_than_500_lines(path: pathlib.Path) -> None:
    assert len(path.read_text().splitlines()) < 500


@pytest.mark.parametrize("package", PACKAGES)
def test_module_has_a_docstring(package: str) -> None:
    bare = [
        path.relative_to(ROOT)
        for path in (ROOT / package).rglob("*.py")
        if (text := path.read_text()).strip() and not text.lstrip().startswith(('"""', "#!"))
    ]
    assert bare == []


def test_no_machine_path_or_package_host_is_tracked() -> None:
    pattern = re.compile(r"/(?:work|root|opt/mysql\d+)/|https?://\S*(?:pypi|debian|npmjs)\.\S*", re.IGNORECASE)
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    found = []
    for name in filter(None, files):
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".sh", ".lock", ".txt", ".sql", ""}:
            found += [f"{name}: {match}" for match in pattern.findall(path.read_text(errors="ignore"))]
    assert found == []


def test_duckdb_is_imported_in_the_engine_only() -> None:
    found = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        if package != "engine"
        for path in (ROOT / package).rglob("*.py")
        if re.search(r"^\s*(?:import|from) duckdb", path.read_text(), re.MULTILINE)
    ]
    assert found == []


@pytest.mark.parametrize("folder", ["live", "clients"])
def test_what_needs_servers_runs_with_the_servers(folder: str) -> None:
    """An unmarked file would start servers of its own beside the unit tests, of both kinds."""
    files = (ROOT / "tests" / folder).glob("test_*.py")
    assert [path.name for path in files if "pytest.mark.live" not in path.read_text()] == []
