"""Put a preflight's questions to the backend, on the user's own connection."""

from proxy.answers import AnswerTooLarge
from proxy.preflight import Preflight, Questions, build_close
from proxy.reasons import Reason
from proxy.session import Session

_OPENINGS = 5  # of the shadows of lake tables, while others may be using the ones that are open


async def ask_backend(session: Session, questions: Questions) -> Preflight:
    """Ask about a statement, and close what was prepared for it. Raises BackendError when the connection ends.

    MySQL warns of a discarded tablespace when it opens a table, and not when that is open from before: asked again,
    the other warnings are left.
    """
    preflight = await _ask(session, questions)
    for _ in range(_OPENINGS):
        if not preflight.lake or preflight.refusal is None or preflight.refusal.reason is not Reason.WARNINGS:
            break
        preflight = await _ask(session, questions)
    return preflight


async def _ask(session: Session, questions: Questions) -> Preflight:
    write, asked = questions.build()
    try:
        answer = await session.ask(write, asked)
    except AnswerTooLarge as cut:
        answer = cut.head
    preflight = questions.read(answer)
    if preflight.statement_id is not None:
        session.backend.write(build_close(preflight.statement_id))
    return preflight
