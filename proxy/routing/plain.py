"""Writes and transaction control that go to the backend as they are: known by a few searches, without a further look.

What is not recognised here is looked at in full: a SELECT in an INSERT, a lake table's name, functions of AutoML.
"""

from proxy.decisions import ENDS, OPENS
from proxy.sessions.session import Session

_WRITES = frozenset(
    {
        *(b"INSERT ", b"insert ", b"Insert ", b"UPDATE ", b"update ", b"Update "),
        *(b"DELETE ", b"delete ", b"Delete ", b"REPLACE", b"replace", b"Replace"),
    }
)
_LONGEST_WORD = 7  # bytes of the longest of them, with what ends the others
_LONGEST = 1 << 14  # bytes of a statement that is searched
# What gives a write to others than the backend, or has to be noted: with one of these it is looked at in full.
_LOOKED_AT = (b"select", b"table", b"with", b"ml_", b"use_secondary_engine", b";")
_CONTROL = {
    **dict.fromkeys((b"BEGIN", b"begin", b"START TRANSACTION", b"start transaction"), OPENS),
    **dict.fromkeys((b"COMMIT", b"commit", b"ROLLBACK", b"rollback"), ENDS),
}
_LONGEST_CONTROL = len(b"START TRANSACTION")


def is_write(session: Session, data: bytes, at: int) -> bool:
    """Tell whether a lone COM_QUERY, whose text begins at `at`, is a write of the backend's and nothing else.

    Its digits do not matter.
    """
    if data[at : at + _LONGEST_WORD] not in _WRITES:
        return False
    if len(data) > _LONGEST or session.worker.engine.loaded.lake_name is not None:
        return False
    lowered = data.lower()
    return not any(map(lowered.__contains__, _LOOKED_AT))


def control(data: bytes, at: int) -> float | None:
    """Tell which plain transaction control a lone COM_QUERY is: OPENS, ENDS or, if it is none, None."""
    return _CONTROL.get(data[at:]) if len(data) - at <= _LONGEST_CONTROL else None
