"""Files are left out only when none of their rows can meet a condition: transforms and bounds against pyiceberg's."""

import datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pyiceberg.conversions import to_bytes
from pyiceberg.transforms import (
    BucketTransform,
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    TruncateTransform,
    YearTransform,
)
from pyiceberg.types import DateType, DecimalType, DoubleType, LongType, PrimitiveType, StringType, TimestampType
from pyiceberg.utils.datetime import date_to_days, datetime_to_micros

from engine.lake.conditions import StatementConditions
from lakehouse.descriptions.pruning import Condition, Range, bucket_of, may_hold
from lakehouse.formats.iceberg import Field
from lakehouse.formats.iceberg_values import Partitioning, ranges_of
from lakehouse.formats.manifests import ManifestEntry
from statements.schema import Column, Table

WHOLE = Column("c", 0, "bigint", "bigint")
DATE = Column("c", 0, "date", "date")
MOMENT = Column("c", 0, "datetime", "datetime(6)", fsp=6)
TEXT = Column("c", 0, "varchar", "varchar(9)", collation="utf8mb4_0900_ai_ci")
DECIMAL = Column("c", 0, "decimal", "decimal(9,2)", scale=2)
DOUBLE = Column("c", 0, "double", "double")


def known(value: Any, kind: PrimitiveType, transform: Any) -> Range:
    """What a manifest tells of a file with this one value."""
    raw = to_bytes(kind, value)
    partition = {1000: transform.transform(kind)(value)}
    if isinstance(kind, DecimalType):
        partition = {1000: raw}
    entry = ManifestEntry(0, "", "PARQUET", 0, 0, partition, {1: raw}, {1: raw}, {1: 0}, {1: 1})
    specs = {0: Partitioning({1000: (1, str(transform))})}
    return ranges_of(entry, specs, {1: Field(1, "c", str(kind).replace(" ", ""), False)})[1]


def test_buckets_are_the_specifications() -> None:
    for value, code in ((34, 2017239379),):
        assert bucket_of(value, 1 << 31) == code


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(1, 100))
def test_whole_numbers(value: int, count: int) -> None:
    for transform in (BucketTransform(count), TruncateTransform(count), IdentityTransform()):
        told = known(value, LongType(), transform)
        assert may_hold(Condition("=", (Decimal(value),)), told, "whole", WHOLE)
        assert not may_hold(Condition("=", (Decimal(value - 1),)), told, "whole", WHOLE)
        assert not may_hold(Condition("<", (Decimal(value),)), told, "whole", WHOLE)
        assert may_hold(Condition("<=", (Decimal(value),)), told, "whole", WHOLE)
        assert may_hold(Condition("in", (Decimal(value - 1), "x")), told, "whole", WHOLE)


@given(st.datetimes(datetime.datetime(1, 1, 1), datetime.datetime(9999, 12, 31)))
def test_moments_and_dates(moment: datetime.datetime) -> None:
    text, micros = moment.isoformat(" ", "microseconds"), datetime_to_micros(moment)
    for transform in (HourTransform(), DayTransform(), MonthTransform(), YearTransform(), IdentityTransform()):
        told = known(micros, TimestampType(), transform)
        assert may_hold(Condition("=", (text,)), told, "moment", MOMENT)
        assert not may_hold(Condition(">", (text,)), told, "moment", MOMENT)
        loose = Range(*only(ranges_without_bounds(micros, TimestampType(), transform)))
        assert may_hold(Condition("=", (text,)), loose, "moment", MOMENT)
    days = date_to_days(moment.date())
    for transform in (DayTransform(), MonthTransform(), YearTransform()):
        loose = ranges_without_bounds(days, DateType(), transform)
        assert may_hold(Condition("=", (moment.date().isoformat(),)), loose, "moment", DATE)


def ranges_without_bounds(value: Any, kind: PrimitiveType, transform: Any) -> Range:
    """What the partition alone tells."""
    entry = ManifestEntry(0, "", "PARQUET", 0, 0, {1000: transform.transform(kind)(value)})
    return ranges_of(entry, {0: Partitioning({1000: (1, str(transform))})}, {1: Field(1, "c", str(kind), False)})[1]


def only(told: Range) -> tuple[Any, Any]:
    """Its bounds."""
    return told.low, told.high


@given(st.decimals(-9999999, 9999999, places=2), st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_and_doubles(exact: Decimal, double: float) -> None:
    told = known(exact, DecimalType(9, 2), IdentityTransform())
    assert may_hold(Condition("=", (exact,)), told, "decimal", DECIMAL)
    assert not may_hold(Condition(">", (exact + 1,)), told, "decimal", DECIMAL)
    rounded = Column("c", 0, "decimal", "decimal(9,0)", scale=0)
    assert may_hold(Condition("=", (exact.quantize(Decimal(1), ROUND_HALF_UP),)), told, "decimal", rounded)
    told = known(double, DoubleType(), IdentityTransform())
    assert may_hold(Condition("=", (Decimal(repr(double)),)), told, "double", DOUBLE)


@given(st.integers(-(10**38) + 1, 10**38 - 1))
def test_long_decimals_keep_their_digits(digits: int) -> None:
    value = Decimal(digits).scaleb(-3, Context(prec=40))
    column = Column("c", 0, "decimal", "decimal(38,3)", scale=3)
    told = known(value, DecimalType(38, 3), IdentityTransform())
    assert only(told) == (value, value)
    for operator in ("=", "<=", ">="):
        assert may_hold(Condition(operator, (value,)), told, "decimal", column)


def test_texts_are_left_out_by_letters_only() -> None:
    told = known("De", StringType(), IdentityTransform())
    wanted = {"de": True, "DE": True, "fr": False, "dé": True, "de ": True}
    for text, may in wanted.items():
        assert may_hold(Condition("=", (text,)), told, "text", TEXT) is may
    assert may_hold(Condition("<", ("aa",)), told, "text", TEXT)
    swedish = Column("c", 0, "varchar", "varchar(9)", collation="utf8mb4_sv_0900_ai_ci")
    assert may_hold(Condition("=", ("fr",)), told, "text", swedish)


TABLE = Table("lake", "t", (Column("a", 0, "int", "int"), Column("b", 1, "date", "date")))


def conditions_of(statement: str) -> dict[str, list[Condition]]:
    found = StatementConditions.read(statement, "lake", False).of(TABLE)
    return {name: list(conditions) for name, conditions in found.items()}


def test_conditions_are_those_that_every_row_must_meet() -> None:
    one = Condition("=", (Decimal(1),))
    assert conditions_of("SELECT * FROM t WHERE a = 1 AND (b < '2024-01-01' AND 2 <= a)") == {
        "a": [one, Condition(">=", (Decimal(2),))],
        "b": [Condition("<", ("2024-01-01",))],
    }
    assert conditions_of("SELECT * FROM x LEFT JOIN lake.t AS y ON y.a = x.a WHERE y.a = 1") == {"a": [one]}
    assert conditions_of("SELECT (SELECT MAX(b) FROM t WHERE t.a = 1) FROM x") == {"a": [one]}
    for statement in (
        "SELECT * FROM t WHERE a = 1 OR b = '2024-01-01'",
        "SELECT * FROM t WHERE NOT a = 1",
        "SELECT * FROM t JOIN x USING (k) WHERE a = 1",
        "SELECT * FROM t AS y JOIN t AS z ON y.a = z.a WHERE y.a = 1",
        "WITH t AS (SELECT 1 AS a) SELECT * FROM t WHERE a = 1",
        "SELECT * FROM other.t WHERE a = 1",
        "SELECT * FROM t LEFT JOIN x ON t.a = 1",
        "SELECT * FROM t WHERE a <=> 1",
        "SELECT * FROM t WHERE a + 0 = 1",
        "SELECT * FROM t WHERE a NOT IN (1)",
        "SELECT a FROM t GROUP BY a HAVING a = 1",
    ):
        assert conditions_of(statement) == {}, statement
