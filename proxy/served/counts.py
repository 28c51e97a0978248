"""FOUND_ROWS(), ROW_COUNT() and @@warning_count right after an offloaded statement: the proxy counted."""

import re
from collections.abc import Mapping

from proxy.backend.answers import AnswerReader, build_result
from proxy.backend.preflight import build_close, build_execute, build_prepare
from proxy.routing.router import Router
from proxy.sessions import kept
from proxy.sessions.remembered import Prepared
from statements.scan import first_word
from wire.constants import Command, Status

_ASKED = rb"(?:\b(found_rows|row_count)\s*\(\s*\)|@@(?:(?:session|local)\s*\.\s*)?(warning_count)\b)"
# What is quoted or a comment is passed over; what is not closed, to the end.
_CALL = re.compile(
    rb"'(?:[^'\\]|\\.?|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.?|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|/\*.*?(?:\*/|\Z)|" + _ASKED,
    re.IGNORECASE | re.DOTALL,
)
_ALONE = re.compile(rb"\s*select\s*" + _ASKED + rb"(?:\s+(?:as\s+)?[`'\"]?\w+[`'\"]?)?\s*(?:;\s*)?", re.IGNORECASE)
_SELECT = re.compile(rb"\s*select\b", re.IGNORECASE)
_ITEM_BEGINS, _ITEM_ENDS = (
    re.compile(rb"(?:\bselect|,)\s*\Z", re.IGNORECASE),
    re.compile(rb"\s*(?:,|from\b|;?\s*\Z)", re.IGNORECASE),
)
_NAMES = re.compile(rb"found_rows|row_count|warning_count", re.IGNORECASE)
_FROM = re.compile(rb"\bfrom\b", re.IGNORECASE)
_LONGEST = 1 << 16  # bytes of a statement that is searched


def mentions(text: bytes) -> bool:
    """Tell whether a statement asks for one of them."""
    return (
        len(text) <= _LONGEST and bool(_NAMES.search(text)) and any(call[1] or call[2] for call in _CALL.finditer(text))
    )


async def answer(router: Router, data: bytes, text: bytes) -> None:
    """Answer the function alone with the backend's own column definition; put the number into other statements."""
    session = router.session
    known = session.state.counts
    kept.pass_by(session.state, first_word(text), text, router.is_mariadb)
    alone = _ALONE.fullmatch(text)
    if not alone:
        body = data[4 : len(data) - len(text)] + _filled(known, text)
        session.pass_on(len(body).to_bytes(3, "little") + data[3:4] + body)
        return
    number = known.get((alone[1] or alone[2]).lower())
    if number is None:
        session.pass_on(data)
        return
    if alone[2]:  # run for its definition: what MySQL 9.7 gives when it prepares this one was not of use
        told = AnswerReader(await session.ask(data, [Command.QUERY]), session.capabilities).result()
        shown: list[list[bytes | None]] = [[str(number).encode()]]
        status = Status(session.tracker.status)
        session.client.write(build_result(told.definitions, shown, status, session.capabilities))
        return
    raw = await session.ask(build_prepare(text.rstrip(b"; \t\r\n")), [Command.STMT_PREPARE])
    prepared = AnswerReader(raw, session.capabilities).prepare()
    if prepared.error or prepared.prepared is None or len(prepared.definitions) != 1:
        session.pass_on(data)
        return
    session.backend.write(build_close(prepared.prepared.statement_id))
    session.state.counts = {b"found_rows": 1}
    status = Status(session.tracker.status)
    values: list[list[bytes | None]] = [[str(number).encode()]]
    # MySQL warns of FOUND_ROWS() when it prepares it: SHOW WARNINGS has it.
    packets = build_result(prepared.definitions, values, status, session.capabilities, prepared.warnings)
    session.client.write(packets)


def fits_prepared(known: Prepared, data: bytes) -> bool:
    """Tell whether `execute` can run a prepared statement: it has no parameters, tables or cursor."""
    return not (known.parameters or data[9] & 1 or _FROM.search(known.text)) and mentions(known.text)


async def execute(router: Router, data: bytes, text: bytes) -> None:
    """Run a prepared statement with the numbers in the places of its calls: as another one, which is closed again."""
    session = router.session
    known = session.state.counts
    kept.pass_by(session.state, first_word(text), text, router.is_mariadb)
    raw = await session.ask(build_prepare(_filled(known, text)), [Command.STMT_PREPARE])
    made = AnswerReader(raw, session.capabilities).prepare().prepared
    if made is None:
        session.pass_on(data)
        return
    try:
        answer = await session.ask(build_execute(made.statement_id), [Command.STMT_EXECUTE])
    finally:
        if not session.closed:
            session.backend.write(build_close(made.statement_id))
    session.client.write(answer)


def _filled(known: Mapping[bytes, int], text: bytes) -> bytes:
    return _CALL.sub(lambda call: _number(known, call, text), text)


def _number(known: Mapping[bytes, int], call: re.Match[bytes], text: bytes) -> bytes:
    """Give the number in the place of a call, as a BIGINT; an item of the statement's own list keeps its name."""
    name = call[1] or call[2]
    number = known.get(name.lower()) if name else None
    if number is None:
        return call[0]
    written = b"(IFNULL(%d, 9223372036854775807) + 0)" % number  # a BIGINT of 21 digits, as they are
    return b"%b AS `%b`" % (written, call[0]) if _is_item(call, text) else written


def _is_item(call: re.Match[bytes], text: bytes) -> bool:
    before = _CALL.sub(lambda found: found[0] if found[1] or found[2] else b"''", text[: call.start()])
    inside = before.count(b"(") > before.count(b")")
    starts = bool(_SELECT.match(text) and _ITEM_BEGINS.search(before))
    return starts and not inside and bool(_ITEM_ENDS.match(text, call.end()))
