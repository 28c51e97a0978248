"""Writing the rows of a query that the engine answers: when it is worth a look, and what stands against it.

What INSERT … SELECT and CREATE TABLE … SELECT share: whatever the reason, the backend runs the statement as it came.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from base.errors import SecondaryEngineError
from base.log import redact_sql
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import Preflight, build_query
from proxy.decisions import ALWAYS, decision_key
from proxy.reasons import QUIET, Reason, Refusal
from proxy.routing.offload import INTERRUPTED
from proxy.routing.router import Router
from proxy.sessions import kept
from proxy.sessions.state import FORCED, OFF, ON
from wire.constants import Command, Status
from wire.framing import build_packets
from wire.responses import Err, build_err

log = logging.getLogger("proxy")
Read = TypeVar("Read")
Shape: TypeAlias = Callable[[list[bytes]], bool]
Tried: TypeAlias = tuple[Refusal | None, Preflight | None]  # why it was not written, None when it was answered

MOST = 0xF00000  # bytes of the rows: a statement of one packet
MARGIN = 0x10000  # bytes of the rest of the statement
# Errors that are the answer: the user stopped it, or what comes next would not be refused for the same reason.
FINAL = (*INTERRUPTED, 1792)  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
CHANGED = Refusal(Reason.ENGINE_DOWN, "a table of the statement was changed while it ran")
CLEAN = int(Status.IN_TRANS | Status.AUTOCOMMIT)  # these bits are AUTOCOMMIT alone outside transactions


def take(
    router: Router,
    data: bytes,
    text: bytes,
    may: Callable[[bytes], bool],
    read: Callable[[str], Read | None],
    attempt: Callable[[Read], Coroutine[Any, Any, Tried]],
) -> bool:
    """Take over a statement whose query might be offloaded: `may` looks at its bytes, `read` gives its parts or None,
    `attempt` writes the rows."""
    if not may(text) or not may_write(router, text):
        return False
    try:
        found = read(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if found is None:
        return False
    router.session.run(consider(router, data, text, attempt(found)))
    return True


def may_write(router: Router, text: bytes) -> bool:
    """Tell whether a statement that writes the rows of a query may be worth a look."""
    session = router.session
    state = session.state
    if state.use_secondary_engine == OFF:
        return False
    if state.next_transaction:
        state.next_transaction = False  # SET TRANSACTION is for this statement as it is
        return False
    if state.use_secondary_engine == ON:
        if session.tracker.status & CLEAN != Status.AUTOCOMMIT or not session.worker.engine.loaded.tables:
            return False
        cost = session.worker.stays.find(text)
        if cost is not None and cost <= state.cost_threshold:
            return False
    return True


async def consider(
    router: Router,
    data: bytes,
    text: bytes,
    tried: Coroutine[Any, Any, Tried],
    given: Callable[[], None] = lambda: None,
) -> None:
    """Decide, and write; whatever stands against it, MySQL runs the statement as it came, and `given` is called."""
    refusal, preflight = await tried
    if refusal is None:
        return
    session = router.session
    reads_files = preflight is not None and preflight.lake and refusal.reason is not Reason.BACKEND_ERROR
    if reads_files or (session.state.use_secondary_engine == FORCED and refusal.reason not in QUIET):
        raise SecondaryEngineError(refusal.sentence)
    if refusal.reason is Reason.CHEAP and preflight and preflight.cost is not None:
        session.worker.stays.remember(decision_key(text), preflight.cost)
    elif refusal.reason in (Reason.UNSUPPORTED, Reason.NOT_LOADED, Reason.ENGINE_REFUSED):
        session.worker.stays.remember(decision_key(text), ALWAYS)
    log.debug("on the backend: %s: %s", refusal.sentence, redact_sql(text.decode("utf-8", "replace")))
    given()
    if preflight:
        kept.hold(session.state, preflight.found_rows)
    router.pass_on(data)


async def run(router: Router, statement: bytes) -> Answer:
    """Run a statement of our own on the user's connection."""
    raw = await router.session.ask(build_query(statement, router.session.capabilities), [Command.QUERY])
    return AnswerReader(raw, router.session.capabilities).result()


def judge_rows(written: Answer, rows: int) -> Refusal | None:
    """Give the reason to run the statement itself: it has another answer than a plain success."""
    if written.error:
        return Refusal(Reason.BACKEND_ERROR, f"the backend gives error {written.error.number} for the rows")
    if written.ok is None or written.warnings or written.ok.affected_rows != rows:
        return Refusal(Reason.BACKEND_ERROR, "the backend gives warnings for the rows")
    return None


def answer_err(router: Router, error: Err) -> None:
    """Give an error to the client."""
    router.session.client.write(build_packets(build_err(error.number, error.sqlstate, error.message), 1))
