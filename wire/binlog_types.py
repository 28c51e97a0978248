"""The kinds of binlog events, their header, and one dataclass per kind. The parser is `wire.binlog_events`."""

from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from wire.binlog_table_map import TableMap
from wire.gtid import GtidSet

_ARTIFICIAL = 0x0020


class EventType(IntEnum):
    """Log_event_type of MySQL, and MariaDB's from 160 on."""

    QUERY = 2
    STOP = 3
    ROTATE = 4
    INTVAR = 5
    APPEND_BLOCK = 9
    DELETE_FILE = 11
    RAND = 13
    USER_VAR = 14
    FORMAT_DESCRIPTION = 15
    XID = 16
    BEGIN_LOAD_QUERY = 17
    EXECUTE_LOAD_QUERY = 18
    TABLE_MAP = 19
    WRITE_ROWS_V1 = 23
    UPDATE_ROWS_V1 = 24
    DELETE_ROWS_V1 = 25
    INCIDENT = 26
    HEARTBEAT = 27
    IGNORABLE = 28
    ROWS_QUERY = 29
    WRITE_ROWS = 30
    UPDATE_ROWS = 31
    DELETE_ROWS = 32
    GTID = 33
    ANONYMOUS_GTID = 34
    PREVIOUS_GTIDS = 35
    TRANSACTION_CONTEXT = 36
    VIEW_CHANGE = 37
    XA_PREPARE = 38
    PARTIAL_UPDATE_ROWS = 39
    TRANSACTION_PAYLOAD = 40
    HEARTBEAT_V2 = 41
    GTID_TAGGED = 42
    ANNOTATE_ROWS = 160
    BINLOG_CHECKPOINT = 161
    MARIADB_GTID = 162
    GTID_LIST = 163
    START_ENCRYPTION = 164
    QUERY_COMPRESSED = 165
    WRITE_ROWS_COMPRESSED_V1 = 166
    UPDATE_ROWS_COMPRESSED_V1 = 167
    DELETE_ROWS_COMPRESSED_V1 = 168
    WRITE_ROWS_COMPRESSED = 169
    UPDATE_ROWS_COMPRESSED = 170
    DELETE_ROWS_COMPRESSED = 171


class Header(NamedTuple):
    """What stands before every event. `next_position` is 32 bits wide, and 0 in events made for the connection."""

    timestamp: int
    type: int
    server_id: int
    size: int
    next_position: int
    flags: int

    @property
    def artificial(self) -> bool:
        """Whether the event is in no log file."""
        return bool(self.flags & _ARTIFICIAL) or self.next_position == 0


@dataclass(frozen=True, slots=True)
class Rotate:
    """The log goes on in another file."""

    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class FormatDescription:
    """First event of a log file."""

    server_version: str
    checksums: bool


@dataclass(frozen=True, slots=True)
class Query:
    """A statement: BEGIN, COMMIT, DDL, or DML in statement format. `sql_mode` is the bit mask.

    `updated` names the schemas whose tables it may have written to; None when the server does not say.
    """

    schema: str
    statement: str
    sql_mode: int
    error: int
    updated: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Xid:
    """Commit of a transaction."""


@dataclass(frozen=True, slots=True)
class Gtid:
    """Begin of a transaction on MySQL; `uuid` is empty for an anonymous one. Timestamp in microseconds."""

    uuid: str
    gno: int
    tag: str
    commit_timestamp: int


@dataclass(frozen=True, slots=True)
class MariaGtid:
    """Begin of a transaction on MariaDB; standalone ones have no commit event of their own."""

    domain: int
    server_id: int
    sequence: int
    flags: int

    @property
    def standalone(self) -> bool:
        """Whether the group is a single statement (DDL)."""
        return bool(self.flags & 1)


@dataclass(frozen=True, slots=True)
class Rows:
    """Row images of one table. `kind` is "write", "update", "delete" or "partial" (JSON differences).

    `before` and `after` are the bitmaps of columns present, as logged; a write has no `before`, a delete no
    `after`. `images` is the packed rows.
    """

    table_id: int
    kind: str
    statement_end: bool
    columns: int
    before: bytes
    after: bytes
    images: bytes


@dataclass(frozen=True, slots=True)
class XaPrepare:
    """A prepared XA transaction; `one_phase` means it was committed at once."""

    one_phase: bool
    xid: tuple[bytes, bytes, int]  # gtrid, bqual, format id


@dataclass(frozen=True, slots=True)
class PreviousGtids:
    """All GTIDs of the log files before this one."""

    gtids: GtidSet


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The server is alive and has sent everything up to this place."""

    file: str
    offset: int


@dataclass(frozen=True, slots=True)
class Payload:
    """A compressed transaction: the events in it, without checksums, one behind the other."""

    events: bytes


@dataclass(frozen=True, slots=True)
class Incident:
    """The server says that its log has a gap."""

    message: str


@dataclass(frozen=True, slots=True)
class Annotation:
    """The statement that made the row events that follow (MariaDB)."""

    statement: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that changes no row."""

    type: int


Event = (
    Rotate
    | FormatDescription
    | Query
    | Xid
    | Gtid
    | MariaGtid
    | TableMap
    | Rows
    | XaPrepare
    | PreviousGtids
    | Heartbeat
    | Payload
    | Incident
    | Annotation
    | Ignored
)
