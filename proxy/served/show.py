"""SHOW STATUS where the proxy or the engine has something to add; the other SHOW statements go to who answers them."""

import re

from proxy.backend.answers import AnswerReader, build_result
from proxy.engine.link import EngineGone
from proxy.lake import shown
from proxy.routing import warnings
from proxy.routing.router import Router
from proxy.served import line_status, processes, variables
from proxy.sessions import kept
from wire.constants import Command, Status

_STATUS = re.compile(
    r"\s*show\s+(?:(?P<scope>global|session|local)\s+)?status"
    r"(?:\s+like\s+'(?P<like>(?:[^'\\]|\\[%_])*)'|\s+like\s+\"(?P<quoted>(?:[^\"\\]|\\[%_])*)\")?\s*;?\s*",
    re.IGNORECASE,
)
_PREFIXES = ("rapid_", "secondary_engine", "warmfront_", "hw_")
_EXECUTIONS = b"secondary_engine_execution_count"


def take_show(router: Router, data: bytes, text: bytes) -> bool:
    """Take over SHOW STATUS and SHOW VARIABLES where the proxy or the engine knows better or has something to add."""
    if warnings.take_show(router, data, text):
        return True
    kept.pass_by(router.session.state, b"show", text, router.is_mariadb)
    if shown.take_show(router, data, text) or processes.take_show(router, data, text):
        return True
    if len(text) > 200:
        return False
    statement = _ascii(text)
    found = _STATUS.fullmatch(statement)
    if not found:
        return variables.take_show_variables(router, data, statement)
    pattern = found["like"] or found["quoted"]
    scope = (found["scope"] or "session").lower()
    if pattern is not None and not _may_match(pattern, scope):
        return False
    router.session.run(_show_status(router, data, text, scope), may_listen=True)
    return True


def _may_match(pattern: str, scope: str) -> bool:
    fixed = re.split(r"(?<!\\)[%_]", pattern, maxsplit=1)[0].replace("\\", "").casefold()
    if scope != "global" and any(name.startswith(fixed) for name in line_status.NAMES):
        return True
    return any(prefix.startswith(fixed) or fixed.startswith(prefix.rstrip("_")) for prefix in _PREFIXES)


async def _show_status(router: Router, data: bytes, text: bytes, scope: str) -> None:
    session = router.session
    raw = await session.ask(data, [Command.QUERY])
    answer = AnswerReader(raw, session.capabilities).result()
    if answer.error:
        session.client.write(raw)
        return
    ours = await _engine_status(router, text)
    if ours is None:  # the engine counts from its start, and it is down; MySQL has this variable of its own
        lists = router.is_mariadb and _lists_executions(text)
        ours = [[b"Secondary_engine_execution_count", b"0"]] if lists else []
    known: dict[bytes, bytes] = {}
    if scope != "global":
        known = {_EXECUTIONS: str(session.state.execution_count).encode(), **line_status.line_status(session.client)}
    names = {_name(row) for row in ours}
    rows = [row for row in answer.rows if _name(row) not in names] + ours
    rows = sorted(([row[0], known.get(_name(row), row[1])] for row in rows), key=_name)
    session.client.write(build_result(answer.definitions, rows, Status(answer.status), session.capabilities))


def _name(row: list[bytes | None]) -> bytes:
    return (row[0] or b"").lower()


def _lists_executions(text: bytes) -> bool:
    found = _STATUS.fullmatch(_ascii(text))
    pattern = (found["like"] or found["quoted"]) if found else None
    return pattern is None or variables.is_like(_EXECUTIONS.decode(), pattern.replace("\\", ""))


async def _engine_status(router: Router, text: bytes) -> list[list[bytes | None]] | None:
    try:
        answer = await (await router.link()).ask(text)
    except EngineGone:
        return None
    return None if answer.error else [row[:2] for row in answer.rows]


def _ascii(text: bytes) -> str:
    # Only shapes made of ASCII words are looked for; other bytes cannot match wrongly.
    return text.decode("utf-8", "replace")
