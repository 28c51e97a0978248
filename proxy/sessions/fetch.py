"""COM_STMT_FETCH of rows that wait in a cursor of ours."""

import asyncio

from proxy.engine.cursors import Cursor
from proxy.sessions.session import Session
from wire.constants import Status
from wire.framing import build_packets
from wire.responses import build_end_of_rows


class _Pump:
    """What a session slows down while its client does not read: ourselves."""

    def __init__(self) -> None:
        self.flows = asyncio.Event()
        self.flows.set()

    def is_closing(self) -> bool:
        """It never is."""
        return False

    def pause_reading(self) -> None:
        """Wait."""
        self.flows.clear()

    def resume_reading(self) -> None:
        """Go on."""
        self.flows.set()


async def fetch(session: Session, cursor: Cursor, most: int) -> None:
    """Send the client the next rows, `most` at most; raises MalformedPacket when some are missing."""
    pump = _Pump()
    session.flow.send_from(pump)  # type: ignore[arg-type]
    sequence = 1
    try:
        async for packets, data in cursor.packets(most):
            sequence += packets
            await pump.flows.wait()
            if session.closed:
                return
            session.client.write(data)
    finally:
        session.flow.send_from(session.backend)
    flag = Status.LAST_ROW_SENT if cursor.over else Status.CURSOR_EXISTS
    end = build_end_of_rows(session.tracker.lasting_status | flag, 0, session.capabilities)
    session.client.write(build_packets(end, sequence & 0xFF))
