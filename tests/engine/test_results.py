"""The row encoder against an independent reader of both protocols."""

import datetime
import decimal
import random
import struct

import numpy as np
import pyarrow as pa
import pytest

from base.errors import SecondaryEngineError
from engine.results.encoder import RowEncoder
from wire.constants import BINARY_CHARSET, FieldFlag, FieldType
from wire.framing import PacketReader
from wire.integers import read_lenenc_bytes
from wire.responses import ColumnDefinition, parse_text_row

D = decimal.Decimal
DAY = datetime.date(1970, 1, 1)


def packets(pieces):
    """Payloads of the pieces, with a check of every sequence number."""
    reader = PacketReader()
    found = []
    expected = 1
    for piece, after in pieces:
        data = bytes(piece)
        at = 0
        while at < len(data):
            assert data[at + 3] == expected & 0xFF
            expected += 1
            at += 4 + int.from_bytes(data[at : at + 3], "little")
        assert after == expected & 0xFF
        reader.feed(data)
        while (payload := reader.next_payload()) is not None:
            found.append(payload)
    return found


def text_column(array, definition, **options):
    """One column's values as text, through the whole encoder."""
    encoder = RowEncoder([definition], "text", options.pop("charset", "utf8mb4"), **options)
    batch = pa.record_batch([array], names=["c"])
    return [parse_text_row(p, 1)[0] for p in packets(encoder.encode(batch, 1))]


def binary_column(array, definition):
    """One column's raw values in binary rows, None for NULL."""
    encoder = RowEncoder([definition], "binary", "utf8mb4")
    rows = packets(encoder.encode(pa.record_batch([array], names=["c"]), 1))
    assert all(row[0] == 0 for row in rows)
    return [None if row[1] & 4 else row[2:] for row in rows]


def encoded(values):
    """The texts that Python values have."""
    return [v if v is None else str(v).encode() for v in values]


def column(type_, **fields):
    return ColumnDefinition("c", type_, **fields)


INTEGERS = [
    (FieldType.TINY, pa.int8(), 1, [-128, 0, 127, 5, None]),
    (FieldType.SHORT, pa.int16(), 2, [-32768, 32767, None, 10, 100]),
    (FieldType.INT24, pa.int32(), 4, [-8388608, 8388607, None]),
    (FieldType.LONG, pa.int32(), 4, [-(2**31), 2**31 - 1, None, 0, -1]),
    (FieldType.LONGLONG, pa.int64(), 8, [-(2**63), 2**63 - 1, None, 0, 10**18, -(10**18), 99999]),
    (FieldType.LONGLONG, pa.decimal128(38, 0), 8, [-(2**63), 2**63 - 1, None, 0]),
]


@pytest.mark.parametrize(("type_", "arrow", "width", "values"), INTEGERS)
def test_signed_integers(type_, arrow, width, values):
    array = pa.array([None if v is None else D(v) for v in values], arrow) if pa.types.is_decimal(arrow) else None
    array = pa.array(values, arrow) if array is None else array
    assert text_column(array, column(type_)) == [None if v is None else str(v).encode() for v in values]
    expected = [None if v is None else v.to_bytes(width, "little", signed=True) for v in values]
    assert binary_column(array, column(type_)) == expected


def test_unsigned_integers():
    values = [0, 2**64 - 1, 2**63, None, 10**19]
    definition = column(FieldType.LONGLONG, flags=FieldFlag.UNSIGNED)
    assert text_column(pa.array(values, pa.uint64()), definition) == [
        v if v is None else str(v).encode() for v in values
    ]
    assert binary_column(pa.array(values, pa.uint64()), definition)[1] == b"\xff" * 8
    huge = pa.array([D(2**64 - 1), D(0)], pa.decimal128(38, 0))
    assert text_column(huge, definition) == [b"18446744073709551615", b"0"]


@pytest.mark.parametrize(
    ("array", "definition"),
    [
        (pa.array([D(2**63)], pa.decimal128(38, 0)), column(FieldType.LONGLONG)),
        (pa.array([D(-1)], pa.decimal128(38, 0)), column(FieldType.LONGLONG, flags=FieldFlag.UNSIGNED)),
        (pa.array([-1], pa.int64()), column(FieldType.LONGLONG, flags=FieldFlag.UNSIGNED)),
        (pa.array([D("0.125")], pa.decimal128(38, 3)), column(FieldType.NEWDECIMAL, decimals=2)),
        (pa.array([float("nan")]), column(FieldType.DOUBLE, decimals=31)),
        (pa.array([float("inf")]), column(FieldType.DOUBLE, decimals=2)),
        (pa.array(["x"]), column(FieldType.LONGLONG)),
        (pa.array([10**13], pa.int64()), column(FieldType.TIME)),
        (pa.array([0], pa.int64()), column(FieldType.TYPED_ARRAY)),
    ],
)
def test_what_does_not_fit_is_refused(array, definition):
    with pytest.raises(SecondaryEngineError):
        text_column(array, definition)


def test_binary_integers_out_of_their_width_are_refused():
    with pytest.raises(SecondaryEngineError):
        binary_column(pa.array([300], pa.int64()), column(FieldType.TINY))


def test_zerofill_and_unknown_charset_are_refused_before_any_row():
    with pytest.raises(SecondaryEngineError):
        RowEncoder([column(FieldType.DOUBLE, flags=FieldFlag.ZEROFILL)], "text", "utf8mb4")
    with pytest.raises(SecondaryEngineError):
        RowEncoder([column(FieldType.VAR_STRING)], "text", "utf16")


@pytest.mark.parametrize("scale", [0, 1, 2, 6, 17, 18, 19, 30, 38])
def test_decimals(scale):
    rng = random.Random(scale)
    units = [0, 1, -1, 5, -5, 10**18 - 1, 10**18, 10**36 + 7, 10**38 - 1, -(10**38 - 1), 10**scale if scale < 38 else 1]
    units += [rng.randrange(-(10**38) + 1, 10**38) // 10 ** rng.randrange(38) for _ in range(500)]
    with decimal.localcontext(decimal.Context(prec=60)):
        values = [D(u).scaleb(-scale) for u in units]
        array = pa.array([*values, None], pa.decimal128(38, scale))
    expected = [f"{v:.{scale}f}".encode() for v in values]
    expected = [e.lstrip(b"-") if v == 0 else e for v, e in zip(values, expected, strict=True)]
    definition = column(FieldType.NEWDECIMAL, decimals=scale)
    assert text_column(array, definition) == [*expected, None]
    assert text_column(array.slice(3, 20), definition) == expected[3:23]
    assert [None if b is None else read_lenenc_bytes(b, 0)[0] for b in binary_column(array, definition)] == [
        *expected,
        None,
    ]


def test_small_decimals_are_widened_to_their_column():
    assert text_column(
        pa.array([D("1.5"), D("-0.1")], pa.decimal128(5, 1)), column(FieldType.NEWDECIMAL, decimals=3)
    ) == [
        b"1.500",
        b"-0.100",
    ]


def test_year():
    assert text_column(pa.array([0, 1901, 2155, None], pa.uint16()), column(FieldType.YEAR)) == [
        b"0000",
        b"1901",
        b"2155",
        None,
    ]
    assert binary_column(pa.array([2155], pa.uint16()), column(FieldType.YEAR)) == [(2155).to_bytes(2, "little")]


def test_dates():
    rng = random.Random(1)
    days = [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(2000, 2, 29), DAY, None]
    days += [datetime.date.fromordinal(rng.randrange(1, 3652059)) for _ in range(2000)]
    array = pa.array(days, pa.date32())
    assert text_column(array, column(FieldType.DATE)) == [d and d.isoformat().encode() for d in days]
    expected = [d and bytes((4,)) + struct.pack("<HBB", d.year, d.month, d.day) for d in days]
    assert binary_column(array, column(FieldType.DATE)) == expected


@pytest.mark.parametrize("fsp", range(7))
def test_datetimes(fsp):
    rng = random.Random(fsp)
    first = datetime.datetime(1, 1, 1)
    values = [first + datetime.timedelta(microseconds=rng.randrange(315537897600 * 10**6)) for _ in range(1000)]
    values = [v.replace(microsecond=v.microsecond // 10 ** (6 - fsp) * 10 ** (6 - fsp)) for v in values]
    values += [datetime.datetime(2024, 1, 1), datetime.datetime(1969, 12, 31, 23, 59, 59), None]
    day = datetime.datetime(1969, 12, 31)  # rows of one day beside each other, and of those beside it
    values += [
        day,
        day.replace(hour=23),
        None,
        day,
        day - datetime.timedelta(seconds=1),
        day + datetime.timedelta(days=1),
    ]
    array = pa.array(values, pa.timestamp("us"))
    found = text_column(array, column(FieldType.DATETIME, decimals=fsp))
    length = 19 + (fsp + 1 if fsp else 0)
    assert found == [v and (v.isoformat(" ") + ("" if v.microsecond else ".000000"))[:length].encode() for v in values]
    for value, raw in zip(values, binary_column(array, column(FieldType.DATETIME)), strict=True):
        assert (None if raw is None else _read_datetime(raw)) == value


def _read_datetime(raw):
    assert raw[0] == len(raw) - 1
    whole = raw[1:] + bytes(11 - raw[0])
    year, month, day, hour, minute, second, micro = struct.unpack("<HBBBBBI", whole)
    return datetime.datetime(year, month, day, hour, minute, second, micro)


def test_times():
    seconds = [0, 1, 3599, 86399, 86400, 359999, 360000, 3020399, -1, -3020399]
    micros = [s * 10**6 for s in seconds] + [500000, -1, -500000, 3020399 * 10**6, None]
    array = pa.array(micros, pa.int64())
    found = text_column(array, column(FieldType.TIME, decimals=6))
    assert [None if f is None else _time_us(f.decode()) for f in found] == micros
    assert found[4] == b"24:00:00.000000"
    assert found[9] == b"-838:59:59.000000"
    assert text_column(pa.array([-500000]), column(FieldType.TIME, decimals=1)) == [b"-00:00:00.5"]
    assert text_column(pa.array([3661 * 10**6]), column(FieldType.TIME)) == [b"01:01:01"]
    for value, raw in zip(micros, binary_column(array, column(FieldType.TIME)), strict=True):
        assert (None if raw is None else _read_time(raw)) == value


def _time_us(text):
    sign = -1 if text[0] == "-" else 1
    hours, minutes, rest = text.lstrip("-").split(":")
    return sign * ((int(hours) * 60 + int(minutes)) * 60 * 10**6 + int(D(rest) * 10**6))


def _read_time(raw):
    assert raw[0] == len(raw) - 1
    negative, days, hours, minutes, seconds, micros = struct.unpack("<BIBBBI", raw[1:] + bytes(12 - raw[0]))
    value = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    return (-1 if negative else 1) * (value * 10**6 + micros)


def test_binary_floats():
    values = [0.0, -1.5, 1e300, None]
    expected = [None if v is None else struct.pack("<d", v) for v in values]
    assert binary_column(pa.array(values), column(FieldType.DOUBLE, decimals=2)) == expected
    assert binary_column(pa.array([1.5], pa.float32()), column(FieldType.FLOAT)) == [struct.pack("<f", 1.5)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e20, b"1e20"),
        (1.5e-7, b"0.00000015"),
        (1.5e-16, b"1.5e-16"),
        (100000.0, b"100000"),
        (1e15, b"1e15"),
        (0.00001, b"0.00001"),
        (123456789012345680.0, b"1.2345678901234568e17"),
        (-0.0, b"-0"),
        (0.1, b"0.1"),
        (1 / 3, b"0.3333333333333333"),
    ],
)
def test_doubles(value, text):
    assert text_column(pa.array([value]), column(FieldType.DOUBLE, decimals=31)) == [text]


def test_mariadb_has_no_negative_zero():
    assert text_column(pa.array([-0.0]), column(FieldType.DOUBLE, decimals=31), backend="mariadb") == [b"0"]


def test_fixed_decimals_round_the_binary_value_ties_to_even():
    values = [0.125, 0.375, 1.005, 2.675, 1e16, -0.001, 0.0]
    found = text_column(pa.array(values), column(FieldType.DOUBLE, decimals=2))
    assert found == [f"{v:.2f}".encode() for v in values]


def test_fixed_decimals_agree_with_exact_rounding():
    rng = np.random.default_rng(3)
    values = np.concatenate([rng.standard_normal(3000) * 1000, rng.integers(-(10**6), 10**6, 3000) / 1024])
    for decimals in (0, 1, 3, 6):
        found = text_column(pa.array(values), column(FieldType.DOUBLE, decimals=decimals))
        assert found == [f"{v:.{decimals}f}".encode() for v in values]


def test_strings_of_every_length_prefix():
    values = ["", "x" * 250, "x" * 251, "é" * 300, "x" * 65535, "x" * 65536, None, "😀"]
    assert text_column(pa.array(values), column(FieldType.VAR_STRING)) == [
        v if v is None else v.encode() for v in values
    ]
    assert text_column(pa.array(values).slice(2, 3), column(FieldType.VAR_STRING)) == [v.encode() for v in values[2:5]]


def test_character_sets():
    values = pa.array(["abc", "é€", None, "日😀x"])
    assert text_column(values, column(FieldType.VAR_STRING), charset="latin1") == [b"abc", b"\xe9\x80", None, b"??x"]
    assert text_column(values, column(FieldType.VAR_STRING), charset="utf8mb3")[3] == "日?x".encode()
    raw = pa.array([b"\xff\xfe", None], pa.binary())
    definition = column(FieldType.BLOB, charset=BINARY_CHARSET)
    assert text_column(raw, definition, charset="latin1") == [b"\xff\xfe", None]


def test_rows_of_16_mib_and_more_are_split():
    long = ["a", "b" * (0xFFFFFF - 4), "c", "d" * (0xFFFFFF * 2), None]
    assert text_column(pa.array(long), column(FieldType.VAR_STRING)) == [v if v is None else v.encode() for v in long]


def test_many_columns_with_nulls_in_binary_rows():
    rng = random.Random(9)
    columns = [[rng.choice([None, rng.randrange(1000)]) for _ in range(50)] for _ in range(23)]
    batch = pa.record_batch([pa.array(c, pa.int16()) for c in columns], names=[str(i) for i in range(23)])
    encoder = RowEncoder([column(FieldType.SHORT)] * 23, "binary", "utf8mb4")
    for index, row in enumerate(packets(encoder.encode(batch, 1))):
        bitmap = int.from_bytes(row[1:5], "little") >> 2
        at = 5
        for number in range(23):
            value = columns[number][index]
            assert bool(bitmap >> number & 1) == (value is None)
            if value is not None:
                assert int.from_bytes(row[at : at + 2], "little") == value
                at += 2
        assert at == len(row)


def test_no_columns_or_rows():
    encoder = RowEncoder([column(FieldType.LONG)], "text", "utf8mb4")
    assert list(encoder.encode(pa.record_batch([pa.array([], pa.int32())], names=["c"]), 5)) == []
    with pytest.raises(SecondaryEngineError):
        list(encoder.encode(pa.record_batch([pa.array([1]), pa.array([2])], names=["c", "d"]), 1))
