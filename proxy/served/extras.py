"""Statements that only HeatWave's engine runs: QUALIFY, CUBE, TABLESAMPLE, HLL().

The backend refuses such a statement, and keeps the last word: only what it refuses is prepared there in another form
(`statements/extras.py`), which says whether names and grants hold and what the columns are. What the engine cannot run
ends with the backend's own error.
"""

import logging
from dataclasses import replace

from base.errors import SecondaryEngineError
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_close, build_prepare, build_query
from proxy.reasons import Reason, Refusal
from proxy.routing import running
from proxy.routing.router import Router
from proxy.routing.rules import check
from proxy.sessions.state import FORCED, OFF
from statements.extras import COUNTED, SKETCHED, preparable
from wire.constants import Command
from wire.responses import build_column_definition, parse_column_definition

log = logging.getLogger("proxy")


async def run(router: Router, text: bytes) -> bool:
    """Run a statement that the backend refuses and the engine knows; False when it is the backend's to answer."""
    statement = text.decode("utf-8").rstrip("; \t\r\n")
    _, use, _ = await router.read(statement)
    other = preparable(statement)
    if other is None or use == OFF or not await _is_refused(router, statement.encode()):
        return False
    refusal = await _try(router, statement, other)
    if refusal is None:
        return True
    if use == FORCED and refusal.reason is not Reason.BACKEND_ERROR:
        raise SecondaryEngineError(refusal.sentence)
    log.debug("on the backend: %s", refusal.sentence)
    return False


async def _is_refused(router: Router, text: bytes) -> bool:
    """Tell whether the backend cannot run a statement; MySQL finds that out of CUBE and TABLESAMPLE when it plans.

    What it prepares is one statement: EXPLAIN before several would run those behind the first.
    """
    session, capabilities = router.session, router.session.capabilities
    prepared = AnswerReader(await session.ask(build_prepare(text), [Command.STMT_PREPARE]), capabilities).prepare()
    if prepared.prepared is None:
        return True
    session.backend.write(build_close(prepared.prepared.statement_id))
    raw = await session.ask(build_query(b"EXPLAIN " + text, capabilities), [Command.QUERY])
    return AnswerReader(raw, capabilities).result().error is not None


async def _try(router: Router, statement: str, other: str) -> Refusal | None:
    facts = await router.session.worker.apart.facts(statement, extras=True)
    capabilities = router.session.capabilities
    refusal = check(router.subject(facts, FORCED))
    if refusal and refusal.reason is Reason.NOT_LOADED:  # nobody else can run it: ask for the latest
        await router.session.worker.engine.refresh()
        refusal = check(router.subject(facts, FORCED))
    if refusal:
        return refusal
    _, refusal, preflight = await router.consult(other.encode(), (facts, FORCED, 0.0))
    if refusal:
        return refusal
    assert preflight.context
    preflight.context = replace(preflight.context, extras=True)
    if COUNTED in other:
        preflight.definitions = [_renamed(payload, capabilities) for payload in preflight.definitions]
    return await running.run(router, statement.encode(), preflight)


def _renamed(payload: bytes, capabilities: int) -> bytes:
    """Give a column that is called after its text the text that was sent."""
    definition = parse_column_definition(payload, capabilities)
    if COUNTED not in definition.name:
        return payload
    return build_column_definition(replace(definition, name=definition.name.replace(COUNTED, SKETCHED)))
