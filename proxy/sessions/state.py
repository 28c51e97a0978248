"""What a session has set that the proxy must know: reset with the connection."""

from collections.abc import Mapping

from base.settings import Settings
from proxy.decisions import ALWAYS, OPENS, WITHIN
from proxy.engine.cursors import Cursor
from proxy.place import Reading
from proxy.sessions.remembered import MLStatement, Prepared
from wire.constants import Command, Status
from wire.phase import AnswerTracker

NO_COUNTS: Mapping[bytes, int] = {}
ON, OFF, FORCED = "ON", "OFF", "FORCED"
SWITCH = {
    "ON": ON,
    "OFF": OFF,
    "FORCED": FORCED,
    "1": ON,
    "0": OFF,
    "2": FORCED,
    "DEFAULT": ON,
    "TRUE": ON,
    "FALSE": OFF,
}
LAST = 0xFFFFFFFF  # MARIADB_STMT_DIRECT: the statement prepared last
_IN_TRANS = int(Status.IN_TRANS)
ROOM = 4 << 20  # bytes of prepared statements that are remembered; the others run on the backend


class SessionState:
    """Session variables that the proxy holds, and what was seen of the session's statements."""

    __slots__ = (
        "any_spelling",
        "cost_threshold",
        "counts",
        "cursors",
        "execution_count",
        "freshness",
        "last_prepared",
        "locked_tables",
        "ml_named",
        "ml_owners",
        "ml_statements",
        "ml_user",
        "next_transaction",
        "one_shot",
        "opened",
        "reading",
        "room",
        "sets",
        "stand_ins",
        "statements",
        "tainted",
        "texts",
        "tracked",
        "unnumbered",
        "use_secondary_engine",
        "warned",
    )

    def __init__(self, settings: Settings) -> None:
        self.use_secondary_engine = ON
        self.cost_threshold = settings.secondary_engine_cost_threshold
        self.freshness = settings.freshness
        self.any_spelling = ON if settings.any_spelling else OFF
        self.locked_tables = False
        # What the statement before counted and the backend does not know, by function.
        self.counts: Mapping[bytes, int] = NO_COUNTS
        # Rows of SHOW WARNINGS, which hold while `counts` has a number of them.
        self.warned: list[list[bytes | None]] = []
        self.next_transaction = False  # SET TRANSACTION has set something for the next transaction only
        self.one_shot = False  # the same, for a statement that is a transaction of its own
        self.tainted = False  # a command may have left what no flag shows and BEGIN would end: a savepoint, a lock
        self.tracked = False  # the client may be told what each statement did to the transaction
        self.opened = -1  # the backend's count of commands at a BEGIN that was the last of them
        self.reading: Reading | None = None  # the transaction of SELECTs that is open
        self.execution_count = 0  # Secondary_engine_execution_count of the session
        self.ml_user: str | None = None  # the account's name, once it was asked for
        self.ml_owners: dict[str, str] = {}  # owners of models that ML_MODEL_LOAD named, by handle
        self.ml_named: dict[str, str] = {}  # statements that call AutoML, by the names of PREPARE
        self.ml_statements: dict[int, MLStatement] = {}  # prepared statements that call AutoML, by their id
        self.statements: dict[int, Prepared] = {}  # prepared statements that could be offloaded, by their id
        self.texts: dict[int, bytes] = {}  # of prepared statements that are no queries, by their id
        self.unnumbered: bytes | None = None  # the one prepared last, whose id the tracker has
        self.cursors: dict[int, Cursor] = {}  # open ones whose rows are here, by their statement's id
        self.stand_ins: dict[int, int] = {}  # statements of ours whose cursors are open for others, by these' id
        self.room = ROOM  # bytes that are left for more of them
        self.last_prepared: int | None = None  # the statement that MariaDB's -1 means, where it was seen
        self.sets: dict[int, bytes] = {}  # prepared statements that only set variables of ours, by their id

    def takes_known(self, cost: float, tracker: AnswerTracker) -> bool:
        """Tell whether a statement that is known to stay, at this cost, can pass without a further look.

        What follows from transaction control is noted then.
        """
        if self.counts or self.use_secondary_engine != ON:
            return False
        if cost < ALWAYS:
            self.note_control(cost, tracker)
            return True
        return cost <= self.cost_threshold or (cost == WITHIN and self._is_within(tracker))

    def note_control(self, cost: float, tracker: AnswerTracker) -> None:
        """Note plain transaction control that is about to be relayed: `cost` is OPENS or ENDS."""
        if cost == OPENS:
            self.opened = tracker.begun + 1
            return
        self.tainted = False
        if tracker.status & _IN_TRANS:
            self.next_transaction = self.one_shot = False  # that was the transaction which ends here

    def _is_within(self, tracker: AnswerTracker) -> bool:
        """Tell whether a SELECT stands in a transaction that did not begin just now, nor has only read: `place_of`."""
        begun = tracker.begun
        return bool(
            tracker.status & _IN_TRANS and self.opened != begun and not (self.reading and self.reading.begun == begun)
        )

    def begins_unseen(self, command: int, number: int) -> None:
        """Note that a command too large to be looked at begins, about this prepared statement if it is about one."""
        if command == Command.STMT_PREPARE:
            self.last_prepared = None
        if number == LAST and self.last_prepared is not None:
            number = self.last_prepared
        if command == Command.STMT_EXECUTE:
            self.cursors.pop(number, None)
            if known := self.statements.pop(number, None):  # it may bring other parameter types
                self.drop_long_data(known)
                self.room += known.size
        elif command == Command.STMT_SEND_LONG_DATA and (known := self.statements.get(number)):
            self.drop_long_data(known)
            known.long_data = None
            known.stale = True

    def relayed_unseen(self) -> None:
        """Note that a command passed without being looked at."""
        self.counts = NO_COUNTS
        self.next_transaction = True
        self.tainted = True

    def drop_long_data(self, known: Prepared) -> None:
        """Forget the values of long data: an execution, a reset or the statement's end does so."""
        self.room += known.long_size
        known.long_data, known.long_size = {}, 0
