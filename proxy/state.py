"""What a session has set that the proxy must know: reset with the connection."""

from typing import TYPE_CHECKING

from base.settings import Settings

if TYPE_CHECKING:
    from proxy.prepared import Prepared

ON, OFF, FORCED = "ON", "OFF", "FORCED"


class SessionState:
    """Session variables that the proxy holds, and what was seen of the session's statements."""

    __slots__ = (
        "cost_threshold",
        "execution_count",
        "found_rows",
        "freshness",
        "locked_tables",
        "statements",
        "use_secondary_engine",
    )

    def __init__(self, settings: Settings) -> None:
        self.use_secondary_engine = ON
        self.cost_threshold = settings.secondary_engine_cost_threshold
        self.freshness = settings.freshness
        self.locked_tables = False
        self.found_rows: int | None = None  # rows of the offloaded statement that was the last one
        self.execution_count = 0  # Secondary_engine_execution_count of the session
        self.statements: dict[int, Prepared] = {}  # prepared statements that could be offloaded, by their id

    def relayed_unseen(self) -> None:
        """Note that a command passed without being looked at."""
        self.found_rows = None
        self.statements.clear()  # an execution may have brought other parameter types
