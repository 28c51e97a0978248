"""One statement on the engine: send it, pass its packets to the client, and know whether it may still be run elsewhere.

Nothing goes to the client before the first row or the end of the result has come: until then an error, or an engine
that dies, leaves the backend free to answer.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum, auto

from proxy.backend.answers import find_rows
from proxy.engine.cursors import Cursor
from proxy.engine.link import EngineGone, EngineLink
from proxy.sessions.session import Session
from wire.integers import build_lenenc_bytes
from wire.responses import Err

INTERRUPTED = (1317, 3024, 1969)  # what the user has stopped, or a limit of the user's: nobody else runs it again
_HELD_LIMIT = 1 << 22  # bytes of column definitions


class Outcome(Enum):
    """How an offloaded statement ended."""

    DONE = auto()  # the client has its rows
    FAILED = auto()  # the engine's error came before any row: nothing was sent
    LOST = auto()  # the engine went away before any row: nothing was sent
    BROKEN = auto()  # the engine went away amid the rows: the client's connection cannot be saved
    TOO_LARGE = auto()  # there is no room for the rows of a cursor: nothing was sent


@dataclass(frozen=True, slots=True)
class Ended:
    """The outcome, with the engine's error."""

    outcome: Outcome
    error: Err | None = None
    rows: int = 0


class _Relay:
    """Takes the engine's bytes: holds the head back, then passes everything on."""

    def __init__(self, session: Session, link: EngineLink) -> None:
        self._session = session
        self._link = link
        self._held = bytearray()
        self.started = False
        self.error: Err | None = None

    def take(self, data: bytes) -> None:
        """Take the next bytes of the answer."""
        if self.error or self._session.closed:
            return
        if self.started:
            self._session.client.write(data)
            return
        self._held += data
        at, self.error = find_rows(bytes(self._held), self._link.capabilities)
        if at >= 0 and not self.error:
            self.started = True
            if self._link.transport:
                self._session.flow.send_from(self._link.transport)
            self._session.client.write(bytes(self._held))
            self._held.clear()
        elif len(self._held) > _HELD_LIMIT:
            self._link.close()


def build_attributes(context: str, definitions: list[bytes]) -> dict[str, bytes]:
    """The query attributes of an offloaded statement."""
    return {
        "wf_context": context.encode(),
        "wf_columns": b"".join(build_lenenc_bytes(definition) for definition in definitions),
    }


async def offload(
    session: Session, link: EngineLink, text: bytes, attributes: dict[str, bytes], cursor: Cursor | None = None
) -> Ended:
    """Run a statement on the engine and relay its answer to the session's client, or into a cursor."""
    relay = _Relay(session, link) if cursor is None else cursor
    if cursor:
        cursor.attach(link)
    session.on_close.append(link.close)
    try:
        await link.stream(text, attributes, relay)
        if cursor:
            await cursor.finish()
    except EngineGone:
        if cursor is None or not cursor.failed:
            return Ended(Outcome.BROKEN if relay.started else Outcome.LOST)
    finally:
        session.on_close.remove(link.close)
        session.flow.send_from(session.backend)
        if session.closed:
            kill = session.worker.engine.kill(f"KILL QUERY {session.thread_id}".encode())
            session.worker.keep(asyncio.get_running_loop().create_task(kill))
    if cursor and cursor.failed:
        return Ended(Outcome.TOO_LARGE)
    if relay.error:
        return Ended(Outcome.FAILED, relay.error)
    if cursor and not cursor.whole:
        return Ended(Outcome.LOST)
    return Ended(Outcome.DONE, rows=link.rows)
