"""Put questions to the backend, on the user's own connection: a preflight's, and which schema it is in."""

from dataclasses import replace

from proxy.backend.answers import AnswerReader, AnswerTooLarge
from proxy.backend.preflight import Preflight, Questions, build_close, build_query
from proxy.reasons import Reason
from proxy.sessions.session import Session
from wire.constants import Command

_OPENINGS = 5  # of the shadows of lake tables, while others may be using the ones that are open


async def ask_backend(session: Session, questions: Questions) -> Preflight:
    """Ask about a statement, and close what was prepared for it. Raises BackendError when the connection ends.

    MySQL warns of a discarded tablespace when it opens a table, and not when that is open from before: asked again,
    the other warnings are left.

    EXPLAIN is put before the text: where several statements are in it those behind the first would be run by that. A
    PREPARE takes one only, on both servers, so a text that may have more is prepared first.
    """
    found_rows = None
    if questions.with_plan and questions.prepared is None and b";" in questions.text:
        preflight = await _ask(session, replace(questions, with_plan=False))
        if not preflight.prepared:
            return preflight
        found_rows = preflight.found_rows
    preflight = await _ask(session, questions)
    found_rows = preflight.found_rows = preflight.found_rows if found_rows is None else found_rows
    for _ in range(_OPENINGS):
        if not preflight.lake or preflight.refusal is None or preflight.refusal.reason is not Reason.WARNINGS:
            break
        preflight = await _ask(session, questions)
        preflight.found_rows = found_rows
    return preflight


async def _ask(session: Session, questions: Questions) -> Preflight:
    write, asked = questions.build()
    try:
        answer = await session.ask(write, asked)
    except AnswerTooLarge as cut:
        answer = cut.head
    preflight = questions.read(answer)
    for statement_id in preflight.prepared:
        session.backend.write(build_close(statement_id))
    return preflight


async def current_schema(session: Session) -> str:
    """Ask for the session's schema; "" when there is none."""
    raw = await session.ask(build_query(b"SELECT HEX(DATABASE())", session.capabilities), [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    value = answer.rows[0][0] if answer.rows else None
    return bytes.fromhex(value.decode()).decode("utf-8") if value else ""
