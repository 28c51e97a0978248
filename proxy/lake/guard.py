"""Statements about lake tables that are no queries: refused with a clear word, as the backend refuses them anyway."""

import re

from base.errors import BackendError, SecondaryEngineError
from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_query, quote_name
from proxy.reasons import Refusal
from proxy.routing.ask import current_schema
from proxy.routing.router import Router
from statements.facts import StatementFacts
from statements.lake import MARK, significant
from statements.scan import first_word
from wire.constants import Command

WRITES = frozenset({b"insert", b"replace", b"update", b"delete", b"truncate", b"load", b"create", b"handler", b"alter"})
# Words that may stand between a statement's first word and the table that it writes.
_BETWEEN = frozenset(
    {
        *("INTO", "FROM", "TABLE", "DATA", "XML", "LOCAL", "INFILE", "LOW_PRIORITY", "HIGH_PRIORITY", "CONCURRENT"),
        *("DELAYED", "QUICK", "IGNORE", "REPLACE", "IF", "NOT", "EXISTS", "TEMPORARY", "OR"),
    }
)
# Words behind which a table's name stands.
_LEADS = _BETWEEN - {"DATA", "XML", "LOCAL", "INFILE", "NOT", "OR", "IF"} | {
    "JOIN",
    "UPDATE",
    "INSERT",
    "DELETE",
    "TRUNCATE",
    "HANDLER",
}
_MAKES_TABLE = re.compile(rb"\s*create\s+(?:or\s+replace\s+)?(?:temporary\s+)?table\b", re.IGNORECASE)
# Words between CREATE or ALTER and what is made or altered.
_KINDS = frozenset({"OR", "REPLACE", "UNIQUE", "FULLTEXT", "SPATIAL", "ONLINE", "OFFLINE", "IGNORE"})
# What ALTER TABLE begins with when it is about columns and keys: others are the backend's, as RENAME and COMMENT.
_OF_SHAPE = frozenset({"ADD", "DROP", "MODIFY", "CHANGE", "CONVERT", "ORDER", "PARTITION"})
# What statements that read or write rows begin with, beside those that make a table.
_ROWS = frozenset({*(b"select", b"with", b"table", b"insert", b"replace", b"update", b"delete", b"("), b"set", b"do"})
_IMMEDIATE = re.compile(rb"\s*execute\s+immediate\b", re.IGNORECASE)
_READ_ONLY = 1036  # ER_OPEN_AS_READONLY


async def lake_names(router: Router, names: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Give those of some tables (schema "" for the session's) that are lake tables, by the backend's word."""
    session = router.session
    written = [".".join(quote_name(part) for part in name if part) for name in names]
    parts = [build_query(f"SHOW CREATE TABLE {name}".encode(), session.capabilities) for name in written]
    if not parts:
        return []
    answers = AnswerReader(await session.ask(b"".join(parts), [int(Command.QUERY)] * len(parts)), session.capabilities)
    found = []
    for name in names:
        answer = answers.result()
        if answer.rows and MARK.encode() in (answer.rows[0][1] or b""):
            found.append(name)
    return found


async def refuse_query(router: Router, facts: StatementFacts, refusal: Refusal, text: bytes) -> None:
    """Raise the reason when a query reads a lake table, for which nobody but the engine can answer."""
    loaded = router.session.worker.engine.loaded
    named = facts.lake | {name for name in facts.tables if loaded.is_lake(name[0] or None, name[1])}
    if b";" in text.rstrip(b"; \t\r\n") and loaded.names_lake(text):  # the facts of several statements name none
        schema = await current_schema(router.session)
        named |= set(_named(text.decode("utf-8", "replace"), loaded.lake_in(text), schema))
    if named and await lake_names(router, sorted(named)):
        raise SecondaryEngineError(refusal.sentence)


def take_write(router: Router, data: bytes, text: bytes) -> bool:
    """Take over a statement that names a lake table and is no query, to look whether it is really one."""
    word = first_word(text)
    if word == b"create" and not _MAKES_TABLE.match(text) and _about(text) != "INDEX":
        return False  # views, procedures and triggers may name it
    if word == b"drop" and _about(text) != "INDEX":
        return False
    if word == b"alter" and _about(text) != "TABLE":
        return False
    router.session.run(_consider(router, data, text))
    return True


def _named(statement: str, names: list[tuple[str, str]], current: str) -> list[tuple[str, str]]:
    """Those of some tables that stand where a statement names tables.

    A name may be a column's or an alias: what is overlooked here is refused by the backend itself.
    """
    known = {(schema.casefold(), name.casefold()): (schema, name) for schema, name in names}
    tokens = [token for token in significant(statement) if token.upper != ";"]
    leads = _LEADS | {"LIKE", "ON"} if tokens[0].upper in ("CREATE", "DROP") else _LEADS
    found: list[tuple[str, str]] = []
    for at, token in enumerate(tokens):
        if token.upper not in leads or at + 1 == len(tokens) or tokens[at + 1].kind not in ("word", "name"):
            continue
        first = tokens[at + 1].value.casefold()
        is_qualified = len(tokens) > at + 3 and tokens[at + 2].upper == "."
        key = (first, tokens[at + 3].value.casefold()) if is_qualified else (current.casefold(), first)
        if key in known and known[key] not in found:
            found.append(known[key])
    return found


def take_prepare(router: Router, data: bytes, text: bytes) -> bool:
    """Take over PREPARE … FROM of a text that may read a lake table: the backend alone would run it."""
    if not router.session.worker.engine.loaded.names_lake(text):
        return False
    tokens = [token for token in significant(text.decode("utf-8", "replace")) if token.upper != ";"]
    if tokens[-1].kind != "string":
        return False
    router.session.run(pass_prepare(router, data, tokens[-1].value))
    return True


def take_execute(router: Router, data: bytes, text: bytes) -> bool:
    """Take over MariaDB's EXECUTE IMMEDIATE of a text, or of a variable that has one, as `take_prepare` does."""
    if not router.is_mariadb or not router.session.worker.engine.loaded.lake or not _IMMEDIATE.match(text):
        return False
    tokens = list(significant(text.decode("utf-8", "replace")))[2:]
    if len(tokens) > 1 and tokens[0].upper == "@":
        router.session.run(_consider_variable(router, data, tokens[1].text))
    elif tokens and tokens[0].kind == "string":
        router.session.run(pass_prepare(router, data, tokens[0].value))
    else:
        return False
    return True


async def _consider_variable(router: Router, data: bytes, name: str) -> None:
    session = router.session
    asked = f"SELECT CAST(CONVERT(@{name} USING utf8mb4) AS BINARY)".encode()
    raw = await session.ask(build_query(asked, session.capabilities), [Command.QUERY])
    rows = AnswerReader(raw, session.capabilities).result().rows
    await pass_prepare(router, data, ((rows[0][0] if rows else b"") or b"").decode("utf-8", "replace"))


async def pass_prepare(router: Router, data: bytes, statement: str) -> None:
    """Give the backend a command that has it run a text.

    Raises SecondaryEngineError when that reads a lake table, of which the backend could say only that it has no rows.
    """
    loaded, text = router.session.worker.engine.loaded, statement.encode()
    if loaded.names_lake(text) and (first_word(text) in _ROWS or _MAKES_TABLE.match(text)):
        named = _named(statement, loaded.lake_in(text), await current_schema(router.session))
        if lake := await lake_names(router, named):
            raise SecondaryEngineError(
                f"{'.'.join(lake[0])} is a lake table, and the server itself runs what PREPARE and EXECUTE IMMEDIATE "
                "name: send the statement as it is, or prepare it by the client's own call"
            )
    router.pass_on(data)


async def _consider(router: Router, data: bytes, text: bytes) -> None:
    statement = text.decode("utf-8", "replace")
    named = _named(statement, router.session.worker.engine.loaded.lake_in(text), await current_schema(router.session))
    lake = await lake_names(router, named)
    if not lake:
        # The name means another table here, or the table is none any more.
        router.pass_on(data)
        return
    is_index = _about(text) == "INDEX"
    if is_index or first_word(text) == b"alter":
        if is_index or _action(statement) in _OF_SHAPE:
            shown = ".".join(lake[0])
            raise SecondaryEngineError(
                f"{shown} is a lake table: its columns are those of its files, and it has no indexes; make it anew"
            )
        router.pass_on(data)
        return
    target = _target(statement)
    if any(table.casefold() == target.casefold() for _, table in lake):
        raise BackendError(_READ_ONLY, "HY000", f"Table '{target}' is read only: its rows are files")
    raise SecondaryEngineError(
        f"{lake[0][0]}.{lake[0][1]} is a lake table: it is read by SELECT and INSERT … SELECT, and by nothing else"
    )


def _about(text: bytes) -> str:
    """What CREATE or ALTER is about, as TABLE or INDEX."""
    tokens = significant(text.decode("utf-8", "replace"))[1:]
    return next((token.upper for token in tokens if token.upper not in _KINDS), "")


def _action(statement: str) -> str:
    """The word behind the table's name in ALTER TABLE, in upper case."""
    tokens = list(significant(statement))
    at = next(place for place, token in enumerate(tokens) if token.upper == "TABLE") + 1
    while at + 1 < len(tokens) and tokens[at].upper in _BETWEEN:
        at += 1  # IF EXISTS
    at += 3 if at + 1 < len(tokens) and tokens[at + 1].upper == "." else 1
    return tokens[at].upper if at < len(tokens) else ""


def _target(statement: str) -> str:
    """The name of the table that a statement writes; "" when it cannot be read."""
    found = [token for token in significant(statement)[1:] if token.upper not in _BETWEEN and token.kind != "string"]
    if len(found) > 2 and found[1].upper == ".":
        return found[2].value
    return found[0].value if found else ""
