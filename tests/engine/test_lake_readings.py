"""Values of files whose types the store numbers: which are taken, and as what."""

from typing import Any

import duckdb
import pytest

from engine.lake.readings import Reading, typed
from engine.lake.texts import from_text
from lakehouse.definition import ColumnOptions, Dialect
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
