"""What passes without a further look leaves the session as the full look would."""

import pytest
import uvloop

from bench.routing import Nowhere, open_session
from proxy.decisions import ENDS
from proxy.engine.loaded import LoadedTables
from proxy.routing import plain
from proxy.sessions.session import Session
from proxy.sessions.state import SessionState
from wire.constants import Command, Status
from wire.framing import build_packets
from wire.responses import Ok, build_ok

PLAIN = [
    *(b"INSERT INTO t (id, c) VALUES (1, 'a'), (2, 'b')", b"insert into t set c = 'x'", b"REPLACE t VALUES (1)"),
    *(b"UPDATE t SET k=k+1 WHERE id=5", b"DELETE FROM t WHERE id=5", b"BEGIN", b"start transaction", b"COMMIT"),
    *(b"ROLLBACK", b"update t set c = '\xff'"),
]
LOOKED_AT = [
    *(b"INSERT INTO t SELECT * FROM u", b"INSERT INTO t TABLE u", b"INSERT INTO t WITH x AS (TABLE u) TABLE x"),
    *(b"UPDATE t SET c = sys.ML_PREDICT_ROW('{}', 'm', NULL)", b"UPDATE t SET c=1; COMMIT", b"BEGIN; INSERT INTO t"),
    *(b"UPDATE t SET c = @@use_secondary_engine", b"COMMIT AND CHAIN", b"SAVEPOINT a", b"CALL p()", b"SELECT 1", b""),
]
STATUSES = [int(Status.AUTOCOMMIT), int(Status.AUTOCOMMIT | Status.IN_TRANS), 0]


def framed(text: bytes) -> bytes:
    return build_packets(b"\x03" + text, 0)


def passes(session: Session, text: bytes) -> bool:
    data = framed(text)
    return plain.is_write(session, data, 5) or plain.control(data, 5) is not None


def look(session: Session, text: bytes, status: int) -> tuple[bool, object]:
    """Whether a text is taken over, and the session's state behind it."""
    session.state = SessionState(session.worker.settings)
    session.state.tainted = session.state.next_transaction = True
    session.tracker.status = status
    handler = session.handlers[Command.QUERY]
    assert handler
    taken = handler(framed(text))
    state = session.state
    return taken, (state.tainted, state.next_transaction, state.opened, state.counts, state.tracked)


def test_what_passes_is_noted_as_by_the_full_look(monkeypatch: pytest.MonkeyPatch) -> None:
    async def both() -> None:
        session = await open_session()
        quick = {}
        for text in PLAIN:
            assert passes(session, text), text
            quick |= {(text, status): look(session, text, status) for status in STATUSES}
        monkeypatch.setattr(plain, "is_write", lambda *given: False)
        monkeypatch.setattr(plain, "control", lambda *given: None)
        for (text, status), seen in quick.items():
            assert seen == look(session, text, status), (text, status)
            assert not seen[0], text

    uvloop.run(both())


def test_what_concerns_others_is_looked_at_in_full() -> None:
    async def none() -> None:
        session = await open_session()
        assert not [text for text in LOOKED_AT if passes(session, text)]
        assert passes(session, b"INSERT INTO lake VALUES (1)")
        session.worker.engine.loaded = LoadedTables.of(frozenset(), frozenset({("s", "lake")}))
        assert not passes(session, b"INSERT INTO lake VALUES (1)")

    uvloop.run(none())


def test_writes_without_words_in_strings_and_transaction_control_are_known_again() -> None:
    async def again() -> None:
        session = await open_session()
        for text in PLAIN:
            look(session, text, STATUSES[0])
        known = {text for text in PLAIN if session.known(framed(text)) is not None}
        writes = {b"REPLACE t VALUES (1)", b"UPDATE t SET k=k+1 WHERE id=5", b"DELETE FROM t WHERE id=5"}
        assert known == writes | {b"BEGIN", b"start transaction", b"COMMIT", b"ROLLBACK"}

    uvloop.run(again())


@pytest.mark.parametrize("text", [b"BEGIN", b"START TRANSACTION", b"COMMIT", b"rollback"])
@pytest.mark.parametrize("status", STATUSES)
def test_known_transaction_control_is_noted_as_when_it_was_looked_at(text: bytes, status: int) -> None:
    async def both() -> None:
        session = await open_session()
        session.client = session.backend = session.flow.source = Nowhere()
        handler = session.handlers[Command.QUERY]
        seen = []
        for again in (False, True):
            session.state = SessionState(session.worker.settings)
            session.state.tainted = session.state.next_transaction = True
            session.tracker.status = status
            session.handlers[Command.QUERY] = (lambda data: pytest.fail("it was not known")) if again else handler
            session.from_client(framed(text))
            state, begun = session.state, session.tracker.begun
            seen.append((state.tainted, state.next_transaction, state.opened == begun, state.opened < 0))
            session.from_backend(build_packets(build_ok(Ok()), 1))
        assert seen[0] == seen[1]
        assert session.tracker.begun == 2

    uvloop.run(both())


def test_transaction_control_is_looked_at_where_counts_are_kept_or_the_engine_is_off() -> None:
    async def look_again() -> None:
        session = await open_session()
        look(session, b"COMMIT", STATUSES[0])
        for name, value in (("counts", {b"found_rows": 1}), ("use_secondary_engine", "OFF")):
            session.state = SessionState(session.worker.settings)
            session.state.tainted = True
            setattr(session.state, name, value)
            assert not session.state.takes_known(ENDS, session.tracker)
            assert session.state.tainted

    uvloop.run(look_again())
