"""Whether tables are still as a snapshot saw them: what a write of its rows has to know before it is committed."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from base.errors import SecondaryEngineError
from engine.catalog import CatalogView, Key, State
from engine.replicate.changes import Position
from engine.store.database import Snapshot

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

    `timeout` is in seconds, for the copy to get to the end of the log.
    """

    changed: Mapping[Key, Position]
    view: Callable[[], CatalogView]
    wait_until_fresh: Callable[[float, str], Awaitable[None]]
    timeout: float

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
