"""FOUND_ROWS() and ROW_COUNT() right after an offloaded statement: the backend does not know, the proxy counted."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from proxy.answers import AnswerReader, build_result
from proxy.preflight import build_close, build_prepare
from proxy.state import NO_COUNTS
from wire.constants import Command, Status

if TYPE_CHECKING:
    from proxy.router import Router

# What is quoted or a comment is passed over; what is not closed, to the end.
_CALL = re.compile(
    rb"'(?:[^'\\]|\\.?|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.?|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|/\*.*?(?:\*/|\Z)"
    rb"|\b(found_rows|row_count)\s*\(\s*\)",
    re.IGNORECASE | re.DOTALL,
)
_ALONE = re.compile(
    rb"\s*select\s+(found_rows|row_count)\s*\(\s*\)(?:\s+(?:as\s+)?[`'\"]?\w+[`'\"]?)?\s*(?:;\s*)?", re.IGNORECASE
)
_NAMES = re.compile(rb"found_rows|row_count", re.IGNORECASE)
_LONGEST = 1 << 16  # bytes of a statement that is searched


def mentions(text: bytes) -> bool:
    """Tell whether a statement calls FOUND_ROWS() or ROW_COUNT()."""
    return len(text) <= _LONGEST and bool(_NAMES.search(text)) and any(call[1] for call in _CALL.finditer(text))


async def answer(router: "Router", data: bytes, text: bytes) -> None:
    """Answer the function alone with the backend's own column definition; put the number into other statements."""
    session = router.session
    known, session.state.counts = session.state.counts, NO_COUNTS
    alone = _ALONE.fullmatch(text)
    if not alone:
        body = _CALL.sub(lambda call: _number(known, call), text)
        body = data[4 : len(data) - len(text)] + body
        session.pass_on(len(body).to_bytes(3, "little") + data[3:4] + body)
        return
    number = known.get(alone[1].lower())
    if number is None:
        session.pass_on(data)
        return
    raw = await session.ask(build_prepare(text.rstrip(b"; \t\r\n")), [Command.STMT_PREPARE])
    prepared = AnswerReader(raw, session.capabilities).prepare()
    if prepared.error or prepared.prepared is None or len(prepared.definitions) != 1:
        session.pass_on(data)
        return
    session.backend.write(build_close(prepared.prepared.statement_id))
    status = Status(session.tracker.status)
    values: list[list[bytes | None]] = [[str(number).encode()]]
    session.client.write(build_result(prepared.definitions, values, status, session.capabilities))


def _number(known: Mapping[bytes, int], call: re.Match[bytes]) -> bytes:
    number = known.get(call[1].lower()) if call[1] else None
    return call[0] if number is None else str(number).encode()
