"""An engine's copy as a process of its own, eager for all that it does seldom: to be killed in the middle of it.

Arguments: the settings file, and SCHEMA.TABLE when that table's copy is to be damaged and repaired.
"""

import sys
import time
from contextlib import suppress

from base.errors import SecondaryEngineError
from base.settings import Settings
from engine.store import database, upkeep
from tests.live.copying import Copy


def main() -> None:
    """Run until killed."""
    upkeep._EVERY = 0.2  # type: ignore[misc]
    upkeep._UNWRITTEN = 0  # type: ignore[misc]
    upkeep._DEAD_ROWS = 100  # type: ignore[misc]
    database._PERSIST_IDLE_POSITION = 0.0  # type: ignore[misc]
    copy = Copy(Settings.read(sys.argv[1]))
    while len(sys.argv) > 2:
        _damage(copy, *sys.argv[2].split("."))
    while True:
        time.sleep(1)


def _damage(copy: Copy, schema: str, name: str) -> None:
    time.sleep(0.05)
    entry = copy.replica.store.entries.get((schema, name))
    if entry is None or copy.answer(schema, name) != "AVAILABLE":
        return
    cursor = copy.replica.store.cursor()
    cursor.execute(f"DELETE FROM {entry.store_name} WHERE rowid = (SELECT min(rowid) FROM {entry.store_name})")
    cursor.close()
    with suppress(SecondaryEngineError):
        copy.replica.verifier.verify_now(schema, name, True, lambda: False)


if __name__ == "__main__":
    main()
