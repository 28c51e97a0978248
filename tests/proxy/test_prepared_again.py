"""Executions that go to the backend as those before them did, and what makes one be looked at in full again."""

from collections.abc import Callable

import pytest
import uvloop

from bench.routing import open_session
from proxy.decisions import decision_key
from proxy.sessions.remembered import Prepared
from proxy.sessions.session import Session
from proxy.sessions.state import FORCED, LAST
from wire.constants import Command
from wire.framing import build_packets

TEXT = b"SELECT c FROM orders WHERE id = ?"
INT, TEXTUAL = b"\x03\0", b"\xfd\0"


def execution(value: bytes, types: bytes | None = None, flags: int = 0) -> bytes:
    bound = b"\0" if types is None else b"\1" + types
    return build_packets(b"\x17\1\0\0\0" + bytes((flags,)) + b"\1\0\0\0\0" + bound + value, 0)


async def open_settled() -> tuple[Session, Prepared]:
    """A session with a statement that stays on the backend, executed twice with an integer."""
    session = await open_session()
    known = Prepared(TEXT, 1, [b"definition"], decision_key(TEXT))
    session.worker.stays.remember_cheap(known.key, 1.0, 100_000.0)
    session.state.statements[1] = known
    for data in (execution(b"\1\0\0\0", INT), execution(b"\2\0\0\0")):
        assert not execute(session, data)
    assert known.settled
    return session, known


def execute(session: Session, data: bytes) -> bool:
    handler = session.handlers[Command.STMT_EXECUTE]
    assert handler
    return handler(data)


def forget(session: Session) -> None:
    session.worker.stays.forget()


def force(session: Session) -> None:
    session.state.use_secondary_engine = FORCED


def lower(session: Session) -> None:
    session.state.cost_threshold = 0.5


@pytest.mark.parametrize("change", [forget, force, lower])
def test_what_decides_is_asked_each_time(change: Callable[[Session], None]) -> None:
    async def run() -> None:
        session, _ = await open_settled()
        assert not execute(session, execution(b"\3\0\0\0"))
        change(session)
        assert execute(session, execution(b"\4\0\0\0"))  # it is a candidate
        session.close()

    uvloop.run(run())


def test_other_types_and_long_data_are_looked_at() -> None:
    async def run() -> None:
        session, known = await open_settled()
        assert not execute(session, execution(b"\1x", TEXTUAL))
        assert (known.types, known.told, known.settled) == (TEXTUAL, TEXTUAL, True)
        assert not execute(session, execution(b"\1y"))  # by its head another one: the types are not in it
        assert known.settled
        long_data = session.handlers[Command.STMT_SEND_LONG_DATA]
        assert long_data
        assert not long_data(build_packets(b"\x18\1\0\0\0\0\0abc", 0))
        room = session.state.room
        assert not execute(session, execution(b"", None))
        assert known.long_data == {}
        assert session.state.room == room + 3
        session.close()

    uvloop.run(run())


def test_an_execution_with_a_cursor_is_another_one() -> None:
    async def run() -> None:
        session, known = await open_settled()
        assert not execute(session, execution(b"\3\0\0\0", None, 1))
        assert known.stale  # the backend may have a cursor of it
        assert not execute(session, execution(b"\3\0\0\0"))
        assert not known.stale
        session.close()

    uvloop.run(run())


def test_large_commands_end_what_is_known_of_their_statement_alone() -> None:
    async def run() -> None:
        session, known = await open_settled()
        state = session.state
        state.begins_unseen(Command.QUERY, 1)
        state.begins_unseen(Command.STMT_SEND_LONG_DATA, 2)
        assert known.long_data == {}
        long_data = session.handlers[Command.STMT_SEND_LONG_DATA]
        assert long_data
        room = state.room
        assert not long_data(build_packets(b"\x18\1\0\0\0\0\0abc", 0))
        assert state.room == room - 3
        state.begins_unseen(Command.STMT_SEND_LONG_DATA, 1)
        assert (known.long_data, state.room) == (None, room)
        assert not execute(session, execution(b"", None))  # the backend has the values, and its statement goes on
        assert known.long_data == {}
        state.begins_unseen(Command.STMT_EXECUTE, 1)
        assert state.statements == {}  # the types that it brought are not known
        assert state.room == room + known.size
        session.close()

    uvloop.run(run())


def test_what_is_prepared_unseen_is_not_the_last_one_known() -> None:
    async def run() -> None:
        session, known = await open_settled()
        session.state.last_prepared = 1
        session.state.begins_unseen(Command.STMT_SEND_LONG_DATA, LAST)
        assert known.long_data is None
        session.state.begins_unseen(Command.STMT_PREPARE, 0)
        session.state.begins_unseen(Command.STMT_EXECUTE, LAST)
        assert session.state.statements == {1: known}
        session.close()

    uvloop.run(run())
