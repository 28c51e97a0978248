"""Prepared INSERT … SELECT and CREATE TABLE … SELECT: the query on the engine, with the parameters as typed literals.

The backend has prepared the query by itself as well, with its markers: where it describes the columns of the query with
values in another way, they may be of another type there, and it runs the statement.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from proxy.backend.answers import AnswerReader
from proxy.backend.preflight import build_close, build_prepare, same_shape
from proxy.into import creates, inserts
from proxy.into.writing import consider, may_write
from proxy.routing.router import Router
from statements.parse import NotParsed
from statements.writes import (
    CreateSelect,
    InsertSelect,
    marked_outputs,
    may_create_from_query,
    may_insert_query,
    read_create_select,
    read_insert,
)
from wire.constants import Command
from wire.responses import parse_column_definition


def may_write_query(text: bytes) -> bool:
    """Tell at little cost whether a statement looks like one of the two."""
    return may_insert_query(text) or may_create_from_query(text)


def read_write(text: bytes) -> InsertSelect | CreateSelect | None:
    """Take a statement apart; None when it is neither, or has more to it."""
    try:
        statement = text.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return read_insert(statement) or read_create_select(statement)


async def describe(router: Router, query: str, parameters: int) -> list[bytes]:
    """Ask the backend for the columns of the query with its markers; none when it has other parameters, or warnings."""
    session = router.session
    raw = await session.ask(build_prepare(query.encode()), [Command.STMT_PREPARE])
    answer = AnswerReader(raw, session.capabilities).prepare()
    if answer.prepared is None:
        return []
    session.backend.write(build_close(answer.prepared.statement_id))
    return answer.definitions if answer.prepared.parameters == parameters and not answer.warnings else []


def perform(
    router: Router, data: bytes, text: bytes, prepared: tuple[bytes, list[bytes]], given: Callable[[], None]
) -> Coroutine[Any, Any, None] | None:
    """Consider an execution whose values are in `text`; None when it is for the backend. See `writing.consider`.

    `prepared` is the statement with markers, and the columns of its query.
    """
    marked = read_write(prepared[0])
    write = read_write(text) if may_write(router, text) else None
    if write is None or marked is None:
        return None

    def shape(found: list[bytes]) -> bool:
        return same_query(marked, found, prepared[1], router.session.capabilities)

    if isinstance(write, InsertSelect):
        return consider(router, data, text, inserts.attempt(router, text, write, shape), given)
    return consider(router, data, text, creates.attempt(router, write, shape), given)


def same_query(write: InsertSelect | CreateSelect, one: list[bytes], other: list[bytes], capabilities: int) -> bool:
    """Tell whether the backend describes a query alike with markers and with values.

    A column that is a marker alone has the value that it is given; a new table takes its type and the names from it.
    """
    if len(one) != len(other):
        return False
    if isinstance(write, CreateSelect):
        names = [[parse_column_definition(payload, capabilities).name for payload in found] for found in (one, other)]
        return names[0] == names[1] and same_shape(one, other, capabilities)
    try:
        marked = marked_outputs(write.query)
    except NotParsed:
        return False
    left, right = ([p for place, p in enumerate(found) if place not in marked] for found in (one, other))
    return same_shape(left, right, capabilities)
