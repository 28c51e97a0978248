"""What the processes that this package starts share: how they speak to the engine, and that they end with it."""

import json
import os
import threading
import time
from typing import Any, BinaryIO

_LOOK = 0.5  # seconds


def begin() -> BinaryIO:
    """Give the stream to the engine, and end this process when the engine has ended.

    Standard output goes where errors go: a library that prints must not speak between the lines.
    """
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    return out


def say(out: BinaryIO, what: dict[str, Any]) -> None:
    """Tell the engine one thing: a line of JSON."""
    out.write(json.dumps(what, default=str).encode() + b"\n")
    out.flush()


def _end_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK)
    os._exit(1)
