"""Whether tables are still as a snapshot saw them: what a write of its rows has to know before it is committed."""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from base.errors import SecondaryEngineError
from engine.catalog import CatalogView, Key, State
from engine.changes.position import Position
from engine.store.database import Snapshot
from statements.context import SNAPSHOT_PASSED

_CHANGED = "A table of the statement was changed while it ran"


def what_was_read(snapshot: Snapshot, tables: Sequence[Key]) -> str:
    """Give a token of the tables that were read on a snapshot, and of the place in the log that it was at."""
    position = snapshot.position
    found = [snapshot.view.table(*name) for name in tables]
    read = [[*name, "" if isinstance(entry, str) else entry.id] for name, entry in zip(tables, found, strict=True)]
    return json.dumps([position.server, position.file, position.offset, read])


@dataclass(frozen=True, slots=True)
class Unchanged:
    """Judges tokens. `changed` has the place of each table's latest change since the engine began.

    `timeout` is in seconds, for the copy to get to the end of the log, of which `log_end` gives the place.
    """

    changed: Mapping[Key, Position]
    view: Callable[[], CatalogView]
    wait_until_fresh: Callable[[float, str], Awaitable[None]]
    timeout: float
    log_end: Callable[[], Awaitable[Position]]
    born: float = field(default_factory=time.time)  # when the engine began, seconds since the epoch

    async def moment(self) -> str:
        """Give a token of now: whatever is committed later comes behind it in the log."""
        now = time.time()
        position = await self.log_end()
        return json.dumps([position.server, position.file, position.offset, now])

    def require_since(self, token: str, view: CatalogView, tables: Sequence[Key]) -> None:
        """Raise SecondaryEngineError unless tables are in a view as they were at a moment.

        A table that was loaded after it may hold what was committed later.
        """
        try:
            server, file, offset, moment = json.loads(token)
            then = Position(server, file, offset)
        except (ValueError, TypeError) as error:
            raise SecondaryEngineError("The token of the transaction's snapshot cannot be read") from error
        for name in tables:
            entry = view.table(*name)
            if isinstance(entry, str):
                raise SecondaryEngineError(SNAPSHOT_PASSED)
            if entry.is_lake:
                continue
            latest = self.changed.get((entry.table.schema, entry.table.name))
            changed = latest is not None and not then.covers(latest)
            if changed or entry.load_ended >= moment or self.born >= moment:
                raise SecondaryEngineError(SNAPSHOT_PASSED)

    async def check(self, token: str) -> None:
        """Raise SecondaryEngineError unless no transaction committed until now has changed what a token names."""
        try:
            server, file, offset, tables = json.loads(token)
            then = Position(server, file, offset)
            read = {(schema, name): number for schema, name, number in tables}
        except (ValueError, TypeError) as error:
            raise SecondaryEngineError("The token of what was read cannot be read") from error
        await self.wait_until_fresh(self.timeout, server)
        view, changed = self.view(), self.changed
        for name, number in read.items():
            entry = view.table(*name)
            if isinstance(entry, str) or entry.id != number or entry.state is not State.AVAILABLE:
                raise SecondaryEngineError(_CHANGED)
            latest = changed.get((entry.table.schema, entry.table.name))
            if latest is not None and not then.covers(latest):
                raise SecondaryEngineError(_CHANGED)
