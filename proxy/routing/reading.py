"""Transactions that have only read so far: where autocommit is off, or behind BEGIN, their SELECTs are offloaded too.

BI tools and ORMs switch autocommit off, and a SELECT then begins a transaction. It is begun on the backend as well, so
that whatever comes later finds it there. At REPEATABLE READ all its SELECTs see one snapshot: the engine answers from
tables only that nothing has changed since a moment before the snapshot, and the backend answers all else from the
snapshot itself. At READ COMMITTED each statement sees what was committed when it was sent, as the engine's always do.

Whatever else the client sends may write or lock: from there on the backend answers until the transaction ends.
"""

import re

from proxy.backend.answers import Answer, AnswerReader
from proxy.backend.preflight import build_query
from proxy.decisions import ENDS, OPENS, WITHIN
from proxy.engine.link import EngineGone
from proxy.place import Place, Reading
from proxy.reasons import Reason, Refusal
from proxy.routing.router import Router
from proxy.sessions.session import Session
from wire.constants import Command, Status

_OPENS = re.compile(rb"\s*(?:begin(?:\s+work)?|start\s+transaction)[\s;]*", re.IGNORECASE)
_ENDS = re.compile(rb"\s*(?:commit|rollback)(?:\s+work)?[\s;]*", re.IGNORECASE)
_END_WORDS = frozenset({b"commit", b"rollback"})
# Statements that leave no savepoint, lock or handler. Whatever is not here may: SAVEPOINT, CALL, EXECUTE, FLUSH, …
_LEAVE_NOTHING = frozenset(
    {
        *(b"select", b"with", b"(", b"table", b"values", b"show", b"set", b"use", b"explain", b"desc", b"describe"),
        *(b"insert", b"update", b"delete", b"replace", b"do", b"kill", b"begin", b"start", b"commit", b"rollback"),
        *(b"create", b"drop", b"alter", b"truncate", b"rename"),
    }
)
# Plain numbers: combining an int with a member of an IntFlag costs more than all else that is looked at here.
_IN_TRANS, _AUTOCOMMIT = int(Status.IN_TRANS), int(Status.AUTOCOMMIT)
# What the transaction will be like, and whether the client is told of its beginning.
_QUESTION = {
    "mysql": b"SELECT @@transaction_isolation, @@session_track_transaction_info",
    "mariadb": b"SELECT @@tx_isolation, @@session_track_transaction_info",
}
_TRACKING = b"session_track_transaction_info"
_SNAPSHOT = b"START TRANSACTION WITH CONSISTENT SNAPSHOT"
_BEGIN: dict[bytes, bytes] = {
    b"REPEATABLE-READ": _SNAPSHOT,
    b"READ-COMMITTED": b"START TRANSACTION",
    b"READ-UNCOMMITTED": b"START TRANSACTION",
}


def note(session: Session, word: bytes, data: bytes, at: int) -> None:
    """Look whether a text, which begins at `at`, may leave something that no flag shows and BEGIN would end."""
    if word == b"set" and _TRACKING in data.lower():
        session.state.tracked = True
    mark = data.find(b";", at)
    if word not in _LEAVE_NOTHING or (mark >= 0 and data[mark:].strip(b"; \t\r\n")):
        session.state.tainted = True
    elif word in _END_WORDS and _ENDS.fullmatch(data, at):
        session.state.note_control(ENDS, session.tracker)


def note_opening(session: Session, text: bytes) -> None:
    """Remember a BEGIN that is about to be relayed, when the transaction has nothing of its own."""
    if _OPENS.fullmatch(text):
        session.state.note_control(OPENS, session.tracker)


def place_of(session: Session) -> Place:
    """Tell where a SELECT that comes now stands."""
    state, status, begun = session.state, session.tracker.status, session.tracker.begun
    in_transaction = bool(status & _IN_TRANS)
    if status & _AUTOCOMMIT and not in_transaction:
        return Place.ALONE
    if state.tracked or state.next_transaction:  # SET TRANSACTION: what it says cannot be read anywhere
        return Place.WITHIN
    if state.reading and state.reading.begun == begun and in_transaction:
        return Place.GOES_ON
    if state.opened == begun or not (in_transaction or state.tainted):
        return Place.BEGINS
    return Place.WITHIN


def takes_one_shot(session: Session) -> bool:
    """Tell whether a SELECT that comes now is the one transaction that SET TRANSACTION was for; it is so once.

    It has to reach the backend as it is: what we ask there before would be that transaction, and what was set (READ
    ONLY, an isolation level) would hold for the client's next statement if this one never came.
    """
    alone = session.tracker.status & (_AUTOCOMMIT | _IN_TRANS) == _AUTOCOMMIT
    took = session.state.one_shot and alone
    session.state.one_shot &= not alone
    return took


def stays(session: Session, cost: float) -> bool:
    """Tell whether a SELECT that comes now stays on the backend, by the cost that is known of its shape."""
    return cost <= session.state.cost_threshold or (cost == WITHIN and place_of(session) is Place.WITHIN)


async def begin(router: Router) -> Refusal | None:
    """Begin the transaction on the backend, and its moment in the engine; gives the reason when that cannot be."""
    session = router.session
    told = await _ask(router, _QUESTION[router.kind])
    isolation, tracked = (told.rows[0][0] or b"", told.rows[0][1] or b"") if told.rows else (b"", b"")
    start = _BEGIN.get(isolation)
    session.state.tracked = tracked != b"OFF"  # from now on nothing of ours is asked in a transaction
    if start is None or session.state.tracked:
        return Refusal(Reason.IN_TRANSACTION)
    since = ""
    if start is _SNAPSHOT:
        try:
            moment = await (await router.link()).ask(b"SHOW WARMFRONT MOMENT")
        except EngineGone:
            return Refusal(Reason.ENGINE_DOWN)
        if moment.error or not moment.rows:
            return Refusal(Reason.ENGINE_DOWN)
        since = (moment.rows[0][0] or b"").decode()
    begun = await _ask(router, start)
    if begun.error:
        return Refusal(Reason.BACKEND_ERROR)
    session.state.reading = Reading(since, session.tracker.begun)
    return None


async def _ask(router: Router, statement: bytes) -> Answer:
    raw = await router.session.ask(build_query(statement, router.session.capabilities), [Command.QUERY])
    return AnswerReader(raw, router.session.capabilities).result()
