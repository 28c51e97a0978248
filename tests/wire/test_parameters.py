"""Parameters of prepared statements as literals."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import MalformedPacket
from wire.constants import FieldType
from wire.integers import build_lenenc_bytes
from wire.parameters import NotALiteral, build_literals, parse_execute, text_start, with_types


def build(types: bytes, values: bytes, nulls: bytes = b"\0") -> bytes:
    return b"\x17" + struct.pack("<IBI", 7, 0, 1) + nulls + b"\1" + types + values


def literal(kind: int, value: bytes, unsigned: bool = False) -> str:
    types = bytes((kind, 0x80 if unsigned else 0))
    execute = parse_execute(build(types, value), 1, False)
    return build_literals(execute, types, True)[0]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (FieldType.TINY, b"\xff", "(-1)"),
        (FieldType.SHORT, b"\x01\x00", "1"),
        (FieldType.LONGLONG, b"\xff" * 7 + b"\x7f", str(2**63 - 1)),
        (FieldType.DOUBLE, struct.pack("<d", 1.5), "1.5e0"),
        (FieldType.DOUBLE, struct.pack("<d", -1e300), "(-1e+300)"),
        (FieldType.NEWDECIMAL, b"\x05-1.50", "(-1.50)"),
        (FieldType.VAR_STRING, b"\x04a'\\b", r"'a''\\b'"),
        (FieldType.BLOB, b"\x02\x00\xff", "UNHEX('00ff')"),
        (FieldType.DATE, b"\x04\xe8\x07\x02\x1d", "DATE'2024-02-29'"),
        (FieldType.DATETIME, b"\x07\xe8\x07\x02\x1d\x01\x02\x03", "TIMESTAMP'2024-02-29 01:02:03'"),
        (
            FieldType.DATETIME,
            b"\x0b\xe8\x07\x02\x1d\x01\x02\x03\x40\x42\x0f\x00",
            "TIMESTAMP'2024-02-29 01:02:03.1000000'",
        ),
        (FieldType.TIME, b"\x08\x01\x01\x00\x00\x00\x02\x03\x04", "TIME'-26:03:04'"),
        (FieldType.TIME, b"\x00", "TIME'00:00:00'"),
    ],
)
def test_literals(kind: int, value: bytes, expected: str) -> None:
    assert literal(kind, value) == expected


def test_unsigned_and_null() -> None:
    assert literal(FieldType.LONGLONG, b"\xff" * 8, unsigned=True) == str(2**64 - 1)
    types = bytes((FieldType.LONG, 0))
    execute = parse_execute(build(types, b"", nulls=b"\1"), 1, False)
    assert build_literals(execute, types, True) == ["NULL"]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (FieldType.DOUBLE, struct.pack("<d", float("nan"))),
        (FieldType.DATE, b"\x00"),
        (FieldType.NEWDECIMAL, b"\x06 1 OR 1"[:7]),
        (FieldType.VAR_STRING, b"\x01\xff"),
        (FieldType.VAR_STRING, b"\x02a\0"),
        (FieldType.GEOMETRY, b"\x00"),
    ],
)
def test_values_without_a_literal_are_refused(kind: int, value: bytes) -> None:
    with pytest.raises(NotALiteral):
        literal(kind, value)


def test_cut_packets_are_malformed() -> None:
    types = bytes((FieldType.LONG, 0, FieldType.VAR_STRING, 0))
    whole = build(types, b"\1\0\0\0" + build_lenenc_bytes(b"abc"))
    for cut in range(len(whole)):
        with pytest.raises(MalformedPacket):
            build_literals(parse_execute(whole[:cut], 2, False), types, True)


@given(st.text(max_size=50).filter(lambda text: "\0" not in text))
def test_a_string_never_leaves_its_quotes(text: str) -> None:
    try:
        raw = text.encode()
    except UnicodeEncodeError:
        return
    written = literal(FieldType.VAR_STRING, build_lenenc_bytes(raw))
    assert written[0] == written[-1] == "'"
    inner = written[1:-1]
    assert inner.replace("''", "").replace("\\\\", "").count("'") == 0
    assert inner.replace("''", "'").replace("\\\\", "\\") == text


def test_types_are_put_in_for_a_server_that_has_not_seen_them() -> None:
    types = bytes((FieldType.LONG, 0))
    short = b"\x17" + struct.pack("<IBI", 7, 0, 1) + b"\0" + b"\0" + b"\5\0\0\0"
    assert with_types(short, 1, types, False) == build(types, b"\5\0\0\0")


NAMED = b"\x08\0\0" + b"\x03\0\4name"  # a BIGINT without a name, and an attribute


@pytest.mark.parametrize("flags", [0, 8])
def test_a_count_and_names_stand_there_whenever_attributes_were_agreed_on(flags: int) -> None:
    head = b"\x17" + struct.pack("<IBI", 7, flags, 1)
    value = struct.pack("<q", -3)
    alone = parse_execute(head + b"\1\0\1" + b"\x08\0\0" + value, 1, True)
    assert (alone.types, build_literals(alone, b"\x08\0", True)) == (b"\x08\0", ["(-3)"])
    beside = parse_execute(head + b"\2\0\1" + NAMED + value + b"\5\0\0\0", 1, True)
    assert (beside.types, build_literals(beside, b"\x08\0", True)) == (b"\x08\0", ["(-3)"])


def test_attributes_whose_types_are_not_told_are_refused() -> None:
    with pytest.raises(MalformedPacket):
        parse_execute(b"\x17" + struct.pack("<IBI", 7, 8, 1) + b"\2\0\0" + bytes(8), 1, True)


def test_types_are_put_in_with_empty_names() -> None:
    head = b"\x17" + struct.pack("<IBI", 7, 0, 1) + b"\1\0"
    value = struct.pack("<q", -3)
    assert with_types(head + b"\0" + value, 1, b"\x08\0", True) == head + b"\1\x08\0\0" + value


def test_a_whole_decimal_stays_a_decimal() -> None:
    assert literal(FieldType.NEWDECIMAL, b"\x013") == "3."


def test_long_data_stands_in_the_place_of_its_parameter() -> None:
    types = bytes([FieldType.STRING, 0, FieldType.LONG, 0, FieldType.VAR_STRING, 0])
    execute = parse_execute(build(types, b"\5\0\0\0", b"\4"), 3, False)
    assert build_literals(execute, types, True, {0: b"a\\", 2: b"it's"}) == ["'a\\\\'", "5", "'it''s'"]
    types = bytes([FieldType.LONG_BLOB, 0, FieldType.LONG, 0, FieldType.BLOB, 0])
    assert build_literals(execute, types, True, {0: b"\0\xff", 2: b""}) == ["UNHEX('00ff')", "5", "UNHEX('')"]
    for kind in (FieldType.LONG, FieldType.NEWDECIMAL, FieldType.JSON):
        with pytest.raises(NotALiteral):
            build_literals(execute, bytes([kind, 0]) * 3, True, {0: b"1"})


def test_a_cursor_is_asked_for_by_one_flag() -> None:
    asked = [parse_execute(b"\x17" + struct.pack("<IBI", 7, flags, 1), 0, False).cursor for flags in range(8)]
    assert asked == [False, True] * 4


@pytest.mark.parametrize("kind", [1, 2, 3, 4, 5, 7, 8, 11, 12, 246, 252, 253, 254])
def test_the_statement_is_found_behind_attributes(kind: int) -> None:
    values = {1: 1, 2: 2, 3: 4, 4: 4, 5: 8, 8: 8}
    value = bytes(values[kind]) if kind in values else b"\3abc"
    head = b"\x03\3\1" + b"\2\1" + bytes((kind, 0)) + b"\1a" + b"\xfd\0\1b" + b"\xfe\0\0"
    payload = head + value + b"\2xy" + b"SELECT 1"
    assert payload[text_start(payload) :] == b"SELECT 1"
    for cut in range(1, len(payload) - len(b"SELECT 1")):
        with pytest.raises(MalformedPacket):
            text_start(payload[:cut])


def test_no_attributes_are_a_count_of_none() -> None:
    assert text_start(b"\x03\0\1DO 0") == 3
