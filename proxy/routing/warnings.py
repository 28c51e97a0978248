"""SHOW WARNINGS behind a statement that has read lake tables: the backend does not know, the engine does."""

import re

from proxy.backend.answers import AnswerReader, build_result
from proxy.backend.preflight import Preflight
from proxy.engine.link import EngineGone
from proxy.routing.router import Router
from wire.constants import Command, Status

_SHOW = re.compile(
    rb"\s*show\s+(?:warnings(?:\s+limit\s+(?:(?P<skip>\d+)\s*,\s*)?(?P<most>\d+)(?:\s+offset\s+(?P<offset>\d+))?)?"
    rb"|(?P<count>count)\s*\(\s*\*\s*\)\s+warnings)\s*(?:;\s*)?",
    re.IGNORECASE,
)
COUNT = b"warning_count"  # among what a statement has counted


async def note(router: Router, preflight: Preflight) -> int:
    """Keep the warnings of the statement that was run, until the next one; gives their number."""
    if not preflight.lake or preflight.context is None:
        return 0
    try:
        told = await (await router.link()).ask(f"SHOW WARMFRONT WARNINGS OF {preflight.context.connection_id}".encode())
    except EngineGone:
        return 0
    total = int(told.rows[0][0] or 0) if told.rows else 0
    if total:
        keep(router, [[b"Warning", *row[:2]] for row in told.rows[1:]], total)
    return total


def keep(router: Router, rows: list[list[bytes | None]], total: int = 0) -> None:
    """Keep rows of SHOW WARNINGS for the statement that was run, until the next one."""
    state = router.session.state
    state.counts = {**state.counts, COUNT: total or len(rows)}
    state.warned = rows


def take_show(router: Router, data: bytes, text: bytes) -> bool:
    """Take over SHOW WARNINGS and SHOW COUNT(*) WARNINGS when there are any."""
    if COUNT not in router.session.state.counts:
        return False
    found = _SHOW.fullmatch(text)
    if found is None:
        return False
    router.session.run(_show(router, data, found), may_listen=True)
    return True


async def _show(router: Router, data: bytes, found: re.Match[bytes]) -> None:
    session = router.session
    state = session.state
    raw = await session.ask(data, [Command.QUERY])  # for the definitions, and the session's state
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error:
        session.client.write(raw)
        return
    if found["count"]:
        rows: list[list[bytes | None]] = [[str(state.counts[COUNT]).encode()]]
        state.counts = {COUNT: state.counts[COUNT]}  # it is a query itself, whose row the backend has counted
    else:
        skip = int(found["skip"] or found["offset"] or 0)
        rows = state.warned[skip : skip + int(found["most"])] if found["most"] else state.warned
    session.client.write(build_result(answer.definitions, rows, Status(answer.status), session.capabilities))
