"""FOUND_ROWS() right after an offloaded statement: the backend does not know, the proxy counted."""

import re
from typing import TYPE_CHECKING

from proxy.answers import AnswerReader, build_result
from proxy.preflight import build_close, build_prepare
from wire.constants import Command, Status

if TYPE_CHECKING:
    from proxy.router import Router

# What is quoted or a comment is passed over; what is not closed, to the end.
_CALL = re.compile(
    rb"'(?:[^'\\]|\\.?|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.?|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|/\*.*?(?:\*/|\Z)"
    rb"|(\bfound_rows\s*\(\s*\))",
    re.IGNORECASE | re.DOTALL,
)
_ALONE = re.compile(rb"\s*select\s+found_rows\s*\(\s*\)(?:\s+(?:as\s+)?[`'\"]?\w+[`'\"]?)?\s*(?:;\s*)?", re.IGNORECASE)
_LONGEST = 1 << 16  # bytes of a statement that is searched


def mentions(text: bytes) -> bool:
    """Tell whether a statement calls FOUND_ROWS()."""
    return len(text) <= _LONGEST and b"found_rows" in text.lower() and any(call[1] for call in _CALL.finditer(text))


async def answer(router: "Router", data: bytes, text: bytes) -> None:
    """Answer SELECT FOUND_ROWS() with the backend's own column definition; put the number into other statements."""
    session = router.session
    rows, session.state.found_rows = session.state.found_rows, None
    if not _ALONE.fullmatch(text):
        known = _CALL.sub(lambda call: str(rows).encode() if call[1] else call[0], text)
        prefix = data[: len(data) - len(text)]
        body = prefix[4:] + known
        session.pass_on(len(body).to_bytes(3, "little") + data[3:4] + body)
        return
    raw = await session.ask(build_prepare(text.rstrip(b"; \t\r\n")), [Command.STMT_PREPARE])
    prepared = AnswerReader(raw, session.capabilities).prepare()
    if prepared.error or prepared.prepared is None or len(prepared.definitions) != 1:
        session.pass_on(data)
        return
    session.backend.write(build_close(prepared.prepared.statement_id))
    status = Status(session.tracker.status)
    values: list[list[bytes | None]] = [[str(rows).encode()]]
    session.client.write(build_result(prepared.definitions, values, status, session.capabilities))
