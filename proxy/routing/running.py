"""Run what was decided on the engine, and say what became of it."""

from proxy.backend.preflight import Preflight
from proxy.engine.cursors import Cursor
from proxy.engine.link import EngineGone
from proxy.engine.told import TOLD, told
from proxy.place import Place
from proxy.reasons import Reason, Refusal, strip_reason
from proxy.routing import warnings
from proxy.routing.found_rows import found_rows
from proxy.routing.offload import INTERRUPTED, Ended, Outcome, offload
from proxy.routing.router import Router
from statements.context import SNAPSHOT_PASSED
from wire.framing import build_packets
from wire.responses import build_err


async def run(
    router: Router,
    text: bytes,
    preflight: Preflight,
    protocol: str = "text",
    place: Place = Place.ALONE,
    cursor: Cursor | None = None,
) -> Refusal | None:
    """Run on the engine; gives the reason when the backend has to answer instead.

    With a cursor the rows are kept there, and the client is told of their columns.
    """
    session = router.session
    transaction = None if place is Place.ALONE else session.state.reading
    since = transaction.since if transaction else ""
    attributes = router.attributes(preflight, protocol, since=since, cursor=cursor is not None)
    try:
        link = await router.link()
    except EngineGone:
        return Refusal(Reason.ENGINE_DOWN)
    ended = await offload(session, link, text, attributes, cursor)
    if ended.outcome is Outcome.DONE:
        found = await found_rows(router, text, preflight, ended.rows)
        session.state.counts = {b"found_rows": found, b"row_count": -1}
        session.state.execution_count += 1
        if transaction:
            transaction.begun = session.tracker.begun
        await warnings.note(router, preflight)
        if preflight.warned:
            warnings.keep(router, preflight.warned)
        return None
    return _judge(router, ended)


def _judge(router: Router, ended: Ended) -> Refusal | None:
    """Give the reason to run elsewhere what did not end well; None when the client has its error."""
    session = router.session
    if ended.outcome is Outcome.BROKEN:
        session.close()
        return None
    if ended.outcome is Outcome.TOO_LARGE:
        return Refusal(Reason.LARGE_CURSOR)
    if ended.error is None:
        return Refusal(Reason.ENGINE_DOWN)
    if ended.error.number in INTERRUPTED:
        session.tracker.failed = True
        error = ended.error
        session.client.write(build_packets(build_err(error.number, error.sqlstate, error.message), 1))
        return None
    if ended.error.sqlstate in TOLD:
        raise told(ended.error)
    sentence = strip_reason(ended.error.message)
    if sentence == SNAPSHOT_PASSED:
        return Refusal(Reason.SNAPSHOT_PASSED)
    return Refusal(Reason.ENGINE_REFUSED, sentence)
