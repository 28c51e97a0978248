"""Named places before and after every durable step, where a test can make a process die or fail.

Nothing happens at them unless the environment has `WARMFRONT_TEST_FAULT=NAME:crash` or `NAME:error`, with `:N` behind
it for the N-th time that the place is reached.
"""

import os
import signal
import sys
from typing import Literal, get_args

VARIABLE = "WARMFRONT_TEST_FAULT"

# Every step that leaves something on the disk which the next start relies on.
Step = Literal[
    "apply",  # a batch with its position, in one transaction of the store
    "position",  # the position alone, of a log that has nothing for the store
    "load begin",  # empty table, table of pending changes and entry
    "load rows",  # rows of one connection
    "load finish",  # pending changes put over the rows
    "spill",  # a piece of a large transaction in a file of its own, which the next start must not miss
    "repair",  # rows of the source put over wrong ones
    "state",  # a table taken out of service, forgotten or refused
    "rewrite begin",
    "rewrite rows",
    "rewrite finish",
    "checkpoint",
    "create",  # the store's own tables in a new file
    "start over",  # every table to be loaded again, and no position
    "file",  # settings, secrets, keys and certificates, client.cnf, ready
    "claim",  # the supervisor's pid
]
STEPS: tuple[Step, ...] = get_args(Step)
Side = Literal["before", "after"]
POINTS = tuple(f"{side} {step}" for step in STEPS for side in ("before", "after"))


class InjectedFault(OSError):
    """What a test asked for."""


class _Armed:
    """A place that will fail, how, and how often it is still passed before."""

    def __init__(self, text: str) -> None:
        name, _, rest = text.partition(":")
        action, _, number = rest.partition(":")
        if name not in POINTS or action not in ("crash", "error"):
            raise ValueError(f"{VARIABLE} names no fault: {text}")
        self.name = name
        self.action = action
        self.passes = int(number or 1)

    def reached(self, name: str) -> None:
        if name != self.name:
            return
        self.passes -= 1
        if self.passes == 0:
            print(f"injected {self.action} at {name}", file=sys.stderr, flush=True)
            if self.action == "crash":
                os.kill(os.getpid(), signal.SIGKILL)
            raise InjectedFault(f"injected at {name}")


_armed: _Armed | None = None


def arm(text: str) -> None:
    """Make one place fail in this process, as the variable would. Raises ValueError."""
    global _armed
    _armed = _Armed(text)


def disarm() -> None:
    """Let every place pass again."""
    global _armed
    _armed = None


def point(side: Side, step: Step) -> None:
    """Pass one side of a durable step; a test may have armed it."""
    if _armed is not None:
        _armed.reached(f"{side} {step}")


if _text := os.environ.get(VARIABLE):
    arm(_text)
