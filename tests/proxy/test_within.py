"""A SELECT in a transaction that wrote is known again there, and nowhere else."""

import pytest
import uvloop

from bench.routing import open_session
from proxy.decisions import ALWAYS, WITHIN, StayCache, certain_shape, decision_key
from proxy.engine.loaded import LoadedTables
from proxy.place import Reading
from proxy.routing.reading import stays
from proxy.sessions.session import Session
from proxy.sessions.state import SessionState
from wire.constants import Command, Status
from wire.framing import build_packets

SUM = b"SELECT SUM(total) FROM shop.orders WHERE id BETWEEN 10 AND 20 AND state = 'paid'"
OTHER = b"SELECT SUM(total) FROM shop.orders WHERE id BETWEEN 7 AND 9 AND state = 'it''s sent'"
IN_TRANS = int(Status.AUTOCOMMIT | Status.IN_TRANS)


def fresh(session: Session, status: int) -> SessionState:
    session.state = SessionState(session.worker.settings)
    session.tracker.status = status
    return session.state


def taken(session: Session, text: bytes) -> bool:
    handler = session.handlers[Command.QUERY]
    assert handler
    return handler(build_packets(b"\x03" + text, 0))


def known(known_to: StayCache, text: bytes) -> float | None:
    return known_to.find(text)


def test_what_was_seen_in_a_transaction_is_known_there() -> None:
    async def look() -> None:
        session = await open_session()
        fresh(session, IN_TRANS)
        assert not taken(session, SUM)
        assert known(session.worker.stays, OTHER) == WITHIN
        assert not taken(session, OTHER)
        assert stays(session, WITHIN)
        session.worker.engine.loaded = LoadedTables()
        fresh(session, int(Status.AUTOCOMMIT))
        assert not stays(session, WITHIN)

    uvloop.run(look())


@pytest.mark.parametrize("status", [int(Status.AUTOCOMMIT), 0, IN_TRANS])
def test_what_was_seen_in_a_transaction_is_a_candidate_elsewhere(status: int) -> None:
    async def look() -> None:
        session = await open_session()
        fresh(session, IN_TRANS)
        assert not taken(session, SUM)
        state = fresh(session, status)
        if status == IN_TRANS:  # behind SELECTs that the engine answered
            state.reading = Reading("", session.tracker.begun)
        assert not stays(session, WITHIN)
        assert taken(session, OTHER)

    uvloop.run(look())


@pytest.mark.parametrize("setting", ["next_transaction", "tracked"])
def test_set_transaction_keeps_what_follows_on_the_backend(setting: str) -> None:
    async def look() -> None:
        session = await open_session()
        setattr(fresh(session, 0), setting, True)
        assert stays(session, WITHIN)

    uvloop.run(look())


@pytest.mark.parametrize(
    "text",
    [
        b"SELECT @@use_secondary_engine, id FROM shop.orders",
        b"SELECT /*+ SET_VAR(use_secondary_engine = FORCED) */ id FROM shop.orders",
        b"SELECT sys.ML_PREDICT_ROW('{}', 'model', NULL)",
        b"SELECT * FROM performance_schema.rpd_tables",
        b"SELECT id FROM shop.orders INTO OUTFILE URI 'file:///tmp/a'",
        b"SELECT id FROM lake.events",
    ],
)
def test_what_is_looked_at_in_every_transaction_is_not_remembered(text: bytes) -> None:
    async def look() -> None:
        session = await open_session()
        lake = frozenset({("lake", "events")})
        session.worker.engine.loaded = LoadedTables.of(lake | {("shop", "orders")}, lake)
        fresh(session, IN_TRANS)
        taken(session, text)
        assert known(session.worker.stays, text) is None

    uvloop.run(look())


def test_more_is_known_than_that_it_stays_in_a_transaction() -> None:
    both = StayCache()
    both.remember_within(decision_key(SUM))
    both.remember_cheap(decision_key(SUM), 3.0, 100_000.0)
    assert both.find(OTHER) == 3.0
    both.remember_within(decision_key(SUM))
    assert both.find(OTHER) == 3.0


@pytest.mark.parametrize("status", [int(Status.AUTOCOMMIT), 0, IN_TRANS, int(Status.IN_TRANS)])
@pytest.mark.parametrize("opened", [-1, 0])
@pytest.mark.parametrize("reading", [None, Reading("", -5), Reading("", 0)])
@pytest.mark.parametrize("setting", [None, "next_transaction", "tracked", "tainted"])
def test_a_command_of_transactions_passes_where_a_further_look_would_let_it(
    status: int, opened: int, reading: Reading | None, setting: str | None
) -> None:
    async def look() -> None:
        session = await open_session()
        state = fresh(session, status)
        state.opened = opened + session.tracker.begun
        if reading:
            state.reading = Reading("", reading.begun + session.tracker.begun)
        if setting:
            setattr(state, setting, True)
        if state.takes_known(WITHIN, session.tracker):
            assert stays(session, WITHIN)
        elif status & Status.IN_TRANS and setting in (None, "tainted"):
            assert not stays(session, WITHIN)
        for name, value in (("use_secondary_engine", "OFF"), ("counts", {b"found_rows": 1})):
            kept = getattr(state, name)
            setattr(state, name, value)
            assert not state.takes_known(WITHIN, session.tracker)
            assert not state.takes_known(ALWAYS, session.tracker)
            setattr(state, name, kept)

    uvloop.run(look())


def test_a_statement_for_transactions_is_known_in_them_by_its_form() -> None:
    one = StayCache()
    text = b"SELECT c FROM t WHERE id=5"
    one.remember_within(decision_key(text))
    command = build_packets(b"\x03" + text, 0)
    assert one.find(text, command) == WITHIN
    assert one.known(command) == WITHIN


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        (b"SELECT `a b`, x FROM t WHERE s = 'x' AND n - 5 / 2 = 'y'", True),
        (b"SELECT x FROM t WHERE s = 'a -- b' AND u = '`' AND v = '/* \"'", True),
        (b"SELECT x FROM t WHERE s = 'a' -- it's", False),
        (b"SELECT x FROM t # it's\n WHERE s = 'b'", False),
        (b"SELECT x FROM t /* it's */ WHERE s = 'b'", False),
        (b"SELECT x FROM t WHERE s = \"it's\" AND u = 'b'", False),
        (b"SELECT `it's` FROM t WHERE s = 'b'", False),
    ],
)
def test_strings_are_taken_out_where_it_is_certain_what_they_are(text: bytes, shape: bool) -> None:
    assert (certain_shape(decision_key(text)) != decision_key(text)) == shape


def test_a_backslash_may_end_a_string_or_not() -> None:
    one = StayCache()
    one.remember_within(decision_key(b"SELECT x FROM t WHERE s = 'a' AND u = 'b'"))
    assert one.find(b"SELECT x FROM t WHERE s = 'c' AND u = 'd'") == WITHIN
    assert one.find(b"SELECT x FROM t WHERE s = 'c\\' AND u = 'd'") is None
    assert one.find(b"SELECT x FROM t WHERE s = '\\' OR sys.ML_SCORE(' AND u = 'd'") is None


def test_nothing_is_known_while_the_backends_own_switch_is_in_doubt() -> None:
    async def look() -> None:
        session = await open_session()
        fresh(session, int(Status.AUTOCOMMIT))
        command = build_packets(b"\x03DELETE FROM t WHERE id=45", 0)
        assert not taken(session, b"DELETE FROM t WHERE id=45")
        assert session.known(command) == ALWAYS
        assert not taken(session, b"CALL p()")
        assert session.known(command) is None

    uvloop.run(look())
