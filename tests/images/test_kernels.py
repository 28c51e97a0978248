"""Value kernels against plain Python, on encodings made here after the server's own rules."""

import datetime
import uuid
from decimal import Decimal, localcontext

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.images import kernels
from engine.images.columns import Undecodable
from engine.replicate.decode import Decoder, Run, decimal_width, warm_up
from statements.schema import Column, Table
from wire.binlog_table_map import MapColumn, TableMap
from wire.constants import FieldType

few = settings(max_examples=60, deadline=None)


def decode(column: Column, logged: MapColumn, cells: list[bytes | None]) -> list[object]:
    """Decode a table of one column whose row images hold these cells."""
    table = Table("s", "t", (column,))
    image = b"".join(b"\x01" if cell is None else b"\x00" + cell for cell in cells)
    run = Run(TableMap(1, "s", "t", (logged,)))
    run.add(kernels.WRITE, b"", b"\x01", image)
    batches = [changes.rows for changes in Decoder().decode(table, run)]
    column_ = pa.Table.from_batches(batches).column(0)
    column_.validate(full=True)
    return column_.to_pylist()


def encode_decimal(value: Decimal, precision: int, scale: int) -> bytes:
    """NEWDECIMAL as decimal2bin writes it."""
    with localcontext() as context:
        context.prec = 80
        digits = str(int(abs(value).scaleb(scale))).rjust(precision, "0")
    whole, part = digits[: precision - scale], digits[precision - scale :]
    groups = [whole[: len(whole) % 9]] if len(whole) % 9 else []
    groups += [whole[i : i + 9] for i in range(len(whole) % 9, len(whole), 9)]
    groups += [part[i : i + 9] for i in range(0, len(part), 9)]
    out = bytearray()
    for group in groups:
        out += int(group).to_bytes((0, 1, 1, 2, 2, 3, 3, 4, 4, 4)[len(group)], "big")
    if value < 0:
        out = bytearray(byte ^ 0xFF for byte in out)
    out[0] ^= 0x80
    return bytes(out)


@few
@given(st.data())
def test_decimals(data: st.DataObject) -> None:
    precision = data.draw(st.integers(1, 38))
    scale = data.draw(st.integers(0, min(precision, 30)))
    largest = 10**precision - 1
    numbers = data.draw(st.lists(st.none() | st.integers(-largest, largest), max_size=20))
    with localcontext() as context:
        context.prec = 60
        values = [None if n is None else Decimal(n).scaleb(-scale) for n in numbers]
    cells = [None if v is None else encode_decimal(v, precision, scale) for v in values]
    assert all(c is None or len(c) == decimal_width(precision, scale) for c in cells)
    column = Column("c", 0, "decimal", "decimal", precision=precision, scale=scale)
    if cells:
        assert decode(column, MapColumn(FieldType.NEWDECIMAL, precision << 8 | scale, True), cells) == values


def text_of(value: Decimal, scale: int) -> str:
    """DECIMAL as the server writes it."""
    return f"{value:.{scale}f}" if value else f"{abs(value):.{scale}f}"


@few
@given(st.data())
def test_long_decimals(data: st.DataObject) -> None:
    precision = data.draw(st.integers(39, 65))
    scale = data.draw(st.integers(0, 30))
    numbers = data.draw(st.lists(st.none() | st.integers(1 - 10**precision, 10**precision - 1), min_size=1))
    with localcontext() as context:
        context.prec = 80
        values = [None if n is None else Decimal(n).scaleb(-scale) for n in numbers]
        texts = [None if v is None else text_of(v, scale) for v in values]
    cells = [None if v is None else encode_decimal(v, precision, scale) for v in values]
    column = Column("c", 0, "decimal", "decimal", precision=precision, scale=scale)
    assert decode(column, MapColumn(FieldType.NEWDECIMAL, precision << 8 | scale, True), cells) == texts


@few
@given(st.integers(1, 64), st.data())
def test_bits_and_sets(bits: int, data: st.DataObject) -> None:
    values = data.draw(st.lists(st.none() | st.integers(0, 2**bits - 1), min_size=1, max_size=20))
    cells = [None if v is None else v.to_bytes((bits + 7) // 8, "big") for v in values]
    logged = MapColumn(FieldType.BIT, bits // 8 << 8 | bits % 8, True)
    assert decode(Column("c", 0, "bit", "bit", precision=bits), logged, cells) == values
    width = (bits + 7) // 8 if bits <= 32 else 8
    cells = [None if v is None else v.to_bytes(width, "little") for v in values]
    column = Column("c", 0, "set", "set", members=tuple(str(i) for i in range(bits)))
    assert decode(column, MapColumn(FieldType.SET, width, True), cells) == values


@few
@given(st.lists(st.none() | st.binary(min_size=16, max_size=16), min_size=1, max_size=20))
def test_uuids(values: list[bytes | None]) -> None:
    # The log leaves out the zero bytes at the end.
    cells = [None if v is None else bytes((len(v.rstrip(b"\0")),)) + v.rstrip(b"\0") for v in values]
    column = Column("c", 0, "uuid", "uuid")
    expected = [None if v is None else str(uuid.UUID(bytes=v)) for v in values]
    assert decode(column, MapColumn(FieldType.STRING, 16, True), cells) == expected


@few
@given(st.lists(st.none() | st.dates(datetime.date(1, 1, 1)), min_size=1, max_size=30))
def test_dates(values: list[datetime.date | None]) -> None:
    cells = [None if v is None else (v.year << 9 | v.month << 5 | v.day).to_bytes(3, "little") for v in values]
    assert decode(Column("c", 0, "date", "date"), MapColumn(FieldType.DATE, 0, True), cells) == values


@pytest.mark.parametrize("parts", [(0, 0, 0), (2001, 0, 1), (2001, 1, 0), (2001, 2, 29), (1900, 2, 29), (2001, 13, 1)])
def test_no_dates(parts: tuple[int, int, int]) -> None:
    year, month, day = parts
    cell = (year << 9 | month << 5 | day).to_bytes(3, "little")
    with pytest.raises(Undecodable, match="zero or partial date in column c"):
        decode(Column("c", 0, "date", "date"), MapColumn(FieldType.DATE, 0, True), [cell])


def fraction(micro: int, digits: int) -> bytes:
    width = (digits + 1) // 2
    return (micro // 100 ** (3 - width)).to_bytes(width, "big")


def shorten(micro: int, digits: int) -> int:
    return micro - micro % 10 ** (6 - digits)


@few
@given(st.integers(0, 6), st.lists(st.datetimes(datetime.datetime(1, 1, 1)), min_size=1, max_size=20))
def test_datetimes(digits: int, values: list[datetime.datetime]) -> None:
    values = [v.replace(microsecond=shorten(v.microsecond, digits)) for v in values]
    cells: list[bytes | None] = []
    for v in values:
        days = (v.year * 13 + v.month) << 5 | v.day
        packed = days << 17 | v.hour << 12 | v.minute << 6 | v.second
        cells.append((packed + (1 << 39)).to_bytes(5, "big") + fraction(v.microsecond, digits))
    column = Column("c", 0, "datetime", "datetime", fsp=digits)
    assert decode(column, MapColumn(FieldType.DATETIME2, digits, True), cells) == values


def pack(year: int, month: int, day: int, clock: tuple[int, int, int] = (0, 0, 0), micro: int = 0) -> int:
    hour, minute, second = clock
    return ((((year * 13 + month) << 5 | day) << 17) | hour << 12 | minute << 6 | second) << 24 | micro


@few
@given(st.lists(st.tuples(st.integers(0, 9999), st.integers(0, 12), st.integers(0, 31)), min_size=1, max_size=20))
def test_packed_dates(values: list[tuple[int, int, int]]) -> None:
    cells: list[bytes | None] = [(y << 9 | m << 5 | d).to_bytes(3, "little") for y, m, d in values]
    packed = [pack(*v) for v in values]
    assert decode(Column("c", 0, "date", "date", packed=True), MapColumn(FieldType.DATE, 0, True), cells) == packed
    cells = [((pack(*v) >> 24) + (1 << 39)).to_bytes(5, "big") for v in values]
    column = Column("c", 0, "datetime", "datetime", packed=True)
    assert decode(column, MapColumn(FieldType.DATETIME2, 0, True), cells) == packed
    cells = [(v[0] * 10**10 + v[1] * 10**8 + v[2] * 10**6).to_bytes(8, "little") for v in values]
    assert decode(column, MapColumn(FieldType.DATETIME, 0, True), cells) == packed


@few
@given(st.integers(0, 6), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20))
def test_packed_timestamps(digits: int, values: list[int]) -> None:
    micro = shorten(987654, digits)
    cells: list[bytes | None] = [v.to_bytes(4, "big") + fraction(micro, digits) for v in values]
    moments = [datetime.datetime.fromtimestamp(v, datetime.UTC) for v in values]
    packed = [
        pack(m.year, m.month, m.day, (m.hour, m.minute, m.second), micro) if v else 0
        for v, m in zip(values, moments, strict=True)
    ]
    column = Column("c", 0, "timestamp", "timestamp", fsp=digits, packed=True)
    assert decode(column, MapColumn(FieldType.TIMESTAMP2, digits, True), cells) == packed


@few
@given(st.integers(0, 6), st.lists(st.integers(-3020399_999999, 3020399_999999), min_size=1, max_size=20))
def test_times(digits: int, values: list[int]) -> None:
    values = [(-1 if v < 0 else 1) * shorten(abs(v), digits) for v in values]
    width = (digits + 1) // 2
    cells: list[bytes | None] = []
    for v in values:
        clock, micro = divmod(abs(v), 1_000_000)
        packed = clock // 3600 << 12 | clock // 60 % 60 << 6 | clock % 60
        number = packed << (8 * width) | int.from_bytes(fraction(micro, digits), "big")
        offset = 0x800000 << (8 * width)
        cells.append((offset - number if v < 0 else offset + number).to_bytes(3 + width, "big"))
    column = Column("c", 0, "time", "time", fsp=digits)
    assert decode(column, MapColumn(FieldType.TIME2, digits, True), cells) == values


def test_formats_of_before_5_6() -> None:
    time = [(-8385959 & 0xFFFFFF).to_bytes(3, "little"), (123456).to_bytes(3, "little"), None]
    assert decode(Column("c", 0, "time", "time"), MapColumn(FieldType.TIME, 0, True), time) == [
        -(838 * 3600 + 59 * 60 + 59) * 1_000_000,
        (12 * 3600 + 34 * 60 + 56) * 1_000_000,
        None,
    ]
    moment = [(20240229123456).to_bytes(8, "little")]
    assert decode(Column("c", 0, "datetime", "datetime"), MapColumn(FieldType.DATETIME, 0, True), moment) == [
        datetime.datetime(2024, 2, 29, 12, 34, 56)
    ]
    stamp = [(86401).to_bytes(4, "little")]
    assert decode(Column("c", 0, "timestamp", "timestamp"), MapColumn(FieldType.TIMESTAMP, 0, True), stamp) == [
        datetime.datetime(1970, 1, 2, 0, 0, 1)
    ]


@few
@given(st.lists(st.none() | st.binary(max_size=40), min_size=1, max_size=20))
def test_latin1_is_cp1252(values: list[bytes | None]) -> None:
    def text(raw: bytes) -> str:
        holes = (0x81, 0x8D, 0x8F, 0x90, 0x9D)
        return "".join(chr(b) if b in holes else bytes((b,)).decode("cp1252") for b in raw)

    cells = [None if v is None else bytes((len(v),)) + v for v in values]
    column = Column("c", 0, "varchar", "varchar(40)", length=40, charset="latin1")
    expected = [None if v is None else text(v) for v in values]
    assert decode(column, MapColumn(FieldType.VARCHAR, 40, True), cells) == expected


@few
@given(st.lists(st.none() | st.binary(max_size=6), min_size=1, max_size=20))
def test_utf8_is_checked(values: list[bytes | None]) -> None:
    cells = [None if v is None else bytes((len(v),)) + v for v in values]
    column = Column("c", 0, "varchar", "varchar(40)", length=40, charset="utf8mb4")
    logged = MapColumn(FieldType.VARCHAR, 160, True)
    try:
        expected = [None if v is None else v.decode() for v in values]
    except UnicodeDecodeError:
        with pytest.raises(Undecodable, match="invalid UTF-8 in column c"):
            decode(column, logged, cells)
    else:
        assert decode(column, logged, cells) == expected


@few
@given(st.binary(max_size=200), st.integers(0, 1 << 16))
def test_any_bytes_end_in_rows_or_a_reason(image: bytes, seed: int) -> None:
    generator = np.random.default_rng(seed)
    kinds = [("int", FieldType.LONG, 0), ("text", FieldType.BLOB, 2), ("datetime", FieldType.DATETIME2, 0)]
    kinds += [("decimal", FieldType.NEWDECIMAL, 10 << 8), ("varchar", FieldType.VARCHAR, 100)]
    chosen = [kinds[i] for i in generator.integers(0, len(kinds), 12)]
    columns = tuple(
        Column(f"c{i}", i, kind, kind, precision=10, scale=0, charset="latin1") for i, (kind, _, _) in enumerate(chosen)
    )
    shape = TableMap(1, "s", "t", tuple(MapColumn(int(t), meta, True) for _, t, meta in chosen))
    run = Run(shape)
    present = generator.integers(0, 256, 4, np.uint8).tobytes()
    run.add(int(generator.integers(0, 4)), present[:2], present[2:] if generator.random() < 0.5 else present[:2], image)
    try:
        for changes in Decoder().decode(Table("s", "t", columns), run):
            changes.rows.validate(full=True)
            assert len(changes.kinds) == changes.rows.num_rows
    except Undecodable:
        pass


def test_warming_up_compiles_what_rows_need() -> None:
    warm_up()
    for kernel in (kernels.walk, kernels.gather, kernels.map_bytes, kernels.read_decimals, kernels.read_times):
        assert kernel.signatures
