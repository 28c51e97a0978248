"""Statements other than SELECT that concern the engine: SHOW STATUS, ALTER … SECONDARY_…, KILL."""

import asyncio
import re

from base.errors import BackendError, SecondaryEngineError
from proxy import line, processes, variables
from proxy.answers import Answer, AnswerReader, build_result
from proxy.ask import current_schema
from proxy.engine_link import EngineGone
from proxy.lake import shown, warnings
from proxy.preflight import build_query, quote_name
from proxy.router import Router
from proxy.state import NO_COUNTS
from wire.constants import Command, Status
from wire.framing import build_packets
from wire.responses import Err, Ok, build_ok

__all__ = ["take_alter", "take_kill", "take_show"]

_STATUS = re.compile(
    r"\s*show\s+(?:(?P<scope>global|session|local)\s+)?status"
    r"(?:\s+like\s+'(?P<like>(?:[^'\\]|\\[%_])*)'|\s+like\s+\"(?P<quoted>(?:[^\"\\]|\\[%_])*)\")?\s*;?\s*",
    re.IGNORECASE,
)
_PREFIXES = ("rapid_", "secondary_engine", "warmfront_", "hw_")
_EXECUTIONS = b"secondary_engine_execution_count"

# No two quantifiers of white space side by side: a text of many blanks would be tried in every split of them.
NAME = r"(?:`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)"
_ALTER = re.compile(
    rf"\s*alter\s+table\s+(?:(?P<schema>{NAME})\s*\.\s*)?(?P<table>{NAME})\s+"
    r"(?:secondary_(?P<act>load|unload)|secondary_engine\s*=?\s*(?P<engine>null|['\"`]?\w+['\"`]?))\s*(?:;\s*)?",
    re.IGNORECASE,
)
_KILL = re.compile(
    r"\s*kill\s+(?:(?:hard|soft)\s+)?(?:(?P<what>connection|query)\s+)?(?P<id>\d+)\s*(?:;\s*)?", re.IGNORECASE
)
NO_COLUMN = "`warmfront: no such column`"
# Clears the warning that the backend knows no engine of this name: only a statement that reads a table does.
_CLEARING = b"SELECT 1 FROM information_schema.CHARACTER_SETS LIMIT 0"
_NO_CLAUSE = "No secondary engine defined"
# What comes behind MariaDB's check of the privilege: it looked for the column (ER_CANT_DROP_FIELD_OR_KEY), or saw that
# the table has a history, as lake tables have (ER_VERS_ALTER_NOT_ALLOWED).
_CHECKED = (1091, 4119)


def _decode(text: bytes) -> str:
    # Only shapes made of ASCII words are looked for; other bytes cannot match wrongly.
    return text.decode("utf-8", "replace")


# --- SHOW ---


def take_show(router: Router, data: bytes, text: bytes) -> bool:
    """Take over SHOW STATUS and SHOW VARIABLES where the proxy or the engine knows better or has something to add."""
    if warnings.take_show(router, data, text):
        return True
    router.session.state.counts = NO_COUNTS
    if shown.take_show(router, data, text) or processes.take_show(router, data, text):
        return True
    if len(text) > 200:
        return False
    statement = _decode(text)
    found = _STATUS.fullmatch(statement)
    if not found:
        return variables.take_show_variables(router, data, statement)
    pattern = found["like"] or found["quoted"]
    scope = (found["scope"] or "session").lower()
    if pattern is not None and not _may_match(pattern, scope):
        return False
    router.session.run(_show_status(router, data, text, scope))
    return True


def _may_match(pattern: str, scope: str) -> bool:
    fixed = re.split(r"(?<!\\)[%_]", pattern, maxsplit=1)[0].replace("\\", "").casefold()
    if scope != "global" and any(name.startswith(fixed) for name in line.NAMES):
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
        known = {_EXECUTIONS: str(session.state.execution_count).encode(), **line.line_status(session.client)}
    names = {_name(row) for row in ours}
    rows = [row for row in answer.rows if _name(row) not in names] + ours
    rows = sorted(([row[0], known.get(_name(row), row[1])] for row in rows), key=_name)
    session.client.write(build_result(answer.definitions, rows, Status(answer.status), session.capabilities))


def _name(row: list[bytes | None]) -> bytes:
    return (row[0] or b"").lower()


def _lists_executions(text: bytes) -> bool:
    found = _STATUS.fullmatch(_decode(text))
    pattern = (found["like"] or found["quoted"]) if found else None
    return pattern is None or variables.is_like(_EXECUTIONS.decode(), pattern.replace("\\", ""))


async def _engine_status(router: Router, text: bytes) -> list[list[bytes | None]] | None:
    try:
        answer = await (await router.link()).ask(text)
    except EngineGone:
        return None
    return None if answer.error else [row[:2] for row in answer.rows]


# --- ALTER TABLE ... SECONDARY_... ---


def take_alter(router: Router, data: bytes, text: bytes) -> bool:
    """Take over ALTER TABLE with a secondary engine's clause alone."""
    router.session.state.counts = NO_COUNTS
    if b"secondary_" not in text.lower():
        return False
    try:
        found = _ALTER.fullmatch(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if not found:
        return False
    router.session.run(_alter(router, data, found))
    return True


async def _alter(router: Router, data: bytes, found: re.Match[str]) -> None:
    session = router.session
    engine = (found["engine"] or "").strip("'\"`").upper()
    if engine not in ("", "NULL", "RAPID") and router.is_mariadb:
        raise SecondaryEngineError("Unsupported secondary storage engine")
    schema, table = unquote(found["schema"]), unquote(found["table"]) or ""
    if schema is None:
        schema = await current_schema(router.session)
    if router.is_mariadb:
        data = _alter_nothing(router, schema, table)
    raw = await session.ask(data, [Command.QUERY])
    error = AnswerReader(raw, session.capabilities).result().error
    if error and not _is_granted(router, error, session.worker.engine.loaded.is_lake(schema, table)):
        session.client.write(raw)
        return
    act = (found["act"] or ("unload" if engine == "NULL" else "")).upper()
    if act:
        answer = await _change_table(router, schema, table, act)
        if answer.error and not (engine == "NULL"):
            raise SecondaryEngineError(_sentence(answer.error.message))
    await session.ask(build_query(_CLEARING, session.capabilities), [Command.QUERY])
    session.client.write(build_packets(build_ok(Ok(status=session.tracker.lasting_status)), 1))


def _alter_nothing(router: Router, schema: str, table: str) -> bytes:
    """An ALTER that fails late: it checks the privilege that SECONDARY_LOAD takes, and changes nothing."""
    name = f"{quote_name(schema)}.{quote_name(table)}" if schema else quote_name(table)
    return build_query(f"ALTER TABLE {name} DROP COLUMN {NO_COLUMN}".encode(), router.session.capabilities)


async def load_table(router: Router, schema: str, table: str) -> None:
    """Load a table as SECONDARY_LOAD does, if the user may.

    Raises BackendError with the server's error when the user may not, SecondaryEngineError when it cannot be loaded.
    """
    session = router.session
    raw = await session.ask(_alter_nothing(router, schema, table), [Command.QUERY])
    error = AnswerReader(raw, session.capabilities).result().error
    if error and error.number not in _CHECKED:
        raise BackendError(error.number, error.sqlstate, error.message)
    answer = await _change_table(router, schema, table, "LOAD")
    if answer.error:
        raise SecondaryEngineError(_sentence(answer.error.message))


def _is_granted(router: Router, error: Err, is_lake: bool) -> bool:
    """Tell whether an error of the backend comes after its check of the privilege.

    Tables that were loaded by themselves, and lake tables, have no SECONDARY_ENGINE clause, which MySQL misses.
    """
    if router.is_mariadb:
        return error.number in _CHECKED
    loads_itself = router.session.worker.settings.autoload
    return (loads_itself or is_lake) and error.number == 3889 and _NO_CLAUSE in error.message


async def _change_table(router: Router, schema: str, table: str, act: str) -> Answer:
    text = f"ALTER TABLE {quote_name(schema)}.{quote_name(table)} SECONDARY_{act}"
    try:
        answer = await (await router.link()).ask(text.encode())
    except EngineGone as problem:
        raise SecondaryEngineError("The secondary engine is not available") from problem
    await router.session.worker.engine.refresh()
    return answer


def unquote(name: str | None) -> str | None:
    """Take the back ticks off an identifier."""
    if name and name.startswith("`"):
        return name[1:-1].replace("``", "`")
    return name


def _sentence(message: str) -> str:
    return message.removeprefix("Secondary engine operation failed. ")


# --- KILL ---


def take_kill(router: Router, data: bytes, text: bytes) -> bool:
    """Take over KILL: the backend checks the privilege, then the engine stops what it runs for that connection."""
    router.session.state.counts = NO_COUNTS
    found = _KILL.fullmatch(_decode(text))
    if not found:
        return False
    router.session.run(kill(router, data, found["what"] or "", int(found["id"])))
    return True


async def kill(router: Router, data: bytes, what: str, connection_id: int) -> None:
    """Run a KILL command of the client on the backend, and on the engine if the backend agrees."""
    session = router.session
    raw = await session.ask(data, [data[4]])
    if not session.tracker.failed:
        text = f"KILL {what} {connection_id}".encode()
        session.worker.keep(asyncio.get_running_loop().create_task(session.worker.engine.kill(text)))
    session.client.write(raw)
