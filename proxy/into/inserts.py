"""INSERT … SELECT with its query on the engine: the rows come back as literals, one INSERT of the user's writes them.

The write is a transaction on the user's connection, so it is there as a whole or not at all, whoever dies in between.
MySQL locks what such a statement reads, unless the isolation level is READ COMMITTED or lower. Nobody locks here;
instead, before the commit, the engine says whether any transaction changed what was read. If one did, and whenever the
INSERT gives an error or a warning, everything is rolled back and MySQL runs the statement as it came. What runs in
one step on MySQL and cannot be told from this is in `proxy/backend/target.py`.
"""

from proxy.backend.preflight import Preflight, build_close
from proxy.backend.target import Target, TargetQuestions
from proxy.into.writing import CHANGED, FINAL, MARGIN, MOST, Shape, Tried, answer_err, judge_rows, run, take
from proxy.reasons import Reason, Refusal
from proxy.routing import warnings
from proxy.routing.ask import current_schema
from proxy.routing.literals import Literals, gather, is_unchanged
from proxy.routing.router import Router
from statements.facts import StatementFacts
from statements.writes import InsertSelect, leaves_rows_open, may_insert_query, read_insert
from wire.constants import Capability
from wire.framing import build_packets
from wire.integers import build_lenenc_bytes, read_lenenc_bytes
from wire.responses import Err, Ok, build_ok


def take_insert(router: Router, data: bytes, text: bytes) -> bool:
    """Take over an INSERT … SELECT whose query might be offloaded."""
    return take(router, data, text, may_insert_query, read_insert, lambda insert: attempt(router, text, insert))


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
    session.state.counts = {b"found_rows": rows.found, b"row_count": rows.rows}
    assert committed.ok
    warned = await warnings.note(router, preflight)
    session.client.write(build_packets(_answer(committed.ok, rows.rows, warned, session.capabilities), 1))
    return None


def _answer(committed: Ok, rows: int, warned: int, capabilities: int) -> bytes:
    """The OK packet of the statement: its rows, and the session's state after the commit."""
    info = f"Records: {rows}  Duplicates: 0  Warnings: {warned}".encode()
    tracked = b""
    if capabilities & Capability.SESSION_TRACK and committed.rest:
        _, at = read_lenenc_bytes(committed.rest, 0)
        tracked = committed.rest[at:]
    return build_ok(Ok(rows, 0, committed.status, min(warned, 65535), build_lenenc_bytes(info) + tracked))
