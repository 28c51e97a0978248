"""What exports have left in places that did not answer, or refused: tried again until it is removed."""

import logging
import threading
import time
from pathlib import Path

from lakehouse.stores.outlets import remove_unfinished
from lakehouse.stores.places import Places

log = logging.getLogger(__name__)

_EVERY = 5.0  # seconds between two looks at the journals, a folder that is empty as a rule
_LONGEST = 300.0


class Remains:
    """Removes them in a thread of its own: a store that is away holds up nobody."""

    def __init__(self, places: Places, journals: Path, every: float = _EVERY) -> None:
        """`every` is in seconds, the time between two looks; twice as long after each that was in vain."""
        self._places = places
        self._journals = journals
        self._every = every
        self._told: set[str] = set()

    def start(self) -> None:
        """Begin with what earlier processes have left."""
        threading.Thread(target=self._run, name="remains", daemon=True).start()

    def _run(self) -> None:
        wait = self._every
        while True:
            wait = min(2 * wait, _LONGEST) if self.remove() else self._every
            time.sleep(wait)

    def remove(self) -> bool:
        """Try once; tells whether something is left."""
        try:
            left = remove_unfinished(self._places, self._journals)
        except OSError as error:
            log.warning("the journals of exports cannot be read: %s", error)
            return True
        for name in left.keys() - self._told:
            log.warning("what the export %s has left cannot be removed yet: %s", name, left[name])
        self._told = set(left)
        return bool(left)
