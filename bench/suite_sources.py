"""The sources of a suite of tests: fetched with the archive's own client, unpacked and made ready to run."""

import os
import re
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

from bench.suite_table import Origin, Suite

BENCH = Path(__file__).parent
# The archives that this system knows, as archives of sources.
_AS_SOURCES = ("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)", "Created-By: Packages")
_KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


@dataclass(frozen=True)
class Ready:
    """Where a suite runs, with which interpreter of Python, and the name of what was unpacked."""

    folder: Path
    python: str
    name: str


def fetch(suite: Suite, place: Path) -> Ready:
    """Bring a suite's sources into an empty folder and set them up; raises SystemExit with what is missing."""
    for package in suite.installed:
        if "ok installed" not in _run(["dpkg-query", "-W", "-f", "${Status}", package], check=False):
            raise SystemExit(f"{package} is not installed: apt-get install {' '.join(suite.installed)}")
    python = sys.executable
    match suite.origin:
        case Origin.INSTALLED:
            return Ready(Path(suite.folder), python, suite.package)
        case Origin.PIP:
            python = _environment(suite, place)
            _from_pip(suite, python, place)
        case Origin.DEBIAN:
            _from_debian(suite, place)
    archives = [path for path in place.glob("*.tar.*") if ".orig-" not in path.name]
    if not archives:
        raise SystemExit(f"{suite.package}: there are no sources")
    with tarfile.open(archives[0]) as source:
        source.extractall(place / "sources", filter="data")
    (top,) = (place / "sources").iterdir()
    for pattern, old, new in suite.edits:
        for path in top.glob(pattern):
            path.write_text(re.sub(old, new, path.read_text()))
    ready = Ready(top / suite.folder, python, top.name)
    for command in suite.setup:
        _run([part.replace("{bench}", str(BENCH)) for part in command], ready.folder, suite.environment)
    return ready


def _environment(suite: Suite, place: Path) -> str:
    python = str(place / "venv" / "bin" / "python")
    _run([sys.executable, "-m", "venv", str(place / "venv")])
    _run([python, "-m", "pip", "install", "-q", f"{suite.package}=={suite.version}", *suite.needs])
    return python


def _from_pip(suite: Suite, python: str, place: Path) -> None:
    options = ["-q", "--no-deps", "--no-binary", suite.package, "-d", str(place)]
    _run([python, "-m", "pip", "download", *options, f"{suite.package}=={suite.version}"])


def _from_debian(suite: Suite, place: Path) -> None:
    """Ask for the sources with lists of our own, so that the system's stay as they are."""
    apt = place / "apt"
    (apt / "lists" / "partial").mkdir(parents=True)
    archives = sorted(set(_run(list(_AS_SOURCES)).splitlines()))
    (apt / "sources.list").write_text("".join(f"deb-src [signed-by={_KEYRING}] {line}\n" for line in archives))
    settings = {
        "Dir::Etc::sourcelist": apt / "sources.list",
        "Dir::Etc::sourceparts": "-",
        "Dir::State::lists": apt / "lists",
        "APT::Sandbox::User": "root",
    }
    options = [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]
    _run(["apt-get", *options, "-q", "update"])
    wanted = suite.package
    if suite.installed:
        wanted += "=" + _run(["dpkg-query", "-W", "-f", "${source:Version}", suite.installed[0]])
    # It fails where the archive lacks one of several parts, and leaves those that were verified.
    _run(["apt-get", *options, "-q", "source", "--download-only", "--tar-only", wanted], place, check=False)


def _run(
    command: list[str], folder: Path | None = None, environment: dict[str, str] | None = None, check: bool = True
) -> str:
    done = subprocess.run(
        command, cwd=folder, env=os.environ | (environment or {}), capture_output=True, text=True, check=False
    )
    if done.returncode and check:
        raise SystemExit(f"{' '.join(command)}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout
