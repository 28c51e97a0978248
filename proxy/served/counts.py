"""FOUND_ROWS(), ROW_COUNT() and @@warning_count right after an offloaded statement: the proxy counted."""

import re
from collections.abc import Iterator, Mapping

from proxy.backend.answers import AnswerReader, build_result
from proxy.backend.preflight import build_close, build_execute, build_prepare
from proxy.routing.router import Router
from proxy.served.telling import look_whether_it_ran
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
_BEFORE = rb"(?:\s|/\*(?!M?!)(?:[^*]|\*(?!/))*\*/|--[ \t][^\n]*\n|\#[^\n]*\n)*+"  # comments
_ALONE = re.compile(
    _BEFORE + rb"select\s*" + _ASKED + rb"(?:\s+(?:as\s+)?[`'\"]?\w+[`'\"]?)?\s*(?:;\s*)?", re.IGNORECASE
)
_SELECT = re.compile(
    _BEFORE + rb"select\b(?:\s+(?:all|distinct|distinctrow|high_priority|straight_join|sql_\w+)\b)*", re.IGNORECASE
)
# What parts a list, or ends it, behind what is quoted or a comment.
_TOKENS = re.compile(
    rb"'(?:[^'\\]|\\.?|'')*(?:'|\Z)|\"(?:[^\"\\]|\\.?|\"\")*(?:\"|\Z)|`[^`]*(?:`|\Z)|/\*.*?(?:\*/|\Z)|"
    rb"([(),;]|\b(?:from|into|where|group|having|order|limit|union|except|intersect|for|lock|procedure)\b)",
    re.IGNORECASE | re.DOTALL,
)
# An item without a name of its own ends with an operand and no word before it.
_NAMELESS = re.compile(rb"(?:[)\d]|\bend|\bnull|\btrue|\bfalse|@@[\w.]+)\Z", re.IGNORECASE)
_BEHIND = re.compile(rb"(?:\s*(?:--[ \t][^\n]*|\#[^\n]*|/\*(?:[^*]|\*(?!/))*\*/))+\s*\Z")  # comments
_UNNAMEABLE = re.compile(rb"`|/\*|--|\#|.{200}", re.DOTALL)
_NAMES = re.compile(rb"found_rows|row_count|warning_count", re.IGNORECASE)
_LONGEST = 1 << 16  # bytes of a statement that is searched


def mentions(text: bytes) -> bool:
    """Tell whether a statement asks for one of them."""
    return (
        len(text) <= _LONGEST and bool(_NAMES.search(text)) and any(call[1] or call[2] for call in _CALL.finditer(text))
    )


async def answer(router: Router, data: bytes, text: bytes) -> None:
    """Answer the function alone with the backend's own column definition; put the number into other statements."""
    session = router.session
    await look_whether_it_ran(router)
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
        status = Status(session.tracker.lasting_status)
        session.client.write(build_result(told.definitions, shown, status, session.capabilities))
        return
    raw = await session.ask(build_prepare(text.rstrip(b"; \t\r\n")), [Command.STMT_PREPARE])
    prepared = AnswerReader(raw, session.capabilities).prepare()
    if prepared.error or prepared.prepared is None or len(prepared.definitions) != 1:
        session.pass_on(data)
        return
    session.backend.write(build_close(prepared.prepared.statement_id))
    session.state.counts = {b"found_rows": 1, b"row_count": -1}  # the backend has only prepared it
    status = Status(session.tracker.lasting_status)
    values: list[list[bytes | None]] = [[str(number).encode()]]
    # MySQL warns of FOUND_ROWS() when it prepares it: SHOW WARNINGS has it.
    packets = build_result(prepared.definitions, values, status, session.capabilities, prepared.warnings)
    session.client.write(packets)


def fits_prepared(known: Prepared) -> bool:
    """Tell whether `execute` can run a prepared statement: it has no parameters."""
    return not known.parameters and mentions(known.text)


async def execute(router: Router, data: bytes, text: bytes) -> None:
    """Run a prepared statement with the numbers in the places of its calls: as another one, which is closed again.

    Where a cursor is asked for, the other statement stays for what is fetched.
    """
    session = router.session
    await look_whether_it_ran(router)
    known = session.state.counts
    kept.pass_by(session.state, first_word(text), text, router.is_mariadb)
    raw = await session.ask(build_prepare(_filled(known, text)), [Command.STMT_PREPARE])
    made = AnswerReader(raw, session.capabilities).prepare().prepared
    if made is None:
        session.pass_on(data)
        return
    opens = bool(data[9] & 1) and bool(_SELECT.match(text))
    session.pass_on(build_execute(made.statement_id, opens))
    if opens:
        session.state.stand_ins[int.from_bytes(data[5:9], "little")] = made.statement_id
    elif not session.closed:
        session.backend.write(build_close(made.statement_id))


def _filled(known: Mapping[bytes, int], text: bytes) -> bytes:
    """Put the numbers into the places of the calls; items of the statement's own list keep their names."""
    edits = [(call.start(), call.end(), _number(known, call)) for call in _CALL.finditer(text)]
    edits = [edit for edit in edits if edit[2]]
    for begins, ends in _items(text) if edits else ():
        item = text[begins:ends]
        if any(begins <= edit[0] < ends for edit in edits) and _NAMELESS.search(item) and not _UNNAMEABLE.search(item):
            edits.append((ends, ends, b" AS `%b`" % item))
    for begins, ends, written in sorted(edits, reverse=True):
        text = text[:begins] + written + text[ends:]
    return text


def _number(known: Mapping[bytes, int], call: re.Match[bytes]) -> bytes:
    """Give what stands in the place of a call: its number, with the type and the warnings of the call; or nothing."""
    name = call[1] or call[2]
    number = known.get(name.lower()) if name else None
    if number is None:
        return b""
    form = b"IFNULL(%d, %b)" if call[1] else b"IF(0, %b, CAST(%d AS UNSIGNED))"
    return form % ((number, call[0]) if call[1] else (call[0], number))


def _items(text: bytes) -> Iterator[tuple[int, int]]:
    """Tell where the items of a SELECT's list begin and end, without the space around them."""
    head = _SELECT.match(text)
    if head is None:
        return
    begins, depth, last = head.end(), 0, len(text)
    for token in _TOKENS.finditer(text, head.end()):
        if token[1] in (b"(", b")"):
            depth += 1 if token[1] == b"(" else -1
        elif token[1] and not depth:
            yield _stripped(text, begins, token.start())
            begins = token.end()
            if token[1] != b",":
                return
    yield _stripped(text, begins, last)


def _stripped(text: bytes, begins: int, ends: int) -> tuple[int, int]:
    item = _BEHIND.sub(b"", text[begins:ends])
    return begins + len(item) - len(item.lstrip()), begins + len(item.rstrip())
