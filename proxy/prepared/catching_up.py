"""What the backend has to have seen before an execution, where MySQL's parameters keep their types.

See `proxy.sessions.pinned`.
"""

import contextlib

from proxy.backend.answers import AnswerReader, AnswerTooLarge
from proxy.backend.preflight import build_query
from proxy.sessions.pinned import Pinned
from proxy.sessions.session import Session
from wire.constants import Command
from wire.framing import build_packets

_WAS = b"SELECT @@max_execution_time"
_CURSOR_AT = 9  # of a framed execution


async def catch_up(session: Session, pinned: Pinned) -> None:
    """Give the backend an execution that only the engine has seen: it prepares anew for its types, and stops."""
    data = pinned.untold
    pinned.untold, pinned.missed = b"", frozenset()
    raw = await session.ask(build_query(_WAS, session.capabilities), [Command.QUERY])
    rows = AnswerReader(raw, session.capabilities).result().rows
    if not rows or rows[0][0] is None:
        return
    asked = (
        build_query(b"SET max_execution_time = 1", session.capabilities)
        + build_packets(data[4:_CURSOR_AT] + b"\0" + data[_CURSOR_AT + 1 :], 0)
        + build_query(b"SET max_execution_time = " + rows[0][0], session.capabilities)
    )
    with contextlib.suppress(AnswerTooLarge):
        await session.ask(asked, [Command.QUERY, Command.STMT_EXECUTE, Command.QUERY])
