"""What is wrong with the files of a statement that is not strict: told as warnings, as LOAD DATA tells of its lines.

Source: "Server Error Message Reference" of the MySQL manual, for the numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from engine.last import LastOf

MOST = 1024  # places that are looked for, whatever a session asks
NOT_A_VALUE, CUT, NO_VALUE, TOO_FEW, TOO_MANY = 1366, 1265, 1048, 1261, 1262


@dataclass(frozen=True, slots=True)
class Warned:
    """One warning: its number, and what is wrong and where."""

    code: int
    message: str


@dataclass(slots=True)
class Noted:
    """The warnings of one statement: all are counted, `most` of them are shown."""

    most: int = 64
    total: int = 0
    shown: list[Warned] = field(default_factory=list)

    def note(self, total: int, places: Sequence[Warned]) -> None:
        """Add so many, and where those are that were looked for."""
        self.total += total
        self.shown += places[: max(self.most - len(self.shown), 0)]


class LastWarnings:
    """The warnings of each session's last statement on lake tables. Safe for several threads."""

    def __init__(self) -> None:
        self._kept: LastOf[Noted] = LastOf()

    def put(self, connection_id: int, noted: Noted) -> None:
        """Keep a statement's, in place of those of the session's statement before."""
        self._kept.put(connection_id, noted if noted.total else None)

    def table(self, connection_id: int) -> pa.Table:
        """A session's: a row with their number, and one with number and text of each that is shown."""
        noted = self._kept.get(connection_id) or Noted()
        shown = list(noted.shown)
        return pa.table(
            {
                "number": pa.array([noted.total, *(one.code for one in shown)], pa.int64()),
                "message": pa.array([None, *(one.message for one in shown)], pa.string()),
            }
        )
