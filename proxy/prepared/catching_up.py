"""What the backend has to have seen before an execution, where parameters keep something of the values before.

See `proxy.sessions.pinned` for MySQL, `proxy.sessions.leftover` for MariaDB.
"""

from proxy.backend.answers import AnswerReader, AnswerTooLarge
from proxy.backend.preflight import build_query
from proxy.sessions.remembered import Prepared
from proxy.sessions.session import Session
from wire.constants import Capability, Command
from wire.framing import build_packets
from wire.parameters import parse_execute, with_types
from wire.responses import parse_err

_CURSOR_AT = 9  # of a framed execution
_ERR, _TOO_LONG = 0xFF, 3024  # ER_QUERY_TIMEOUT
# Milliseconds that MySQL has for an execution, which it may spend on preparing anew; then for one that took them all.
_PATIENCE = (20, 200, 1000)


async def catch_up(session: Session, known: Prepared) -> None:
    """Give the backend an execution that only the engine has seen: it prepares anew for its types, or keeps them.

    MySQL has to optimize it as well, which it does not where it may give no rows. MariaDB has its values before.
    """
    data = known.pinned.untold
    of_mysql = known.leftover.untold is None
    if known.leftover.untold:
        data = _with_types(session, known, *known.leftover.untold)
    known.pinned.untold, known.pinned.missed = b"", frozenset()
    known.leftover.tell()
    limit = b"max_execution_time" if of_mysql else b"sql_select_limit"
    rows = AnswerReader(await _query(session, b"SELECT @@" + limit), session.capabilities).result().rows
    if not rows or rows[0][0] is None:
        return
    number = data[5:_CURSOR_AT]
    without_cursor = build_packets(data[4:_CURSOR_AT] + b"\0" + data[_CURSOR_AT + 1 :], 0)
    reset = build_packets(bytes((Command.STMT_RESET,)) + number, 0)  # lest long data is taken for a value of it
    await session.ask(reset, [Command.STMT_RESET])
    for patience in _PATIENCE if of_mysql else (0,):
        await _query(session, b"SET %b = %d" % (limit, patience))
        try:
            raw = await session.ask(without_cursor, [Command.STMT_EXECUTE])
        except AnswerTooLarge:
            break
        if raw[4] != _ERR or parse_err(raw[4:]).number != _TOO_LONG:
            break
    await _query(session, b"SET %b = %b" % (limit, rows[0][0]))
    for parameter, value in (known.long_data or {}).items():
        head = bytes((Command.STMT_SEND_LONG_DATA,)) + number + parameter.to_bytes(2, "little")
        session.backend.write(build_packets(head + value, 0))


async def _query(session: Session, text: bytes) -> bytes:
    return await session.ask(build_query(text, session.capabilities), [Command.QUERY])


def _with_types(session: Session, known: Prepared, data: bytes, types: bytes) -> bytes:
    with_attributes = bool(session.capabilities & Capability.QUERY_ATTRIBUTES)
    if parse_execute(data[4:], known.parameters, with_attributes).types is not None:
        return data
    return build_packets(with_types(data[4:], known.parameters, types, with_attributes), 0)
