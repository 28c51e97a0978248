"""Where a SELECT stands between the transactions of its session."""

from dataclasses import dataclass
from enum import Enum, auto


class Place(Enum):
    """Where a SELECT stands."""

    ALONE = auto()  # autocommit is on, and there is no transaction
    BEGINS = auto()  # it would begin a transaction, or read first in one
    GOES_ON = auto()  # in a transaction that has only read, all of it by way of the engine
    WITHIN = auto()  # in any other transaction


@dataclass(slots=True)
class Reading:
    """A transaction of SELECTs. `since` is the engine's token of a moment before its snapshot, "" where there is none.

    `begun` is the backend's count of commands at its last statement: any other command has ended it.
    """

    since: str
    begun: int
