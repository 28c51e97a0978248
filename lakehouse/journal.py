"""What an export has begun, written down before it is: what a process that dies leaves behind is removed later."""

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class Journal:
    """One export's file, gone when the export is over one way or the other."""

    def __init__(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{name}.json"
        self._file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def note(self, **step: Any) -> None:
        """Write a step down before it is taken; it holds no key."""
        os.write(self._file, json.dumps(step).encode() + b"\n")
        os.fdatasync(self._file)

    def end(self) -> None:
        """There is nothing to undo any more."""
        os.close(self._file)
        self._path.unlink(missing_ok=True)


def recover(folder: Path, undo: Callable[[list[dict[str, Any]]], None]) -> None:
    """Undo what earlier processes began and did not end; what cannot be undone now is tried at the next start."""
    for path in sorted(folder.glob("*.json")):
        try:
            steps = [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")]
            undo(steps)
        except Exception as error:
            log.warning("an export that was cut short could not be removed: %s", error)
            continue
        log.info("an export that was cut short was removed")
        path.unlink(missing_ok=True)
