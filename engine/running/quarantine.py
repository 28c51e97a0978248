"""Shapes of statements that once answered otherwise than the backend: they stay there until somebody has looked.

The list outlives the engine, in a file of the data dir; who removes the file lets them go at the engine's next start.
"""

import json
import logging
import os
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from statements.digest import digest

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shape:
    """A statement without its literals, what was found, and when (seconds since the epoch)."""

    key: str
    difference: str
    found: float


class Quarantine:
    """The shapes that may not be offloaded. Safe to use from several threads."""

    def __init__(self, file: Path) -> None:
        """Read the list; one that cannot be read keeps nothing out and is said in the log."""
        self._file = file
        self._lock = threading.Lock()
        self._shapes = {shape.key: shape for shape in read_shapes(file)}

    def __len__(self) -> int:
        return len(self._shapes)

    def reason(self, statement: str) -> str | None:
        """Say why a statement may not be offloaded; None when it may."""
        if not self._shapes or digest(statement).key not in self._shapes:
            return None
        return "The statement is in quarantine: a check found another answer than the backend's"

    def add(self, statement: str, difference: str) -> None:
        """Keep a statement's shape on the backend from now on."""
        shape = Shape(digest(statement).key, difference, time.time())
        log.error("an answer differs from the backend's: %s: %s", shape.key, difference)
        with self._lock:
            self._shapes = {**self._shapes, shape.key: shape}
            self._write()

    def _write(self) -> None:
        text = json.dumps([asdict(shape) for shape in self._shapes.values()], indent=1)
        scratch = self._file.with_suffix(".new")
        try:
            scratch.write_text(text)
            os.replace(scratch, self._file)
        except OSError as error:
            log.warning("the list of statements in quarantine cannot be written: %s", error)


def read_shapes(file: Path) -> list[Shape]:
    """Give the shapes that were found wrong; none when there is no list, or one that cannot be read."""
    try:
        return [Shape(**shape) for shape in json.loads(file.read_text())]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, TypeError) as error:
        log.warning("the list of statements in quarantine cannot be read: %s", error)
        return []
