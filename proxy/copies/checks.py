"""CHECK TABLE … SECONDARY [REPAIR]: the engine compares a copy with its source for those who may read the table."""

import re

from base.errors import BackendError, SecondaryEngineError
from proxy.backend.answers import AnswerReader, fit_definitions
from proxy.backend.preflight import build_close, build_prepare
from proxy.copies.alter import NAME, alter_nothing, qualified, unquote
from proxy.engine.link import EngineGone
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from wire.constants import Command
from wire.responses import Err

_CHECK = re.compile(
    rf"\s*check\s+table\s+(?:(?P<schema>{NAME})\s*\.\s*)?(?P<table>{NAME})\s+secondary(?P<repair>\s+repair)?\s*(?:;\s*)?",
    re.IGNORECASE,
)
# ER_CANT_DROP_FIELD_OR_KEY, and MySQL's "DDLs on a table with a secondary engine defined are not allowed": ALTER is
# granted, or the server would not have come so far.
_MAY_ALTER = (1091, 3890)


def take_check(router: Router, data: bytes, text: bytes) -> bool:
    """Take over CHECK TABLE of one table with the word SECONDARY; all others are the backend's."""
    if b"secondary" not in text.lower():
        return False
    try:
        found = _CHECK.fullmatch(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if not found:
        return False
    router.session.run(_check(router, found))
    return True


async def _check(router: Router, found: re.Match[str]) -> None:
    session = router.session
    schema, table = unquote(found["schema"]), unquote(found["table"]) or ""
    if schema is None:
        schema = await current_schema(router.session)
    name = qualified(schema, table)
    await _require_select(router, name)
    repair = " REPAIR" if found["repair"] else ""
    if repair:
        await _require_alter(router, name)
    try:
        link = await router.link()
        # KILL names the connection to the backend.
        statement = f"CHECK TABLE {name} SECONDARY{repair} FOR CONNECTION {session.thread_id}"
        answer = await link.ask_raw(statement.encode())
    except EngineGone as problem:
        raise SecondaryEngineError("The secondary engine is not available") from problem
    session.client.write(fit_definitions(answer, link.capabilities, session.capabilities))


async def _require_select(router: Router, name: str) -> None:
    """Every column: the answer names rows by their values."""
    raw = await router.session.ask(build_prepare(f"SELECT * FROM {name}".encode()), [Command.STMT_PREPARE])
    answer = AnswerReader(raw, router.session.capabilities).prepare()
    if answer.error:
        raise _as_raised(answer.error)
    if answer.prepared:
        router.session.backend.write(build_close(answer.prepared.statement_id))


async def _require_alter(router: Router, name: str) -> None:
    """As for SECONDARY_LOAD."""
    raw = await router.session.ask(alter_nothing(router, name), [Command.QUERY])
    error = AnswerReader(raw, router.session.capabilities).result().error
    if error and error.number not in _MAY_ALTER:
        raise _as_raised(error)


def _as_raised(error: Err) -> BackendError:
    return BackendError(error.number, error.sqlstate, error.message)
