"""The one exception tree. Every class knows its MySQL error number and SQLSTATE.

Raise where the mistake is known; turn into an ERR packet at one edge. A refusal to offload is not
an exception of this tree but a `Decision` with a reason.
"""


class WarmfrontError(Exception):
    """Base of all our errors: `number` and `sqlstate` go into the ERR packet, `str()` is the message."""

    number = 1105  # ER_UNKNOWN_ERROR
    sqlstate = "HY000"


class MalformedPacket(WarmfrontError):
    """A peer sent bytes that are not the protocol."""

    number = 1835  # ER_MALFORMED_PACKET

    def __init__(self, what: str) -> None:
        super().__init__(f"Malformed communication packet: {what} is cut short or out of range.")


class PacketTooLarge(WarmfrontError):
    """A packet passed the size limit."""

    number = 1153  # ER_NET_PACKET_TOO_LARGE
    sqlstate = "08S01"

    def __init__(self) -> None:
        super().__init__("Got a packet bigger than 'max_allowed_packet' bytes")


class BadHandshake(WarmfrontError):
    """A client's login is not the protocol."""

    number = 1043  # ER_HANDSHAKE_ERROR
    sqlstate = "08S01"

    def __init__(self) -> None:
        super().__init__("Bad handshake")


class PacketsOutOfOrder(WarmfrontError):
    """A packet of a login has another number than the next."""

    number = 1156  # ER_NET_PACKETS_OUT_OF_ORDER
    sqlstate = "08S01"

    def __init__(self) -> None:
        super().__init__("Got packets out of order")


class AccessDenied(WarmfrontError):
    """Login refused."""

    number = 1045
    sqlstate = "28000"


class UnknownCommand(WarmfrontError):
    """A command byte nobody defined."""

    number = 1047
    sqlstate = "08S01"

    def __init__(self) -> None:
        super().__init__("Unknown command")


class QueryInterrupted(WarmfrontError):
    """KILL QUERY reached a running statement."""

    number = 1317
    sqlstate = "70100"

    def __init__(self) -> None:
        super().__init__("Query execution was interrupted")


class QueryTimeout(WarmfrontError):
    """max_execution_time passed."""

    number = 3024

    def __init__(self) -> None:
        super().__init__("Query execution was interrupted, maximum statement execution time exceeded")


class StatementTimeExceeded(WarmfrontError):
    """max_statement_time passed: MariaDB's own error."""

    number = 1969
    sqlstate = "70100"

    def __init__(self) -> None:
        super().__init__("Query execution was interrupted (max_statement_time exceeded)")


class ParseError(WarmfrontError):
    """A statement that only we read has a clause that it may not have."""

    number = 1064  # ER_PARSE_ERROR
    sqlstate = "42000"


class SpecificAccessDenied(WarmfrontError):
    """A privilege is missing, as the servers say it: ER_SPECIFIC_ACCESS_DENIED_ERROR."""

    number = 1227
    sqlstate = "42000"

    def __init__(self, privilege: str) -> None:
        super().__init__(f"Access denied; you need (at least one of) the {privilege} privilege(s) for this operation")


class SecondaryEngineError(WarmfrontError):
    """A statement that may only run in the secondary engine could not; the text is the reason."""

    number = 3889

    def __init__(self, reason: str) -> None:
        super().__init__(f"Secondary engine operation failed. {reason.rstrip('.')}.")


class LakeError(SecondaryEngineError):
    """A file, a place or a description of a lake table is not as it must be; `reason` says which and why.

    It never holds a key, a signature or an address that gives access.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason.rstrip(".")


class SettingsError(WarmfrontError):
    """A setting is unknown or has a value that makes no sense."""


class BackendError(WarmfrontError):
    """The backend answered with an error, or cannot be reached; number and state are its own."""

    def __init__(self, number: int, sqlstate: str, message: str) -> None:
        super().__init__(message)
        self.number = number
        self.sqlstate = sqlstate
