"""Find the server programs on this machine, and tell which are good enough."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

OLDEST = {"mysql": (8, 0, 0), "mariadb": (10, 6, 0)}
# An ordinary user's PATH on Debian leaves these out.
_MORE_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/libexec")


@dataclass(frozen=True, slots=True)
class ServerProgram:
    """A mysqld or mariadbd."""

    kind: Literal["mysql", "mariadb"]
    path: Path
    version: tuple[int, int, int]

    @property
    def is_supported(self) -> bool:
        """Tell whether it is new enough to be a backend."""
        return self.version >= OLDEST[self.kind]

    @property
    def version_text(self) -> str:
        """The version as people write it."""
        return ".".join(map(str, self.version))

    def companion(self, name: str) -> Path | None:
        """Another program of the same installation, such as mysql or mariadb-install-db."""
        base = self.path.parent.parent
        for folder in (self.path.parent, base / "bin", base / "sbin", base / "scripts"):
            if (folder / name).is_file():
                return folder / name
        found = shutil.which(name)
        return Path(found) if found else None


def probe(path: Path) -> ServerProgram | None:
    """Ask a server program who it is; None when it does not start or is neither."""
    try:
        answer = subprocess.run(
            [path, "--no-defaults", "--version"], capture_output=True, text=True, timeout=30, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"Ver (\d+)\.(\d+)\.(\d+)(-MariaDB)?", answer)
    if not found:
        return None
    return ServerProgram(
        "mariadb" if found[4] else "mysql", path.resolve(), (int(found[1]), int(found[2]), int(found[3]))
    )


def installed() -> Iterator[ServerProgram]:
    """Every server program on PATH and in the usual folders, in that order."""
    folders = [folder for folder in os.environ.get("PATH", "").split(os.pathsep) if folder]
    seen = set()
    for folder in [*folders, *_MORE_FOLDERS]:
        for name in ("mysqld", "mariadbd"):
            path = Path(folder) / name
            if not path.is_file() or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            program = probe(path)
            if program is not None:
                yield program


def fetched(prefix: Path) -> ServerProgram | None:
    """The MySQL that was fetched into `prefix`, if it is there and starts."""
    path = prefix / "bin" / "mysqld"
    return probe(path) if path.exists() else None
