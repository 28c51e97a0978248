"""Binlog events of MySQL and MariaDB: header, checksum, and one dataclass per kind of event. Sans-IO.

Sources: "Replication Protocol" and "Binary Log Event" of the MySQL source documentation, "Replication Protocol"
of MariaDB's. An event that is not known and not marked as ignorable raises `UnknownEvent`.
"""

import struct
import zlib
from collections.abc import Callable, Iterator
from uuid import UUID

from base.errors import MalformedPacket, WarmfrontError
from wire.binlog_compression import unpack_mariadb, unpack_transaction_payload
from wire.binlog_query import sql_mode_of, updated_schemas
from wire.binlog_serialization import parse_tagged_gtid
from wire.binlog_table_map import TableMap, parse_table_map
from wire.binlog_types import (
    Annotation,
    Event,
    EventType,
    FormatDescription,
    Gtid,
    Header,
    Heartbeat,
    Ignored,
    Incident,
    MariaGtid,
    Payload,
    PreviousGtids,
    Query,
    Rotate,
    Rows,
    XaPrepare,
    Xid,
)
from wire.gtid import parse_gtid_set
from wire.integers import read_bytes, read_int, read_lenenc

HEADER = 19
CHECKSUM = 4
STATEMENT_END = 0x0001  # flag of a rows event
DUMMY_TABLE = 0xFFFFFF  # table id of a rows event that only ends a statement

_IGNORABLE = 0x0080
_HEADER = struct.Struct("<IBIIIH")


class UnknownEvent(WarmfrontError):
    """An event whose type we do not know, and which may not be ignored."""

    def __init__(self, kind: int) -> None:
        super().__init__(f"Unknown binlog event type {kind}.")


class ChecksumMismatch(WarmfrontError):
    """An event's CRC32 is not that of its bytes."""

    number = 1743  # ER_NETWORK_READ_EVENT_CHECKSUM_FAILURE

    def __init__(self) -> None:
        super().__init__("Replication event checksum verification failed while reading from network.")


def parse_header(event: bytes) -> Header:
    """Read the 19 bytes before an event's body; raises MalformedPacket."""
    if len(event) < HEADER:
        raise MalformedPacket("binlog event header")
    return Header(*_HEADER.unpack_from(event))


class EventParser:
    """Parses events of one connection or file; remembers whether they carry checksums."""

    def __init__(self) -> None:
        self._checksums = False
        self._is_mariadb = False
        self._maps: dict[bytes, TableMap] = {}

    @property
    def checksums(self) -> bool:
        """Whether the events end with a checksum."""
        return self._checksums

    def parse(self, event: bytes) -> tuple[Header, Event]:
        """Read one event as it stands in the log.

        Raises MalformedPacket, ChecksumMismatch, UnknownEvent.
        """
        header = parse_header(event)
        if header.size != len(event):
            raise MalformedPacket("binlog event")
        end = len(event)
        if header.type == EventType.FORMAT_DESCRIPTION:
            description = _parse_format_description(event[HEADER:])
            self._checksums = description.checksums
            self._is_mariadb = "MariaDB" in description.server_version
            return header, description
        if self._checksums or (header.type == EventType.ROTATE and _has_checksum(event)):
            # The rotate event made for a new connection comes before the format description says which it is.
            if not _has_checksum(event):
                raise ChecksumMismatch
            end -= CHECKSUM
        return header, self._parse_body(header, event[HEADER:end])

    def parse_payload(self, payload: Payload) -> Iterator[tuple[Header, Event]]:
        """Go through the events inside a compressed transaction."""
        at = 0
        while at < len(payload.events):
            size, _ = read_int(payload.events, at + 9, 4)
            event, at = read_bytes(payload.events, at, max(size, HEADER))
            header = parse_header(event)
            yield header, self._parse_body(header, event[HEADER:])

    def _parse_body(self, header: Header, body: bytes) -> Event:
        kind = header.type
        if kind == EventType.TABLE_MAP:
            return self._parse_table_map(body)
        if kind in _ROWS:
            return _parse_rows(kind, body)
        if kind == EventType.HEARTBEAT:
            return Heartbeat(_text(body), header.next_position)
        if kind == EventType.MARIADB_GTID:
            return _parse_mariadb_gtid(header, body)
        if parse := _PARSERS.get(kind):
            return parse(body)
        if kind in _HARMLESS or header.flags & _IGNORABLE:
            return Ignored(kind)
        raise UnknownEvent(kind)

    def _parse_table_map(self, body: bytes) -> TableMap:
        """Statements on one table repeat its map byte for byte: parse it once."""
        found = self._maps.get(body)
        if found is None:
            if len(self._maps) >= 4096:
                self._maps.clear()
            found = self._maps[body] = parse_table_map(body, self._is_mariadb)
        return found


def _has_checksum(event: bytes) -> bool:
    return len(event) >= HEADER + CHECKSUM and zlib.crc32(memoryview(event)[:-CHECKSUM]) == int.from_bytes(
        event[-CHECKSUM:], "little"
    )


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _parse_format_description(body: bytes) -> FormatDescription:
    version, _ = read_bytes(body, 2, 50)
    if len(body) < 62:
        raise MalformedPacket("format description event")
    algorithm = body[-CHECKSUM - 1]
    if algorithm > 1:
        raise MalformedPacket("format description event")
    return FormatDescription(_text(version.rstrip(b"\0")), algorithm == 1)


def _parse_rotate(body: bytes) -> Rotate:
    offset, at = read_int(body, 0, 8)
    return Rotate(_text(body[at:]), offset)


def _parse_query(body: bytes, extra: int = 0) -> Query:
    schema, error, status, at = _parse_query_head(body, extra)
    return Query(schema, _text(body[at:]), sql_mode_of(status), error, updated_schemas(status))


def _parse_query_compressed(body: bytes) -> Query:
    schema, error, status, at = _parse_query_head(body, 0)
    return Query(schema, _text(unpack_mariadb(body[at:])), sql_mode_of(status), error)


def _parse_query_head(body: bytes, extra: int) -> tuple[str, int, bytes, int]:
    schema_length, at = read_int(body, 8, 1)
    error, at = read_int(body, at, 2)
    status_length, at = read_int(body, at, 2)
    status, at = read_bytes(body, at + extra, status_length)
    schema, at = read_bytes(body, at, schema_length)
    return _text(schema), error, status, at + 1


def _parse_load_query(body: bytes) -> Query:
    return _parse_query(body, extra=13)  # file id, two offsets, duplicate handling


def _parse_gtid(body: bytes) -> Gtid:
    raw, at = read_bytes(body, 1, 16)
    gno, at = read_int(body, at, 8)
    timestamp = 0
    if len(body) >= at + 24:  # since 8.0: logical clock (17 bytes), then 7 bytes of microseconds
        timestamp, _ = read_int(body, at + 17, 7)
    return Gtid(str(UUID(bytes=raw)), gno, "", timestamp & (1 << 55) - 1)


def _parse_anonymous_gtid(body: bytes) -> Gtid:
    return Gtid("", 0, "", _parse_gtid(body).commit_timestamp)


def _parse_tagged(body: bytes) -> Gtid:
    tagged = parse_tagged_gtid(body)
    return Gtid(tagged.uuid, tagged.gno, tagged.tag, tagged.commit_timestamp)


def _parse_mariadb_gtid(header: Header, body: bytes) -> MariaGtid:
    sequence, at = read_int(body, 0, 8)
    domain, at = read_int(body, at, 4)
    flags, at = read_int(body, at, 1)
    return MariaGtid(domain, header.server_id, sequence, flags)


def _parse_previous_gtids(body: bytes) -> PreviousGtids:
    return PreviousGtids(parse_gtid_set(body))


def _parse_heartbeat_v2(body: bytes) -> Heartbeat:
    file, offset, at = "", 0, 0
    while at < len(body):
        field, at = read_int(body, at, 1)
        if field == 0:
            break
        length, at = read_lenenc(body, at)
        value, at = read_bytes(body, at, length or 0)
        if field == 1:
            file = _text(value)
        elif field == 2:
            offset = read_lenenc(value, 0)[0] or 0
    return Heartbeat(file, offset)


def _parse_xa_prepare(body: bytes) -> XaPrepare:
    one_phase, at = read_int(body, 0, 1)
    format_id, at = read_int(body, at, 4)
    gtrid_length, at = read_int(body, at, 4)
    bqual_length, at = read_int(body, at, 4)
    gtrid, at = read_bytes(body, at, gtrid_length)
    bqual, at = read_bytes(body, at, bqual_length)
    return XaPrepare(bool(one_phase), (gtrid, bqual, format_id))


def _parse_incident(body: bytes) -> Incident:
    length, at = read_int(body, 2, 1)
    return Incident(_text(body[at : at + length]))


# type: (kind, version, compressed)
_ROWS: dict[int, tuple[str, int, bool]] = {
    EventType.WRITE_ROWS_V1: ("write", 1, False),
    EventType.UPDATE_ROWS_V1: ("update", 1, False),
    EventType.DELETE_ROWS_V1: ("delete", 1, False),
    EventType.WRITE_ROWS: ("write", 2, False),
    EventType.UPDATE_ROWS: ("update", 2, False),
    EventType.DELETE_ROWS: ("delete", 2, False),
    EventType.PARTIAL_UPDATE_ROWS: ("partial", 2, False),
    EventType.WRITE_ROWS_COMPRESSED_V1: ("write", 1, True),
    EventType.UPDATE_ROWS_COMPRESSED_V1: ("update", 1, True),
    EventType.DELETE_ROWS_COMPRESSED_V1: ("delete", 1, True),
    EventType.WRITE_ROWS_COMPRESSED: ("write", 2, True),
    EventType.UPDATE_ROWS_COMPRESSED: ("update", 2, True),
    EventType.DELETE_ROWS_COMPRESSED: ("delete", 2, True),
}


def _parse_rows(type_: int, body: bytes) -> Rows:
    kind, version, compressed = _ROWS[type_]
    table_id, at = read_int(body, 0, 6)
    flags, at = read_int(body, at, 2)
    if version == 2:
        extra, at = read_int(body, at, 2)
        at += max(extra, 2) - 2
    columns, at = read_lenenc(body, at)
    columns = columns or 0
    first, at = read_bytes(body, at, (columns + 7) // 8)
    second = first
    if kind in ("update", "partial"):
        second, at = read_bytes(body, at, (columns + 7) // 8)
    images = body[at:]
    if compressed:
        images = unpack_mariadb(images)
    before = b"" if kind == "write" else first
    after = b"" if kind == "delete" else second
    return Rows(table_id, kind, bool(flags & STATEMENT_END), columns, before, after, images)


_PARSERS: dict[int, Callable[[bytes], Event]] = {
    EventType.QUERY: _parse_query,
    EventType.QUERY_COMPRESSED: _parse_query_compressed,
    EventType.EXECUTE_LOAD_QUERY: _parse_load_query,
    EventType.ROTATE: _parse_rotate,
    EventType.XID: lambda _: Xid(),
    EventType.GTID: _parse_gtid,
    EventType.ANONYMOUS_GTID: _parse_anonymous_gtid,
    EventType.GTID_TAGGED: _parse_tagged,
    EventType.PREVIOUS_GTIDS: _parse_previous_gtids,
    EventType.HEARTBEAT_V2: _parse_heartbeat_v2,
    EventType.XA_PREPARE: _parse_xa_prepare,
    EventType.TRANSACTION_PAYLOAD: lambda body: Payload(unpack_transaction_payload(body)),
    EventType.INCIDENT: _parse_incident,
    EventType.ANNOTATE_ROWS: lambda body: Annotation(_text(body)),
}

# Notes beside the row events, and parts of statement-format DML whose QUERY event decides.
_HARMLESS = frozenset(
    {
        EventType.STOP,
        EventType.INTVAR,
        EventType.RAND,
        EventType.USER_VAR,
        EventType.APPEND_BLOCK,
        EventType.DELETE_FILE,
        EventType.BEGIN_LOAD_QUERY,
        EventType.IGNORABLE,
        EventType.ROWS_QUERY,
        EventType.TRANSACTION_CONTEXT,
        EventType.VIEW_CHANGE,
        EventType.BINLOG_CHECKPOINT,
        EventType.GTID_LIST,
        EventType.START_ENCRYPTION,  # the server decrypts what it sends
    }
)
