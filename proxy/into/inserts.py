"""INSERT … SELECT with its query on the engine: the rows come back as literals, one INSERT of the user's writes them.

The write is a transaction on the user's connection, so it is there as a whole or not at all, whoever dies in between.
MySQL locks what such a statement reads, unless the isolation level is READ COMMITTED or lower. Nobody locks here;
instead, before the commit, the engine says whether any transaction changed what was read. If one did, and whenever the
INSERT gives an error or a warning, everything is rolled back and MySQL runs the statement as it came. What runs in
one step on MySQL and cannot be told from this is in `proxy/backend/target.py`.
"""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from base.errors import SecondaryEngineError
from base.log import redact_sql
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import Preflight, build_close, build_query
from proxy.backend.target import Target, TargetQuestions
from proxy.decisions import ALWAYS, decision_key
from proxy.reasons import QUIET, Reason, Refusal
from proxy.routing import warnings
from proxy.routing.ask import current_schema
from proxy.routing.literals import Literals, gather, is_unchanged
from proxy.routing.offload import INTERRUPTED
from proxy.routing.router import Router
from proxy.sessions.state import FORCED, NO_COUNTS, OFF, ON
from statements.facts import StatementFacts
from statements.writes import InsertSelect, leaves_rows_open, may_insert_query, read_insert
from wire.constants import Capability, Command, Status
from wire.framing import build_packets
from wire.integers import build_lenenc_bytes, read_lenenc_bytes
from wire.responses import Err, Ok, build_err, build_ok

log = logging.getLogger("proxy")
Shape: TypeAlias = Callable[[list[bytes]], bool]
Tried: TypeAlias = tuple[Refusal | None, Preflight | None]  # why it was not written, None when it was answered

MOST = 0xF00000  # bytes of the rows: a statement of one packet
MARGIN = 0x10000  # bytes of the rest of the statement
# Errors that are the answer: the user stopped it, or what comes next would not be refused for the same reason.
FINAL = (*INTERRUPTED, 1792)  # ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
_CLEAN = int(Status.IN_TRANS | Status.AUTOCOMMIT)


def take_insert(router: Router, data: bytes, text: bytes) -> bool:
    """Take over an INSERT … SELECT whose query might be offloaded."""
    router.session.state.counts = NO_COUNTS
    if not may_insert_query(text) or not may_write(router, text):
        return False
    try:
        insert = read_insert(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if insert is None:
        return False
    router.session.run(consider(router, data, text, attempt(router, text, insert)))
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
        if session.tracker.status & _CLEAN != Status.AUTOCOMMIT or not session.worker.engine.loaded.tables:
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
    router.pass_on(data)


async def attempt(router: Router, text: bytes, insert: InsertSelect, shape: Shape = lambda found: True) -> Tried:
    """Write the rows of the engine; `shape` judges the columns of the query as the backend describes them."""
    text, query = text.rstrip(b"; \t\r\n"), insert.query.encode()
    facts, refusal, preflight = await router.weigh(query)
    if refusal or preflight is None or preflight.context is None:
        return refusal or Refusal(Reason.UNKNOWN_SESSION), preflight
    if not shape(preflight.definitions):
        return Refusal(Reason.PARAMETERS), preflight
    schema = insert.schema or await current_schema(router.session)
    if _reads_target(facts, insert.table, schema, preflight.context.schema):
        return Refusal(Reason.NOT_A_SELECT, "the statement reads the table that it writes"), preflight
    if open_rows := leaves_rows_open(facts):
        return Refusal(Reason.UNSUPPORTED, open_rows), preflight
    target = await _ask_target(router, text, insert, schema, preflight)
    if target.refusal:
        return Refusal(Reason.UNSUPPORTED, target.refusal), preflight
    gathered = await gather(router, query, preflight, min(MOST, target.most - MARGIN))
    if isinstance(gathered, Refusal):
        return gathered, preflight
    if isinstance(gathered, Err):
        answer_err(router, gathered)
        return None, preflight
    if target.must_lock and not await is_unchanged(router, gathered.read):
        return CHANGED, preflight
    return await _write(router, insert, gathered, preflight, target), preflight


CHANGED = Refusal(Reason.ENGINE_DOWN, "a table of the statement was changed while it ran")


def _reads_target(facts: StatementFacts, table: str, schema: str, current: str) -> bool:
    """Tell whether a query reads a table; case is folded, as some servers do."""
    written = (schema.casefold(), table.casefold())
    return any(((name or current).casefold(), read.casefold()) == written for name, read in facts.tables)


async def _ask_target(router: Router, text: bytes, insert: InsertSelect, schema: str, preflight: Preflight) -> Target:
    session = router.session
    questions = TargetQuestions(text, insert, schema, router.is_mariadb, session.capabilities)
    write, commands = questions.build()
    context = preflight.context
    assert context
    zone = context.system_time_zone if context.time_zone == "SYSTEM" else context.time_zone
    target, number = questions.read(await session.ask(write, commands), preflight.definitions, zone)
    if number is not None:
        session.backend.write(build_close(number))
    return target


async def _write(
    router: Router, insert: InsertSelect, rows: Literals, preflight: Preflight, target: Target
) -> Refusal | None:
    """Write the rows and answer the client; a refusal means that nothing was written."""
    if rows.rows:
        statement = insert.head.encode() + b" VALUES " + rows.text
    else:  # for the errors that the statement gives without rows as well
        nothing = ", ".join(["NULL"] * len(preflight.definitions))
        statement = f"{insert.head} SELECT {nothing} FROM (SELECT 1) AS wf WHERE FALSE".encode()
    begun = await run(router, b"START TRANSACTION")
    if begun.error:
        return Refusal(Reason.BACKEND_ERROR)
    written = await run(router, statement)
    refusal = judge_rows(written, rows.rows)
    if refusal is None and target.must_lock and rows.rows and not await is_unchanged(router, rows.read):
        refusal = CHANGED
    if refusal or written.error:
        await run(router, b"ROLLBACK")
        if written.error and written.error.number in FINAL:
            answer_err(router, written.error)
            return None
        return refusal
    committed = await run(router, b"COMMIT")
    if committed.error:
        answer_err(router, committed.error)  # MySQL has rolled it back, and says why
        return None
    session = router.session
    session.state.execution_count += 1
    session.state.counts = {b"found_rows": rows.rows, b"row_count": rows.rows}
    assert committed.ok
    warned = await warnings.note(router, preflight)
    session.client.write(build_packets(_answer(committed.ok, rows.rows, warned, session.capabilities), 1))
    return None


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


def _answer(committed: Ok, rows: int, warned: int, capabilities: int) -> bytes:
    """The OK packet of the statement: its rows, and the session's state after the commit."""
    info = f"Records: {rows}  Duplicates: 0  Warnings: {warned}".encode()
    tracked = b""
    if capabilities & Capability.SESSION_TRACK and committed.rest:
        _, at = read_lenenc_bytes(committed.rest, 0)
        tracked = committed.rest[at:]
    return build_ok(Ok(rows, 0, committed.status, min(warned, 65535), build_lenenc_bytes(info) + tracked))


def answer_err(router: Router, error: Err) -> None:
    """Give an error to the client."""
    router.session.client.write(build_packets(build_err(error.number, error.sqlstate, error.message), 1))
