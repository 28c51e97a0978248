"""SHOW PROCESSLIST: a session whose statement runs in the engine is not asleep, as the backend believes.

Who sees which session is the backend's affair: rows are rewritten, none is added.
"""

import re

from proxy.backend.answers import AnswerReader, build_result
from proxy.engine.link import EngineGone
from proxy.routing.router import Router
from wire.constants import Command, Status

_SHOW = re.compile(rb"\s*show\s+(full\s+)?processlist\s*(?:;\s*)?", re.IGNORECASE)
_ID, _COMMAND, _TIME, _STATE, _INFO = 0, 4, 5, 6, 7
_SHOWN = 100  # characters of a statement without FULL
_DOING = b"executing in secondary engine RAPID"


def take_show(router: Router, data: bytes, text: bytes) -> bool:
    """Take over SHOW PROCESSLIST while the engine is there."""
    if len(text) > 100 or not router.session.worker.engine.alive or not (found := _SHOW.fullmatch(text)):
        return False
    router.session.run(_show(router, data, bool(found[1])), may_listen=True)
    return True


async def _show(router: Router, data: bytes, full: bool) -> None:
    session = router.session
    raw = await session.ask(data, [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    try:
        running = (await (await router.link()).ask(b"SHOW WARMFRONT RUNNING")).rows
    except EngineGone:
        running = []
    if answer.error or not running or any(len(row) <= _INFO for row in answer.rows):
        session.client.write(raw)
        return
    by_id = {row[0]: row[1:] for row in running}
    for row in answer.rows:
        if row[_COMMAND] == b"Sleep" and (found := by_id.get(row[_ID])):
            seconds, text = found
            shown = (text or b"").decode("utf-8", "replace")
            row[_COMMAND], row[_TIME], row[_STATE] = b"Query", seconds, _DOING
            row[_INFO] = (shown if full else shown[:_SHOWN]).encode()
    session.client.write(build_result(answer.definitions, answer.rows, Status(answer.status), session.capabilities))
