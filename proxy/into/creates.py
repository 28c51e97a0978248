"""CREATE TABLE … SELECT with its query on the engine: the backend makes the columns, and the table in one statement.

A temporary table of the user's session gets its columns from the query, run for no rows, and the engine's rows as
literals; then the statement runs as it was written, from that table. So the table is there as a whole or not at all,
its definition, the answer and the errors are the server's, and whoever dies leaves nothing behind: a temporary table
goes with its session. Before the statement runs the engine says whether any transaction changed what was read.
MariaDB opens a lake table's shadow even for no rows, and so fails: temporary twins without rows hide shadows meanwhile.
"""

import re
import secrets

from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import Preflight, build_query, quote_name
from proxy.backend.target import CHARSETS, LOCKLESS, VARIABLES, is_written, judge_session
from proxy.into.writing import (
    CHANGED,
    CLEAN,
    FINAL,
    MARGIN,
    MOST,
    Shape,
    Tried,
    answer_err,
    judge_rows,
    run,
    take,
)
from proxy.reasons import Reason, Refusal
from proxy.routing.ask import current_schema
from proxy.routing.literals import Literals, gather, is_unchanged
from proxy.routing.router import Router
from proxy.routing.warnings import COUNT
from statements.facts import StatementFacts
from statements.lake_shown import twin_definition
from statements.writes import CreateSelect, leaves_rows_open, may_create_from_query, read_create_select, without_rows
from wire.constants import Command, Status
from wire.responses import Err

_CHARSET = re.compile(r"\bCHARACTER SET (\w+)|\bCHARSET=(\w+)")


def take_create(router: Router, data: bytes, text: bytes) -> bool:
    """Take over a CREATE TABLE … SELECT whose query might be offloaded."""
    return take(router, data, text, may_create_from_query, read_create_select, lambda create: attempt(router, create))


async def attempt(router: Router, create: CreateSelect, shape: Shape = lambda found: True) -> Tried:
    """Make the table of the engine's rows; `shape` judges the columns of the query as the backend describes them."""
    query = create.query.encode()
    facts, refusal, preflight = await router.weigh(query)
    if refusal or preflight is None or preflight.context is None:
        return refusal or Refusal(Reason.UNKNOWN_SESSION), preflight
    if not shape(preflight.definitions):
        return Refusal(Reason.PARAMETERS), preflight
    empty = without_rows(create.query, facts)
    reason = _judge_query(router, facts, preflight)
    if reason or empty is None:
        return Refusal(Reason.UNSUPPORTED, reason or "the query cannot be asked for no rows"), preflight
    settings = await _settings(router)
    if reason := judge_session(settings):
        return Refusal(Reason.UNSUPPORTED, reason), preflight
    schema = create.schema or await current_schema(router.session)
    existing = await run(router, f"SHOW CREATE TABLE {quote_name(schema)}.{quote_name(create.table)}".encode())
    if existing.error is None:
        return Refusal(Reason.BACKEND_ERROR, "the table exists"), preflight
    most = min(MOST, int(settings.get("max_allowed_packet", "0")) - MARGIN)
    gathered = await gather(router, query, preflight, most)
    if isinstance(gathered, Refusal):
        return gathered, preflight
    if isinstance(gathered, Err):
        answer_err(router, gathered)
        return None, preflight
    isolation = settings.get("transaction_isolation", settings.get("tx_isolation", ""))
    twins = dict(preflight.lake) if router.is_mariadb else {}
    refusal = await _write(router, create, empty, schema, gathered, isolation not in LOCKLESS, list(twins))
    if refusal is None and not router.is_mariadb and preflight.found_rows is not None:
        # On MySQL the number of the query before stays, which the backend knew until it was asked.
        router.session.state.counts = {b"found_rows": preflight.found_rows, **router.session.state.counts}
    return refusal, preflight


def _judge_query(router: Router, facts: StatementFacts, preflight: Preflight) -> str:
    session, context = router.session, preflight.context
    assert context
    if session.tracker.status & CLEAN != Status.AUTOCOMMIT:
        return "the statement ends a transaction"
    if open_rows := leaves_rows_open(facts):
        return open_rows
    zone = context.system_time_zone if context.time_zone == "SYSTEM" else context.time_zone
    if not all(is_written(payload, session.capabilities, zone) for payload in preflight.definitions):
        return "a column is of a type that is not written"
    return ""


async def _settings(router: Router) -> dict[str, str]:
    names = ", ".join(f"'{name}'" for name in VARIABLES)
    shown = await run(router, f"SHOW SESSION VARIABLES WHERE Variable_name IN ({names})".encode())
    return {(name or b"").decode().lower(): (value or b"").decode().upper() for name, value in shown.rows}


async def _write(
    router: Router,
    create: CreateSelect,
    empty: str,
    schema: str,
    rows: Literals,
    must_lock: bool,
    lake: list[tuple[str, str]],
) -> Refusal | None:
    """Make the table and answer the client; a refusal means that nothing was made.

    `empty` is the query in a form without rows. `lake` are tables that the backend cannot open (schema "" for the
    session's).
    """
    scratch = [f"{quote_name(schema)}.{quote_name('wf_' + secrets.token_hex(8))}" for _ in range(2)]
    twins: list[str] = []
    try:
        refusal = await _hide(router, lake, twins) or await _fill(router, empty, scratch, rows)
        await _drop(router, twins)
        if isinstance(refusal, Err):
            answer_err(router, refusal)
            return None
        if refusal is None and must_lock and not await is_unchanged(router, rows.read):
            refusal = CHANGED
        if refusal:
            return refusal
        statement = f"{create.head} AS SELECT * FROM {scratch[0]}".encode()
        raw = await router.session.ask(build_query(statement, router.session.capabilities), [Command.QUERY])
        made = AnswerReader(raw, router.session.capabilities).result()
        warned = (await run(router, b"SHOW WARNINGS")).rows if made.warnings else []
    finally:
        await _drop(router, [*twins, *scratch])
    session = router.session
    if made.error is None:
        session.state.execution_count += 1
        told = {b"found_rows": rows.found} if router.is_mariadb else session.state.counts
        session.state.counts = {**told, b"row_count": rows.rows}
        if warned:  # what comes behind the statement clears them on the backend
            session.state.counts = {**session.state.counts, COUNT: made.warnings}
            session.state.warned = warned
    session.client.write(raw)
    return None


async def _hide(router: Router, lake: list[tuple[str, str]], twins: list[str]) -> Refusal | None:
    """Put empty temporary tables in front of shadows; their names go into `twins`, which the caller drops."""
    for name in (".".join(quote_name(part) for part in parts if part) for parts in lake):
        shown = await run(router, f"SHOW CREATE TABLE {name}".encode())
        text = (shown.rows[0][1] or b"").decode("utf-8", "replace") if shown.rows else ""
        definition = twin_definition(text, name)
        if definition is None:
            return Refusal(Reason.BACKEND_ERROR, "a lake table has gone")
        twins.append(name)
        made = await run(router, definition.encode())
        if made.error:
            return Refusal(Reason.UNSUPPORTED, f"the backend makes no temporary table: {made.error.message}")
    return None


async def _drop(router: Router, tables: list[str]) -> None:
    """Drop temporary tables. A twin that stayed would answer for the files: then the session ends."""
    if tables and not router.session.closed:
        dropped = await run(router, f"DROP TEMPORARY TABLE IF EXISTS {', '.join(tables)}".encode())
        if dropped.error:
            router.session.close()
        tables.clear()


async def _fill(router: Router, empty: str, scratch: list[str], rows: Literals) -> Refusal | Err | None:
    """Make the temporary table; the second one shows that a table made from the first has the same columns.

    `empty` is the query in a form without rows. An error is the answer.
    """
    queries = (empty, f"SELECT * FROM {scratch[0]}")
    shown = []
    for name, query in zip(scratch, queries, strict=True):
        made = await run(router, f"CREATE TEMPORARY TABLE {name} AS {query}".encode())
        if made.error and made.error.number in FINAL:
            return made.error
        if made.error or made.warnings:
            return Refusal(Reason.BACKEND_ERROR, "the backend makes no temporary table of the query")
        answer = await run(router, f"SHOW CREATE TABLE {name}".encode())
        if answer.error or not answer.rows:
            return Refusal(Reason.BACKEND_ERROR)
        shown.append((answer.rows[0][1] or b"").decode("utf-8", "replace").split("(", 1)[1])
    if shown[0] != shown[1]:
        return Refusal(Reason.UNSUPPORTED, "the columns of the table are not those of a copy")
    if not {name for names in _CHARSET.findall(shown[0]) for name in names if name} <= CHARSETS:
        return Refusal(Reason.UNSUPPORTED, "a text is in a character set that is not written")
    if not rows.rows:
        return None
    written = await run(router, f"INSERT INTO {scratch[0]} VALUES ".encode() + rows.text)
    if written.error and written.error.number in FINAL:
        return written.error
    return judge_rows(written, rows.rows)
