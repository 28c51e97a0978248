"""What an export has begun, written down before it is: what it leaves behind when it cannot end is removed later.

The file is locked for as long as the export runs, so that what lies there unlocked is of one that is over.
"""

import fcntl
import json
import logging
import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_BEGUN = ".new"  # of a name, until the file is locked


class Journal:
    """One export's file, gone when the export is over one way or the other."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.json"
        begun = folder / f"{name}{_BEGUN}"
        self._file = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        begun.rename(self._path)

    def note(self, **step: Any) -> None:
        """Write a step down before it is taken; it holds no key."""
        os.write(self._file, json.dumps(step).encode() + b"\n")
        os.fdatasync(self._file)

    def end(self) -> None:
        """There is nothing to undo any more."""
        self._path.unlink(missing_ok=True)  # before the lock goes: who gets it then sees that there is no file
        os.close(self._file)

    def leave(self) -> None:
        """What was begun could not be undone, and is to be by `recover`."""
        os.close(self._file)


def recover(folder: Path, undo: Callable[[list[dict[str, Any]]], None]) -> dict[str, str]:
    """Undo what was begun and did not end; gives why some cannot be undone now, by their journals' names."""
    left: dict[str, str] = {}
    for path in sorted(folder.glob("*.json")):
        try:
            file = open(path, "rb")  # noqa: SIM115
        except FileNotFoundError:
            continue  # its export has ended
        with closing(file):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # its export runs
            if not os.fstat(file.fileno()).st_nlink:
                continue  # it has ended since
            try:
                undo([json.loads(line) for line in file.read().splitlines() if line.endswith(b"}")])
            except Exception as error:
                left[path.stem] = str(error)
                continue
            log.info("what an export has left was removed: %s", path.stem)
            path.unlink(missing_ok=True)
    return left
