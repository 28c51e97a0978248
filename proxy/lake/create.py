"""CREATE, ALTER and DROP of lake tables: the backend gets a shadow with names, types and grants, and no rows for ever.

The shadow is an InnoDB table whose tablespace is discarded: PREPARE, DESCRIBE and GRANT work on it, and whoever reads
or writes it, wherever he is, gets error 1814. So nothing but the engine can answer for the files. The definition is an
option of the shadow itself, and lives and dies with it.
"""

import re

from base.errors import LakeError, SecondaryEngineError
from lakehouse.descriptions.definition import read_definition
from lakehouse.stores.signatures import Signatures
from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import build_query, quote_name
from proxy.engine.link import EngineGone
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from statements.lake import (
    LakeAlter,
    LakeCreate,
    may_alter_lake,
    may_create_lake,
    read_alter,
    read_create,
    shadow_create,
    stored_attribute,
    stored_form,
    stored_option,
)
from wire.constants import Command
from wire.framing import build_packets
from wire.responses import Err, Ok, build_err, build_ok

_EXISTS = 1050  # ER_TABLE_EXISTS_ERROR
_MODES = re.compile(r"(?:ANSI_QUOTES|NO_BACKSLASH_ESCAPES|NO_TABLE_OPTIONS)", re.IGNORECASE)
_WORD = re.compile(r"`((?:[^`]|``)+)`|([\w$\u0080-\uffff]+)")
_WHOLE_SCHEMA = frozenset({"database", "schema"})  # words of a statement that drops all tables of a schema


def take_create(router: Router, data: bytes, text: bytes) -> bool:
    """Take over CREATE TABLE … ENGINE=lakehouse and CREATE EXTERNAL TABLE."""
    if not may_create_lake(text):
        return False
    try:
        statement = text.decode("utf-8").rstrip("; \t\r\n")
        if read_create(statement) is None:
            return False
    except UnicodeDecodeError:
        return False
    except LakeError:
        pass  # told by the work itself
    router.session.run(_create(router, statement))
    return True


def take_alter(router: Router, text: bytes) -> bool:
    """Take over ALTER TABLE … ENGINE_ATTRIBUTE."""
    if not may_alter_lake(text):
        return False
    try:
        alter = read_alter(text.decode("utf-8"))
    except UnicodeDecodeError:
        return False
    except LakeError:
        return False
    if alter is None:
        return False
    router.session.run(_alter(router, alter))
    return True


def take_drop(router: Router, data: bytes, text: bytes) -> bool:
    """Let the engine forget lake tables that a DROP names, once the backend has dropped them."""
    if not router.session.worker.engine.loaded.names_lake(text):
        return False
    router.session.run(_drop(router, data, text))
    return True


async def _create(router: Router, statement: str) -> None:
    error = await create_table(router, statement)
    session = router.session
    if error is None:
        session.client.write(build_packets(build_ok(Ok(status=session.tracker.lasting_status)), 1))
    else:
        session.client.write(build_packets(build_err(error.number, error.sqlstate, error.message), 1))


async def create_table(router: Router, statement: str) -> Err | None:
    """Make a lake table as its user; gives the backend's error. Raises LakeError when the definition is wrong."""
    made = read_create(statement)
    if made is None:
        raise LakeError("the statement makes no lake table")
    read_definition(made.attribute, made.columns)
    await _require_plain_mode(router)
    stored = stored_form(_signatures(router).put_away(made.attribute), made.columns)
    created = await _run(router, shadow_create(made, stored, router.is_mariadb).replace(" IF NOT EXISTS", "", 1))
    if created.error:
        if made.if_not_exists and created.error.number == _EXISTS:
            return None
        return created.error
    return await _seal(router, made)


async def _seal(router: Router, made: LakeCreate) -> Err | None:
    """Take the new shadow's tablespace away; without that it is no lake table, and is not left behind."""
    schema = made.schema or await current_schema(router.session)
    name = f"{quote_name(schema)}.{quote_name(made.table)}"
    sealed = await _run(router, f"ALTER TABLE {name} DISCARD TABLESPACE")
    if sealed.error:
        await _run(router, f"DROP TABLE {name}")
        return sealed.error
    await tell(router, "REFRESH", schema, made.table)
    return None


async def _alter(router: Router, alter: LakeAlter) -> None:
    session = router.session
    schema = alter.schema or await current_schema(router.session)
    name = f"{quote_name(schema)}.{quote_name(alter.table)}"
    shown = await _run(router, f"SHOW CREATE TABLE {name}")
    held = stored_attribute((shown.rows[0][1] or b"").decode("utf-8", "replace")) if shown.rows else None
    if shown.error is None and held is None:
        raise LakeError(
            f"{schema}.{alter.table} is not a lake table, and the backend keeps no ENGINE_ATTRIBUTE of others"
        )
    answer = shown
    if held is not None:
        read_definition(alter.attribute, held[1])
        await _require_plain_mode(router)
        kept = _signatures(router).put_away(alter.attribute)
        option = stored_option(stored_form(kept, held[1]), router.is_mariadb)
        answer = await _run(router, f"ALTER TABLE {name} {option}")
    if answer.error:
        error = answer.error
        session.client.write(build_packets(build_err(error.number, error.sqlstate, error.message), 1))
        return
    await tell(router, "REFRESH", schema, alter.table)
    session.client.write(build_packets(build_ok(Ok(status=session.tracker.lasting_status)), 1))


def _signatures(router: Router) -> Signatures:
    return Signatures(router.session.worker.settings.paths.signatures)


async def _drop(router: Router, data: bytes, text: bytes) -> None:
    session = router.session
    raw = await session.ask(data, [Command.QUERY])
    session.client.write(raw)
    if session.tracker.failed:
        return
    words = {
        (found[1] or found[2]).replace("``", "`").casefold()
        for found in _WORD.finditer(text.decode("utf-8", "replace"))
    }
    whole = bool(words & _WHOLE_SCHEMA)
    named = [
        (schema, name)
        for schema, name in session.worker.engine.loaded.lake
        if name.casefold() in words or (whole and schema.casefold() in words)
    ]
    try:
        for schema, name in named:
            await _ask_about(router, "REFRESH", schema, name)
    except EngineGone:
        return
    if named:
        await session.worker.engine.refresh()


async def tell(router: Router, what: str, schema: str, name: str) -> str:
    """Tell the engine that a lake table may be another one; gives its complaint, "" also when it stays down.

    Every worker has heard of it then; without an engine this one at least knows that nobody else can answer.
    """
    engine = router.session.worker.engine
    try:
        answer = await _ask_about(router, what, schema, name)
    except EngineGone:
        await engine.refresh()  # one that restarts is waited for
        try:
            answer = await _ask_about(router, what, schema, name)
        except EngineGone:
            engine.expect_lake(schema, name)
            return ""
    await engine.refresh()
    return answer.error.message if answer.error else ""


async def _ask_about(router: Router, what: str, schema: str, name: str) -> Answer:
    return await (await router.link()).ask(f"WARMFRONT LAKE {what} {quote_name(schema)}.{quote_name(name)}".encode())


async def _require_plain_mode(router: Router) -> None:
    answer = await _run(router, "SELECT @@sql_mode")
    mode = (answer.rows[0][0] or b"").decode() if answer.rows else ""
    if found := _MODES.search(mode):
        raise SecondaryEngineError(f"A lake table cannot be defined under sql_mode {found[0].upper()}")


async def _run(router: Router, statement: str) -> Answer:
    session = router.session
    raw = await session.ask(build_query(statement.encode(), session.capabilities), [Command.QUERY])
    return AnswerReader(raw, session.capabilities).result()
