"""Tables that are the engine's own: rpd_… of performance_schema, and the report of sys that its account alone sees."""

import re

from base.errors import BackendError
from proxy.backend.answers import AnswerReader, fit_definitions
from proxy.backend.preflight import build_close, build_prepare, build_query
from proxy.engine.link import EngineGone
from proxy.engine.watch import LONG_PATIENCE
from proxy.reasons import Reason
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from statements.facts import StatementFacts
from wire.constants import Command

_REPORT = "heatwave_autopilot_report"
_TABLE = re.compile(rf"^(?:rpd_\w+|warmfront_tables|{_REPORT})$", re.IGNORECASE)
_NAMED = (b"rpd_", b"warmfront_tables", b"heatwave_autopilot_report")
# Any table of performance_schema that is not open to everybody.
_MAY_READ = b"SELECT 1 FROM performance_schema.threads"
_ITS_NAME = re.compile(r"(['`])threads\1")


def may_name(text: bytes) -> bool:
    """Tell at little cost whether a statement may name one of them."""
    lowered = text.lower()
    return any(name in lowered for name in _NAMED)


async def are_meant(router: Router, facts: StatementFacts) -> bool:
    """Tell whether all tables are the engine's: a user's own may have such names as well."""
    if not facts.tables or not all(_TABLE.match(name) for _, name in facts.tables):
        return False
    schemas = {schema.casefold() for schema, _ in facts.tables}
    if "" in schemas:
        schemas = schemas - {""} | {(await current_schema(router.session)).casefold()}
    kinds = {name.casefold() == _REPORT for _, name in facts.tables}
    return len(kinds) == 1 and schemas == ({"sys"} if True in kinds else {"performance_schema"})


async def answer(router: Router, text: bytes, facts: StatementFacts) -> None:
    """Let the engine answer a statement about itself, for those who may read performance_schema."""
    attributes = {}
    table = min(name for _, name in facts.tables)
    if table.casefold() == _REPORT:
        attributes["wf_account"] = (await account_of(router)).encode()
    else:
        await _require_privilege(router, table)
    if not router.session.worker.engine.alive:
        await router.session.worker.engine.refresh(LONG_PATIENCE)
    try:
        link = await router.link()
        found = await link.ask_raw(text, attributes)
    except EngineGone:
        raise BackendError(3877, "HY000", Reason.ENGINE_DOWN.value) from None
    router.session.client.write(fit_definitions(found, link.capabilities, router.session.capabilities))


async def account_of(router: Router) -> str:
    """The account that the server has chosen for the session, name@host. Raises BackendError."""
    session = router.session
    raw = await session.ask(build_query(b"SELECT HEX(CURRENT_USER())", session.capabilities), [Command.QUERY])
    found = AnswerReader(raw, session.capabilities).result()
    if found.error or len(found.rows) != 1:
        raise BackendError(3877, "HY000", Reason.UNKNOWN_SESSION.value)
    return bytes.fromhex((found.rows[0][0] or b"").decode()).decode("utf-8", "replace")


async def _require_privilege(router: Router, table: str) -> None:
    raw = await router.session.ask(build_prepare(_MAY_READ), [Command.STMT_PREPARE])
    allowed = AnswerReader(raw, router.session.capabilities).prepare()
    if allowed.error:
        error = allowed.error
        raise BackendError(error.number, error.sqlstate, _ITS_NAME.sub(rf"\g<1>{table}\1", error.message))
    if allowed.prepared:
        router.session.backend.write(build_close(allowed.prepared.statement_id))
