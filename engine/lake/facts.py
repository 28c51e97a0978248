"""What is known of the values in a table's files: which are as they must be, and which bytes their texts hold.

Found once for each set of files, column by column as statements name them. What is true of all rows of some files is
true of the rows of any of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb

from engine.collate import presence
from engine.lake.readings import Reading

_BATCH_ROWS = 65536


@dataclass(frozen=True, slots=True)
class ColumnFacts:
    """A column's rows: how many are not ok, whether all may be read plainly, and the bytes of its texts."""

    bad: int = 0
    plain: bool = False
    present: presence.Presence = presence.EMPTY


@dataclass(frozen=True, slots=True)
class Covered:
    """Facts of a column in some files, as it was read by the SQL of this mark."""

    files: frozenset[str]
    facts: ColumnFacts
    reading: str


def measure(
    cursor: duckdb.DuckDBPyConnection, relation: str, readings: Mapping[str, Reading], required: Iterable[str]
) -> dict[str, ColumnFacts]:
    """Look at every value of some columns of a relation. `required` are those that may not be NULL.

    Raises duckdb.Error when the files cannot be read.
    """
    needed = set(required)
    parts, order = [], []
    for name, reading in readings.items():
        bad = bad_row(reading, name in needed)
        parts += [f"coalesce(count_if({bad}), 0)" if bad else "0"]  # NULL of no rows
        parts += [f"coalesce(bool_and({reading.plain_if}), true)" if reading.plain_if else "true"]
        order.append(name)
    counted: Sequence[object] = ()
    if any(part not in ("0", "true") for part in parts):
        row = cursor.execute(f"SELECT {', '.join(parts)} FROM {relation}").fetchone()
        counted = row or ()
    texts = [name for name in order if readings[name].text]
    seen = presence_of(cursor, relation, {name: readings[name].value for name in texts})
    found = {}
    for place, name in enumerate(order):
        bad_rows, is_plain = (counted[2 * place], counted[2 * place + 1]) if counted else (0, True)
        found[name] = ColumnFacts(int(str(bad_rows)), bool(is_plain), seen.get(name, presence.EMPTY))
    return found


def bad_row(reading: Reading, is_required: bool) -> str:
    """SQL that is true of a row whose value cannot be taken as it is; "" when there can be none."""
    tests = []
    if reading.ok:
        tests.append(f"({reading.given}) IS NOT NULL AND NOT coalesce({reading.ok}, false)")
    if is_required:
        tests.append(f"({reading.given or reading.value}) IS NULL")
    return " OR ".join(f"({test})" for test in tests)


def presence_of(
    cursor: duckdb.DuckDBPyConnection, relation: str, values: Mapping[str, str]
) -> dict[str, presence.Presence]:
    """The bytes that some texts of a relation hold: `values` has their SQL by name. Raises duckdb.Error."""
    if not values:
        return {}
    found = dict.fromkeys(values, presence.EMPTY)
    columns = ", ".join(f"{value} AS c{place}" for place, value in enumerate(values.values()))
    for batch in cursor.execute(f"SELECT {columns} FROM {relation}").to_arrow_reader(_BATCH_ROWS):
        for place, name in enumerate(values):
            found[name] = presence.union(found[name], presence.of_array(batch.column(place)))
    return found
