"""EXPLAIN of a statement that would be offloaded: the backend's own plan, marked as HeatWave marks it."""

import json
import re
from typing import Any

from proxy.backend.answers import Answer, AnswerReader, build_result
from proxy.backend.preflight import build_query
from proxy.decisions import ALWAYS, decision_key
from proxy.engine.link import EngineGone
from proxy.ml import explained
from proxy.routing.reading import place_of
from proxy.routing.router import Router
from proxy.sessions.state import FORCED, OFF, ON
from statements.ml import may_use_functions, read_functions
from wire.constants import Command, Status
from wire.responses import parse_column_definition

MARK = "Using secondary engine RAPID"
_EXPLAIN = re.compile(
    # ANALYZE runs the statement on the backend, and shows what it did there.
    r"\s*(?:explain|describe|desc)\s+(?:(?:extended|partitions)\s+|format\s*=\s*['\"]?\w+['\"]?\s+)?"
    r"(?P<statement>(?:select\b|with\b|table\b|values\b|\().*)",
    re.IGNORECASE | re.DOTALL,
)
_ACCESS = re.compile(r"((?:(?:scan|lookup|search) on|Count rows in) [^<\s]\S*)")


def take_explain(router: Router, data: bytes, text: bytes) -> bool:
    """Take over EXPLAIN of a statement that might be offloaded."""
    session = router.session
    engine = session.worker.engine
    lowered = text.lower()
    asks_models = may_use_functions(text)  # whose functions the backend does not know
    if not asks_models and session.state.use_secondary_engine == OFF and b"set_var" not in lowered:
        return False
    there = session.state.use_secondary_engine == FORCED or (engine.loaded.tables and engine.alive)
    if not asks_models and not there:
        return False
    try:
        found = _EXPLAIN.fullmatch(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if not found:
        return False
    session.run(
        _explain(router, data, found["statement"].rstrip("; \t\r\n"), found[0][: found.start("statement")]),
        may_listen=True,
    )
    return True


async def _explain(router: Router, data: bytes, statement: str, head: str) -> None:
    session = router.session
    if may_use_functions(statement.encode()) and (calls := read_functions(statement)):
        offloads, planned = await explained.look(router, statement, calls, place_of(session))
        data = build_query(f"{head}{planned}".encode(), session.capabilities)
    else:
        offloads = await _would_offload(router, statement)
    raw = await session.ask(data, [Command.QUERY])  # last: SHOW WARNINGS shows what it noted
    if not session.tracker.failed and offloads:
        answer = AnswerReader(raw, session.capabilities).result()
        if mark(answer, session.capabilities):
            status, capabilities = Status(answer.status), session.capabilities
            raw = build_result(answer.definitions, answer.rows, status, capabilities, answer.warnings)
    session.client.write(raw)


async def _would_offload(router: Router, statement: str) -> bool:
    """Decide as for the statement itself, short of running it; the engine is asked whether it would."""
    text = statement.encode()
    _, use, _ = await router.read(statement)
    if use == ON and router.session.worker.stays.cost_of(decision_key(text)) == ALWAYS:
        return False
    _, refusal, preflight = await router.weigh(text, warned=True)
    if refusal or preflight is None:
        return False
    attributes = {**router.attributes(preflight), "wf_explain": b"1"}
    try:
        answer = await (await router.link()).ask(preflight.spelled or text, attributes)
    except EngineGone:
        return False
    return answer.error is None


def mark(answer: Answer, capabilities: int) -> bool:
    """Put the mark into a plan in any of its formats; False when its shape is not known."""
    names = [parse_column_definition(payload, capabilities).name for payload in answer.definitions]
    if names[-1:] == ["Extra"]:
        for row in answer.rows:
            extra = (row[-1] or b"").decode("utf-8", "replace")
            row[-1] = f"{extra}; {MARK}".encode() if extra else MARK.encode()
        return True
    if len(names) != 1 or len(answer.rows) != 1:
        return False
    text = (answer.rows[0][0] or b"").decode("utf-8", "replace")
    if text.lstrip().startswith("{"):
        plan = {"secondary_engine": "RAPID", **_marked(json.loads(text))}
        answer.rows[0][0] = json.dumps(plan, indent=2, ensure_ascii=False).encode()
    else:
        answer.rows[0][0] = _ACCESS.sub(r"\1 in secondary engine RAPID", text).encode()
    return True


def _marked(plan: Any) -> Any:
    """Put the engine beside the name of each table that the plan reads."""
    if isinstance(plan, list):
        return [_marked(part) for part in plan]
    if not isinstance(plan, dict):
        return plan
    marked = {name: _marked(part) for name, part in plan.items()}
    name = plan.get("table_name")
    return {**marked, "secondary_engine": "RAPID"} if isinstance(name, str) and not name.startswith("<") else marked
