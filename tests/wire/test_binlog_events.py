"""Events as MySQL 9.7 and MariaDB 10.11 sent them to a replica, byte for byte, and the same bytes damaged.

The transcripts hold what this gave, one event behind the other: CREATE TABLE shop.items, two rows inserted, one
updated, one deleted, a compressed transaction, a delete (on MySQL with a tagged GTID), an XA transaction, TRUNCATE,
then heartbeats.
"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from base.errors import MalformedPacket, WarmfrontError
from wire.binlog_events import ChecksumMismatch, EventParser, UnknownEvent, parse_header
from wire.binlog_serialization import read_signed_varlen, read_varlen
from wire.binlog_table_map import TableMap
from wire.binlog_types import (
    Event,
    FormatDescription,
    Gtid,
    Heartbeat,
    MariaGtid,
    Payload,
    PreviousGtids,
    Query,
    Rotate,
    Rows,
    XaPrepare,
)
from wire.constants import FieldType

KINDS = ("mysql", "mariadb")


def split(kind: str) -> list[bytes]:
    data = (Path(__file__).parent / "transcripts" / f"{kind}.binlog").read_bytes()
    events = []
    while data:
        size = int.from_bytes(data[9:13], "little")
        events.append(data[:size])
        data = data[size:]
    return events


def parse_all(kind: str) -> list[Event]:
    parser = EventParser()
    found: list[Event] = []
    for raw in split(kind):
        event = parser.parse(raw)[1]
        found.append(event)
        if isinstance(event, Payload):
            found.extend(inner for _, inner in parser.parse_payload(event))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_head_of_the_stream(kind: str) -> None:
    rotate, description, *_ = parse_all(kind)
    assert isinstance(rotate, Rotate)
    assert (rotate.file, rotate.offset) == ("binlog.000005", 4)
    assert isinstance(description, FormatDescription)
    assert description.checksums
    assert description.server_version.startswith("9.7" if kind == "mysql" else "10.11")


@pytest.mark.parametrize("kind", KINDS)
def test_table_map_has_full_metadata(kind: str) -> None:
    shape = next(e for e in parse_all(kind) if isinstance(e, TableMap))
    assert (shape.schema, shape.name, shape.primary_key) == ("shop", "items", (0,))
    assert [c.name for c in shape.columns] == ["id", "name", "price", "kind", "made", "note", "t"]
    assert [c.type for c in shape.columns] == [
        FieldType.LONG,
        FieldType.VARCHAR,
        FieldType.NEWDECIMAL,
        FieldType.ENUM,
        FieldType.DATETIME2,
        FieldType.STRING,
        FieldType.TIME2,
    ]
    assert [c.meta for c in shape.columns] == [0, 80, 10 << 8 | 2, 1, 3, 10, 6]
    assert [c.nullable for c in shape.columns] == [False, False, True, True, True, True, True]
    assert [c.unsigned for c in shape.columns] == [True, None, False, None, None, None, None]
    assert shape.columns[3].members == (b"a", b"b")
    assert shape.columns[5].charset == 8  # latin1_swedish_ci
    assert shape.columns[1].charset in (45, 255)  # utf8mb4


@pytest.mark.parametrize("kind", KINDS)
def test_row_events_in_order(kind: str) -> None:
    rows = [e for e in parse_all(kind) if isinstance(e, Rows)]
    assert [r.kind for r in rows] == ["write", "update", "delete", "write", "delete", "write"]
    assert rows[2].images.endswith(b"\x02\x00\x00\x00\x05Tisch\x02")
    assert b"x" * 20 in rows[3].images  # from the compressed transaction
    assert all(r.statement_end and r.columns == 7 for r in rows)
    assert [(bool(r.before), bool(r.after)) for r in rows[:3]] == [(False, True), (True, True), (True, False)]


def test_mysql_gtids() -> None:
    events = parse_all("mysql")
    gtids = [e for e in events if isinstance(e, Gtid)]
    assert [(g.gno, g.tag) for g in gtids] == [
        *((n, "") for n in range(359, 364)),
        (1, "blue"),
        *((n, "") for n in range(364, 367)),
    ]
    assert len({g.uuid for g in gtids}) == 1
    assert all(1.79e15 < g.commit_timestamp < 1.8e15 for g in gtids)
    previous = [e.gtids for e in events if isinstance(e, PreviousGtids)]
    assert str(previous[0]).endswith(":1-358")
    assert str(previous[1]).endswith(":1-366:blue:1")


def test_mariadb_gtids() -> None:
    gtids = [e for e in parse_all("mariadb") if isinstance(e, MariaGtid)]
    assert [(g.domain, g.server_id, g.sequence) for g in gtids] == [(0, 12, n) for n in range(332, 341)]
    assert [g.standalone for g in gtids] == [True, *[False] * 6, True, True]


@pytest.mark.parametrize("kind", KINDS)
def test_statements_xa_and_heartbeats(kind: str) -> None:
    events = parse_all(kind)
    statements = [e.statement for e in events if isinstance(e, Query)]
    assert "TRUNCATE TABLE shop.items" in statements
    assert "XA COMMIT X'78',X'79',7" in statements
    assert [e.xid for e in events if isinstance(e, XaPrepare)] == [(b"x", b"y", 7)]
    beats = [(e.file, e.offset) for e in events if isinstance(e, Heartbeat)]
    assert beats == [("binlog.000006", 244) if kind == "mysql" else ("binlog.000005", 3044)] * 2


@pytest.mark.parametrize("kind", KINDS)
def test_every_single_bit_error_is_noticed(kind: str) -> None:
    events = split(kind)
    parser = EventParser()
    parser.parse(events[1])
    target = next(e for e in events if parse_header(e).type in (23, 30))
    for at in range(len(target)):
        damaged = bytearray(target)
        damaged[at] ^= 0x10
        with pytest.raises((ChecksumMismatch, MalformedPacket)):
            parser.parse(bytes(damaged))


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(KINDS), st.data())
def test_damaged_events_raise_our_errors_only(kind: str, data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(split(kind)))[:-4])
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    raw = raw[:cut]
    if len(raw) >= 13:
        raw[9:13] = len(raw).to_bytes(4, "little")
    parser = EventParser()  # no format description seen: checksums are off
    try:
        _, event = parser.parse(bytes(raw))
        if isinstance(event, Payload):
            list(parser.parse_payload(event))
    except WarmfrontError:
        pass


def test_unknown_events_are_told_unless_they_may_be_ignored() -> None:
    head = bytes(4) + bytes((200,)) + bytes(4) + (19).to_bytes(4, "little") + bytes(4)
    with pytest.raises(UnknownEvent, match="200"):
        EventParser().parse(head + b"\0\0")
    EventParser().parse(head + b"\x80\0")


@pytest.mark.parametrize(
    ("data", "value"),
    [(b"\x00", 0), (b"\xfe", 127), (b"\x01\x02", 128), (b"\xff" + b"\xff" * 8, (1 << 64) - 1), (b"\x7f" + bytes(7), 0)],
)
def test_variable_length_integers(data: bytes, value: int) -> None:
    assert read_varlen(data, 0) == (value, len(data))
    assert read_signed_varlen(data, 0)[0] == (value >> 1 if not value & 1 else -(value >> 1) - 1)
