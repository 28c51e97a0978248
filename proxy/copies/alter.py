"""ALTER TABLE … SECONDARY_LOAD, SECONDARY_UNLOAD and SECONDARY_ENGINE, also in CREATE TABLE: copies that users ask for.

The backend checks the privilege, by a statement that fails late or says that the table has no such clause.
"""

import re

from base.errors import BackendError, SecondaryEngineError
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import build_query, quote_name
from proxy.engine.link import EngineGone
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from statements.secondary import may_name_engine, without_engine
from wire.constants import Command
from wire.framing import build_packets
from wire.responses import Err, Ok, build_ok

# No two quantifiers of white space side by side: a text of many blanks would be tried in every split of them.
NAME = r"(?:`(?:[^`]|``)+`|[\w$\u0080-\uffff]+)"
_ALTER = re.compile(
    rf"\s*alter\s+table\s+(?:(?P<schema>{NAME})\s*\.\s*)?(?P<table>{NAME})\s+"
    r"(?:secondary_(?P<act>load|unload)|secondary_engine\s*=?\s*(?P<engine>null|['\"`]?\w+['\"`]?))\s*(?:;\s*)?",
    re.IGNORECASE,
)
_NO_COLUMN = "`warmfront: no such column`"
# Clears the warning that the backend knows no engine of this name: only a statement that reads a table does.
_CLEARING = b"SELECT 1 FROM information_schema.CHARACTER_SETS LIMIT 0"
_NO_CLAUSE = "No secondary engine defined"
_KNOWN = frozenset({"RAPID", "NULL"})
_UNSUPPORTED = "Unsupported secondary storage engine"
# What comes behind MariaDB's check of the privilege: it looked for the column (ER_CANT_DROP_FIELD_OR_KEY), or saw that
# the table has a history, as lake tables have (ER_VERS_ALTER_NOT_ALLOWED).
_CHECKED = (1091, 4119)


def take_alter(router: Router, data: bytes, text: bytes) -> bool:
    """Take over ALTER TABLE with a secondary engine's clause alone."""
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


def take_create(router: Router, text: bytes) -> bool:
    """Take over MariaDB's CREATE TABLE with SECONDARY_ENGINE, which it does not know: it gets the statement without it.

    As ALTER TABLE has it, nothing of the option is kept there: SECONDARY_LOAD works without.
    """
    if not router.is_mariadb or not may_name_engine(text):
        return False
    try:
        found = without_engine(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    if found is None:
        return False
    router.session.run(_create(router, *found))
    return True


async def _create(router: Router, statement: str, engine: str) -> None:
    if engine.upper() not in _KNOWN:
        raise SecondaryEngineError(_UNSUPPORTED)
    router.pass_on(build_query(statement.encode(), router.session.capabilities))


async def _alter(router: Router, data: bytes, found: re.Match[str]) -> None:
    session = router.session
    engine = (found["engine"] or "").strip("'\"`").upper()
    if engine and engine not in _KNOWN and router.is_mariadb:
        raise SecondaryEngineError(_UNSUPPORTED)
    schema, table = unquote(found["schema"]), unquote(found["table"]) or ""
    if schema is None:
        schema = await current_schema(router.session)
    if router.is_mariadb:
        data = alter_nothing(router, qualified(schema, table))
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


def qualified(schema: str, table: str) -> str:
    """Give a table's name quoted, with its schema unless that is ""."""
    return f"{quote_name(schema)}.{quote_name(table)}" if schema else quote_name(table)


def alter_nothing(router: Router, name: str) -> bytes:
    """An ALTER of a quoted name that fails late: it checks the privilege that SECONDARY_LOAD takes, and changes
    nothing."""
    return build_query(f"ALTER TABLE {name} DROP COLUMN {_NO_COLUMN}".encode(), router.session.capabilities)


async def load_table(router: Router, schema: str, table: str) -> None:
    """Load a table as SECONDARY_LOAD does, if the user may.

    Raises BackendError with the server's error when the user may not, SecondaryEngineError when it cannot be loaded.
    """
    session = router.session
    raw = await session.ask(alter_nothing(router, qualified(schema, table)), [Command.QUERY])
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
