"""Every reason for which a statement stays on the backend, with the sentence that users read."""

from dataclasses import dataclass
from enum import Enum

from statements.context import SNAPSHOT_PASSED


class Reason(Enum):
    """Why a statement is not offloaded. The sentences appear in error 3889 under FORCED."""

    OFF = "use_secondary_engine is OFF"
    NOT_A_SELECT = "Only SELECT statements are run in the secondary engine"
    NO_TABLE = "The statement reads no table"
    SYSTEM_TABLE = "Tables of the system schemas are read on the backend"
    AUTOCOMMIT_OFF = "autocommit is off, and the transaction may have done more than read"
    IN_TRANSACTION = "The session has an open transaction that may have done more than read"
    SNAPSHOT_PASSED = SNAPSHOT_PASSED
    LOCKED_TABLES = "The session holds LOCK TABLES"
    UNSUPPORTED = "The statement uses something that the secondary engine does not support"
    NOT_LOADED = "No secondary engine defined for at least one of the query tables, or it is not loaded"
    CHEAP = "The estimated query cost does not exceed secondary_engine_cost_threshold"
    ENGINE_DOWN = "The secondary engine is not available"
    ENGINE_REFUSED = "The secondary engine cannot run the statement"
    NOT_UTF8 = "The statement's text is not in a character set that the secondary engine reads"
    WARNINGS = "Preparing the statement gives warnings"
    PARAMETERS = "The statement has parameter markers"
    PARAMETER_TYPE = "The type of a parameter decides that of a column"
    PARAMETER_VALUE = "A parameter has a value that no literal has, or one too long"
    PARAMETER_KIND = "A parameter has a value of another kind than before, which the server makes the kind of before"
    HIDDEN_TABLE = "A temporary table or a view hides a table of the statement"
    UNKNOWN_SESSION = "The session's variables could not be read"
    LONG_PLAN = "The backend's plan of the statement is too large to be read"
    RELAYED_SHAPE = "The backend describes no result columns"
    LARGE_CURSOR = "There is no room for the rows of the cursor"
    BACKEND_ERROR = "The backend does not accept the statement"


# These run on the backend even under FORCED: nothing could ever run them in a secondary engine, or the backend's own
# error is what the user must see.
QUIET = frozenset({Reason.OFF, Reason.NO_TABLE, Reason.SYSTEM_TABLE, Reason.NOT_A_SELECT, Reason.BACKEND_ERROR})


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason with what it is about in this statement."""

    reason: Reason
    detail: str = ""

    @property
    def sentence(self) -> str:
        """The words that users read."""
        return self.detail or self.reason.value


def strip_reason(message: str) -> str:
    """Take the sentence out of an engine's 3889 message."""
    return message.removeprefix("Secondary engine operation failed. ").rstrip(".")
