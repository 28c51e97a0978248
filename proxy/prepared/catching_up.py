"""What the backend has to have seen before an execution, where parameters keep something of the values before.

See `proxy.sessions.pinned` for MySQL, `proxy.sessions.leftover` for MariaDB.
"""

import contextlib

from proxy.backend.answers import AnswerReader, AnswerTooLarge
from proxy.backend.preflight import build_query
from proxy.sessions.remembered import Prepared
from proxy.sessions.session import Session
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.parameters import parse_execute, with_types

# What keeps an execution short: of MariaDB's statements one without a LIMIT gives no rows then.
_LIMITS = {False: b"max_execution_time", True: b"sql_select_limit"}
_SHORT = {False: b"1", True: b"0"}
_CURSOR_AT = 9  # of a framed execution


async def catch_up(session: Session, known: Prepared) -> None:
    """Give the backend an execution that only the engine has seen: it prepares anew for its types, or keeps them."""
    of_mariadb = known.leftover.untold is not None
    data = known.pinned.untold
    if known.leftover.untold:
        data = _with_types(session, known, *known.leftover.untold)
    known.pinned.untold, known.pinned.missed = b"", frozenset()
    known.leftover.tell()
    limit = _LIMITS[of_mariadb]
    raw = await session.ask(build_query(b"SELECT @@" + limit, session.capabilities), [Command.QUERY])
    rows = AnswerReader(raw, session.capabilities).result().rows
    if not rows or rows[0][0] is None:
        return
    number = data[5:_CURSOR_AT]
    asked = (
        build_packets(bytes((Command.STMT_RESET,)) + number, 0)  # lest long data is taken for a value of it
        + build_query(b"SET %b = %b" % (limit, _SHORT[of_mariadb]), session.capabilities)
        + build_packets(data[4:_CURSOR_AT] + b"\0" + data[_CURSOR_AT + 1 :], 0)
        + build_query(b"SET %b = %b" % (limit, rows[0][0]), session.capabilities)
    )
    with contextlib.suppress(AnswerTooLarge):
        await session.ask(asked, [Command.STMT_RESET, Command.QUERY, Command.STMT_EXECUTE, Command.QUERY])
    for parameter, value in (known.long_data or {}).items():
        head = bytes((Command.STMT_SEND_LONG_DATA,)) + number + parameter.to_bytes(2, "little")
        session.backend.write(build_packets(head + value, 0))


def _with_types(session: Session, known: Prepared, data: bytes, types: bytes) -> bytes:
    with_attributes = bool(session.capabilities & Capability.QUERY_ATTRIBUTES)
    if parse_execute(data[4:], known.parameters, with_attributes).types is not None:
        return data
    return build_packets(with_types(data[4:], known.parameters, types, with_attributes), 0)
