"""Values of files whose types the store numbers: which are taken, and as what."""

from typing import Any

import duckdb
import pytest

from engine.lake.readings import Reading, Unreadable, typed
from engine.lake.texts import from_text
from lakehouse.descriptions.definition import ColumnOptions, Dialect
from statements.schema import Column

MEMBERS = ("a", "B", "c d", *(f"m{number}" for number in range(61)))
SET = Column("f", 0, "set", "set(…)", members=MEMBERS)
BIT = Column("f", 0, "bit", "bit(3)", precision=3)
WIDE = Column("f", 0, "bit", "bit(64)", precision=64)


def read(reading: object, kind: str, value: object) -> Any:
    """A value as the store has it; None for one that is refused."""
    assert isinstance(reading, Reading)
    with duckdb.connect() as connection:
        sql = f"SELECT TRY({reading.value}), {reading.ok or 'true'} FROM (SELECT CAST(? AS {kind}) AS x)"
        ((made, is_ok),) = connection.execute(sql, [value]).fetchall()
    return made if is_ok else None


@pytest.mark.parametrize(
    ("text", "bits"),
    [("a,c d", 5), ("", 0), ("c d,a,a", 5), ("B", 2), ("m60", 1 << 63), ("A", None), ("a,", None), ("zz", None)],
)
def test_members_of_a_set_are_bits(text: str, bits: int | None):
    assert read(from_text("x", SET, Dialect(), ColumnOptions()), "VARCHAR", text) == bits


@pytest.mark.parametrize(
    ("pattern", "text", "micros"),
    [
        ("%H:%i", "23:59", 86_340_000_000),
        ("%k.%i.%s", "7.05.09", 25_509_000_000),
        ("%h:%i:%s.%f %p", "12:00:00.25 AM", 300_000),
        ("%h:%i:%s.%f %p", "11:59:59.99 PM", 86_400_000_000),
        ("%T", "10:00:00", 36_000_000_000),
        ("%H:%i", "24:00", None),
        ("%H:%i", "10:60", None),
        ("%H:%i", "10:00:00", None),
    ],
)
def test_times_are_read_by_their_format(pattern: str, text: str, micros: int | None):
    """Rounded to the digits of the column: 23:59:59.99 is 24:00:00.0."""
    column = Column("f", 0, "time", "time(1)", fsp=1)
    assert read(from_text("x", column, Dialect(time_format=pattern), ColumnOptions()), "VARCHAR", text) == micros
    assert read(from_text("x", column, Dialect(), ColumnOptions(time_format=pattern)), "VARCHAR", text) == micros


@pytest.mark.parametrize("pattern", ["%d %H", "%h:%i", "%H:%", "%x"])
def test_formats_of_times_that_mean_something_else_are_refused(pattern: str):
    column = Column("f", 0, "time", "time", fsp=0)
    assert isinstance(from_text("x", column, Dialect(time_format=pattern), ColumnOptions()), Unreadable)


@pytest.mark.parametrize(
    ("column", "kind", "value", "bits"),
    [
        (BIT, "INTEGER", 7, 7),
        (BIT, "INTEGER", 8, None),
        (BIT, "INTEGER", -1, None),
        (BIT, "BOOLEAN", True, 1),
        (WIDE, "UBIGINT", (1 << 64) - 1, (1 << 64) - 1),
        (WIDE, "BIGINT", -1, None),
    ],
)
def test_bits_are_whole_numbers(column: Column, kind: str, value: object, bits: int | None):
    assert read(typed("x", kind, column), kind, value) == bits


SHOWN = Column("f", 0, "varchar", "varchar(50)", length=50, charset="utf8mb4")
MOMENT = Column("f", 0, "datetime", "datetime(6)", fsp=6)


@pytest.mark.parametrize(
    "nanos", [-2208988799000000000, -1501, -1500, -1499, -501, -500, -1, 0, 499, 500, 1500, -(1 << 63) + 2, 9 * 10**18]
)
def test_nanoseconds_are_rounded_upwards_from_the_half(nanos: int):
    reading = typed("x", "TIMESTAMP_NS", MOMENT)
    assert isinstance(reading, Reading)
    with duckdb.connect() as connection:
        sql = f"SELECT epoch_us({reading.value}) FROM (SELECT make_timestamp_ns({nanos}) AS x)"
        assert connection.execute(sql).fetchall() == [((nanos + 500) // 1000,)]


@pytest.mark.parametrize(("value", "text"), [("0.5", "0.50"), ("-0.99", "-0.99"), ("0", "0.00")])
def test_decimals_below_one_are_shown_with_a_digit_before_the_point(value: str, text: str):
    assert read(typed("x", "DECIMAL(2,2)", SHOWN), "DECIMAL(2,2)", value) == text


QUICK = [
    (Column("c", 0, "int", "int"), ["1", "-2147483648"], ["007", "+5", " 6", "7.", "1.5", "1_0", "1e1", "2147483648"]),
    (Column("c", 0, "mediumint", "mediumint"), ["8388607"], ["8388608", "-8388609"]),
    (Column("c", 0, "bigint", "bigint unsigned", unsigned=True), ["18446744073709551615", "0"], ["-1", "-0"]),
    (
        Column("c", 0, "decimal", "decimal(5,2)", precision=5, scale=2),
        ["1.00", "-999.99"],
        ["1", ".5", "1e2", "1000.00"],
    ),
    (
        Column("c", 0, "decimal", "decimal(5,2) unsigned", precision=5, scale=2, unsigned=True),
        ["0.00", "1.50"],
        ["-1.00", "1"],
    ),
    (Column("c", 0, "double", "double"), ["1.5", "-0.0", "1e+20"], ["inf", "nan", "-inf", "1", "1e999", "1e20"]),
    (
        Column("c", 0, "date", "date"),
        ["2024-02-29", "0001-01-01", "9999-12-31"],
        ["2023-02-29", "10000-01-01", "0000-12-31", "0001-01-01 (BC)", "infinity", "2024-2-9", "epoch"],
    ),
    (
        Column("c", 0, "datetime", "datetime(1)", fsp=1),
        ["2024-02-29 01:02:03", "2024-02-29 01:02:03.5"],
        ["2024-02-29 01:02:03.55", "2024-02-29T01:02:03", "2024-02-29", "infinity", "10000-01-01 00:00:00"],
    ),
    (
        Column("c", 0, "timestamp", "timestamp"),
        ["1970-01-01 00:00:01", "2038-01-19 03:14:07"],
        ["1970-01-01 00:00:00", "2038-01-19 03:14:08"],
    ),
]


@pytest.mark.parametrize(("column", "quick", "others"), QUICK)
def test_a_quick_value_is_the_one_that_patterns_give(column: Column, quick: list[str], others: list[str]):
    reading = from_text("x", column, Dialect(), ColumnOptions())
    assert isinstance(reading, Reading)
    slow = reading.ok.partition(" THEN true ELSE ")[2].removesuffix(" END")
    with duckdb.connect() as connection:
        sql = f"""
        SELECT x, coalesce({reading.is_quick("q")}, false), q = TRY({reading.value}) AND {slow}
          FROM (SELECT x, {reading.quick} AS q FROM (SELECT unnest(?::VARCHAR[]) AS x))"""
        told = connection.execute(sql, [quick + others]).fetchall()
    assert [x for x, is_quick, _ in told if is_quick] == quick
    assert all(same for _, is_quick, same in told if is_quick)
